"""
The service: inputs, intake and outputs, started and stopped in order.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from attrs import define
from twisted.application.service import IService, Service
from twisted.internet.defer import Deferred, DeferredList, maybeDeferred
from twisted.logger import Logger

from logrecv.interfaces import IRecordSink


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
    """

    _log: ClassVar[Logger] = Logger()

    sink: IRecordSink
    inputs: Sequence[IService]
    consoles: Sequence[IService] = ()

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

    async def _stop(self) -> None:
        await self._stopAll(self.inputs)
        await self.sink.stop()
        await self._stopAll(self.consoles)

    async def _stopAll(self, services: Sequence[IService]) -> None:
        stopping = [maybeDeferred(service.stopService) for service in services]
        for stopped, result in await DeferredList(stopping, consumeErrors=True):
            if not stopped:
                self._log.failure("could not stop cleanly", result)
