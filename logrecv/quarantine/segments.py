"""
The files of a quarantine.

A quarantine is a directory of numbered files with a JSON object on each line, an
L{Entry}.  When the files have too many bytes, the oldest file is removed.
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator
from contextlib import suppress
from typing import Final, Literal

from attrs import define, field
from msgspec import Struct
from msgspec.json import Encoder

from logrecv.paths import makePrivateDirectory, openPrivate

#: Bytes that all files together may have, unless the user says otherwise (64M).
QUARANTINE_SIZE: Final = 64 * 1024 * 1024

#: Files into which the limit is divided: a quarantine that reaches its limit loses
#: the oldest file, an eighth of its content.
SEGMENTS: Final = 8

#: Bytes of an entry beside its payload: names and values of the other fields.  The
#: longest value is the path of a socket (108 bytes, see unix(7)).
OVERHEAD_SIZE: Final = 512

_NAME: Final = re.compile(r"rejected-([0-9]{10,})\.jsonl")

_encode: Final = Encoder().encode

#: The way on which a payload came.
Via = Literal["tcp", "udp", "http", "json"]


class Entry(Struct, frozen=True):
    """
    A payload in quarantine.  The JSON form of an entry is a line of the files; there
    the payload is in base64.

    @ivar at: The time of reception: ISO 8601, UTC, microseconds, C{Z}.
    @ivar via: The way on which the payload came.  The way tells the kind of the
        payload: a pickle (C{"tcp"}, C{"udp"}), a form (C{"http"}) or JSON
        (C{"json"}).
    @ivar peer: The sender; for L{REFUSED<logrecv.reasons.REFUSED>} the receiver that
        refused the payload.
    @ivar reason: A constant of L{logrecv.reasons}.
    @ivar payload: The payload, byte for byte.
    """

    at: str
    via: Via
    peer: str
    reason: str
    payload: bytes

    @property
    def size(self) -> int:
        """
        The bytes of the entry's line, at most or nearly so.
        """
        return (len(self.payload) + 2) // 3 * 4 + OVERHEAD_SIZE


@define(eq=False)
class Segments:
    """
    The files of a quarantine.  The methods block::

        segments = Segments("/var/lib/logrecv/quarantine")
        segments.open()
        segments.write(Entry(now, "tcp", "192.0.2.7:50000", MALFORMED, b"..."))
        segments.close()

    @ivar directory: The absolute path of the directory.
    @ivar limit: Bytes that all files together may have.
    @ivar writers: The number of processes that write to the directory, each to files
        of its own.
    """

    directory: str
    limit: int = QUARANTINE_SIZE
    writers: int = 1
    _descriptor: int | None = field(default=None, init=False)
    #: Bytes in the open file.
    _size: int = field(default=0, init=False)
    #: The number of the newest file.
    _number: int = field(default=0, init=False)

    def open(self) -> None:
        """
        Create the directory, unless it exists.

        @raise OSError: The directory cannot be created or used.
        """
        makePrivateDirectory(self.directory)
        if not os.access(self.directory, os.W_OK | os.X_OK):
            raise PermissionError(
                errno.EACCES, os.strerror(errno.EACCES), self.directory
            )

    def write(self, entry: Entry) -> None:
        """
        Write an entry.

        @raise OSError: The entry could not be written.  No part of it is in a file.
        """
        line = _encode(entry) + b"\n"
        descriptor = self._fileFor(len(line))
        written = 0
        try:
            written = os.write(descriptor, line)
            if written < len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError:
            if written:
                os.ftruncate(descriptor, self._size)
            raise
        self._size += len(line)

    def close(self) -> None:
        """
        Close the open file, if any.
        """
        if self._descriptor is not None:
            descriptor, self._descriptor = self._descriptor, None
            os.close(descriptor)

    def _fileFor(self, size: int) -> int:
        """
        Have a file open that has room for an entry.

        @param size: The bytes of the entry.
        @return: The descriptor of the file.
        """
        most = self.limit // SEGMENTS // self.writers
        if self._descriptor is not None:
            # Somebody may have replayed the file and removed it.
            exists = os.fstat(self._descriptor).st_nlink > 0
            if exists and self._size + size <= most:
                return self._descriptor
            self.close()
        # Each of the other processes may begin a file, too.
        self._makeRoom(max(most, size) + most * (self.writers - 1))
        self._descriptor = self._create()
        self._size = 0
        return self._descriptor

    def _makeRoom(self, size: int) -> None:
        """
        Remove the oldest files until C{size} bytes can be added.
        """
        files = [(entry.path, entry.stat().st_size) for _, entry in self._files()]
        total = sum(length for _, length in files)
        for path, length in files:
            if total + size <= self.limit:
                break
            with suppress(FileNotFoundError):
                os.unlink(path)
            total -= length

    def _create(self) -> int:
        """
        Create the next file.

        @return: The descriptor of the file.
        """
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL
        while True:
            newest = max((number for number, _ in self._files()), default=0)
            self._number = max(self._number, newest) + 1
            path = os.path.join(self.directory, f"rejected-{self._number:010}.jsonl")
            # Another process may have created the file by now.
            with suppress(FileExistsError):
                return openPrivate(path, flags)

    def _files(self) -> list[tuple[int, os.DirEntry[str]]]:
        """
        List the files with their numbers, the oldest first.
        """
        return sorted(self._numbered(), key=lambda numbered: numbered[0])

    def _numbered(self) -> Iterator[tuple[int, os.DirEntry[str]]]:
        with os.scandir(self.directory) as entries:
            for entry in entries:
                match = _NAME.fullmatch(entry.name)
                if match:
                    yield int(match[1]), entry
