"""
What becomes of files that were moved away: they are compressed, and removed
when they are not kept any more.
"""

from __future__ import annotations

import gzip
import os
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from threading import Event, Thread
from typing import Any, BinaryIO, ClassVar, Final, TypeAlias

from attrs import define, field, frozen
from twisted.logger import Logger

from logrecv.outputs.files.rotation import (
    PARTIAL,
    Retention,
    Rotated,
    findRotated,
    keepAll,
)

#: Bytes that are compressed between two looks at whether to stop.
CHUNK: Final = 256 * 1024

#: Seconds that stopping waits for the thread.  It must not use up what
#: L{logrecv.outputs.queue.sink.CLOSE_TIMEOUT} gives to closing the file.
STOP_TIMEOUT: Final = 0.5

#: Seconds from an attempt that failed to the next one.
RETRY_DELAY: Final = 60.0

#: Seconds after which to look for files that have become too old, though
#: nothing was rotated.
PATROL: Final = 3600.0

#: The level of gzip: the one of its command.  zlib's best takes three times as
#: long for two percent.
GZIP_LEVEL: Final = 6

#: Makes of a file one that compresses what is written to it, and that leaves
#: the file open when it is closed.
Compressor: TypeAlias = Callable[[BinaryIO], AbstractContextManager[Any]]


@frozen
class Compression:
    """
    A way to compress.

    @ivar suffix: What it adds to names.
    @ivar compressor: Compresses.
    """

    suffix: str
    compressor: Compressor


def _gzip(file: BinaryIO) -> AbstractContextManager[Any]:
    # The name and time of the file are those of the archive: none are needed
    # in it.
    return gzip.GzipFile("", "wb", GZIP_LEVEL, file, 0)


def _zstd() -> Compression:
    try:
        from zstandard import ZstdCompressor
    except ImportError:
        raise ValueError(
            "zstandard is not installed; pip install logrecv[zstd]"
        ) from None

    def compressor(file: BinaryIO) -> AbstractContextManager[Any]:
        writer: AbstractContextManager[Any] = ZstdCompressor(
            write_checksum=True
        ).stream_writer(file, closefd=False)
        return writer

    return Compression(".zst", compressor)


def takeCompression(text: str) -> Compression:
    """
    Convert C{compress=}.

    @raise ValueError: It is not known, or what it needs is not installed.
    """
    if text == "gzip":
        return Compression(".gz", _gzip)
    if text == "zstd":
        return _zstd()
    raise ValueError("must be one of gzip, zstd")


def syncDirectory(path: str) -> None:
    """
    Make sure that the names in a directory survive a power cut.

    @raise OSError: That cannot be had.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _openPrivate(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


class _Stopped(Exception):
    """
    There is no time to finish this.
    """


@define(eq=False)
class BackgroundArchive:
    """
    Tidies up a directory in a thread of its own: never that of the reactor, and
    never that of the writer.  The end of the process does not wait for it.

    What is to be done is read from the directory each time.  So nothing has to
    be remembered: whatever a crash, a full disk or a stop left undone is done
    the next time.

    @ivar directory: The directory.
    @ivar base: The name of the file that is rotated in it.
    @ivar keep: Chooses what to remove.
    @ivar compression: How to compress, if at all.
    @ivar clock: Gives the time, in seconds since the epoch.
    @ivar lock: Keeps other processes out that tidy up the same.
    """

    _log: ClassVar[Logger] = Logger()

    directory: str
    base: str
    clock: Callable[[], float]
    keep: Retention = keepAll
    compression: Compression | None = None
    lock: AbstractContextManager[None] = field(factory=nullcontext)
    _thread: Thread | None = field(default=None, init=False)
    _wanted: Event = field(factory=Event, init=False)
    _stopping: Event = field(factory=Event, init=False)
    _failing: bool = field(default=False, init=False)

    def start(self) -> None:
        """
        See L{logrecv.outputs.files.rotation.Archive.start}.
        """
        self._wanted.set()
        self._thread = Thread(
            target=self._work, name=f"archive of {self.base}", daemon=True
        )
        self._thread.start()

    def cleanUp(self) -> None:
        """
        See L{logrecv.outputs.files.rotation.Archive.cleanUp}.
        """
        self._wanted.set()

    def stop(self) -> None:
        """
        See L{logrecv.outputs.files.rotation.Archive.stop}.  Takes no longer than
        L{STOP_TIMEOUT}.
        """
        self._stopping.set()
        self._wanted.set()
        if self._thread is not None:
            self._thread.join(STOP_TIMEOUT)

    def _work(self) -> None:
        while not self._stopping.is_set():
            self._wanted.clear()
            with self.lock:
                self.cleanUpNow()
            self._wanted.wait(RETRY_DELAY if self._failing else PATROL)

    def cleanUpNow(self) -> None:
        """
        Do all there is to be done.  Does not raise: what cannot be done is
        reported once, until everything could be done again.
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
                "cannot tidy up after {base}: {error}; it is tried again",
                base=self.base,
                error=error,
            )

    def _plan(self) -> list[Callable[[], None]]:
        """
        Find out what is to be done.  What makes room comes first.
        """
        found = findRotated(self.directory, self.base)
        stamps = sorted({each.stamp for each in found if not each.partial})
        surplus = set(self.keep(stamps, self.clock()))
        unwanted = [each for each in found if each.partial or each.stamp in surplus]
        steps = [self._step(self._remove, each) for each in unwanted]
        if self.compression is not None:
            # One that has been compressed already was left by a crash before
            # its removal: it is compressed once more, and nobody has to find
            # out how far the crash let it come.
            steps += [
                self._step(self._compress, each)
                for each in found
                if not each.suffix and each.stamp not in surplus
            ]
        return steps

    def _step(
        self, function: Callable[[Rotated], None], rotated: Rotated
    ) -> Callable[[], None]:
        return lambda: function(rotated)

    def _path(self, name: str) -> str:
        return os.path.join(self.directory, name)

    def _remove(self, rotated: Rotated) -> None:
        with suppress(FileNotFoundError):
            os.unlink(self._path(rotated.name))

    def _compress(self, rotated: Rotated) -> None:
        """
        Put a compressed file in the place of another.  At each moment one of
        them is there, whole, and after a power cut too.
        """
        assert self.compression is not None
        path = self._path(rotated.name)
        target = path + self.compression.suffix
        partial = target + PARTIAL
        try:
            with (
                open(path, "rb") as source,
                open(partial, "xb", opener=_openPrivate) as file,
            ):
                self._copy(source, file)
            os.rename(partial, target)
        except BaseException:
            with suppress(OSError):
                os.unlink(partial)
            raise
        syncDirectory(self.directory)
        os.unlink(path)

    def _copy(self, source: BinaryIO, file: BinaryIO) -> None:
        """
        Compress a file into another, which gets the same permissions and time.
        """
        assert self.compression is not None
        status = os.fstat(source.fileno())
        os.fchmod(file.fileno(), status.st_mode & 0o777)
        with self.compression.compressor(file) as compressed:
            while chunk := source.read(CHUNK):
                if self._stopping.is_set():
                    raise _Stopped
                compressed.write(chunk)
        file.flush()
        os.utime(file.fileno(), ns=(status.st_atime_ns, status.st_mtime_ns))
        os.fsync(file.fileno())
