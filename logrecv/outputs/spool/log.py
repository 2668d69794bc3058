"""
The write-ahead log of an SQLite database, read without SQLite.

SQLite takes a log with a damaged frame for a log that ends before that frame,
and overwrites the rest.  So this module tells how many frames were committed, and
gives them.

The format is that of U{https://www.sqlite.org/fileformat2.html#walformat}.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from struct import Struct
from typing import Final, NamedTuple

from attrs import frozen

#: Bytes of a page, in the database and in its log.  SQLite's default; with 16 KiB
#: small appends were slower.
PAGE_SIZE: Final = 4096

#: The header of a log: magic number, version, page size, number of the checkpoint,
#: two salts, and two checksums.
_LOG_HEADER: Final = Struct(">8I")

#: The header of a frame: number of the page, pages of the database if the frame is
#: the last of a transaction (else 0), two salts, and two checksums.
_FRAME_HEADER: Final = Struct(">6I")

#: Bytes of a frame.
_FRAME_SIZE: Final = _FRAME_HEADER.size + PAGE_SIZE

#: The magic number of a log whose checksums are computed from little-endian words;
#: and of a log with big-endian words.
_WORDS: Final = {0x377F0682: Struct("<6I"), 0x377F0683: Struct(">6I")}


class Frame(NamedTuple):
    """
    A page in a log.

    @ivar number: The number of the frame, from 0 on.
    @ivar page: The number of the page in the database, from 1 on.
    @ivar offset: The position of the page in the log, in bytes.
    @ivar commits: C{True} if the frame is the last of a transaction.
    """

    number: int
    page: int
    offset: int
    commits: bool

    @property
    def end(self) -> int:
        """
        The position behind the page, in bytes.
        """
        return self.offset + PAGE_SIZE


@frozen(eq=False)
class WriteAheadLog:
    """
    A write-ahead log, as it is on disk.

    @ivar data: The bytes of the log.
    """

    data: bytes

    @classmethod
    def read(cls, path: str) -> WriteAheadLog:
        """
        Read a log.

        @param path: The path of the log; a file that does not exist is an empty
            log.
        @raise OSError: The log cannot be read.
        """
        with suppress(FileNotFoundError), open(path, "rb") as file:
            return cls(file.read())
        return cls(b"")

    @property
    def committed(self) -> int:
        """
        The number of frames up to the last frame that ends a transaction.
        """
        return max(
            (frame.number + 1 for frame in self._whole() if frame.commits), default=0
        )

    @property
    def isCut(self) -> bool:
        """
        C{True} if the log ends in the middle of the last page of a transaction.
        """
        return any(
            frame.commits and frame.end > len(self.data) for frame in self._current()
        )

    def frames(self) -> Iterator[Frame]:
        """
        Give the frames that were committed since the log was last emptied.
        """
        committed = self.committed
        for frame in self._whole():
            if frame.number < committed:
                yield frame

    def _whole(self) -> Iterator[Frame]:
        for frame in self._current():
            if frame.end <= len(self.data):
                yield frame

    def _current(self) -> Iterator[Frame]:
        """
        Give the frames that are no left-overs from before the log was last
        emptied.  The last frame may be cut.
        """
        current = self._salts()
        stop = len(self.data) - _FRAME_HEADER.size + 1
        for number, start in enumerate(range(_LOG_HEADER.size, stop, _FRAME_SIZE)):
            page, pages, *salts, _, _ = _FRAME_HEADER.unpack_from(self.data, start)
            if salts == current:
                yield Frame(number, page, start + _FRAME_HEADER.size, pages > 0)

    def _salts(self) -> list[int]:
        """
        Return the salts of the frames that are no left-overs: the salts in the
        header, or, if that is damaged, the salts of the first frame.
        """
        if len(self.data) < _LOG_HEADER.size + _FRAME_HEADER.size:
            return []
        magic, _, _, _, *salts, first, second = _LOG_HEADER.unpack_from(self.data)
        if magic in _WORDS and (first, second) == _checksums(
            _WORDS[magic].unpack_from(self.data)
        ):
            return list(salts)
        return list(_FRAME_HEADER.unpack_from(self.data, _LOG_HEADER.size)[2:4])


def _checksums(words: tuple[int, ...]) -> tuple[int, int]:
    """
    Compute the two checksums of the header of a log.
    """
    first = second = 0
    for one, other in zip(words[::2], words[1::2], strict=True):
        first = (first + one + second) & 0xFFFFFFFF
        second = (second + other + first) & 0xFFFFFFFF
    return first, second
