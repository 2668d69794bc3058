"""
The service that listens for connections.
"""

from __future__ import annotations

from typing import ClassVar

from twisted.application.service import Service
from twisted.internet.defer import CancelledError, Deferred, maybeDeferred
from twisted.internet.interfaces import IListeningPort, IStreamServerEndpoint
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure

from logrecv.inputs.draining import INPUT_DRAIN_TIMEOUT, LOOK_DELAY, drain
from logrecv.inputs.peers import logListening
from logrecv.inputs.streams import Connections


class StreamInput(Service):
    """
    The service that listens on one endpoint, and reads its clients to the end when
    it stops:

    >>> from logrecv.compose import Intake, RecordFactory
    >>> intake = Intake(sink, reactor)
    >>> tally = intake.tallies["tcp"]
    >>> connections = Connections(RecordFactory(intake), tally, reactor)
    >>> service = StreamInput(endpoint, connections)
    >>> service.startService()
    >>> service.port.getHost().port
    9020

    Twisted's C{StreamServerEndpointService} is not used: its module takes 25 ms of the
    start, and it only logs that a port is taken.

    @ivar endpoint: The endpoint to listen on.
    @ivar connections: The connections of the endpoint.
    @ivar port: The port, while the service listens.
    @ivar restricted: True where something else than the network decides who may
        send.
    @ivar drain: The longest time that a stop reads clients, in seconds, where they
        are never quiet.
    """

    _log: ClassVar[Logger] = Logger()

    def __init__(
        self,
        endpoint: IStreamServerEndpoint,
        connections: Connections,
        restricted: bool = False,
        drain: float = INPUT_DRAIN_TIMEOUT,
    ) -> None:
        """
        The parameters are the attributes of the same names.
        """
        self.endpoint = endpoint
        self.connections = connections
        self.restricted = restricted
        self.drain = drain
        self.port: IListeningPort | None = None
        self._listening: Deferred[None] | None = None

    def privilegedStartService(self) -> None:
        """
        Listen.

        @raise CannotListenError: The port cannot be had.
        """
        super().privilegedStartService()
        failures: list[Failure] = []
        isStarting = True

        def failed(failure: Failure) -> None:
            if isStarting:
                failures.append(failure)
            elif not failure.check(CancelledError):
                self._log.failure("cannot listen", failure)

        listened = self.endpoint.listen(self.connections)
        self._listening = listened.addCallbacks(self.listens, failed)
        isStarting = False
        if failures:
            self._listening = None
            failures[0].raiseException()

    def listens(self, port: IListeningPort) -> None:
        """
        Note the port: the service listens now.
        """
        self.port = port
        logListening(self._log, port.getHost(), self.restricted)

    def startService(self) -> None:
        """
        Listen, unless L{privilegedStartService} did.

        @raise CannotListenError: The port cannot be had.
        """
        if self._listening is None:
            self.privilegedStartService()
        super().startService()

    def stopService(self) -> Deferred[None]:
        """
        Stop listening, read the clients to the end, and close their connections.

        @return: A C{Deferred} that fires when all is closed.
        """
        super().stopService()
        return Deferred.fromCoroutine(self._stop())

    async def _stop(self) -> None:
        listening, self._listening = self._listening, None
        if listening is not None:
            listening.cancel()
        if self.port is not None:
            # The kernel would reset the connections that nobody has accepted yet,
            # with the bytes that were sent.
            await deferLater(self.connections.clock, LOOK_DELAY)
            port, self.port = self.port, None
            await maybeDeferred(port.stopListening)
        try:
            await drain(self.connections, self.drain)
        finally:
            self.connections.rejections.flush()
