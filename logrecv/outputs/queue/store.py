"""
The stores of queues: where encoded records wait until they are written.

A store is in memory, or it is a spool: see L{logrecv.outputs.spool.spool}.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from secrets import token_hex
from typing import NamedTuple

from attrs import define, field
from zope.interface import Attribute, Interface, implementer

from logrecv.outputs.chunk import Chunk, EncodedPart


class StoreFull(OSError):
    """
    The store has no room now, and may have room later.  Nothing was changed.
    """


class IStore(Interface):
    """
    A store of encoded records, in the order in which they came.
    """

    durable: bool = Attribute("C{True} if the records outlive the process.")
    size: int = Attribute("The bytes in the store, the chunk in flight included.")
    count: int = Attribute("The records in the store, the chunk in flight included.")
    last: int = Attribute("The number of the newest part.")

    def open() -> None:
        """
        Open the store.  Called once, before any other method.

        @raise OSError: The store cannot be opened.
        """

    def append(parts: Sequence[EncodedPart]) -> None:
        """
        Store some parts: all of them or none.

        @raise StoreFull: None was stored.
        """

    def takeBack(parts: Sequence[EncodedPart]) -> None:
        """
        Remove the parts of the latest L{append}.  Called before L{next} and before
        any other L{append}.
        """

    def next(size: int, count: int) -> Chunk | None:
        """
        Get the chunk to be written next, which is in flight from now on.  The
        chunk stays the same until L{done} is called; where the store is
        durable, also after a restart.

        @param size: Bytes in the chunk, at most, unless a single part is more.
        @param count: Records in the chunk, at most, unless a single part has
            more.
        @return: The chunk; L{None} if the store is empty.
        """

    def done() -> None:
        """
        Remove the chunk in flight, which is written.
        """

    def dropOldest() -> int:
        """
        Remove the oldest part, unless the part is in flight or the newest.

        @return: The number of records in the part; 0 if none was removed.
        @raise StoreFull: The part cannot be removed now.
        """

    def first() -> int | None:
        """
        Get the number of the oldest part; L{None} if the store is empty.
        """

    def close() -> None:
        """
        Close the store.  A store that is not durable is empty after that.
        """


class _Numbered(NamedTuple):
    """
    A part and its number.
    """

    number: int
    data: bytes
    records: int


@implementer(IStore)
@define(eq=False)
class MemoryStore:
    """
    A store in memory.
    """

    durable: bool = field(default=False, init=False)
    size: int = field(default=0, init=False)
    count: int = field(default=0, init=False)
    last: int = field(default=0, init=False)
    _waiting: deque[_Numbered] = field(factory=deque, init=False)
    _inFlight: Chunk | None = field(default=None, init=False)
    #: The beginning of the names of its chunks.
    _name: str = field(factory=lambda: token_hex(8), init=False)

    def open(self) -> None:
        """
        Do nothing: memory is always open.
        """

    def append(self, parts: Sequence[EncodedPart]) -> None:
        for data, count in parts:
            self.last += 1
            self._waiting.append(_Numbered(self.last, data, count))
            self.size += len(data)
            self.count += count

    def takeBack(self, parts: Sequence[EncodedPart]) -> None:
        for data, count in parts:
            self.last -= 1
            self._waiting.pop()
            self.size -= len(data)
            self.count -= count

    def next(self, size: int, count: int) -> Chunk | None:
        if self._inFlight is None and self._waiting:
            self._inFlight = self._gather(size, count)
        return self._inFlight

    def _gather(self, size: int, count: int) -> Chunk:
        last = first = self._waiting.popleft()
        records = first.records
        pieces = [first.data]
        size -= len(first.data)
        while self._waiting:
            part = self._waiting[0]
            size -= len(part.data)
            if size < 0 or records + part.records > count:
                break
            last = self._waiting.popleft()
            records += part.records
            pieces.append(part.data)
        name = f"{self._name}-{first.number}"
        return Chunk(name, first.number, last.number, records, b"".join(pieces))

    def done(self) -> None:
        if self._inFlight is not None:
            self.size -= len(self._inFlight.data)
            self.count -= self._inFlight.count
            self._inFlight = None

    def dropOldest(self) -> int:
        if len(self._waiting) < 2:
            return 0
        oldest = self._waiting.popleft()
        self.size -= len(oldest.data)
        self.count -= oldest.records
        return oldest.records

    def first(self) -> int | None:
        if self._inFlight is not None:
            return self._inFlight.first
        return self._waiting[0].number if self._waiting else None

    def close(self) -> None:
        self._waiting.clear()
        self._inFlight = None
        self.size = self.count = 0
