"""
Recovery of the rows that are whole from the damaged database of a spool.

SQL is not enough here.  Behind a damaged root it finds no row, and behind a damaged
frame of the log no transaction, though all their bytes are on the disk.  So each
page is read by itself, in the file and in the log; whatever has the right checksum
is a row.
"""

from __future__ import annotations

import os
from collections.abc import Container, Iterator
from typing import Final, NamedTuple

from attrs import define, field

from logrecv.outputs.spool.database import SpoolFile
from logrecv.outputs.spool.log import PAGE_SIZE, WriteAheadLog
from logrecv.outputs.spool.pages import FoundRow, rowsOn
from logrecv.outputs.spool.rows import InFlight, Row

#: Bytes of data that are copied in one transaction.
_TRANSACTION_SIZE: Final = 4 * 1024 * 1024


class _Place(NamedTuple):
    """
    The place of a page.

    @ivar isLogged: C{True} for a page in the log, C{False} for one in the file.
    @ivar offset: The position of the page there, in bytes.
    """

    isLogged: bool
    offset: int


@define(eq=False)
class DamagedDatabase:
    """
    A damaged file, and the log beside it::

        log = WriteAheadLog.read("spool.sqlite-wal")
        with closing(DamagedDatabase("spool.sqlite", log)) as damaged:
            saved = sum(row.records for row in damaged.rows())

    The methods raise L{OSError} if the disk cannot be read.

    @ivar path: The path of the file.
    @ivar log: The log.
    @ivar inFlight: The name of the chunk that was sent last; known when the rows
        have been read.
    @ivar missing: The number of parts that were not found; known then, too.
    """

    path: str
    log: WriteAheadLog
    inFlight: InFlight | None = field(default=None, init=False)
    missing: int = field(default=0, init=False)
    _descriptor: int = field(init=False)
    #: The position in the log of the newest version of each page there.
    _logged: dict[int, int] = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._logged = {frame.page: frame.offset for frame in self.log.frames()}
        self._descriptor = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)

    def close(self) -> None:
        """
        Close the file.
        """
        os.close(self._descriptor)

    def rows(self) -> Iterator[Row]:
        """
        Give the parts that are whole and were still held, in their order.
        """
        places: dict[int, _Place] = {}
        gone = 0
        for place in self._places():
            for found in self._wholeRows(place):
                if isinstance(found, Row):
                    places[found.number] = place
                    gone = max(gone, found.gone)
                else:
                    gone = max(gone, found.first - 1)
                    if self.inFlight is None or found.first > self.inFlight.first:
                        self.inFlight = found
        numbers = [number for number in sorted(places) if number > gone]
        if numbers:
            self.missing = numbers[-1] - gone - len(numbers)
        for number in numbers:
            for found in self._wholeRows(places[number]):
                if isinstance(found, Row) and found.number == number:
                    yield found
                    break

    def _places(self) -> Iterator[_Place]:
        """
        Give the places of all pages.  Old versions of a page are among them: the
        new version may be damaged.
        """
        for offset in range(0, self._fileSize(), PAGE_SIZE):
            yield _Place(False, offset)
        for frame in self.log.frames():
            yield _Place(True, frame.offset)

    def _fileSize(self) -> int:
        return os.fstat(self._descriptor).st_size

    def _wholeRows(self, place: _Place) -> Iterator[Row | InFlight]:
        """
        Give the rows on a page that are whole.
        """
        for found in rowsOn(self._readPlace(place), self._readPage):
            row = _identify(found)
            if row is not None and row.isWhole:
                yield row

    def _readPage(self, number: int) -> bytes:
        """
        Read the newest version of a page.

        @param number: The number of the page, from 1 on.
        @raise ValueError: There is no such page.
        """
        if number in self._logged:
            return self._readPlace(_Place(True, self._logged[number]))
        offset = (number - 1) * PAGE_SIZE
        if not 0 <= offset < self._fileSize():
            raise ValueError(f"there is no page {number}")
        return self._readPlace(_Place(False, offset))

    def _readPlace(self, place: _Place) -> bytes:
        if place.isLogged:
            return self.log.data[place.offset : place.offset + PAGE_SIZE]
        # The last page may be cut.
        page = os.pread(self._descriptor, PAGE_SIZE, place.offset)
        return page.ljust(PAGE_SIZE, b"\0")


def copyRows(
    damaged: DamagedDatabase,
    file: SpoolFile,
    after: int,
    excluded: Container[int] = (),
) -> int:
    """
    Copy the parts of a damaged database that are whole and were still held.

    @param file: The new file.
    @param after: The number behind which to begin.
    @param excluded: The numbers of parts that are not copied.
    @return: The number of the records in these parts.
    @raise StoreFull: The disk has no room for the parts.
    """
    copied = size = 0
    rows: list[Row] = []
    for row in damaged.rows():
        if row.number <= after or row.number in excluded:
            continue
        rows.append(Row.make(row.number, 0, row.records, row.data))
        copied += row.records
        size += len(row.data)
        if size >= _TRANSACTION_SIZE:
            file.append(rows)
            # A log that grows would take as much room as the file.
            file.checkpoint()
            rows, size = [], 0
    if rows:
        file.append(rows)
    return copied


def _identify(found: FoundRow) -> Row | InFlight | None:
    """
    Tell from the values of a row which table it is of.
    """
    match found.values:
        case [_, gone, records, checksum, bytes(data)]:
            return Row(found.number, gone, records, checksum, data)
        case [_, first, last, checksum, name]:
            return InFlight(first, last, checksum, name)
    return None
