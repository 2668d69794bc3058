"""
Records from JSON: an object, an array of objects, or an object on each line.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final, NoReturn, TypeAlias, cast

from msgspec import DecodeError
from msgspec.json import Decoder, encode

from logrecv.reasons import MALFORMED, TOO_COMPLEX
from logrecv.record import Origin, Record
from logrecv.schema import STANDARD
from logrecv.wire.attributes import makeRecord
from logrecv.wire.errors import WireError
from logrecv.wire.jsonlines.fast import PlainRecord, parsePlain, stampAll
from logrecv.wire.jsonlines.forwarded import readForwarded
from logrecv.wire.timestamps import isoTime

#: The most records that one body may have: 260 bytes for each in the largest
#: body taken by default, where a record as JSON has several hundred.
RECORDS: Final = 4000

#: The lists and objects that one JSON value may have, or the bytes for each where
#: that allows more.  The decoder makes all of them at once, at 25 ns to 65 ns each,
#: and a record has no room for so many.
CONTAINERS: Final = 100_000
BYTES_PER_CONTAINER: Final = 16

#: The bytes of the records that are made in one step, and the bytes that any record
#: counts as beside its own: some 1.5 ms of work at most before the last record.
STEP_SIZE: Final = 4096
RECORD_SIZE: Final = 256

#: The longest text that is read as a time, in characters: more than ISO 8601
#: can need.
TIME_LENGTH: Final = 40

_BOM: Final = b"\xef\xbb\xbf"

#: The end of an error of the decoder: where it stopped.
_POSITION: Final = re.compile(r" \(byte ([0-9]+)\)$")

#: A JSON object, by the names of its members.
_Object: TypeAlias = dict[str, object]

_decode: Final = Decoder().decode

#: A JSON text, with its quotes.
_TEXT: Final = re.compile(rb'"(?:[^"\\]++|\\.)*+"', re.DOTALL)


def parseJSON(body: bytes) -> list[_Object | Record]:
    """
    Read the records of a body.  Each is an object, either of plain LogRecord
    attributes or in the JSON form of a L{Record}::

        >>> parseJSON(b'{"msg": "hello %s", "args": ["bob"], "extra": {"user": 7}}')
        [{'msg': 'hello %s', 'args': ['bob'], 'user': 7}]

    @param body: JSON: an object, an array of objects, or an object on each line
        that is not blank.  UTF-8, with or without a byte order mark.
    @return: The attributes of each record; or the record itself, if another
        logrecv forwards it or it needs no repair.
    @raise WireError: C{MALFORMED}: the body is anything else; C{TOO_COMPLEX}: the
        body is nested too deeply or has more than L{RECORDS} records.
    """
    return [_parse(each) for each in decodeJSON(body)]


def decodeJSON(body: bytes) -> list[_Object | Record]:
    """
    Decode a body, in some 20 ms at most.

    @return: An object for each record, as it was sent; or the records themselves, if
        no record needs repair.
    @raise WireError: As L{parseJSON} does.
    """
    body = body.removeprefix(_BOM).rstrip()
    if not body:
        raise WireError(MALFORMED, "the body is empty")
    records = parsePlain(body)
    if records is None:
        return [*_objects(body)]
    if len(records) > RECORDS:
        raise _tooMany()
    return [*records]


def _parse(sent: _Object | Record) -> _Object | Record:
    if isinstance(sent, Record):
        return sent
    return readForwarded(sent) or _attributes(sent)


def makeInSteps(body: bytes, origin: Origin) -> Iterator[list[Record]]:
    """
    Make the records of a body in steps: a few at a time, where making all of them
    would keep other clients waiting.

    @param body: As L{parseJSON} takes it.
    @param origin: Where the body came from.
    @return: The records of each step.  The first step makes none.
    @raise WireError: As L{parseJSON} does.  The error is of the whole body, and has
        the number of its records as C{count}.
    """
    decoded = decodeJSON(body)
    yield []
    if decoded and isinstance(decoded[0], PlainRecord):
        yield makeRecords(decoded, origin)
        return
    # The only record of a body is about as large as the body.
    wholeSize = len(body) if len(decoded) == 1 else None
    some: list[Record] = []
    left = STEP_SIZE
    try:
        for sent in decoded:
            parsed = _parse(sent)
            if isinstance(parsed, Record):
                some.append(_makeRecord(parsed, origin))
                left -= RECORD_SIZE
            else:
                size = wholeSize or sizeOf(parsed)
                some.append(makeRecord(parsed, origin, size))
                left -= RECORD_SIZE + size
            if left < 0:
                yield some
                some = []
                left = STEP_SIZE
        yield some
    except WireError as error:
        error.count = len(decoded)
        raise


def makeRecords(parsed: list[_Object | Record], origin: Origin) -> list[Record]:
    """
    Make records of the result of L{parseJSON}.

    @param origin: Where the body came from.
    @return: The records.  C{origin} is a further hop of a record that another
        logrecv forwards.
    @raise WireError: As L{logrecv.wire.attributes.makeRecord} does.
    """
    if parsed and isinstance(parsed[0], PlainRecord):
        # Then all records are plain.
        return stampAll(cast(list[PlainRecord], parsed), origin)
    return [_makeRecord(each, origin) for each in parsed]


def _makeRecord(parsed: _Object | Record, origin: Origin) -> Record:
    if isinstance(parsed, Record):
        parsed.hops = [*(parsed.hops or ()), origin]
        return parsed
    # The bounds of a record depend on its own size, not on the size of the body.
    return makeRecord(parsed, origin, sizeOf(parsed))


def sizeOf(attributes: _Object) -> int:
    """
    Measure one of the records of a body.

    @return: The bytes that the record takes when it is written again.
    """
    try:
        return len(encode(attributes))
    except UnicodeEncodeError:
        return len(json.dumps(attributes))


# -- the objects of a body --


def _objects(body: bytes) -> list[_Object]:
    try:
        value = _decoded(body)
    except ValueError as error:
        if not _hasLines(body):
            raise _malformed(body, str(error)) from None
        return _objectsOnLines(body)
    except WireError:
        # Too many parts for one value may be few for each of many.
        if not _hasLines(body):
            raise
        return _objectsOnLines(body)
    if not isinstance(value, list):
        return [_object(value, "the body")]
    if len(value) > RECORDS:
        raise _tooMany()
    return [
        _object(item, f"item {number}") for number, item in enumerate(value, start=1)
    ]


def _objectsOnLines(body: bytes) -> list[_Object]:
    objects: list[_Object] = []
    for number, line in enumerate(body.split(b"\n"), start=1):
        if not line.strip():
            continue
        try:
            value = _decoded(line)
        except ValueError as error:
            problem = _POSITION.sub("", str(error))
            raise WireError(MALFORMED, f"line {number}: {problem}") from None
        if len(objects) == RECORDS:
            raise _tooMany()
        objects.append(_object(value, f"line {number}"))
    return objects


def _hasLines(body: bytes) -> bool:
    """
    Return C{True} if the first line is a JSON value and others follow.  Otherwise
    the whole body was meant as one value.
    """
    first, _, rest = body.lstrip().partition(b"\n")
    try:
        _decoded(first)
    except (ValueError, WireError):
        return False
    return bool(rest)


def _decoded(text: bytes) -> object:
    """
    @raise ValueError: C{text} is not one JSON value.
    @raise WireError: C{TOO_COMPLEX}: the value is nested too deeply, or has too many
        parts.
    """
    if len(text) > CONTAINERS:
        _checkParts(text)
    try:
        try:
            return _decode(text)
        except DecodeError as error:
            if "surrogate" not in str(error):
                raise ValueError(str(error)) from None
        # Only Python's json module writes lone surrogates, and reads them again.
        return json.loads(text.decode("utf-8"), parse_constant=_refuse)
    except UnicodeDecodeError:
        raise ValueError("not UTF-8") from None
    except RecursionError:
        raise WireError(TOO_COMPLEX, "the body is nested too deeply") from None


def _checkParts(text: bytes) -> None:
    """
    @raise WireError: C{TOO_COMPLEX}: there are too many lists and objects.
    """
    most = max(CONTAINERS, len(text) // BYTES_PER_CONTAINER)
    # Brackets in texts do not count, but few bodies have so many brackets at all.
    if _brackets(text) > most and _brackets(_TEXT.sub(b"", text)) > most:
        raise WireError(TOO_COMPLEX, f"there are more than {most} lists and objects")


def _brackets(text: bytes) -> int:
    return text.count(b"[") + text.count(b"{")


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


def _object(value: object, place: str) -> _Object:
    if not isinstance(value, dict):
        raise WireError(MALFORMED, f"{place}: not a JSON object")
    return value


def _tooMany() -> WireError:
    return WireError(TOO_COMPLEX, f"there are more than {RECORDS} records")


def _malformed(body: bytes, problem: str) -> WireError:
    """
    @param problem: The error of the decoder, with the position in C{body}.
    """
    position = _POSITION.search(problem)
    end = int(position[1]) if position else len(body)
    number = body.count(b"\n", 0, end) + 1
    return WireError(MALFORMED, f"line {number}: {_POSITION.sub('', problem)}")


# -- the record form as attributes --


def _attributes(sent: _Object) -> _Object:
    """
    Undo the additions of the record form to the attributes of a LogRecord.

    @return: The attributes.  C{time} has become C{created}.  The members of
        C{extra} stand beside the other attributes, unless their names are in use
        there.
    """
    if "time" in sent:
        sent = _withoutTime(sent)
    extra = sent.get("extra")
    if isinstance(extra, dict):
        sent = _withoutExtra(sent, extra)
    return sent


def _withoutTime(sent: _Object) -> _Object:
    """
    Leave out C{time} if it says no more than C{created}.
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
    @param time: ISO 8601; UTC if there is no offset.
    @return: Seconds since the epoch; L{None} if C{time} is anything else.
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


def _withoutExtra(sent: _Object, extra: _Object) -> _Object:
    """
    Put the members of C{extra} beside the other attributes.

    @return: The attributes, with an C{extra} only for the members whose names are
        in use.
    """
    attributes = {name: value for name, value in sent.items() if name != "extra"}
    kept: _Object = {}
    for name, value in extra.items():
        isUsed = name in STANDARD or name in attributes
        (kept if isUsed else attributes)[name] = value
    if kept:
        if "extra" in attributes:
            kept["extra"] = attributes["extra"]
        attributes["extra"] = kept
    return attributes
