"""
Getting what is whole out of the damaged file of a spool, and telling that its
log is damaged, which SQLite takes for a log that ends there.

SQLite finds records from the root of a tree down, and finds none behind a page
that is damaged.  Here every page is looked at by itself: each part has its own
checksum, so whatever looks like one and has the right checksum is one.

The format is that of U{https://www.sqlite.org/fileformat2.html}.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, Final, Literal, NamedTuple

from attrs import define, field, frozen

from logrecv.outputs.spool.database import PAGE, InFlight, Row

#: Bytes of the header of the log, and of that of each frame in it.
_LOG_HEADER: Final = 32
_FRAME_HEADER: Final = 24

#: What the log begins with; the last bit tells in which order the bytes of the
#: checksums are.
_MAGIC: Final = 0x377F0682

#: What a page of a table's records begins with.
_LEAF: Final = 0x0D

#: Bytes of a record that are on its own page: as many at least, and at most.
_LEAST: Final = (PAGE - 12) * 32 // 255 - 23
_MOST: Final = PAGE - 35

#: Bytes of a record on each further page, behind the number of the next one.
_FURTHER: Final = PAGE - 4

#: Bytes of the integers of a record by their type.
_INTEGERS: Final = {1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8}


class _Frame(NamedTuple):
    """
    A page in the log.

    @ivar page: The number of the page.
    @ivar offset: Where it is in the log.
    @ivar commits: Whether it is the last one of a transaction.
    """

    page: int
    offset: int
    commits: bool


@frozen(eq=False)
class WriteAheadLog:
    """
    The write-ahead log of a database, as it is on disk.

    @ivar data: All of it.
    """

    data: bytes

    @classmethod
    def read(cls, path: str) -> WriteAheadLog:
        """
        Read the log of a database; empty if there is none.
        """
        with suppress(FileNotFoundError), open(path + "-wal", "rb") as file:
            return cls(file.read())
        return cls(b"")

    @property
    def committed(self) -> int:
        """
        Frames up to the last one that ends a transaction.
        """
        numbers = [n for n, frame in self._current() if frame.commits]
        return numbers[-1] + 1 if numbers else 0

    @property
    def cut(self) -> bool:
        """
        Whether it ends amid the last page of a transaction.
        """
        rest = (len(self.data) - _LOG_HEADER) % (_FRAME_HEADER + PAGE)
        header = self.data[len(self.data) - rest :]
        return (
            len(self.data) > _LOG_HEADER
            and rest >= _FRAME_HEADER
            and header[8:16] == self._salts()
            and any(header[4:8])
        )

    def frames(self) -> Iterator[_Frame]:
        """
        Give what has been written since the log was empty, and committed.
        """
        committed = self.committed
        for number, frame in self._current():
            if number < committed:
                yield frame

    def _current(self) -> Iterator[tuple[int, _Frame]]:
        """
        Give the frames that are no left-overs from before the log was empty.
        """
        salts = self._salts()
        length = _FRAME_HEADER + PAGE
        starts = range(_LOG_HEADER, len(self.data) - length + 1, length)
        for number, start in enumerate(starts):
            header = self.data[start : start + _FRAME_HEADER]
            if header[8:16] == salts:
                page = int.from_bytes(header[:4], "big")
                yield number, _Frame(page, start + _FRAME_HEADER, any(header[4:8]))

    def _salts(self) -> bytes:
        """
        Tell what marks the frames that are no left-overs.
        """
        if self._isHeaderWhole():
            return self.data[16:24]
        return self.data[_LOG_HEADER + 8 : _LOG_HEADER + 16]

    def _isHeaderWhole(self) -> bool:
        header = self.data[:_LOG_HEADER]
        magic = int.from_bytes(header[:4], "big")
        if magic & ~1 != _MAGIC:
            return False
        order: Literal["big", "little"] = "big" if magic & 1 else "little"
        first = second = 0
        for start in range(0, 24, 8):
            first += int.from_bytes(header[start : start + 4], order) + second
            first &= 0xFFFFFFFF
            second += int.from_bytes(header[start + 4 : start + 8], order) + first
            second &= 0xFFFFFFFF
        return header[24:32] == first.to_bytes(4, "big") + second.to_bytes(4, "big")


class _Place(NamedTuple):
    """
    Where a page is.

    @ivar logged: Whether in the log, or in the file.
    @ivar offset: Where there, in bytes.
    """

    logged: bool
    offset: int


@define(eq=False)
class DamagedDatabase:
    """
    A damaged file, and the log beside it.  Its methods raise L{OSError} where
    the disk cannot be read.

    @ivar path: The path of the file.
    @ivar flight: What was sent last; known when the rows have been read.
    @ivar missing: How many parts could not be found; known then, too.
    """

    path: str
    flight: InFlight | None = field(default=None, init=False)
    missing: int = field(default=0, init=False)
    _log: WriteAheadLog = field(init=False)
    _file: int = field(init=False)
    #: Where the newest version of each page is that is in the log.
    _logged: dict[int, int] = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._log = WriteAheadLog.read(self.path)
        self._logged = {frame.page: frame.offset for frame in self._log.frames()}
        self._file = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)

    def close(self) -> None:
        """
        Let go of the file.
        """
        os.close(self._file)

    def rows(self) -> Iterator[Row]:
        """
        Give the parts that are whole and were still held, in their order.
        """
        places: dict[int, _Place] = {}
        gone = 0
        for place in self._places():
            for found in self._records(place):
                if isinstance(found, Row):
                    places[found.number] = place
                    gone = max(gone, found.gone)
                else:
                    gone = max(gone, found.first - 1)
                    if self.flight is None or found.first > self.flight.first:
                        self.flight = found
        numbers = [number for number in sorted(places) if number > gone]
        if numbers:
            self.missing = numbers[-1] - gone - len(numbers)
        for number in numbers:
            for found in self._records(places[number]):
                if isinstance(found, Row) and found.number == number:
                    yield found
                    break

    def _places(self) -> Iterator[_Place]:
        """
        Give the pages there are, old versions too: a new one may be damaged.
        """
        for offset in range(0, os.fstat(self._file).st_size, PAGE):
            yield _Place(False, offset)
        for frame in self._log.frames():
            yield _Place(True, frame.offset)

    def _read(self, place: _Place) -> bytes:
        if place.logged:
            return self._log.data[place.offset : place.offset + PAGE]
        # The last one may be cut.
        return os.pread(self._file, PAGE, place.offset).ljust(PAGE, b"\0")

    def _records(self, place: _Place) -> Iterator[Row | InFlight]:
        """
        Give the records on a page that are whole.
        """
        page = self._read(place)
        if page[0] != _LEAF:
            return
        cells = min(int.from_bytes(page[3:5], "big"), PAGE // 4)
        for position in range(8, 8 + 2 * cells, 2):
            cell = int.from_bytes(page[position : position + 2], "big")
            with suppress(ValueError, IndexError):
                record = self._record(page, cell)
                if record.whole:
                    yield record

    def _record(self, page: bytes, cell: int) -> Row | InFlight:
        """
        @raise ValueError: There is none.
        @raise IndexError: Likewise.
        """
        size, position = _varint(page, cell)
        number, position = _varint(page, position)
        values = _values(self._payload(page, position, size))
        if isinstance(values[4], bytes):
            return Row(number, *values[1:])
        return InFlight(*values[1:])

    def _payload(self, page: bytes, position: int, size: int) -> bytes:
        """
        Put together what may go on on other pages.
        """
        if size <= _MOST:
            return page[position : position + size]
        here = _LEAST + (size - _LEAST) % _FURTHER
        if here > _MOST:
            here = _LEAST
        pieces = [page[position : position + here]]
        following = page[position + here : position + here + 4]
        for _ in range((size - here + _FURTHER - 1) // _FURTHER):
            number = int.from_bytes(following, "big")
            if number in self._logged:
                place = _Place(True, self._logged[number])
            elif 0 < number <= os.fstat(self._file).st_size // PAGE + 1:
                place = _Place(False, (number - 1) * PAGE)
            else:
                raise ValueError("there is no such page")
            further = self._read(place)
            following = further[:4]
            pieces.append(further[4:])
        return b"".join(pieces)[:size]


def _varint(data: bytes, position: int) -> tuple[int, int]:
    """
    Read an integer of variable length.

    @return: It, and the position behind it.
    """
    value = 0
    for _ in range(8):
        byte = data[position]
        position += 1
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, position
    return value << 8 | data[position], position + 1


def _values(payload: bytes) -> list[Any]:
    """
    Read the values of a record.

    @raise ValueError: It is none.
    """
    start, position = _varint(payload, 0)
    values: list[Any] = []
    end = start
    while position < start:
        kind, position = _varint(payload, position)
        if kind in _INTEGERS:
            length = _INTEGERS[kind]
            value: Any = int.from_bytes(payload[end : end + length], "big", signed=True)
        elif kind >= 12:
            length = (kind - 12) // 2
            value = payload[end : end + length]
            if kind % 2:
                value = value.decode("ascii")
        else:
            length, value = 0, {8: 0, 9: 1}.get(kind)
        values.append(value)
        end += length
    if len(values) != 5:
        raise ValueError("it is another table's")
    return values
