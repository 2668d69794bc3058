"""
The short way from JSON to records: bodies in which every object has a message,
attributes of a C{LogRecord} that are as they have to be, and nothing else.

It repairs nothing.  Where anything is different it gives no records, and
L{logrecv.wire.lines} goes the long way.
"""

from __future__ import annotations

from typing import Annotated, Final, TypeAlias, cast

from msgspec import Meta, MsgspecError
from msgspec.json import Decoder

from logrecv.record import Origin, Record
from logrecv.wire.times import isoTime

#: An integer that is kept, as far as the decoder can tell.
_Integer: TypeAlias = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]


class PlainRecord(Record, omit_defaults=True, forbid_unknown_fields=True):
    """
    A record of which C{time} and C{received} have yet to be set.  What only
    logrecv writes, and what has to be merged, cannot be sent.
    """

    time: None = None  # type: ignore[assignment]
    created: float | None = None
    levelno: _Integer | None = None
    msg: None = None
    args: None = None
    lineno: _Integer | None = None
    process: _Integer | None = None
    thread: _Integer | None = None
    extra: None = None
    received: None = None  # type: ignore[assignment]
    hops: None = None
    repaired: None = None


#: What a L{PlainRecord} cannot tell from what was not sent, where it is null.
_NULLABLE: Final = (b'"time"', b'"extra"', b'"received"', b'"hops"', b'"repaired"')

_decodeLines: Final = Decoder(PlainRecord).decode_lines
_decodeArray: Final = Decoder(list[PlainRecord]).decode


def parsePlain(body: bytes) -> list[PlainRecord] | None:
    """
    Read the records of a body.

    @param body: JSON without white space around it: an object, an array of
        objects, or lines with an object on each.
    @return: L{None} if it is anything else, or has anything else in it.
    """
    if b"null" in body and any(name in body for name in _NULLABLE):
        return None
    try:
        if body.startswith(b"["):
            records = _decodeArray(body)
        else:
            records = _decodeLines(body)
            # The decoder takes objects that are not on lines of their own.
            if body.count(b"}\n{") != len(records) - 1:
                return None
    except (MsgspecError, RecursionError, UnicodeDecodeError):
        return None
    return records if all(map(_complete, records)) else None


def _complete(record: PlainRecord) -> bool:
    """
    Set the time as text.

    @return: Whether that is all that has to be done.
    """
    if (record.levelno is None) is not (record.levelname is None):
        return False
    created = record.created
    if created is not None:
        time = isoTime(created)
        if time is None:
            return False
        cast(Record, record).time = time
    return True


def stamp(record: PlainRecord, origin: Origin) -> Record:
    """
    Say where a record was received.
    """
    stamped = cast(Record, record)
    stamped.received = origin
    if not stamped.time:
        stamped.time = origin.at
    return stamped
