"""
Records from JSON, on a fast path: bodies in which every object has a message,
attributes of a C{LogRecord} that need no repair, and nothing else.

Any other body gives no records here.  It takes the slow path of
L{logrecv.wire.jsonlines.decode}.
"""

from __future__ import annotations

from typing import Annotated, Final, TypeAlias, cast

from msgspec import Meta, MsgspecError, UnsetType
from msgspec.json import Decoder

from logrecv.record import Origin, Record
from logrecv.wire.timestamps import isoTime

#: An integer that a record keeps, as far as the decoder can tell.
_Integer: TypeAlias = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]


class PlainRecord(Record, omit_defaults=True, forbid_unknown_fields=True):
    """
    A record of which C{time} and C{received} are still to be set.

    The fields that only logrecv writes, and the fields of a message that has to
    be merged, cannot be sent: no JSON value is an C{UnsetType}.
    """

    time: UnsetType = None  # type: ignore[assignment]
    created: float | None = None
    levelno: _Integer | None = None
    msg: None = None
    args: None = None
    lineno: _Integer | None = None
    process: _Integer | None = None
    thread: _Integer | None = None
    extra: UnsetType = None  # type: ignore[assignment]
    received: UnsetType = None  # type: ignore[assignment]
    hops: UnsetType = None  # type: ignore[assignment]
    repaired: UnsetType = None  # type: ignore[assignment]


_decodeLines: Final = Decoder(PlainRecord).decode_lines
_decodeArray: Final = Decoder(list[PlainRecord]).decode


def parsePlain(body: bytes) -> list[PlainRecord] | None:
    """
    Read the records of a body.

    @param body: JSON without white space around it: an object, an array of
        objects, or lines with an object on each.
    @return: The records, without C{received}; L{None} if the body has to take
        the slow path.
    """
    try:
        if body.startswith(b"["):
            records = _decodeArray(body)
        else:
            records = _decodeLines(body)
            # The decoder also takes objects that are not on lines of their own.
            # An object on several lines may make up for two objects on one.
            if len(records) != 1 and body.count(b"\n") != len(records) - 1:
                return None
    except (MsgspecError, RecursionError, UnicodeDecodeError):
        return None
    return records if _completeAll(records) else None


def _completeAll(records: list[PlainRecord]) -> bool:
    """
    Set the times as text.

    @return: C{False} if a record has to take the slow path.
    """
    for record in cast(list[Record], records):
        if (record.levelno is None) is not (record.levelname is None):
            return False
        created = record.created
        if created is not None:
            time = isoTime(created)
            if time is None:
                return False
            record.time = time
    return True


def stampAll(records: list[PlainRecord], origin: Origin) -> list[Record]:
    """
    Set where and, if they have no time of their own, when records were received.

    @return: The same records, which now are complete.
    """
    stamped = cast(list[Record], records)
    for record in stamped:
        record.received = origin
        if not record.time:
            record.time = origin.at
    return stamped
