"""
Files: appended to, whole lines at a time.
"""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from typing import ClassVar, Final

from attrs import define, field
from twisted.logger import Logger
from zope.interface import implementer

from logrecv.descriptions import Description, DescriptionError, fileMode
from logrecv.formats import encodeJSON, makeText
from logrecv.interfaces import IRecordSink
from logrecv.outputs.parser import COMMON_KEYWORDS, Surroundings, takeFormat
from logrecv.outputs.queue import (
    KEYWORDS,
    Capacity,
    DaemonThread,
    IBlockingWriter,
    QueuedSink,
    ThreadedWriter,
)

#: Permissions of a file that is made, unless C{mode=} says otherwise: records
#: may hold what is not for everybody.
DEFAULT_MODE: Final = 0o640


@implementer(IBlockingWriter)
@define(eq=False)
class FileWriter:
    """
    Appends to a file.

    A file holds whole lines only: where a write ends in the middle of one, what
    there is of the line is taken back until it can be written whole.

    A FIFO is written to while somebody reads it; until then the records wait.

    @ivar path: The absolute path of the file.
    @ivar mode: Its permissions, if it has to be made.
    """

    _log: ClassVar[Logger] = Logger()

    path: str
    mode: int = DEFAULT_MODE
    _descriptor: int | None = field(default=None, init=False)
    #: Whether the file ends in a line that somebody else left unfinished.
    _torn: bool = field(default=False, init=False)
    #: Bytes of the current write that attempts which failed have put there.
    _done: int = field(default=0, init=False)
    #: How many of them are whole lines.
    _whole: int = field(default=0, init=False)

    def open(self) -> None:
        """
        See L{IBlockingWriter.open}.
        """
        try:
            self._use(self._open())
        except OSError as error:
            if error.errno != errno.ENXIO or not _isFIFO(self.path):
                raise

    def write(self, data: bytes) -> None:
        """
        See L{IBlockingWriter.write}.
        """
        if self._descriptor is None:
            self._use(self._open())
        assert self._descriptor is not None
        if self._torn:
            os.write(self._descriptor, b"\n")
            self._torn = False
        view = memoryview(data)
        try:
            while self._done < len(data):
                self._done += os.write(self._descriptor, view[self._done :])
        except OSError as error:
            self._whole = data.rfind(b"\n", 0, self._done) + 1
            if error.errno == errno.EPIPE:
                self.close()
            else:
                self._takeBack(self._descriptor)
            raise
        self._done = self._whole = 0

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
        self.close()
        self._use(descriptor)

    def close(self) -> None:
        """
        See L{IBlockingWriter.close}.
        """
        if self._descriptor is not None:
            descriptor, self._descriptor = self._descriptor, None
            # What comes after is another file, or another reader of the FIFO:
            # it gets the line that was not finished here from its start.
            self._done = self._whole
            os.close(descriptor)

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
        os.set_blocking(descriptor, True)
        return descriptor

    def _use(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._torn = self._endsTorn(descriptor)

    def _endsTorn(self, descriptor: int) -> bool:
        """
        Whether a file ends in something other than a line feed.
        """
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_size == 0:
            return False
        try:
            with open(self.path, "rb") as file:
                file.seek(-1, os.SEEK_END)
                return file.read(1) != b"\n"
        except OSError:
            return False

    def _takeBack(self, descriptor: int) -> None:
        """
        Cut off what was written of a line that could not be finished.  Where
        that cannot be, or somebody else has written since, the next attempt
        finishes the line.
        """
        if self._done == self._whole:
            return
        with suppress(OSError):
            end = os.lseek(descriptor, 0, os.SEEK_CUR)
            if os.fstat(descriptor).st_size == end:
                os.ftruncate(descriptor, end - (self._done - self._whole))
                self._done = self._whole


def _isFIFO(path: str) -> bool:
    return stat.S_ISFIFO(os.stat(path).st_mode)


def _usablePath(text: str) -> str:
    """
    Convert the path of a file, relative to where the process is now: a runner
    may go elsewhere before it starts the service.

    @raise ValueError: It is sure that nothing can be written there.
    """
    path = os.path.abspath(text)
    directory = os.path.dirname(path)
    if os.path.isdir(path):
        raise ValueError("it is a directory; give the path of a file in it")
    if os.path.exists(path):
        if not os.access(path, os.W_OK):
            raise ValueError("the file may not be written to")
    elif not os.path.isdir(directory):
        raise ValueError(f"there is no directory {directory}; make it first")
    elif not os.access(directory, os.W_OK | os.X_OK):
        raise ValueError(f"no file may be made in {directory}")
    return path


def parseFile(description: Description, surroundings: Surroundings) -> IRecordSink:
    """
    Make the sink of
    C{file:PATH[:format=json|text][:text=TEMPLATE][:mode=640][:queue=SIZE][:full=drop|pause]}.

    A relative path is relative to where the process is now, and C{~} is no
    more than a character.

    @raise logrecv.descriptions.DescriptionError: The description cannot be
        used.
    """
    path = description.takePositional("PATH", _usablePath)
    mode = description.takeKeyword("mode", fileMode, DEFAULT_MODE)
    formats = {"json": encodeJSON, "text": makeText()}
    encode = takeFormat(description, formats, "json")
    capacity = Capacity.take(description, full="pause")
    thread = DaemonThread(surroundings.reactor, surroundings.tally.output)
    writer = ThreadedWriter(FileWriter(path, mode), thread)
    description.finish((*KEYWORDS, *COMMON_KEYWORDS, "format", "text", "mode"))
    real = os.path.realpath(path)
    if real in surroundings.paths:
        raise DescriptionError(f"another output writes to {path}; give each its own")
    surroundings.paths.add(real)
    return QueuedSink(
        encode, writer, surroundings.reactor, surroundings.tally, capacity
    )
