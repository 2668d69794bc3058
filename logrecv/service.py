"""
The receiving service: inputs and outputs, started and stopped in order.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import ClassVar, Final, cast

from attrs import define, field
from twisted.application.service import IService, Service
from twisted.internet.defer import (
    CancelledError,
    Deferred,
    DeferredList,
    maybeDeferred,
)
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from logrecv import __version__
from logrecv.counters import OutputTally, QuarantineTally
from logrecv.interfaces import IRecordSink, IReopenable
from logrecv.losses import findLosses, giveUp, logLosses
from logrecv.process import IProcessService
from logrecv.wire.pickled.machine import IMPLEMENTATION

#: Seconds that a stop may take.  twistd and systemd allow more.
DRAIN_TIMEOUT: Final = 10.0

#: Seconds beyond that in which outputs may close their files and connections.
CLOSE_TIMEOUT: Final = 5.0

#: Seconds in which outputs may write and close when a second signal cuts a stop short.
#: An output with a queue takes up to two.
HURRIED_TIMEOUT: Final = 3.0

#: The remark in the log on each implementation of the decoder.
_REMARKS: Final = {
    "compiled": "",
    "python": ": it takes several times as long for each record as the compiled one;"
    " for that, install logrecv where there is a C compiler, with LOGRECV_COMPILE=1",
}


def _globalReactor() -> IReactorTime:
    from twisted.internet import reactor

    return cast(IReactorTime, reactor)


@implementer(IProcessService)
@define(eq=False, slots=False)
class ReceiverService(Service):
    """
    Starts and stops inputs and the sink that their records go to.  The sink starts
    before the first client can connect, and stops after the last byte that clients had
    sent has been read::

        >>> from logrecv.compose import Connections, Intake, RecordFactory, StreamInput
        >>> intake = Intake(sink, reactor)
        >>> tally = intake.tallies["tcp"]
        >>> connections = Connections(RecordFactory(intake), tally, reactor)
        >>> service = ReceiverService(sink, [StreamInput(endpoint, connections)])
        >>> service.startService()

    @ivar sink: The sink of L{Intake<logrecv.intake.Intake>}.
    @ivar inputs: The services that listen for records.
    @ivar consoles: Services that start before the inputs and stop last.
    @ivar tallies: The tallies of the outputs, for the account at the end.
    @ivar quarantine: The tally of the quarantine, for the same.
    @ivar reopenables: The objects with files that are opened again at SIGHUP.
    @ivar drain: The time that a stop may take, in seconds.
    @ivar clock: The clock of this time.
    @ivar lost: The number of records that were lost since the start, known at the end.
    """

    _log: ClassVar[Logger] = Logger()

    sink: IRecordSink
    inputs: Sequence[IService]
    consoles: Sequence[IService] = ()
    tallies: Sequence[OutputTally] = field(default=(), kw_only=True)
    quarantine: QuarantineTally = field(factory=QuarantineTally, kw_only=True)
    reopenables: Sequence[IReopenable] = field(default=(), kw_only=True)
    drain: float = field(default=DRAIN_TIMEOUT, kw_only=True)
    clock: IReactorTime = field(factory=_globalReactor, kw_only=True)
    lost: int = field(default=0, init=False)
    #: Ends the waiting for a step of the stop.
    _cut: Callable[[], None] | None = field(default=None, init=False)
    _stopsNow: bool = field(default=False, init=False)

    def privilegedStartService(self) -> None:
        """
        Listen on all ports, while the process may have privileges.

        @raise CannotListenError: A port cannot be listened on.
        """
        super().privilegedStartService()
        for service in (*self.consoles, *self.inputs):
            service.privilegedStartService()

    def startService(self) -> None:
        """
        Start the sink, then the consoles and inputs.

        @raise OSError: An output cannot be opened.
        @raise CannotListenError: A port cannot be listened on.
        """
        super().startService()
        self._log.info(
            "this is logrecv {version}, its decoder is {decoder}{remark}",
            version=__version__,
            decoder=IMPLEMENTATION,
            remark=_REMARKS[IMPLEMENTATION],
        )
        self.sink.start()
        for service in (*self.consoles, *self.inputs):
            service.startService()

    def stopService(self) -> Deferred[None]:
        """
        Stop listening, read everything that clients had sent, and write the records
        that the sink holds.

        @return: A C{Deferred} that fires when all of this is done.
        """
        super().stopService()
        return Deferred.fromCoroutine(self._stop())

    def reopen(self) -> None:
        """
        Open files again.
        """
        for reopenable in self.reopenables:
            reopenable.reopen()

    def stopNow(self) -> None:
        """
        Cut short a stop that is under way.
        """
        self._stopsNow = True
        if self._cut is not None:
            self._cut()

    async def _stop(self) -> None:
        deadline = self.clock.seconds() + self.drain
        inputs = self._stopAll(self.inputs)
        if not await self._untilDeadline(deadline, inputs):
            # They close all connections at once.
            inputs.cancel()
        await self._untilDeadline(deadline, maybeDeferred(self.sink.flush))
        # A second signal does not cut this short: an output that writes or closes has
        # to know whether that went well.
        timeout = deadline + CLOSE_TIMEOUT - self.clock.seconds()
        if self._stopsNow:
            timeout = HURRIED_TIMEOUT
        await self._within(max(timeout, 0), maybeDeferred(self.sink.stop))
        await self._stopAll(self.consoles)
        self._account()

    async def _untilDeadline(self, deadline: float, step: Deferred[None]) -> bool:
        """
        Wait for a step of the stop, until the deadline or a call of L{stopNow}.

        @return: C{True} if the step is done.
        """
        left = 0.0 if self._stopsNow else max(deadline - self.clock.seconds(), 0)
        return await self._within(left, step, isCut=True)

    async def _within(
        self, seconds: float, step: Deferred[None], isCut: bool = False
    ) -> bool:
        """
        Wait for a step of the stop, which goes on when the time is over.

        @param seconds: The longest time to wait.
        @param isCut: C{True} if L{stopNow} ends the waiting.
        @return: C{True} if the step is done.
        """
        # Not with a timeout of the step: that would cancel it, and with it the writes
        # of outputs.
        waiting: Deferred[bool] = Deferred()

        def end(isDone: bool) -> None:
            if not waiting.called:
                waiting.callback(isDone)

        step.addErrback(self._failed)
        step.addCallback(lambda result: end(True))
        if seconds <= 0:
            end(False)
        timer = self.clock.callLater(seconds, end, False)
        self._cut = partial(end, False) if isCut else None
        isDone = await waiting
        self._cut = None
        if timer.active():
            timer.cancel()
        if not isDone:
            self._log.warn("the time to stop is over; going on without the rest")
        return isDone

    def _failed(self, failure: Failure) -> None:
        if not failure.check(CancelledError):
            self._log.failure("could not stop cleanly", failure)

    def _stopAll(self, services: Sequence[IService]) -> Deferred[None]:
        """
        Stop several services at the same time.
        """

        stopping = [
            maybeDeferred(service.stopService).addErrback(self._failed)
            for service in services
        ]
        return cast("Deferred[None]", DeferredList(stopping))

    def _account(self) -> None:
        """
        Log the records that were lost.
        """
        for tally in self.tallies:
            giveUp(tally)
        self.lost = logLosses(self._log, findLosses(self.tallies, self.quarantine))
