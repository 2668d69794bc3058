"""
Records that another logrecv forwards as JSON: these stay as they are.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from math import isfinite
from operator import attrgetter
from typing import Final

from msgspec import ValidationError, convert
from msgspec.json import encode

from logrecv.record import Origin, Record
from logrecv.schema import Kind, ofKind
from logrecv.wire.effort import MAX_EFFORT
from logrecv.wire.timestamps import isoTime
from logrecv.wire.values import LARGEST_INTEGER, SMALLEST_INTEGER

#: The most receivers that a record may have come through.  A record with more
#: hops goes round in circles, and is taken as somebody's own JSON.
HOPS: Final = 32

#: The longest name of a sender, in characters.  No address and no path of a
#: socket is longer.
PEER_LENGTH: Final = 255

#: The fields that are numbers.
_numbersOf: Final = attrgetter(*ofKind(Kind.INTEGER, Kind.FLOAT, Kind.TIME))

_VIAS: Final = ("tcp", "udp", "http", "json")

_TIME: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z"
)

_FIELDS: Final = frozenset(Record.__struct_fields__)


def readForwarded(sent: dict[str, object]) -> Record | None:
    """
    Read an object that is the JSON form of a L{Record}.

    @return: The record, as it was written; L{None} if the object is anything
        else.
    """
    if "received" not in sent or not _FIELDS.issuperset(sent):
        return None
    try:
        record = convert(sent, Record)
        # Finds lone surrogates, wherever these are.
        encode(record)
    except (ValidationError, UnicodeEncodeError, RecursionError):
        return None
    return record if _isSound(record) else None


def _isSound(record: Record) -> bool:
    """
    Return C{True} if a logrecv can have made the record.
    """
    hops = record.hops or []
    return (
        _hasItsTime(record)
        and len(hops) <= HOPS
        and all(_isOrigin(origin) for origin in (record.received, *hops))
        and _areKept(_numbersOf(record))
        and (record.extra is None or _areKept(record.extra.values()))
    )


def _hasItsTime(record: Record) -> bool:
    """
    Return C{True} if C{time} is C{created}, or any time if C{created} has no text.
    """
    created = None if record.created is None else isoTime(record.created)
    return record.time == created if created else _isTime(record.time)


def _areKept(values: Iterable[object]) -> bool:
    """
    Return C{True} if a record keeps all numbers among some values and in the
    parts of these, and so many values.
    """
    left = list(values)
    # Grows while the loop runs.
    for count, value in enumerate(left):
        if count == MAX_EFFORT:
            # No logrecv writes so many.
            return False
        if isinstance(value, int):
            if not SMALLEST_INTEGER <= value <= LARGEST_INTEGER:
                return False
        elif isinstance(value, float):
            if not isfinite(value):
                return False
        elif isinstance(value, list):
            left += value
        elif isinstance(value, dict):
            left += value.values()
    return True


def _isOrigin(origin: Origin) -> bool:
    return (
        _isTime(origin.at) and origin.via in _VIAS and len(origin.peer) <= PEER_LENGTH
    )


def _isTime(text: str) -> bool:
    if not _TIME.fullmatch(text):
        return False
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True
