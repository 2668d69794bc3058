"""
The positions at which chunks of a spool were appended to files, noted before each
append: after a kill, they tell how much of the last chunk is in a file.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Final, NamedTuple
from zlib import crc32

from attrs import define, field

from logrecv.paths import openPrivate

#: The name of the file in the directory of a spool.
POSITIONS_FILE: Final = "positions"

#: Bytes of the file for each process: more than the longest position has, whose name
#: of up to 255 bytes may take six characters for each of them.
_SLOT_SIZE: Final = 2048


class Position(NamedTuple):
    """
    The position of the last append of a process.

    @ivar chunk: The name of the chunk.
    @ivar done: Bytes of the chunk that had been written before.
    @ivar device: The device of the file.
    @ivar inode: The inode of the file.
    @ivar offset: Bytes that the file had before the append.
    @ivar end: Bytes that the file had before the next append of another process;
        C{None} if there was none.
    @ivar time: The time of the append, in seconds since the epoch.
    @ivar name: The name of the file after it was rotated; empty before.
    """

    chunk: str
    done: int
    device: int
    inode: int
    offset: int
    end: int | None
    time: float
    name: str

    def isIn(self, status: os.stat_result) -> bool:
        """
        Return C{True} if a file has the inode of the file that was written to.

        @param status: The status of the file.
        """
        return (self.device, self.inode) == (status.st_dev, status.st_ino)

    def encode(self) -> bytes:
        """
        Make a line with a checksum.
        """
        data = json.dumps(self).encode("ascii")
        return b"%08x %s\n" % (crc32(data), data)

    @classmethod
    def decode(cls, slot: bytes) -> Position | None:
        """
        Read a line.

        @return: C{None} if the line is not whole.
        """
        checksum, _, data = slot.partition(b"\n")[0].partition(b" ")
        with suppress(ValueError, TypeError):
            if int(checksum, 16) == crc32(data):
                return cls(*json.loads(data))
        return None


@define(eq=False)
class Positions:
    """
    The positions of all processes that append to the same files, in one file::

        positions = Positions("/var/spool/app/positions", 1)
        positions.open()
        positions.note(chunk.id, 0, os.fstat(descriptor))

    A position outlives the process, though not the power.  All methods but L{open}
    and L{close} are called under the lock of the writers.  A disk that does not take
    a position costs no record: after a kill, a chunk may be written twice.

    @ivar path: The path of the file.
    @ivar number: The number of this process, from 1 on.
    """

    path: str
    number: int
    _descriptor: int = field(default=-1, init=False)

    def open(self) -> None:
        """
        Open the file, and make room in it.

        @raise OSError: The file cannot be opened.
        """
        self._descriptor = openPrivate(self.path, os.O_RDWR | os.O_CREAT)
        if self.last() is None:
            # A later note needs no room on the disk.
            with suppress(OSError):
                self._write(self.number, b" " * _SLOT_SIZE)

    def close(self) -> None:
        """
        Close the file.
        """
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def last(self) -> Position | None:
        """
        Read the position that this process, or its predecessor, has noted last.
        """
        return self._read(self.number)

    def note(self, chunk: str, done: int, status: os.stat_result) -> None:
        """
        Note the position of an append that is about to begin.

        @param chunk: The name of the chunk.
        @param done: Bytes of the chunk that have been written before.
        @param status: The status of the file.
        """
        file = (status.st_dev, status.st_ino, status.st_size)
        self._change(self.number, Position(chunk, done, *file, None, time.time(), ""))

    def endOthers(self, status: os.stat_result) -> None:
        """
        Note the end of a file for other processes: only the bytes before can be
        theirs.

        @param status: The status of the file.
        """
        for number, position in self._of(status):
            if position.end is None and number != self.number:
                self._change(number, position._replace(end=status.st_size))

    def rename(self, status: os.stat_result, name: str) -> None:
        """
        Note the name that a file is about to get.

        @param status: The status of the file.
        """
        for number, position in self._of(status):
            end = status.st_size if position.end is None else position.end
            self._change(number, position._replace(end=end, name=name))

    def _of(self, status: os.stat_result) -> Iterator[tuple[int, Position]]:
        """
        Find the positions in a file, and the processes that have noted them.
        """
        count = -(-os.fstat(self._descriptor).st_size // _SLOT_SIZE)
        for number in range(1, count + 1):
            position = self._read(number)
            if position is not None and position.isIn(status):
                yield number, position

    def _change(self, number: int, position: Position) -> None:
        with suppress(OSError):
            self._write(number, position.encode())

    def _read(self, number: int) -> Position | None:
        offset = (number - 1) * _SLOT_SIZE
        return Position.decode(os.pread(self._descriptor, _SLOT_SIZE, offset))

    def _write(self, number: int, data: bytes) -> None:
        os.pwrite(self._descriptor, data, (number - 1) * _SLOT_SIZE)
