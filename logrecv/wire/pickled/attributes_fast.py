"""
The fast path from the attributes that a stock handler of Python 3 sends to a
L{Record}.

The fast path repairs nothing.  It gives no record where an attribute differs from
the attributes of stock handlers, and L{logrecv.wire.attributes} takes the slow path.
"""

from __future__ import annotations

import sys
from typing import Final

from logrecv.record import Origin, Record
from logrecv.schema import ATTRIBUTES
from logrecv.wire.timestamps import isoTime
from logrecv.wire.values import (
    BYTES_PER_CHARACTER,
    LARGEST_INTEGER,
    MAX_RENDERED_SIZE,
    RENDERED_FLOOR,
    RENDERED_PER_BYTE,
    SMALLEST_INTEGER,
    renderedSize,
)

#: The attributes that only the stock handlers of newer Pythons send.
_NEWER: Final = tuple(each.name for each in ATTRIBUTES if each.since is not None)

#: The number of attributes that the stock handlers of every Python send.
_ALWAYS_SENT: Final = len(ATTRIBUTES) - len(_NEWER)

#: The bytes of JSON that a record takes beside its texts, at most.
BYTES_OF_OTHERS: Final = 1024

# The smallest and the greatest float that are no infinities.
_GREATEST: Final = sys.float_info.max
_LEAST: Final = -_GREATEST


def stockRecord(
    attributes: dict[str, object], origin: Origin, size: int
) -> Record | None:
    """
    Make a record of the attributes that a stock handler sent.

    @param attributes: The attributes by name.  The dict is not changed.
    @param origin: The origin of the attributes.
    @param size: The length of their payload in bytes.
    @return: A record without its C{extra}; L{None} if a standard attribute is
        missing or would need repair.
    """
    try:
        return _make(_Attributes(attributes, size), origin)
    except (KeyError, _NotStock):
        return None


def hasExtra(attributes: dict[str, object]) -> bool:
    """
    Tell if a record has an C{extra}.

    @param attributes: The attributes of which L{stockRecord} made a record.
    @return: C{True} if the client sent further attributes.
    """
    further = len(attributes) - _ALWAYS_SENT
    for name in _NEWER:
        further -= name in attributes
    return further > 0


class _NotStock(Exception):
    """
    An attribute differs from the attributes of stock handlers.
    """


class _Attributes:
    """
    The attributes by name, each of the type that it must have.

    Each method takes the name of an attribute, and raises L{KeyError} if the
    attribute is missing and L{_NotStock} if it would need repair.
    """

    __slots__ = ("_attributes", "_room")

    def __init__(self, attributes: dict[str, object], size: int) -> None:
        self._attributes: dict[str, object] = attributes
        #: The bytes that the record may still take: texts that a pickle shares
        #: could make the record much larger than its payload.
        self._room: int = RENDERED_PER_BYTE * size + RENDERED_FLOOR - BYTES_OF_OTHERS
        if size > MAX_RENDERED_SIZE:
            self._room = renderedSize(size) - BYTES_OF_OTHERS

    def has(self, name: str) -> bool:
        return name in self._attributes

    def nothing(self, name: str) -> None:
        if self._attributes[name] is not None:
            raise _NotStock(name)

    def text(self, name: str) -> str:
        return self._text(name, self._attributes[name])

    def _text(self, name: str, value: object) -> str:
        if type(value) is not str:
            raise _NotStock(name)
        self._room -= BYTES_PER_CHARACTER * len(value)
        if self._room < 0 or not _isEncodable(value):
            raise _NotStock(name)
        return value

    def textOrNone(self, name: str) -> str | None:
        value = self._attributes[name]
        return None if value is None else self._text(name, value)

    def integer(self, name: str) -> int:
        value = self._attributes[name]
        if (
            type(value) is not int
            or value < SMALLEST_INTEGER
            or value > LARGEST_INTEGER
        ):
            raise _NotStock(name)
        return value

    def integerOrNone(self, name: str) -> int | None:
        return None if self._attributes[name] is None else self.integer(name)

    def finite(self, name: str) -> float:
        value = self._attributes[name]
        if type(value) is not float:
            raise _NotStock(name)
        number = value
        if not _LEAST <= number <= _GREATEST:
            raise _NotStock(name)
        return value


def _isEncodable(text: str) -> bool:
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _make(sent: _Attributes, origin: Origin) -> Record:
    sent.nothing("args")
    sent.nothing("exc_info")
    created = sent.finite("created")
    time = isoTime(created)
    if time is None or sent.has("message"):
        raise _NotStock
    return Record(
        time=time,
        created=created,
        msecs=sent.finite("msecs"),
        relativeCreated=sent.finite("relativeCreated"),
        name=sent.text("name"),
        levelname=sent.text("levelname"),
        levelno=sent.integer("levelno"),
        message=sent.text("msg"),
        pathname=sent.text("pathname"),
        filename=sent.text("filename"),
        module=sent.text("module"),
        lineno=sent.integer("lineno"),
        funcName=sent.textOrNone("funcName"),
        process=sent.integerOrNone("process"),
        processName=sent.textOrNone("processName"),
        thread=sent.integerOrNone("thread"),
        threadName=sent.textOrNone("threadName"),
        taskName=sent.textOrNone("taskName") if sent.has("taskName") else None,
        exc_text=sent.textOrNone("exc_text"),
        stack_info=sent.textOrNone("stack_info"),
        received=origin,
    )
