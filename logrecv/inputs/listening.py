"""
The service that listens for connections.
"""

from __future__ import annotations

from typing import ClassVar

from twisted.application.internet import StreamServerEndpointService
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IListeningPort, IStreamServerEndpoint
from twisted.internet.task import deferLater
from twisted.logger import Logger

from logrecv.inputs.draining import INPUT_DRAIN_TIMEOUT, LOOK_DELAY, drain
from logrecv.inputs.peers import logListening
from logrecv.inputs.streams import Connections


class StreamInput(StreamServerEndpointService):
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
        @param endpoint: The endpoint to listen on.
        """
        super().__init__(endpoint, connections)
        self.connections = connections
        self.restricted = restricted
        self.drain = drain
        self.port: IListeningPort | None = None

    def privilegedStartService(self) -> None:
        """
        Listen.

        @raise CannotListenError: The port cannot be had.
        """
        # Otherwise Twisted logs the error, as it does for an endpoint that fails
        # later.
        self._raiseSynchronously = True
        try:
            super().privilegedStartService()
        except BaseException:
            self._waitingForPort = None
            raise
        assert self._waitingForPort is not None
        self._waitingForPort.addCallback(self._listening)

    def _listening(self, port: IListeningPort | None) -> IListeningPort | None:
        self.port = port
        if port is not None:
            logListening(self._log, port.getHost(), self.restricted)
        return port

    def stopService(self) -> Deferred[None]:
        """
        Stop listening, read the clients to the end, and close their connections.

        @return: A C{Deferred} that fires when all is closed.
        """
        return Deferred.fromCoroutine(self._stop())

    async def _stop(self) -> None:
        if self.port is not None:
            # The kernel would reset the connections that nobody has accepted yet,
            # with the bytes that were sent.
            await deferLater(self.connections.clock, LOOK_DELAY)
        if self._waitingForPort is not None:
            await super().stopService()
            self.port = self._waitingForPort = None
        try:
            await drain(self.connections, self.drain)
        finally:
            self.connections.rejections.flush()
