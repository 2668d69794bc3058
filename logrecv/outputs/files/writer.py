"""
The writer of a file: appends whole lines.
"""

from __future__ import annotations

import errno
import math
import os
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import ClassVar, Final

from attrs import Factory, define, field
from twisted.logger import Logger
from zope.interface import implementer

from logrecv.outputs.chunk import Chunk
from logrecv.outputs.files.appending import AppendedFile, isFIFO, openForAppending
from logrecv.outputs.files.claim import claim
from logrecv.outputs.files.positions import Position, Positions
from logrecv.outputs.files.resuming import Progress, Resumption
from logrecv.outputs.files.rotation import Rotation
from logrecv.outputs.files.syncing import FileSync
from logrecv.outputs.writers import IResumingWriter

#: Permissions of a new file, unless C{mode=} says otherwise: records may hold
#: secrets.
DEFAULT_MODE: Final = 0o640


@implementer(IResumingWriter)
@define(eq=False)
class FileWriter:
    r"""
    Appends to a file::

        writer = FileWriter("/var/log/app.log", syncDelay=0.0)
        writer.open()
        writer.write(b"one line\n")
        writer.close()

    A file holds whole lines only: a write that ends in the middle of a line is
    taken back to the end of the last line, until the line can be written whole.

    A FIFO is written to while somebody reads it; until then the records wait.

    Other processes may write to the file too, under the same lock.

    @ivar path: The absolute path of the file.
    @ivar mode: The permissions of a new file.
    @ivar syncDelay: Seconds that data may stay unsynced: 0 for syncing before
        the write returns, infinite for as long as the system likes.
    @ivar rotation: Tells when to go on in another file.
    @ivar clock: Returns the time, in seconds.
    @ivar service: The number of the service that claims the file: see
        L{logrecv.outputs.files.claim}; 0 for no claim.
    @ivar lock: Keeps other processes out while this one is at work.
    @ivar positions: Notes where each chunk is appended.
    """

    _log: ClassVar[Logger] = Logger()

    path: str
    mode: int = DEFAULT_MODE
    syncDelay: float = math.inf
    rotation: Rotation = field(
        default=Factory(lambda self: Rotation(self.path), takes_self=True)
    )
    clock: Callable[[], float] = time.monotonic
    lock: AbstractContextManager[None] = field(factory=nullcontext)
    service: int = 0
    positions: Positions | None = None
    #: The name of the chunk that is being written; empty before the first.
    _chunk: str = field(default="", init=False)
    _file: AppendedFile | None = field(default=None, init=False)
    _progress: Progress = field(factory=Progress, init=False)
    _sync: FileSync = field(
        default=Factory(
            lambda self: FileSync(self.path, self.syncDelay, self.clock),
            takes_self=True,
        ),
        init=False,
    )

    def open(self) -> None:
        if self.positions is not None:
            self.positions.open()
            self.rotation.moving = self.positions.rename
        try:
            self._use(self._open())
        except OSError as error:
            if error.errno != errno.ENXIO or not isFIFO(self.path):
                raise
        self.rotation.start()

    def writeChunk(self, chunk: Chunk) -> None:
        isFirst, self._chunk = not self._chunk, chunk.id
        if isFirst and self.positions is not None:
            with self.lock:
                position = self.positions.last()
                if position is not None and position.chunk == chunk.id:
                    self._resume(chunk.data, position)
        self.write(chunk.data)

    def write(self, data: bytes) -> None:
        with self.lock:
            while self._progress.done < len(data):
                file, end = self._makeRoom(data)
                self._append(file, data, end)
            if self._file is not None and self._sync.isDue():
                self._syncOrTakeBack(self._file)
        self._progress = Progress()

    def housekeeping(self) -> float | None:
        """
        Sync and rotate the file if that is due, though there is nothing to
        write.  Does not raise.

        @return: Seconds after which to call this again, if nothing is written
            until then; L{None} for never.
        """
        if self._file is None:
            return None
        try:
            if self._sync.isDue():
                self._syncNow(self._file)
            if self._file.isRegular and self._progress.done == self._progress.whole:
                with self.lock:
                    self._rotateIfDue()
        except OSError as error:
            self._sync.report(error)
        delays = (self.rotation.checkDelay(), self._sync.checkDelay())
        return min((delay for delay in delays if delay is not None), default=None)

    def reopen(self) -> None:
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
        self._leave()
        self.rotation.stop()
        if self.positions is not None:
            self.positions.close()

    # -- the file --

    def _open(self) -> int:
        descriptor, isNew = openForAppending(self.path, self.mode)
        if self.service:
            claim(descriptor, self.path, self.service)
        if isNew:
            self._sync.isNameUnsynced = True
        return descriptor

    def _use(self, descriptor: int) -> AppendedFile:
        self._file = file = AppendedFile.make(self.path, descriptor)
        if file.isRegular:
            self.rotation.begin(file.status())
        return file

    def _leave(self) -> None:
        """
        Sync and close the file.
        """
        file = self._file
        if file is None:
            return
        try:
            if self._sync.isPending:
                self._syncNow(file)
        except OSError as error:
            self._sync.report(error)
        self._file = None
        self._sync.abandon()
        # The next file, or the next reader of the FIFO, gets a line that was not
        # finished here from its start.
        progress = self._progress
        progress.done = progress.safe = progress.whole
        os.close(file.descriptor)

    def _current(self) -> AppendedFile:
        """
        Return the file to write to: the new file, if another process has rotated
        the old one, which may be compressed at any moment.

        @raise OSError: The file cannot be opened.
        """
        file = self._file
        if file is not None and file.isRegular:
            if not self.rotation.wasReplaced(file.descriptor):
                return file
            self._leave()
        return self._file or self._use(self._open())

    # -- rotating --

    def _rotateIfDue(self) -> None:
        """
        Rotate a file to which nothing is being written.

        @raise OSError: As L{_rotate}.
        """
        file = self._current()
        status = file.status()
        if self.rotation.remaining(status.st_size) == 0:
            self._rotate(file, status)

    def _rotate(self, file: AppendedFile, status: os.stat_result) -> None:
        """
        Go on in another file, if that is possible.

        @raise OSError: Neither another file can be written to, nor this one.
        """
        if self._sync.isPending:
            self._syncOrTakeBack(file)
        try:
            descriptor = self.rotation.rotate(status, self._open)
        except OSError:
            self._leave()
            raise
        if descriptor is not None:
            self._leave()
            self._use(descriptor)

    # -- appending --

    def _makeRoom(self, data: bytes) -> tuple[AppendedFile, int]:
        """
        Make sure that there is a file to which the next line may be written.

        @return: The file, and the position in the data up to which the file
            takes them: the end of a line.
        @raise OSError: There is no such file.
        """
        progress = self._progress
        while True:
            file = self._current()
            status = file.status()
            if file.isRegular and not status.st_nlink:
                self._log.warn("{path} was removed; going on anew", path=self.path)
                self._leave()
                continue
            if file.lookAgain(status):
                # A line that this process could not finish is begun anew.
                progress.done = progress.whole
            if file.isRegular and self.positions is not None:
                self.positions.endOthers(status)
            lineEnd = data.find(b"\n", progress.done) + 1 or len(data)
            if progress.done > progress.whole:
                return file, lineEnd
            if not file.isRegular:
                return file, len(data)
            file.endTornLine()
            remaining = self.rotation.remaining(status.st_size)
            if remaining >= len(data) - progress.done:
                return file, len(data)
            # A line that is longer than any file may be gets a file of its own.
            if lineEnd - progress.done <= remaining or status.st_size == 0:
                end = data.rfind(b"\n", progress.done, progress.done + remaining) + 1
                return file, max(end, lineEnd)
            self._rotate(file, status)

    def _append(self, file: AppendedFile, data: bytes, end: int) -> None:
        """
        Append the part of the data that was not written yet, up to an end.

        @raise OSError: A part could not be written.  The part that was written
            is whole lines, if that was possible.
        """
        progress = self._progress
        if file.isRegular:
            self._sync.writeBegins()
            if self.positions is not None:
                self.positions.note(self._chunk, progress.done, file.status())
        view = memoryview(data)
        try:
            while progress.done < end:
                progress.done += file.append(view[progress.done : end])
        except OSError as error:
            progress.whole = data.rfind(b"\n", 0, progress.done) + 1
            if error.errno == errno.EPIPE:
                self._leave()
            else:
                self._takeBack(file, progress.whole)
            raise
        progress.whole = progress.done

    def _takeBack(self, file: AppendedFile, keep: int) -> None:
        """
        Cut off a part of the current data that was written.  If the part cannot
        be cut off, or somebody else has written since, it stays, and the next
        attempt goes on after it.

        @param keep: How many bytes of the data stay.
        """
        progress = self._progress
        if progress.done > keep and file.takeBack(progress.done - keep):
            progress.done = progress.whole = keep

    # -- what a kill must not do twice --

    def _resume(self, data: bytes, position: Position) -> None:
        """
        Go on behind the part of a chunk that an earlier process has written.

        @param data: The data of the chunk.
        @param position: The position that the process has noted last.
        """
        resumption = Resumption(self.path, position, self.syncDelay < math.inf)
        self._progress = progress = resumption.progress(data)
        if progress.done == progress.whole:
            return
        file = self._file
        if file is not None and resumption.isEndOf(file.status()):
            # The rest of the line goes behind its beginning.
            file.isTorn = False
        else:
            progress.done = progress.whole

    # -- syncing --

    def _syncNow(self, file: AppendedFile) -> None:
        """
        Make sure that everything that was written survives a power cut.

        @raise OSError: The disk cannot promise that.
        """
        self._sync.sync(file.descriptor)
        self._progress.safe = self._progress.done

    def _syncOrTakeBack(self, file: AppendedFile) -> None:
        """
        Sync the file.

        @raise OSError: The disk cannot promise that.  The unsynced part of the
            current data is taken back, if that is possible: the system may say
            that all is well the next time, without having written it.
        """
        try:
            self._syncNow(file)
        except OSError:
            self._takeBack(file, self._progress.safe)
            raise
