"""
Files: appended to, whole lines at a time.
"""

from __future__ import annotations

import errno
import math
import os
import stat
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from typing import ClassVar, Final

from attrs import define, field
from twisted.logger import Logger
from zope.interface import implementer

from logrecv.outputs.files.archive import (
    syncDirectory,
)
from logrecv.outputs.files.rotation import (
    NoRotation,
    Rotation,
)
from logrecv.outputs.writers import IBlockingWriter

#: Permissions of a file that is made, unless C{mode=} says otherwise: records
#: may hold what is not for everybody.
DEFAULT_MODE: Final = 0o640


#: C{sync=}: seconds that what was written may stay unsynced.  Half of the 100 ms
#: that are promised, since a thread may wake up late.  While the file is synced
#: nothing is written, so a slow disk puts no more at risk.
SYNC_DELAYS: Final = {"none": math.inf, "interval": 0.05, "always": 0.0}


@implementer(IBlockingWriter)
@define(eq=False)
class FileWriter:
    """
    Appends to a file.

    A file holds whole lines only: where a write ends in the middle of one, what
    there is of the line is taken back until it can be written whole.

    A FIFO is written to while somebody reads it; until then the records wait.

    Other processes may write to the file too, under the same lock.

    @ivar path: The absolute path of the file.
    @ivar mode: Its permissions, if it has to be made.
    @ivar syncDelay: Seconds that what was written may stay unsynced: 0 for not
        until the write returns, infinite for as long as the system likes.
    @ivar rotation: Says when to go on in another file.
    @ivar clock: Gives the time, in seconds.
    @ivar lock: Keeps other processes out while this one is at work.
    """

    _log: ClassVar[Logger] = Logger()

    path: str
    mode: int = DEFAULT_MODE
    syncDelay: float = math.inf
    rotation: Rotation = field(factory=NoRotation)
    clock: Callable[[], float] = time.monotonic
    lock: AbstractContextManager[None] = field(factory=nullcontext)
    _descriptor: int | None = field(default=None, init=False)
    #: Whether it is a file, and no device or FIFO.
    _regular: bool = field(default=False, init=False)
    #: Bytes that the file had when this process last wrote to it or opened it.
    _size: int = field(default=0, init=False)
    #: Whether the file ends in a line that somebody else left unfinished.
    _torn: bool = field(default=False, init=False)
    #: Bytes of the current write that attempts which failed have put there.
    _done: int = field(default=0, init=False)
    #: How many of them are whole lines.
    _whole: int = field(default=0, init=False)
    #: How many of them are synced, or in another file.
    _safe: int = field(default=0, init=False)
    #: When the oldest byte was written that is not synced.
    _unsynced: float | None = field(default=None, init=False)
    #: Whether the name of the file may not survive a power cut.
    _unlisted: bool = field(default=False, init=False)
    _syncFailed: bool = field(default=False, init=False)

    def open(self) -> None:
        """
        See L{IBlockingWriter.open}.
        """
        try:
            self._use(self._open())
        except OSError as error:
            if error.errno != errno.ENXIO or not _isFIFO(self.path):
                raise
        self.rotation.start()

    def write(self, data: bytes) -> None:
        """
        See L{IBlockingWriter.write}.
        """
        with self.lock:
            while self._done < len(data):
                descriptor, end = self._makeRoom(data)
                self._append(descriptor, data, end)
            if self._isSyncDue():
                self._syncOrTakeBack()
        self._done = self._whole = self._safe = 0

    def housekeeping(self) -> float | None:
        """
        Do what is due though there is nothing to write.  Does not raise.

        @return: Seconds after which to call this again, if nothing is written
            until then; L{None} for never.
        """
        if self._descriptor is None:
            return None
        try:
            if self._isSyncDue():
                self._sync()
            if self._regular and self._done == self._whole:
                with self.lock:
                    self._rotateIfDue()
        except OSError as error:
            self._reportSync(error)
        waits = [self.rotation.wait()]
        if self._unsynced is not None and self.syncDelay > 0:
            waits.append(max(self._unsynced + self.syncDelay - self.clock(), 0.0))
        return min((wait for wait in waits if wait is not None), default=None)

    def reopen(self) -> None:
        """
        See L{IBlockingWriter.reopen}.
        """
        try:
            descriptor = self._open()
        except OSError as error:
            self._log.error(
                "cannot reopen {path}: {error}", path=self.path, error=error
            )
            return
        self._leave()
        self._use(descriptor)

    def close(self) -> None:
        """
        See L{IBlockingWriter.close}.
        """
        self._leave()
        self.rotation.stop()

    def _rotateIfDue(self) -> None:
        """
        Rotate a file to which nothing is being written.

        @raise OSError: As L{_rotate}.
        """
        status = os.fstat(self._current())
        if self.rotation.remaining(status.st_size) == 0:
            self._rotate(status)

    def _open(self) -> int:
        """
        Open the file, and make it if it is not there.

        @return: The descriptor.
        @raise OSError: It cannot be had; ENXIO where it is a FIFO that nobody
            reads.
        """
        # Without O_NONBLOCK, opening a FIFO waits for a reader.
        flags = os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC | os.O_NOCTTY | os.O_NONBLOCK
        try:
            descriptor = os.open(self.path, flags)
        except FileNotFoundError:
            descriptor = os.open(self.path, flags | os.O_CREAT, self.mode)
            # Not what the umask leaves of it, and twistd sets a strict one.
            with suppress(OSError):
                os.fchmod(descriptor, self.mode)
            self._unlisted = True
        os.set_blocking(descriptor, True)
        return descriptor

    def _use(self, descriptor: int) -> None:
        status = os.fstat(descriptor)
        self._descriptor = descriptor
        self._regular = stat.S_ISREG(status.st_mode)
        self._size = status.st_size
        self._torn = self._endsTorn(status)
        if self._regular:
            self.rotation.begin(status)

    def _leave(self) -> None:
        """
        Let go of the file.
        """
        if self._descriptor is None:
            return
        try:
            if self._unsynced is not None:
                self._sync()
        except OSError as error:
            self._reportSync(error)
        descriptor, self._descriptor = self._descriptor, None
        self._unsynced = None
        # What comes after is another file, or another reader of the FIFO: it
        # gets the line that was not finished here from its start.
        self._done = self._safe = self._whole
        os.close(descriptor)

    def _makeRoom(self, data: bytes) -> tuple[int, int]:
        """
        Make sure that there is a file to which the next line may be written.

        @return: Its descriptor, and up to where the data goes there: the end of
            a line.
        @raise OSError: There is no such file.
        """
        while True:
            descriptor = self._current()
            status = os.fstat(descriptor)
            if self._regular and status.st_size != self._size:
                self._lookAgain(status)
            line = data.find(b"\n", self._done) + 1 or len(data)
            if self._done > self._whole:
                return descriptor, line
            if not self._regular:
                return descriptor, len(data)
            if self._torn:
                self._size += os.write(descriptor, b"\n")
                self._torn = False
            remaining = self.rotation.remaining(status.st_size)
            if remaining >= len(data) - self._done:
                return descriptor, len(data)
            # A line that is longer than any file may be gets a file of its own.
            if line - self._done <= remaining or status.st_size == 0:
                end = data.rfind(b"\n", self._done, self._done + remaining) + 1
                return descriptor, max(end, line)
            self._rotate(status)

    def _current(self) -> int:
        """
        Give the descriptor of the file; of the new one, where another process
        has rotated it: the old one may be compressed at any moment.

        @raise OSError: It cannot be opened.
        """
        descriptor = self._descriptor
        if descriptor is not None and self._regular:
            if not self.rotation.wasReplaced(descriptor):
                return descriptor
            self._leave()
        if self._descriptor is None:
            self._use(self._open())
        assert self._descriptor is not None
        return self._descriptor

    def _lookAgain(self, status: os.stat_result) -> None:
        """
        Take note of what others have written, or taken back, since this process
        last looked.  Whoever was killed there may have left a line unfinished;
        one that this process could not finish is begun anew.
        """
        self._size = status.st_size
        self._torn = self._endsTorn(status)
        self._done = self._whole

    def _append(self, descriptor: int, data: bytes, end: int) -> None:
        """
        Append what was not written yet of the data, up to an end.

        @raise OSError: Not all of it could be written.  What could is whole
            lines, if that was possible.
        """
        if self._unsynced is None and self._regular and self.syncDelay < math.inf:
            self._unsynced = self.clock()
        view = memoryview(data)
        try:
            while self._done < end:
                written = os.write(descriptor, view[self._done : end])
                self._done += written
                self._size += written
        except OSError as error:
            self._whole = data.rfind(b"\n", 0, self._done) + 1
            if error.errno == errno.EPIPE:
                self._leave()
            else:
                self._takeBack(descriptor, self._whole)
            raise
        self._whole = self._done

    def _rotate(self, status: os.stat_result) -> None:
        """
        Go on in another file, where that is possible.

        @raise OSError: It is not, and in this one neither.
        """
        assert self._descriptor is not None
        if self._unsynced is not None:
            self._syncOrTakeBack()
        try:
            descriptor = self.rotation.rotate(status, self._open)
        except OSError:
            self._leave()
            raise
        if descriptor is not None:
            self._leave()
            self._use(descriptor)

    def _isSyncDue(self) -> bool:
        if self._unsynced is None:
            return False
        # A clock that was set back makes it due, too.
        return not 0 <= self.clock() - self._unsynced < self.syncDelay

    def _sync(self) -> None:
        """
        Make sure that what was written survives a power cut.

        @raise OSError: That cannot be had.
        """
        assert self._descriptor is not None
        # Also where it fails: the next attempt waits for its time.
        self._unsynced = self.clock()
        os.fsync(self._descriptor)
        if self._unlisted:
            syncDirectory(os.path.dirname(self.path))
            self._unlisted = False
        self._unsynced = None
        self._syncFailed = False
        self._safe = self._done

    def _syncOrTakeBack(self) -> None:
        """
        Sync what was written.

        @raise OSError: That cannot be had.  What was written of the current
            data is taken back, if that is possible: the system may say that
            all is well the next time, without having written it.
        """
        assert self._descriptor is not None
        try:
            self._sync()
        except OSError:
            self._takeBack(self._descriptor, self._safe)
            raise

    def _reportSync(self, error: OSError) -> None:
        if not self._syncFailed:
            self._syncFailed = True
            self._log.error(
                "cannot sync {path}: {error}; what was written last may not "
                "survive a power cut",
                path=self.path,
                error=error,
            )

    def _endsTorn(self, status: os.stat_result) -> bool:
        """
        Whether a file ends in something other than a line feed.
        """
        if not stat.S_ISREG(status.st_mode) or status.st_size == 0:
            return False
        try:
            with open(self.path, "rb") as file:
                file.seek(-1, os.SEEK_END)
                return file.read(1) != b"\n"
        except OSError:
            return False

    def _takeBack(self, descriptor: int, keep: int) -> None:
        """
        Cut off what was written of the current data.  Where that cannot be, or
        somebody else has written since, it stays, and the next attempt goes on
        after it.

        @param keep: How many bytes of the data stay.
        """
        if self._done == keep:
            return
        with suppress(OSError):
            end = os.lseek(descriptor, 0, os.SEEK_CUR)
            if os.fstat(descriptor).st_size == end:
                os.ftruncate(descriptor, end - (self._done - keep))
                self._size = end - (self._done - keep)
                self._done = self._whole = keep


def _isFIFO(path: str) -> bool:
    return stat.S_ISFIFO(os.stat(path).st_mode)
