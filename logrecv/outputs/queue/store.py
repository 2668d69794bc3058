"""
Where an output holds its records until they are written: in memory, or, where
it has a spool, in L{logrecv.outputs.spool.spool}.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from secrets import token_hex
from typing import Final, NamedTuple, Protocol, TypeAlias

from attrs import define, field, frozen

#: Encoded records, and how many they are.
EncodedPart: TypeAlias = tuple[bytes, int]

#: Records that one part holds at most.  It is what a receiver can get twice
#: when its sender is killed.
PART_RECORDS: Final = 500


class StoreFull(OSError):
    """
    Something could not be stored, and might be later.  Nothing of it was.
    """


@frozen(eq=False)
class Chunk:
    """
    What goes out with one write.

    @ivar id: Its name, which no other chunk has or will have.
    @ivar first: The number of the first of the parts that it is made of,
        counted as they are taken.
    @ivar last: The number of the last.
    @ivar count: How many records.
    @ivar data: The records, encoded.
    """

    id: str
    first: int
    last: int
    count: int
    data: bytes


class Store(Protocol):
    """
    Holds encoded records in the order in which they came.

    @ivar durable: Whether what it holds outlives the process.
    @ivar size: Bytes that it holds, those of the chunk that is out included.
    @ivar count: Records that it holds, likewise.
    @ivar last: The number of the newest part.
    """

    @property
    def durable(self) -> bool: ...

    @property
    def size(self) -> int: ...

    @property
    def count(self) -> int: ...

    @property
    def last(self) -> int: ...

    def open(self) -> None:
        """
        Get ready.  Called once, before anything else.

        @raise OSError: What is needed cannot be had.
        """

    def append(self, parts: Sequence[EncodedPart]) -> None:
        """
        Take records: all of the parts or none.

        @raise NoRoom: None.
        """

    def next(self, size: int, count: int) -> Chunk | None:
        """
        Tell what to write next.  It is the same until L{done} is called, and
        where the store is durable, the same after a restart.

        @param size: Bytes to write at most, unless one part is more.
        @param count: Records to write at most, likewise.
        @return: L{None} if nothing is held.
        """

    def done(self) -> None:
        """
        Let go of what L{next} told last: it is written.
        """

    def dropOldest(self) -> int:
        """
        Let go of the oldest part that is neither out nor the newest.

        @return: How many records were in it; 0 if there is none.
        @raise NoRoom: It cannot be done now.
        """

    def first(self) -> int | None:
        """
        Tell the number of the oldest part that is held; L{None} if there is
        none.
        """

    def close(self) -> None:
        """
        Let go of everything.  A store that is not durable forgets what it
        holds.
        """


class _Numbered(NamedTuple):
    """
    A part, and its number.
    """

    number: int
    data: bytes
    records: int


@define(eq=False)
class MemoryStore:
    """
    Holds records in memory.
    """

    durable: bool = field(default=False, init=False)
    size: int = field(default=0, init=False)
    count: int = field(default=0, init=False)
    last: int = field(default=0, init=False)
    _waiting: deque[_Numbered] = field(factory=deque, init=False)
    _out: Chunk | None = field(default=None, init=False)
    _name: str = field(factory=lambda: token_hex(8), init=False)

    def open(self) -> None:
        """
        See L{Store.open}.
        """

    def append(self, parts: Sequence[EncodedPart]) -> None:
        """
        See L{Store.append}.
        """
        for data, count in parts:
            self.last += 1
            self._waiting.append(_Numbered(self.last, data, count))
            self.size += len(data)
            self.count += count

    def next(self, size: int, count: int) -> Chunk | None:
        """
        See L{Store.next}.
        """
        if self._out is None and self._waiting:
            self._out = self._gather(size, count)
        return self._out

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
        """
        See L{Store.done}.
        """
        if self._out is not None:
            self.size -= len(self._out.data)
            self.count -= self._out.count
            self._out = None

    def dropOldest(self) -> int:
        """
        See L{Store.dropOldest}.
        """
        if len(self._waiting) < 2:
            return 0
        oldest = self._waiting.popleft()
        self.size -= len(oldest.data)
        self.count -= oldest.records
        return oldest.records

    def first(self) -> int | None:
        """
        See L{Store.first}.
        """
        if self._out is not None:
            return self._out.first
        return self._waiting[0].number if self._waiting else None

    def close(self) -> None:
        """
        See L{Store.close}.
        """
        self._waiting.clear()
        self._out = None
        self.size = self.count = 0
