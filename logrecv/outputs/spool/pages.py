"""
The rows on one page of an SQLite database, read without SQLite.

SQLite finds rows from the root of a tree down, and finds none behind a page that
is damaged.  Every page of rows can be read by itself.

The format is that of U{https://www.sqlite.org/fileformat2.html#b_tree_pages}.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, Final, NamedTuple

from logrecv.outputs.spool.log import PAGE_SIZE

#: The first byte of a page that holds rows of a table.
_LEAF: Final = 0x0D

#: Bytes of the header of such a page; the positions of its rows follow, with two
#: bytes each.
_HEADER_SIZE: Final = 8

#: Bytes of the smallest row: more rows than these have no place on a page.
_MIN_ROW_SIZE: Final = 4

#: Bytes of a row that are on its own page, if other pages hold the rest: at least,
#: and at most.
_MIN_LOCAL_SIZE: Final = (PAGE_SIZE - 12) * 32 // 255 - 23
_MAX_LOCAL_SIZE: Final = PAGE_SIZE - 35

#: Bytes of a row on each other page, behind the number of the next page.
_OVERFLOW_SIZE: Final = PAGE_SIZE - 4

#: Bytes of an integer, by its type.  Types 8 and 9 are the integers 0 and 1, even
#: types from 12 on are bytes, and odd ones text; 0 is NULL.
_INTEGER_SIZES: Final = {1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8}
_CONSTANTS: Final = {8: 0, 9: 1}


class FoundRow(NamedTuple):
    """
    A row of some table.

    @ivar number: Its number: the value of an C{INTEGER PRIMARY KEY}, which is
        NULL among the values.
    @ivar values: The values of its columns.
    """

    number: int
    values: list[Any]


def rowsOn(page: bytes, readPage: Callable[[int], bytes]) -> Iterator[FoundRow]:
    """
    Give the rows on a page that can be read.  A row that is damaged may be given
    with other values than it had.

    @param page: The page.
    @param readPage: Reads another page of the database, by its number.  It may
        raise L{ValueError} if there is no such page.
    """
    if page[0] != _LEAF:
        return
    count = min(int.from_bytes(page[3:5], "big"), PAGE_SIZE // _MIN_ROW_SIZE)
    for place in range(_HEADER_SIZE, _HEADER_SIZE + 2 * count, 2):
        position = int.from_bytes(page[place : place + 2], "big")
        with suppress(ValueError, IndexError):
            size, position = _integer(page, position)
            number, position = _integer(page, position)
            yield FoundRow(number, _values(_row(page, position, size, readPage)))


def _row(
    page: bytes, position: int, size: int, readPage: Callable[[int], bytes]
) -> bytes:
    """
    Put together a row, which may go on on other pages.

    @raise ValueError: One of the pages does not exist.
    """
    if size <= _MAX_LOCAL_SIZE:
        return page[position : position + size]
    local = _MIN_LOCAL_SIZE + (size - _MIN_LOCAL_SIZE) % _OVERFLOW_SIZE
    if local > _MAX_LOCAL_SIZE:
        local = _MIN_LOCAL_SIZE
    pieces = [page[position : position + local]]
    following = page[position + local : position + local + 4]
    for _ in range(-(-(size - local) // _OVERFLOW_SIZE)):
        further = readPage(int.from_bytes(following, "big"))
        following = further[:4]
        pieces.append(further[4:])
    return b"".join(pieces)[:size]


def _integer(data: bytes, position: int) -> tuple[int, int]:
    """
    Read an integer of variable length.

    @return: The integer, and the position behind it.
    @raise IndexError: The data end before the integer does.
    """
    value = 0
    for _ in range(8):
        byte = data[position]
        position += 1
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, position
    return value << 8 | data[position], position + 1


def _values(row: bytes) -> list[Any]:
    """
    Read the values of a row.

    @raise ValueError: A text is no ASCII.
    @raise IndexError: The row ends before its values do.
    """
    headerSize, position = _integer(row, 0)
    start = headerSize
    values: list[Any] = []
    while position < headerSize:
        kind, position = _integer(row, position)
        size = _INTEGER_SIZES.get(kind, max(kind - 12, 0) // 2)
        data = row[start : start + size]
        start += size
        if kind in _INTEGER_SIZES:
            values.append(int.from_bytes(data, "big", signed=True))
        elif kind < 12:
            values.append(_CONSTANTS.get(kind))
        else:
            values.append(data.decode("ascii") if kind % 2 else data)
    return values
