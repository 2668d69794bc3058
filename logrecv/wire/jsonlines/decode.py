"""
Records as JSON: an object, an array of objects, or an object on each line.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Final, NoReturn, cast

from msgspec import DecodeError
from msgspec.json import Decoder, encode

from logrecv.reasons import MALFORMED, TOO_COMPLEX
from logrecv.record import Origin, Record
from logrecv.wire import attributes as fields
from logrecv.wire.attributes import STANDARD
from logrecv.wire.errors import WireError
from logrecv.wire.jsonlines.fast import PlainRecord, parsePlain, stampAll
from logrecv.wire.jsonlines.forwarded import readForwarded
from logrecv.wire.timestamps import isoTime

#: The most records that one body may have: 260 bytes for each in the largest
#: body taken by default, where a record as JSON has several hundred.  So many
#: take 30 ms at most, in which nobody else is served.
RECORDS: Final = 4000

#: The longest text that is read as a time, in characters: more than ISO 8601
#: can need.
TIME_LENGTH: Final = 40

_BOM: Final = b"\xef\xbb\xbf"

#: Where the decoder says that it stopped.
_POSITION: Final = re.compile(r" \(byte ([0-9]+)\)$")

_decode: Final = Decoder().decode


def parseJSON(body: bytes) -> list[dict[str, object] | Record]:
    """
    Read the records of a body, each an object either of plain LogRecord
    attributes or in the form that a L{Record} is written in.

    @param body: JSON: an object, an array of objects, or lines with an object
        on each that is not blank.  UTF-8, with or without a byte order mark.
    @return: The attributes of each record; or the record itself, where it comes
        from another logrecv or has nothing to repair.
    @raise WireError: C{MALFORMED}, the body is something else; C{TOO_COMPLEX},
        it is nested too deeply or has more than L{RECORDS} records.
    """
    body = body.removeprefix(_BOM).rstrip()
    if not body:
        raise WireError(MALFORMED, "the body is empty")
    records = parsePlain(body)
    if records is None:
        return [readForwarded(value) or _attributes(value) for value in _values(body)]
    if len(records) > RECORDS:
        raise _tooMany()
    return [*records]


def _values(body: bytes) -> list[dict[str, object]]:
    try:
        return _whole(body)
    except ValueError as error:
        if not _hasLines(body):
            raise _malformed(body, str(error)) from None
    return _lines(body)


def makeRecords(
    parsed: list[dict[str, object] | Record], origin: Origin
) -> list[Record]:
    """
    Make records of what L{parseJSON} gave.

    @param origin: Where they came from.
    @return: The records; one that comes from another logrecv has that as a
        further hop.
    @raise WireError: As L{fields.makeRecord}.
    """
    if parsed and isinstance(parsed[0], PlainRecord):
        # Then all of them are.
        return stampAll(cast(list[PlainRecord], parsed), origin)
    return [_makeRecord(each, origin) for each in parsed]


def _makeRecord(parsed: dict[str, object] | Record, origin: Origin) -> Record:
    if isinstance(parsed, Record):
        parsed.hops = [*(parsed.hops or ()), origin]
        return parsed
    # What a record may take depends on its own size, not on that of the others
    # which came with it.
    return fields.makeRecord(parsed, origin, sizeOf(parsed))


def sizeOf(attributes: dict[str, object]) -> int:
    """
    Tell how large one of the records of a body is.

    @return: The bytes that it takes when it is written again.
    """
    try:
        return len(encode(attributes))
    except UnicodeEncodeError:
        return len(json.dumps(attributes))


def _whole(body: bytes) -> list[dict[str, object]]:
    value = _decoded(body)
    if not isinstance(value, list):
        return [_object(value, "the body")]
    if len(value) > RECORDS:
        raise _tooMany()
    return [
        _object(item, f"item {number}") for number, item in enumerate(value, start=1)
    ]


def _lines(body: bytes) -> list[dict[str, object]]:
    values: list[dict[str, object]] = []
    for number, line in enumerate(body.split(b"\n"), start=1):
        if not line.strip():
            continue
        try:
            value = _decoded(line)
        except ValueError as error:
            problem = _POSITION.sub("", str(error))
            raise WireError(MALFORMED, f"line {number}: {problem}") from None
        if len(values) == RECORDS:
            raise _tooMany()
        values.append(_object(value, f"line {number}"))
    return values


def _tooMany() -> WireError:
    return WireError(TOO_COMPLEX, f"there are more than {RECORDS} records")


def _hasLines(body: bytes) -> bool:
    """
    @return: Whether there is a line that is complete in itself before others;
        else the body was to be one value.
    """
    first, _, rest = body.lstrip().partition(b"\n")
    try:
        _decoded(first)
    except ValueError:
        return False
    return bool(rest)


def _decoded(text: bytes) -> object:
    """
    @raise ValueError: C{text} is not one JSON value.
    """
    try:
        try:
            return _decode(text)
        except DecodeError as error:
            if "surrogate" not in str(error):
                raise ValueError(str(error)) from None
        # What Python's json module writes for text with a lone surrogate only
        # that module reads.
        return json.loads(text.decode("utf-8"), parse_constant=_refuse)
    except UnicodeDecodeError:
        raise ValueError("not UTF-8") from None
    except RecursionError:
        raise WireError(TOO_COMPLEX, "the body is nested too deeply") from None


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


def _malformed(body: bytes, problem: str) -> WireError:
    position = _POSITION.search(problem)
    end = int(position[1]) if position else len(body)
    number = body.count(b"\n", 0, end) + 1
    return WireError(MALFORMED, f"line {number}: {_POSITION.sub('', problem)}")


def _object(value: object, place: str) -> dict[str, object]:
    if not isinstance(value, dict):
        raise WireError(MALFORMED, f"{place}: not a JSON object")
    return value


def _attributes(sent: dict[str, object]) -> dict[str, object]:
    """
    Undo what the record form adds to LogRecord attributes.

    @return: The attributes: C{time} has become C{created}, and what is in
        C{extra} stands beside the others, save for names that are in use there.
    """
    if "time" in sent:
        sent = _withoutTime(sent)
    extra = sent.get("extra")
    if isinstance(extra, dict):
        sent = _withoutExtra(sent, extra)
    return sent


def _withoutTime(sent: dict[str, object]) -> dict[str, object]:
    """
    Leave out C{time} where it says no more than C{created}.
    """
    time, created = sent["time"], sent.get("created")
    if created is None:
        created = _timestamp(time)
        redundant = created is not None
    else:
        redundant = isinstance(created, float) and isoTime(created) == time
    if not redundant:
        return sent
    attributes = {**sent, "created": created}
    del attributes["time"]
    return attributes


def _timestamp(time: object) -> float | None:
    """
    @param time: ISO 8601; without an offset it is UTC.
    """
    if not isinstance(time, str) or len(time) > TIME_LENGTH:
        return None
    try:
        moment = datetime.fromisoformat(time)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return moment.timestamp()


def _withoutExtra(
    sent: dict[str, object], extra: dict[str, object]
) -> dict[str, object]:
    attributes = {name: value for name, value in sent.items() if name != "extra"}
    kept: dict[str, object] = {}
    for name, value in extra.items():
        inUse = name in STANDARD or name in attributes
        (kept if inUse else attributes)[name] = value
    if kept:
        if "extra" in attributes:
            kept["extra"] = attributes["extra"]
        attributes["extra"] = kept
    return attributes
