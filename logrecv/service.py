"""
The service: inputs, intake and outputs, started and stopped in order.
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

from logrecv import __version__
from logrecv.counters import OutputTally
from logrecv.interfaces import IRecordSink, IReopenable
from logrecv.wire.pickled.machine import IMPLEMENTATION

#: Seconds in which a stop has to be done.  twistd and systemd give more.
DRAIN: Final = 10.0

#: Seconds beyond that in which outputs let go of what they hold open.
CLOSING: Final = 5.0

#: What there is to say of a form of the decoder.
_REMARKS: Final = {
    "compiled": "",
    "python": ": it takes several times as long for each record as the compiled one;"
    " for that, install logrecv where there is a C compiler, with LOGRECV_COMPILE=1",
}


def _globalReactor() -> IReactorTime:
    from twisted.internet import reactor

    return cast(IReactorTime, reactor)


@define(eq=False, slots=False)
class ReceiverService(Service):
    """
    Receives records and hands them to a sink.

    The sink is ready before the first client can come, and it is stopped only
    when the last byte that clients had sent has been read.

    @ivar sink: Where the records go: L{logrecv.intake.Intake.sink}.
    @ivar inputs: The services that listen for records.
    @ivar consoles: The services that show how things are; they are the last to
        go.
    @ivar tallies: The tallies of the outputs, for the account at the end.
    @ivar reopenables: What may have files open that somebody moves away.
    @ivar drain: Seconds in which a stop has to be done.
    @ivar clock: Tells when that is over.
    @ivar lost: Records that a stop had to give up, by output.
    """

    _log: ClassVar[Logger] = Logger()

    sink: IRecordSink
    inputs: Sequence[IService]
    consoles: Sequence[IService] = ()
    tallies: Sequence[OutputTally] = field(default=(), kw_only=True)
    reopenables: Sequence[IReopenable] = field(default=(), kw_only=True)
    drain: float = field(default=DRAIN, kw_only=True)
    clock: IReactorTime = field(factory=_globalReactor, kw_only=True)
    lost: dict[str, int] = field(factory=dict, init=False)
    _waiting: Deferred[None] | None = field(default=None, init=False)
    _stopsNow: bool = field(default=False, init=False)

    def privilegedStartService(self) -> None:
        """
        Listen, while there may be privileges.

        @raise CannotListenError: A port cannot be had.
        """
        super().privilegedStartService()
        for service in (*self.consoles, *self.inputs):
            service.privilegedStartService()

    def startService(self) -> None:
        """
        Start: the outputs, then what listens.

        @raise OSError: An output cannot be opened.
        @raise CannotListenError: A port cannot be had.
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
        Stop: listen no longer, read what clients had sent, hand on what the
        outputs hold.

        @return: A L{Deferred} that fires when all is done.
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
        Wait no longer in a stop that is under way.
        """
        self._stopsNow = True
        if self._waiting is not None:
            self._waiting.cancel()

    async def _stop(self) -> None:
        deadline = self.clock.seconds() + self.drain
        before = self._dropped()
        await self._untilDeadline(deadline, self._stopAll(self.inputs))
        await self._untilDeadline(deadline, self.sink.flush())
        await self._untilDeadline(deadline + CLOSING, self.sink.stop())
        await self._stopAll(self.consoles)
        self._account(before)

    async def _untilDeadline(self, deadline: float, waited: Deferred[None]) -> None:
        """
        Wait, unless the time is over or somebody is in a hurry.
        """
        left = 0.0 if self._stopsNow else max(deadline - self.clock.seconds(), 0)
        self._waiting = waited.addTimeout(left, self.clock)
        if self._stopsNow:
            waited.cancel()
        try:
            await waited
        except (CancelledError, TimeoutError):
            self._log.warn("the time to stop is over; going on without the rest")
        except Exception:
            self._log.failure("could not stop cleanly")
        finally:
            self._waiting = None

    def _stopAll(self, services: Sequence[IService]) -> Deferred[None]:
        """
        Stop several services at once.
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
        Say, at the very end, what was lost.

        @param before: What had been dropped before the stop, by output.
        """
        self.lost = {
            output: count - before[output]
            for output, count in self._dropped().items()
            if count > before[output]
        }
        logStopped(self._log, self.lost)


def logStopped(log: Logger, lost: dict[str, int]) -> None:
    """
    Say that everything has stopped, and what was lost.

    @param lost: Records that a stop had to give up, by output.
    """
    if lost:
        log.error(
            "stopped; {lost} records were lost: {outputs}",
            lost=sum(lost.values()),
            outputs=", ".join(f"{count} of {name}" for name, count in lost.items()),
        )
    else:
        log.info("stopped; nothing was lost")
