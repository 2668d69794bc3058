"""
The quarantine: where payloads are kept of which no record could be made, until
somebody has looked at them and has sent them again.

It is a directory of files with a JSON object on each line, an L{Entry}.  They
are numbered; when they hold too much, the oldest go.
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, ClassVar, Final, Literal, cast

from attrs import define, field
from msgspec import Struct
from msgspec.json import Encoder
from twisted.application.service import Service
from twisted.internet.defer import Deferred, TimeoutError
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from zope.interface import implementer

from logrecv.counters import QuarantineTally
from logrecv.interfaces import IQuarantine
from logrecv.reasons import FAILED, QUEUE_FULL, STOPPED, TOO_LARGE
from logrecv.record import Origin

if TYPE_CHECKING:
    from logrecv.threads import ISerialExecutor

#: Bytes on disk, unless the user says otherwise (64M).
DEFAULT_LIMIT: Final = 64 * 1024 * 1024

#: Files that the limit is divided into: what goes when it is reached is the
#: oldest one of them.
SEGMENTS: Final = 8

#: Bytes of entries that wait for the disk at most.
QUEUE: Final = 8 * 1024 * 1024

#: Bytes that an entry has beside its payload: names and values of the other
#: fields, the longest being the path of a socket (108, see unix(7)).
OVERHEAD: Final = 512

#: Seconds that a quarantine which is being stopped waits for the disk.
STOP_TIMEOUT: Final = 2.0

#: Seconds from one line in the log that says that something was not kept to
#: the next: whoever sends what is rejected must not fill the log.
QUIET: Final = 60.0

_NAME: Final = re.compile(r"rejected-([0-9]{10,})\.jsonl")

_encode: Final = Encoder().encode

Via = Literal["tcp", "udp", "http", "json"]


class Entry(Struct, frozen=True):
    """
    A payload that is kept.  Its JSON form is a line of the files; there the
    payload is in base64.

    @ivar at: When it came: ISO 8601, UTC, microseconds, C{Z}.
    @ivar via: How it came, which says what it is: a pickle (C{"tcp"},
        C{"udp"}), a form (C{"http"}) or JSON (C{"json"}).
    @ivar peer: Who sent it; for L{REFUSED}, who did not take it.
    @ivar reason: Why it is here: a constant of L{logrecv.wire.errors}, or
        L{REFUSED}.
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
        Bytes of its line, at most or nearly so.
        """
        return (len(self.payload) + 2) // 3 * 4 + OVERHEAD


@implementer(IQuarantine)
@define(eq=False)
class NullQuarantine:
    """
    The quarantine of a service that was not told to have one.

    @ivar tally: Stays empty.
    """

    tally: QuarantineTally = field(factory=QuarantineTally, init=False)

    def keep(self, payload: bytes, reason: str, origin: Origin) -> None:
        """
        Keep nothing.
        """


@define(eq=False)
class Segments:
    """
    The files of a quarantine.  Its methods block.

    @ivar directory: The absolute path of the directory.
    @ivar limit: Bytes that all files together may have.
    @ivar writers: How many processes write to the directory, each to a file of
        its own.
    """

    directory: str
    limit: int = DEFAULT_LIMIT
    writers: int = 1
    _descriptor: int | None = field(default=None, init=False)
    #: Bytes in the file that is open.
    _size: int = field(default=0, init=False)
    #: The number of the newest file.
    _number: int = field(default=0, init=False)

    def open(self) -> None:
        """
        Make the directory, if it is not there.

        @raise OSError: It cannot be made or used.
        """
        with suppress(FileExistsError):
            os.mkdir(self.directory, 0o700)
        if not os.access(self.directory, os.W_OK | os.X_OK):
            raise PermissionError(
                errno.EACCES, os.strerror(errno.EACCES), self.directory
            )

    def write(self, entry: Entry) -> None:
        """
        Write an entry.

        @raise OSError: It could not be written, and nothing of it was.
        """
        line = _encode(entry) + b"\n"
        descriptor = self._open(len(line))
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
        Close the file that is open.
        """
        if self._descriptor is not None:
            descriptor, self._descriptor = self._descriptor, None
            os.close(descriptor)

    def _open(self, size: int) -> int:
        """
        Have a file open to which an entry can be appended.

        @param size: The bytes of the entry.
        @return: The descriptor.
        """
        most = self.limit // SEGMENTS // self.writers
        if self._descriptor is not None:
            # Who has replayed a file may have removed it.
            there = os.fstat(self._descriptor).st_nlink > 0
            if there and self._size + size <= most:
                return self._descriptor
            self.close()
        # All the others may begin a file, too.
        self._makeRoom(max(most, size) + most * (self.writers - 1))
        self._descriptor = self._create()
        self._size = 0
        return self._descriptor

    def _makeRoom(self, size: int) -> None:
        """
        Remove the oldest files until as many bytes can be added.
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
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        while True:
            newest = max((number for number, _ in self._files()), default=0)
            self._number = max(self._number, newest) + 1
            path = os.path.join(self.directory, f"rejected-{self._number:010}.jsonl")
            # Another process may have made it by now.
            with suppress(FileExistsError):
                return os.open(path, flags, 0o600)

    def _files(self) -> list[tuple[int, os.DirEntry[str]]]:
        """
        Find the files, the oldest first.

        @return: The number of each, and where it is.
        """
        return sorted(self._numbered(), key=lambda numbered: numbered[0])

    def _numbered(self) -> Iterator[tuple[int, os.DirEntry[str]]]:
        with os.scandir(self.directory) as entries:
            for entry in entries:
                match = _NAME.fullmatch(entry.name)
                if match:
                    yield int(match[1]), entry


@implementer(IQuarantine)
@define(eq=False, slots=False)
class Quarantine(Service):
    """
    Keeps what it is given in files, as far as the disk can take it: what it
    cannot is dropped and counted, and nobody waits.

    @ivar segments: The files.
    @ivar runner: Runs what blocks.
    @ivar clock: Tells how long stopping may take.
    @ivar queue: Bytes of entries that wait for the disk at most.
    @ivar tally: What became of what was given.
    """

    _log: ClassVar[Logger] = Logger()

    segments: Segments
    runner: ISerialExecutor
    clock: IReactorTime
    queue: int = QUEUE
    tally: QuarantineTally = field(factory=QuarantineTally, init=False)
    _waiting: list[Entry] = field(factory=list, init=False)
    #: Those that are being written.
    _writing: list[Entry] = field(factory=list, init=False)
    #: Bytes of both.
    _held: int = field(default=0, init=False)
    _idle: Deferred[None] | None = field(default=None, init=False)
    _ended: bool = field(default=False, init=False)
    #: Until when, in seconds of the clock, the log is not told.
    _quietUntil: float = field(default=0.0, init=False)

    def startService(self) -> None:
        """
        Get ready.

        @raise OSError: The directory cannot be made or used.
        """
        self.segments.open()
        super().startService()

    def keep(self, payload: bytes, reason: str, origin: Origin) -> None:
        """
        See L{IQuarantine.keep}.
        """
        entry = Entry(origin.at, cast(Via, origin.via), origin.peer, reason, payload)
        if self._ended:
            self._drop(STOPPED, 1, "the service has stopped")
        elif entry.size > self.segments.limit:
            self._drop(TOO_LARGE, 1, f"{len(payload)} bytes are more than it may hold")
        elif self._held and self._held + entry.size > self.queue:
            self._drop(QUEUE_FULL, 1, "more is rejected than the disk can take")
        else:
            self._held += entry.size
            self._waiting.append(entry)
            if not self._writing:
                Deferred.fromCoroutine(self._write())

    def stopService(self) -> Deferred[None]:
        """
        Write what waits, and stop.

        @return: A L{Deferred} that fires when it is done, L{STOP_TIMEOUT} later
            at most.
        """
        super().stopService()
        return Deferred.fromCoroutine(self._stop())

    async def _stop(self) -> None:
        if self._writing:
            self._idle = Deferred()
            try:
                await self._idle.addTimeout(STOP_TIMEOUT, self.clock)
            except TimeoutError:
                self._idle = None
        self._ended = True
        left = len(self._writing) + len(self._waiting)
        if left:
            self._drop(STOPPED, left, "the disk is too slow")
        else:
            await self.runner.run(self.segments.close)
        self.runner.end()

    async def _write(self) -> None:
        """
        Write until nothing waits.
        """
        while self._waiting:
            entries, self._waiting = self._waiting, []
            self._writing = entries
            kept: list[Entry] = []
            failed: Exception | None = None
            try:
                await self.runner.run(partial(self._writeAll, entries, kept))
            except Exception as error:
                failed = error
            if self._ended:
                return
            for entry in kept:
                self.tally.keep(entry.reason)
            if failed is not None:
                why = f"cannot write to {self.segments.directory}: {failed}"
                self._drop(FAILED, len(entries) - len(kept), why)
            self._held -= sum(entry.size for entry in entries)
        self._writing = []
        if self._idle is not None:
            self._idle.callback(None)

    def _writeAll(self, entries: list[Entry], kept: list[Entry]) -> None:
        for entry in entries:
            self.segments.write(entry)
            kept.append(entry)

    def _drop(self, reason: str, count: int, why: str) -> None:
        """
        Count entries that are not kept, and say so now and then.
        """
        self.tally.drop(reason, count)
        now = self.clock.seconds()
        if now >= self._quietUntil:
            self._quietUntil = now + QUIET
            self._log.warn(
                "quarantine: {why}; rejected payloads are not kept, only counted",
                why=why,
            )


def usableDirectory(text: str) -> str:
    """
    Convert the path of a quarantine, relative to where the process is now: a
    runner may go elsewhere before it starts the service.

    @return: The absolute path.
    @raise ValueError: It is sure that nothing can be written there.
    """
    path = os.path.abspath(text)
    parent = os.path.dirname(path)
    if not text:
        raise ValueError("give the path of a directory")
    if os.path.isdir(path):
        if not os.access(path, os.W_OK | os.X_OK):
            raise ValueError("no file may be made in this directory")
    elif os.path.lexists(path):
        raise ValueError("it is not a directory")
    elif not os.path.isdir(parent):
        raise ValueError(f"there is no directory {parent}; make it first")
    elif not os.access(parent, os.W_OK | os.X_OK):
        raise ValueError(f"no directory may be made in {parent}")
    return path
