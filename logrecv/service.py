"""
The receiving service: inputs and outputs, started and stopped in order.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Final, cast

from attrs import define, field
from twisted.application.service import IService, Service
from twisted.internet.defer import (
    CancelledError,
    Deferred,
    DeferredList,
    TimeoutError,
    maybeDeferred,
)
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from logrecv import __version__
from logrecv.counters import OutputTally
from logrecv.interfaces import IRecordSink, IReopenable
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
    @ivar reopenables: The objects with files that are opened again at SIGHUP.
    @ivar drain: The time that a stop may take, in seconds.
    @ivar clock: The clock of this time.
    @ivar lost: The numbers of records that the stop gave up, by output.
    """

    _log: ClassVar[Logger] = Logger()

    sink: IRecordSink
    inputs: Sequence[IService]
    consoles: Sequence[IService] = ()
    tallies: Sequence[OutputTally] = field(default=(), kw_only=True)
    reopenables: Sequence[IReopenable] = field(default=(), kw_only=True)
    drain: float = field(default=DRAIN_TIMEOUT, kw_only=True)
    clock: IReactorTime = field(factory=_globalReactor, kw_only=True)
    lost: dict[str, int] = field(factory=dict, init=False)
    #: The step of a stop that is waited for.
    _waiting: Deferred[None] | None = field(default=None, init=False)
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
        if self._waiting is not None:
            self._waiting.cancel()

    async def _stop(self) -> None:
        deadline = self.clock.seconds() + self.drain
        before = self._dropped()
        await self._untilDeadline(deadline, self._stopAll(self.inputs))
        await self._untilDeadline(deadline, maybeDeferred(self.sink.flush))
        await self._untilDeadline(
            deadline + CLOSE_TIMEOUT, maybeDeferred(self.sink.stop)
        )
        await self._stopAll(self.consoles)
        self._account(before)

    async def _untilDeadline(self, deadline: float, step: Deferred[None]) -> None:
        """
        Wait for a step of the stop, until the deadline or a call of L{stopNow}.
        """
        left = 0.0 if self._stopsNow else max(deadline - self.clock.seconds(), 0)
        self._waiting = step.addTimeout(left, self.clock)
        if self._stopsNow:
            step.cancel()
        try:
            await step
        except (CancelledError, TimeoutError):
            self._log.warn("the time to stop is over; going on without the rest")
        except Exception:
            self._log.failure("could not stop cleanly")
        finally:
            self._waiting = None

    def _stopAll(self, services: Sequence[IService]) -> Deferred[None]:
        """
        Stop several services at the same time.
        """

        def stopped(results: list[tuple[bool, object]]) -> None:
            for success, result in results:
                if not success and not cast(Failure, result).check(CancelledError):
                    self._log.failure("could not stop cleanly", cast(Failure, result))

        stopping = [maybeDeferred(service.stopService) for service in services]
        every = DeferredList(stopping, consumeErrors=True)
        return cast("Deferred[None]", every.addCallback(stopped))

    def _dropped(self) -> dict[str, int]:
        return {tally.output: sum(tally.dropped.values()) for tally in self.tallies}

    def _account(self, before: dict[str, int]) -> None:
        """
        Log the number of records that the stop gave up.

        @param before: The numbers of records dropped before the stop, by output.
        """
        self.lost = {
            output: count - before[output]
            for output, count in self._dropped().items()
            if count > before[output]
        }
        logStopped(self._log, self.lost)


def logStopped(log: Logger, lost: dict[str, int]) -> None:
    """
    Log that the service has stopped, and how many records were lost.

    @param lost: The numbers of records that the stop gave up, by output.
    """
    if lost:
        log.error(
            "stopped; {lost} records were lost: {outputs}",
            lost=sum(lost.values()),
            outputs=", ".join(f"{count} of {name}" for name, count in lost.items()),
        )
    else:
        log.info("stopped; nothing was lost")
