"""
Records that another logrecv sends on: they stay as they are.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from math import isfinite
from typing import Final

from msgspec import ValidationError, convert
from msgspec.json import encode

from logrecv.record import Origin, Record
from logrecv.wire.timestamps import isoTime
from logrecv.wire.values import LARGEST_INTEGER, SMALLEST_INTEGER

#: The receivers that a record may have come through, at most.  One that has come
#: through more is going round in circles, and is taken as somebody's own JSON.
HOPS: Final = 32

#: Characters that the name of a sender may have: more than the path of a socket
#: or an address can have.
PEER_LENGTH: Final = 255

_VIAS: Final = ("tcp", "udp", "http", "json")

_TIME: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z"
)

_FIELDS: Final = frozenset(Record.__struct_fields__)


def readForwarded(sent: dict[str, object]) -> Record | None:
    """
    Read an object that is a record in the form that a L{Record} is written in.

    @return: The record, as it was written; L{None} if this is anything else.
    """
    if "received" not in sent or not _FIELDS.issuperset(sent):
        return None
    try:
        record = convert(sent, Record)
        # Finds the lone surrogates, wherever they are.
        encode(record)
    except (ValidationError, UnicodeEncodeError, RecursionError):
        return None
    return record if _isSound(record) else None


def _isSound(record: Record) -> bool:
    hops = record.hops or []
    numbers = (
        *(record.levelno, record.lineno, record.process, record.thread),
        *(record.created, record.msecs, record.relativeCreated),
    )
    time = None if record.created is None else isoTime(record.created)
    return (
        (record.time == time if time else _isTime(record.time))
        and len(hops) <= HOPS
        and all(_isOrigin(origin) for origin in (record.received, *hops))
        and _areKept(numbers)
        and (record.extra is None or _areKept(record.extra.values()))
    )


def _areKept(values: Iterable[object]) -> bool:
    """
    Whether all numbers among some values, and in them, are such as are kept.
    """
    left = list(values)
    for value in left:
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
