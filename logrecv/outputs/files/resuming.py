"""
Resuming a write that a kill has interrupted: the part of the chunk that is in a file
already is found there, and is not written again.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from io import BufferedReader
from itertools import chain
from typing import BinaryIO, ClassVar, Final

from attrs import define
from twisted.logger import Logger

from logrecv.outputs.files.compression import SUFFIXES, openCompressed
from logrecv.outputs.files.positions import Position

#: Seconds by which the time of a compressed file may be before the time at which the
#: file was last written to: some programs keep whole seconds only.
_TIME_ERROR: Final = 2.0

#: Bytes that are compared at once.
_COMPARE_SIZE: Final = 4096


@define
class Progress:
    """
    The part of the current write that is in the file.  A write that failed is
    attempted again, and goes on from here.

    @ivar done: Bytes that are in the file, or in a file that was rotated
        meanwhile.
    @ivar whole: Bytes of these that are whole lines.
    @ivar safe: Bytes of these that are synced, or in another file.
    """

    done: int = 0
    whole: int = 0
    safe: int = 0

    @classmethod
    def upTo(cls, data: bytes, done: int) -> Progress:
        """
        Make the progress of a write of which a part is in some file.

        @param data: The bytes to write.
        @param done: How many of them are in a file.
        """
        return cls(done, data.rfind(b"\n", 0, done) + 1)


@define(eq=False)
class Resumption:
    """
    The search for a chunk that was being written to a file when the process ended.
    The file may have been rotated and compressed meanwhile, in its directory.

    @ivar path: The path of the file when it was written to.
    @ivar position: The position of the last append.
    @ivar sync: C{True} to sync the file where the chunk is found.
    @ivar end: The position in the file behind the part that was found, in bytes;
        C{None} if no file was found that is not compressed.
    """

    _log: ClassVar[Logger] = Logger()

    path: str
    position: Position
    sync: bool = False
    end: int | None = None

    def progress(self, data: bytes) -> Progress:
        """
        Find out how much of a chunk is in a file.  Does not raise: where the file
        cannot be read, the rest of the chunk may be written twice.

        @param data: The chunk.
        """
        done = self.position.done
        try:
            return Progress.upTo(data, done + self._found(data[done:]))
        except Exception as error:
            self._log.error(
                "cannot find out how much of the last batch is in {path} ({error}); "
                "its records may come twice",
                path=self.path,
                error=error,
            )
            return Progress.upTo(data, done)

    def isEndOf(self, status: os.stat_result) -> bool:
        """
        Return C{True} if the part that was found is the end of a file.

        @param status: The status of the file.
        """
        return self._isNoted(status) and status.st_size == self.end

    def _found(self, data: bytes) -> int:
        """
        Return the number of bytes from the beginning of the data that are in a file.
        """
        for file in chain(self._byName(), self._byInode()):
            with file:
                found = self._matching(file, data)
                if isinstance(file, BufferedReader):
                    self.end = self.position.offset + found
                    if self.sync:
                        os.fsync(file.fileno())
                return found
        for file in self._byTime():
            with file:
                # The file is a likely one.  A whole line is the proof.
                found = data.rfind(b"\n", 0, self._matching(file, data)) + 1
                if found:
                    return found
        return 0

    def _byName(self) -> Iterator[BinaryIO]:
        """
        Open the file under the name that it got when it was rotated.
        """
        if self.position.name:
            path = os.path.join(self._directory, self.position.name)
            with suppress(FileNotFoundError):
                yield self._openPlain(path)
            for suffix in SUFFIXES:
                with suppress(FileNotFoundError):
                    yield openCompressed(path + suffix)

    def _byInode(self) -> Iterator[BinaryIO]:
        """
        Open the file under the name that it has now.
        """
        with os.scandir(self._directory) as entries:
            names = [
                each.name for each in entries if each.inode() == self.position.inode
            ]
        for name in names:
            with suppress(FileNotFoundError):
                file = self._openPlain(os.path.join(self._directory, name))
                if self._isNoted(os.fstat(file.fileno())):
                    yield file
                file.close()

    def _byTime(self) -> Iterator[BinaryIO]:
        """
        Open the files that others have compressed since the position was noted,
        oldest first: compressing keeps the time of the last write.
        """
        base = os.path.basename(os.path.realpath(self.path))
        with os.scandir(self._directory) as entries:
            found = sorted(
                (each.stat().st_mtime, each.path)
                for each in entries
                if each.name.startswith(base) and each.name.endswith(SUFFIXES)
            )
        for time, path in found:
            if time >= self.position.time - _TIME_ERROR:
                with suppress(FileNotFoundError):
                    yield openCompressed(path)

    @property
    def _directory(self) -> str:
        return os.path.dirname(os.path.realpath(self.path))

    def _openPlain(self, path: str) -> BinaryIO:
        # A FIFO of that name must not keep the service waiting.
        flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK
        return os.fdopen(os.open(path, flags), "rb")

    def _isNoted(self, status: os.stat_result) -> bool:
        """
        Return C{True} if a file can be the file that was written to.  The inode may
        have become another file's; a file that is shorter is another file, or one
        that somebody has cut.
        """
        position = self.position
        return position.isIn(status) and status.st_size >= position.offset

    def _matching(self, file: BinaryIO, data: bytes) -> int:
        """
        Return the number of bytes from the beginning of the data that a file has
        behind the position.
        """
        position = self.position
        limit = len(data)
        if position.end is not None:
            limit = min(limit, max(position.end - position.offset, 0))
        file.seek(position.offset)
        found = 0
        while found < limit:
            piece = file.read(min(_COMPARE_SIZE, limit - found))
            wanted = data[found : found + len(piece)]
            if not piece:
                break
            if piece != wanted:
                pairs = enumerate(zip(piece, wanted, strict=True))
                return found + next(i for i, (one, other) in pairs if one != other)
            found += len(piece)
        return found
