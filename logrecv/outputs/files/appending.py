"""
An open file to which lines are appended.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress

from attrs import define


def openForAppending(path: str, mode: int) -> tuple[int, bool]:
    """
    Open a file for appending, and make the file if there is none.

    @param mode: The permissions of a new file.
    @return: The descriptor, and whether the file is new.
    @raise OSError: The file cannot be opened; ENXIO for a FIFO that nobody
        reads.
    """
    # Without O_NONBLOCK, opening a FIFO waits for a reader.
    flags = os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC | os.O_NOCTTY | os.O_NONBLOCK
    isNew = False
    try:
        descriptor = os.open(path, flags)
    except FileNotFoundError:
        isNew = True
        descriptor = os.open(path, flags | os.O_CREAT, mode)
        # The umask must not take permissions away, and twistd sets a strict one.
        with suppress(OSError):
            os.fchmod(descriptor, mode)
    os.set_blocking(descriptor, True)
    return descriptor, isNew


def isFIFO(path: str) -> bool:
    """
    Return C{True} for the path of a FIFO.

    @raise OSError: There is nothing at the path.
    """
    return stat.S_ISFIFO(os.stat(path).st_mode)


@define(eq=False)
class AppendedFile:
    """
    An open file.  Other processes may append to the file, too.

    @ivar path: The path that the file was opened at.
    @ivar descriptor: The descriptor of the file.
    @ivar isRegular: C{False} for a device or a FIFO.
    @ivar size: Bytes that the file had when this process last looked.
    @ivar isTorn: C{True} if the file ends in a line that somebody else left
        unfinished.
    """

    path: str
    descriptor: int
    isRegular: bool
    size: int
    isTorn: bool

    @classmethod
    def make(cls, path: str, descriptor: int) -> AppendedFile:
        """
        Look at a file that was just opened.
        """
        status = os.fstat(descriptor)
        isRegular = stat.S_ISREG(status.st_mode)
        isTorn = isRegular and _endsTorn(path, status)
        return cls(path, descriptor, isRegular, status.st_size, isTorn)

    def status(self) -> os.stat_result:
        """
        Return the status of the file.
        """
        return os.fstat(self.descriptor)

    def append(self, data: bytes | memoryview) -> int:
        """
        Append data, or the beginning of it.

        @return: How many bytes were appended.
        @raise OSError: Nothing was appended.
        """
        written = os.write(self.descriptor, data)
        self.size += written
        return written

    def endTornLine(self) -> None:
        """
        End a line that somebody else left unfinished.

        @raise OSError: The line feed cannot be appended.
        """
        if self.isTorn:
            self.append(b"\n")
            self.isTorn = False

    def lookAgain(self, status: os.stat_result) -> bool:
        """
        Return C{True} if others have appended to the file, or cut it, since this
        process last looked.  Whoever was killed there may have left a line
        unfinished.
        """
        if not self.isRegular or status.st_size == self.size:
            return False
        self.size = status.st_size
        self.isTorn = _endsTorn(self.path, status)
        return True

    def takeBack(self, count: int) -> bool:
        """
        Cut off the last bytes that this process appended.

        @param count: How many bytes.
        @return: C{False} if somebody else has appended to the file since, or if
            the file cannot be cut: then all bytes stay.
        """
        with suppress(OSError):
            end = os.lseek(self.descriptor, 0, os.SEEK_CUR)
            if self.status().st_size == end:
                os.ftruncate(self.descriptor, end - count)
                self.size = end - count
                return True
        return False


def _endsTorn(path: str, status: os.stat_result) -> bool:
    """
    Return C{True} if a file ends in something other than a line feed.
    """
    if status.st_size == 0:
        return False
    try:
        with open(path, "rb") as file:
            file.seek(-1, os.SEEK_END)
            return file.read(1) != b"\n"
    except OSError:
        return False
