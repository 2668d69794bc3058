"""
The service that writes rejected payloads to the files of a quarantine.
"""

from __future__ import annotations

from functools import partial
from typing import ClassVar, Final, cast

from attrs import define, field
from twisted.application.service import Service
from twisted.internet.defer import Deferred, TimeoutError
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from zope.interface import implementer

from logrecv.counters import QuarantineTally
from logrecv.interfaces import IQuarantine
from logrecv.quarantine.segments import Entry, Segments, Via
from logrecv.reasons import FAILED, QUEUE_FULL, STOPPED, TOO_LARGE
from logrecv.record import Origin
from logrecv.threads import ISerialExecutor

#: Bytes of entries that wait for the disk at most.
WAITING_SIZE: Final = 8 * 1024 * 1024

#: Seconds that a quarantine which is being stopped waits for the disk.
STOP_TIMEOUT: Final = 2.0

#: Seconds from one warning in the log to the next: a client whose payloads are
#: rejected must not fill the log.
WARNING_DELAY: Final = 60.0


@implementer(IQuarantine)
@define(eq=False, slots=False)
class Quarantine(Service):
    """
    A quarantine in files.  Payloads wait in memory until the disk has taken them; a
    payload that finds too many others waiting is dropped and counted, and nobody
    waits::

        quarantine = Quarantine(
            Segments("/var/lib/logrecv/quarantine"),
            ThreadExecutor(reactor, "quarantine"),
            reactor,
        )
        intake = Intake(sink, reactor, quarantine=quarantine)

    @ivar segments: The files.
    @ivar executor: Runs the blocking methods of the files.
    @ivar clock: Measures the time limit of a stop.
    @ivar waitingSize: Bytes of entries that wait for the disk at most.
    @ivar tally: The numbers of kept and dropped payloads.
    """

    _log: ClassVar[Logger] = Logger()

    segments: Segments
    executor: ISerialExecutor
    clock: IReactorTime
    waitingSize: int = WAITING_SIZE
    tally: QuarantineTally = field(factory=QuarantineTally, init=False)
    _waiting: list[Entry] = field(factory=list, init=False)
    #: The entries that are being written.
    _writing: list[Entry] = field(factory=list, init=False)
    #: Bytes of the entries that wait or are being written.
    _held: int = field(default=0, init=False)
    #: Fires when nothing is being written any more; there is one during a stop.
    _idle: Deferred[None] | None = field(default=None, init=False)
    _ended: bool = field(default=False, init=False)
    #: The time of the clock from which on a warning may be logged again.
    _nextWarning: float = field(default=0.0, init=False)

    def startService(self) -> None:
        """
        Create the directory, unless it exists.

        @raise OSError: The directory cannot be created or used.
        """
        self.segments.open()
        super().startService()

    def keep(self, payload: bytes, reason: str, origin: Origin) -> None:
        entry = Entry(origin.at, cast(Via, origin.via), origin.peer, reason, payload)
        if self._ended:
            self._drop(STOPPED, 1, "the service has stopped")
        elif entry.size > self.segments.limit:
            problem = f"a payload of {len(payload)} bytes is larger than the limit"
            self._drop(TOO_LARGE, 1, problem)
        elif self._held and self._held + entry.size > self.waitingSize:
            self._drop(QUEUE_FULL, 1, "payloads come faster than the disk takes them")
        else:
            self._held += entry.size
            self._waiting.append(entry)
            if not self._writing:
                Deferred.fromCoroutine(self._write())

    def stopService(self) -> Deferred[None]:
        """
        Write the entries that wait, and stop.

        @return: A L{Deferred} that fires when the quarantine has stopped,
            L{STOP_TIMEOUT} later at most.
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
            await self.executor.run(self.segments.close)
        self.executor.end()

    async def _write(self) -> None:
        """
        Write until no entry waits.
        """
        while self._waiting:
            entries, self._waiting = self._waiting, []
            self._writing = entries
            kept: list[Entry] = []
            failed: Exception | None = None
            try:
                await self.executor.run(partial(self._writeAll, entries, kept))
            except Exception as error:
                failed = error
            if self._ended:
                return
            for entry in kept:
                self.tally.keep(entry.reason)
            if failed is not None:
                problem = f"cannot write to {self.segments.directory}: {failed}"
                self._drop(FAILED, len(entries) - len(kept), problem)
            self._held -= sum(entry.size for entry in entries)
        self._writing = []
        if self._idle is not None:
            self._idle.callback(None)

    def _writeAll(self, entries: list[Entry], kept: list[Entry]) -> None:
        """
        Write entries, and append each written entry to C{kept}.
        """
        for entry in entries:
            self.segments.write(entry)
            kept.append(entry)

    def _drop(self, reason: str, count: int, problem: str) -> None:
        """
        Count dropped entries, and log a warning now and then.
        """
        self.tally.drop(reason, count)
        now = self.clock.seconds()
        if now >= self._nextWarning:
            self._nextWarning = now + WARNING_DELAY
            self._log.warn(
                "quarantine: {problem}; rejected payloads are counted, but not kept",
                problem=problem,
            )
