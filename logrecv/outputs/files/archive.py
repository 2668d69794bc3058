"""
The archive of a file: the files that were moved away are compressed, and removed
when they are no longer kept, in a thread of their own.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from functools import partial as bind
from threading import Event, Thread
from typing import BinaryIO, ClassVar, Final

from attrs import define, field
from twisted.logger import Logger

from logrecv.memory import giveBackMemory
from logrecv.outputs.files.compression import Compression
from logrecv.outputs.files.names import PARTIAL, RotatedFile, findRotated
from logrecv.outputs.files.retention import Retention, keepAll
from logrecv.paths import openPrivate, syncDirectory

#: Bytes that are compressed between two checks for a stop.
COMPRESS_SIZE: Final = 256 * 1024

#: Seconds that stopping waits for the thread.  The wait must not use up the time
#: that L{logrecv.outputs.queue.sink.CLOSE_TIMEOUT} gives to closing the file.
ARCHIVE_STOP_TIMEOUT: Final = 0.5

#: Seconds from an attempt that failed to the next attempt.
ARCHIVE_RETRY_DELAY: Final = 60.0

#: Seconds between two searches for files that have become too old, though
#: nothing was rotated.
PATROL_DELAY: Final = 3600.0


class _Stopped(Exception):
    """
    There is no time to finish a file.
    """


@define(eq=False)
class Archive:
    """
    Cleans up a directory in a thread of its own: never in the reactor's thread,
    and never in the writer's.  The end of the process does not wait for the
    thread.

    The archive remembers nothing: each time, it reads from the directory which
    files to compress and to remove.  So work that a crash, a full disk or a stop
    left undone is done the next time.

    @ivar directory: The directory.
    @ivar base: The name of the file that is rotated in the directory.
    @ivar clock: Returns the time, in seconds since the epoch.
    @ivar retention: Chooses the files to remove.
    @ivar compression: How to compress, if at all.
    @ivar lock: Keeps out other processes that clean up the same files.
    """

    _log: ClassVar[Logger] = Logger()

    directory: str
    base: str
    clock: Callable[[], float]
    retention: Retention = keepAll
    compression: Compression | None = None
    lock: AbstractContextManager[None] = field(factory=nullcontext)
    _thread: Thread | None = field(default=None, init=False)
    _wanted: Event = field(factory=Event, init=False)
    _stopping: Event = field(factory=Event, init=False)
    _failing: bool = field(default=False, init=False)

    def start(self) -> None:
        """
        Start the thread, with the work that was left undone before.
        """
        self._wanted.set()
        self._thread = Thread(
            target=self._work, name=f"archive of {self.base}", daemon=True
        )
        self._thread.start()

    def cleanUp(self) -> None:
        """
        Compress and remove files soon, in the thread.
        """
        self._wanted.set()

    def stop(self) -> None:
        """
        End the thread, whatever is left undone.  Takes no longer than
        L{ARCHIVE_STOP_TIMEOUT}.
        """
        self._stopping.set()
        self._wanted.set()
        if self._thread is not None:
            self._thread.join(ARCHIVE_STOP_TIMEOUT)

    def _work(self) -> None:
        while not self._stopping.is_set():
            self._wanted.clear()
            with self.lock:
                self.cleanUpNow()
            self._wanted.wait(ARCHIVE_RETRY_DELAY if self._failing else PATROL_DELAY)

    def cleanUpNow(self) -> None:
        """
        Compress and remove files, in this thread.  Does not raise: a failure is
        logged once, until everything could be done again.
        """
        failed = False
        try:
            for step in self._plan():
                failed = not self._try(step) or failed
        except _Stopped:
            return
        except OSError as error:
            failed = True
            self._report(error)
        self._failing = failed

    def _try(self, step: Callable[[], None]) -> bool:
        if self._stopping.is_set():
            raise _Stopped
        try:
            step()
        except _Stopped:
            raise
        except Exception as error:
            self._report(error)
            return False
        return True

    def _report(self, error: Exception) -> None:
        if not self._failing:
            self._failing = True
            self._log.error(
                "cannot clean up after {base}: {error}; will try again",
                base=self.base,
                error=error,
            )

    def _plan(self) -> list[Callable[[], None]]:
        """
        List the steps to take.  Steps that free space come first.
        """
        found = findRotated(self.directory, self.base)
        stamps = sorted({each.stamp for each in found if not each.partial})
        surplus = set(self.retention(stamps, self.clock()))
        steps: list[Callable[[], None]] = [
            bind(self._remove, each)
            for each in found
            if each.partial or each.stamp in surplus
        ]
        if self.compression is not None:
            # A crash may have come between the compression of a file and its
            # removal.  Such a file is compressed once more: nobody has to find
            # out how far the first compression came.
            steps += [
                bind(self._compress, each, self.compression)
                for each in found
                if not each.suffix and each.stamp not in surplus
            ]
        return steps

    def _path(self, name: str) -> str:
        return os.path.join(self.directory, name)

    def _remove(self, rotated: RotatedFile) -> None:
        with suppress(FileNotFoundError):
            os.unlink(self._path(rotated.name))

    def _compress(self, rotated: RotatedFile, compression: Compression) -> None:
        """
        Put a compressed file in the place of another.  At each moment one of
        the two is there, whole, and after a power cut too.
        """
        path = self._path(rotated.name)
        target = path + compression.suffix
        partial = target + PARTIAL
        try:
            with (
                open(path, "rb") as source,
                open(partial, "xb", opener=openPrivate) as file,
            ):
                self._copy(source, file, compression)
            os.rename(partial, target)
        except BaseException:
            with suppress(OSError):
                os.unlink(partial)
            raise
        syncDirectory(self.directory)
        os.unlink(path)
        giveBackMemory()

    def _copy(self, source: BinaryIO, file: BinaryIO, compression: Compression) -> None:
        """
        Compress a file into another, which gets the same permissions and time.
        """
        status = os.fstat(source.fileno())
        os.fchmod(file.fileno(), status.st_mode & 0o777)
        with compression.compressor(file) as compressed:
            while data := source.read(COMPRESS_SIZE):
                if self._stopping.is_set():
                    raise _Stopped
                compressed.write(data)
        file.flush()
        os.utime(file.fileno(), ns=(status.st_atime_ns, status.st_mtime_ns))
        os.fsync(file.fileno())
