"""
Connections: what TCP and HTTP inputs have in common, whatever they speak.
"""

from __future__ import annotations

from typing import Any, ClassVar, Final, cast

from attrs import define, field
from twisted.application.service import Service
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.interfaces import (
    IAddress,
    IDelayedCall,
    IHandshakeListener,
    IListeningPort,
    INegotiated,
    IProtocolFactory,
    IPushProducer,
    IReactorTime,
    IStreamServerEndpoint,
    ITCPTransport,
    ITransport,
)
from twisted.internet.protocol import Protocol, connectionDone
from twisted.internet.task import deferLater
from twisted.internet.tcp import Connection as TCPConnection
from twisted.logger import Logger
from twisted.protocols.policies import ProtocolWrapper, WrappingFactory
from twisted.python.failure import Failure
from zope.interface import implementer

from logrecv.counters import InputTally
from logrecv.inputs.limits.admission import Admission, hostOf
from logrecv.inputs.limits.fairness import PIECE, FairScheduler
from logrecv.inputs.limits.partial import DEADLINE
from logrecv.inputs.peers import logListening
from logrecv.reasons import HANDSHAKE

#: Seconds without a byte after which a connection of a stopping service has
#: been read to the end.  Bytes that are on their way between two processes of
#: one machine or one site take far less.
QUIET: Final = 0.1

#: In how many looks, one a turn of the reactor at the most, that is judged.  A
#: turn in which others were read can take longer than L{QUIET}.
LOOKS: Final = 4

#: Seconds that a stopping input reads clients that are never quiet.
DRAIN: Final = 8.0


@implementer(IHandshakeListener)
class Connection(ProtocolWrapper):
    """
    One accepted connection.

    @ivar reads: How often bytes have come.
    @ivar paused: Whether reading is paused.
    @ivar waiting: What has been read and waits for its turn; reading is paused
        meanwhile.
    @ivar host: The host that the connection is counted for.
    """

    factory: Connections
    reads: int = 0
    paused: bool = False
    waiting: bytes = b""
    host: str | None = None
    _log: ClassVar[Logger] = Logger()
    _begun: bool = False
    _refused: bool = False
    #: Whether reading is paused since there was no time for what was read.
    _held: bool = False
    #: Why the connection is lost, while something of it still waits.
    _lost: Failure | None = None
    #: How much of what waits has been handed on.
    _handedOn: int = 0
    _handing: bool = False
    _address: Any = None
    _handshake: IDelayedCall | None = None

    def makeConnection(self, transport: ITransport) -> None:
        """
        Count the connection and hand it on.
        """
        self.factory.tally.connections += 1
        self.factory.admission.enter(self.host)
        # Of a socket all is known from the beginning.
        self._begun = isinstance(transport, TCPConnection)
        if not self._begun and INegotiated.providedBy(transport):
            self._handshake = self.factory.clock.callLater(
                DEADLINE, self._handshakeLate
            )
        super().makeConnection(transport)

    def handshakeCompleted(self) -> None:
        """
        Wait no longer for TLS.
        """
        if self._handshake is not None:
            self._handshake.cancel()
            self._handshake = None

    def _handshakeLate(self) -> None:
        """
        Close a connection whose client has not shown in time who it is.
        """
        self._handshake = None
        self.factory.tally.refuse(HANDSHAKE)
        self.abortConnection()

    def dataReceived(self, data: bytes) -> None:
        """
        Hand on the client's bytes, when it is their turn.
        """
        self.reads += 1
        if not self._begun:
            self._begun = True
            self._refused = not self._admitBehindProxy()
        if self._refused or self.disconnecting:
            return
        inTurn = bool(self.waiting)
        self.waiting += data
        if not inTurn and not self.paused and not self.factory.scheduler.run(self):
            self._held = True
            self.getHost()
            cast(IPushProducer, self.transport).pauseProducing()

    def step(self) -> bool:
        """
        See L{logrecv.inputs.limits.fairness.ISchedulable.step}.
        """
        if not self.waiting or self.paused:
            return False
        self._handOn()
        if self.waiting:
            return not self.paused
        if self._lost is not None:
            self._end(self._lost)
        elif self._held:
            self._held = False
            self._readOn()
        return False

    def _handOn(self) -> None:
        """
        Hand on a piece.
        """
        end = self._handedOn + PIECE
        piece = self.waiting[self._handedOn : end]
        self._handedOn = end
        if end >= len(self.waiting):
            self.waiting = b""
            self._handedOn = 0
        self._handing = True
        try:
            super().dataReceived(piece)
        except Exception:
            # What the reactor does where it calls.
            self._log.failure("a connection failed")
            self.abortConnection()
        finally:
            self._handing = False

    def _readOn(self) -> None:
        if not (self.paused or self.waiting or self.disconnecting):
            cast(IPushProducer, self.transport).resumeProducing()

    def _admitBehindProxy(self) -> bool:
        """
        Decide again about a connection of which the first bytes have told that
        it is somebody else's: C{haproxy:}.
        """
        admission = self.factory.admission
        host = hostOf(cast(ITransport, self.transport).getPeer())
        if host == self.host:
            return True
        admission.leave(self.host)
        refusal = admission.refusal(host)
        self.host = host
        admission.enter(host)
        if refusal is None:
            return True
        self.factory.tally.refuse(refusal)
        self.abortConnection()
        return False

    def pauseProducing(self) -> None:
        """
        Stop reading.
        """
        self.paused = True
        cast(IPushProducer, self.transport).pauseProducing()

    def resumeProducing(self) -> None:
        """
        Read on.
        """
        self.paused = False
        if self.waiting:
            # Not again while a piece is being handed on.
            self._held = self._handing or not self.factory.scheduler.run(self)
        self._readOn()

    def loseConnection(self) -> None:
        """
        Close the connection, and look at nothing any more.
        """
        self.waiting = b""
        super().loseConnection()
        self._endIfLost()

    def abortConnection(self) -> None:
        """
        Close the connection at once.
        """
        self.waiting = b""
        self.disconnecting = 1
        cast(ITCPTransport, self.transport).abortConnection()
        self._endIfLost()

    def getHost(self) -> Any:
        """
        Give the address of this end, which a transport that is lost has
        forgotten.
        """
        if self._address is None:
            self._address = super().getHost()
        return self._address

    def setTcpNoDelay(self, enabled: bool) -> None:
        """
        Send at once, or gather, unless the transport is lost and has no socket.
        """
        if self._lost is None:
            cast(ITCPTransport, self.transport).setTcpNoDelay(enabled)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """
        Count the connection out, when all that was read of it is handed on.
        """
        self._lost = reason
        if not self.waiting:
            self._end(reason)

    def _endIfLost(self) -> None:
        if self._lost is not None:
            self._end(self._lost)

    def _end(self, reason: Failure) -> None:
        self._lost = None
        self.factory.tally.connections -= 1
        self.factory.admission.leave(self.host)
        self.handshakeCompleted()
        if _isHandshakeFailure(reason):
            self.factory.tally.refuse(HANDSHAKE)
        super().connectionLost(reason)


class _Refused(Protocol):
    """
    A connection that is closed as soon as it is made.
    """

    def connectionMade(self) -> None:
        """
        Close it.
        """
        cast(ITCPTransport, self.transport).abortConnection()


def _isHandshakeFailure(reason: Failure) -> bool:
    """
    Whether a connection was lost over TLS.  By name, since TLS is an extra.
    """
    return reason.type is not None and reason.type.__module__ == "OpenSSL.SSL"


class Connections(WrappingFactory):
    """
    Keeps the connections of one input.

    @ivar tally: Where open connections are counted.
    @ivar clock: Tells when a connection is quiet.
    @ivar admission: Who may connect.
    @ivar scheduler: Who is worked for, and when.
    """

    noisy = False
    protocol = Connection

    def __init__(
        self,
        wrapped: IProtocolFactory,
        tally: InputTally,
        clock: IReactorTime,
        admission: Admission | None = None,
        scheduler: FairScheduler | None = None,
    ) -> None:
        """
        @param wrapped: Makes the protocol of each connection.
        @param admission: Who may connect; L{None} for all, within the usual
            limits.
        @param scheduler: Who is worked for, where that is shared with other inputs.
        """
        super().__init__(wrapped)
        self.tally = tally
        self.clock = clock
        self.admission = admission or Admission()
        self.scheduler = scheduler or FairScheduler(clock)

    def buildProtocol(  # type: ignore[override]
        self, addr: IAddress | None
    ) -> Protocol:
        """
        Let a connection in, or refuse it.
        """
        host = hostOf(addr)
        refusal = self.admission.refusal(host)
        if refusal is not None:
            self.tally.refuse(refusal)
            # Not None: what TLS and haproxy put around this expects a protocol.
            return _Refused()
        connection = cast(Connection, super().buildProtocol(addr))
        connection.host = host
        return connection

    async def drain(self, limit: float = DRAIN) -> None:
        """
        Read every connection to the end of what its client had sent, and close
        it.

        @param limit: Seconds after which connections are closed all the same;
            they are too if this is cancelled.
        """
        deadline = self.clock.seconds() + limit
        #: How often each connection was found without news, and what was known.
        looks: dict[ProtocolWrapper, tuple[int, int]] = {}
        try:
            while self.protocols and self.clock.seconds() < deadline:
                for connection in list(self.protocols):
                    reads, quiet = looks.get(connection, (-1, 0))
                    if (
                        connection.paused
                        or connection.waiting
                        or connection.reads != reads
                    ):
                        quiet = 0
                    elif quiet == LOOKS:
                        connection.loseConnection()
                    looks[connection] = connection.reads, quiet + 1
                await deferLater(self.clock, QUIET / LOOKS)
        finally:
            for connection in list(self.protocols):
                connection.abortConnection()


@define(eq=False, slots=False)
class StreamInput(Service):
    """
    Listens on one endpoint.

    @ivar endpoint: Where to listen.
    @ivar connections: The connections that come.
    @ivar restricted: Whether not everybody who can reach it may send.
    @ivar drain: Seconds that a stop reads clients that are never quiet.
    """

    _log: ClassVar[Logger] = Logger()

    endpoint: IStreamServerEndpoint
    connections: Connections
    restricted: bool = False
    drain: float = DRAIN
    _port: IListeningPort | None = field(default=None, init=False)
    _listening: Deferred[Any] | None = field(default=None, init=False)

    def privilegedStartService(self) -> None:
        """
        Listen.

        @raise CannotListenError: The port cannot be had.
        """
        super().privilegedStartService()
        failures: list[Failure] = []
        raising = True

        def listening(port: IListeningPort) -> None:
            self._port = port
            logListening(self._log, port.getHost(), self.restricted)

        def failed(failure: Failure) -> None:
            if raising:
                failures.append(failure)
            else:
                self._log.failure("cannot listen", failure)

        self._listening = self.endpoint.listen(self.connections).addCallbacks(
            listening, failed
        )
        raising = False
        if failures:
            self._listening = None
            failures[0].raiseException()

    def startService(self) -> None:
        """
        Listen, where it was not done with privileges.

        @raise CannotListenError: The port cannot be had.
        """
        if self._listening is None:
            self.privilegedStartService()
        super().startService()

    def stopService(self) -> Deferred[None]:
        """
        Stop listening, read what clients had sent, close their connections.

        @return: A L{Deferred} that fires when all is closed.
        """
        super().stopService()
        return Deferred.fromCoroutine(self._stop())

    async def _stop(self) -> None:
        listening, self._listening = self._listening, None
        if listening is not None:
            listening.cancel()
        if self._port is not None:
            # Connections that the kernel has completed and that were not yet
            # accepted would be reset with what they sent.
            await deferLater(self.connections.clock, QUIET / LOOKS)
            port, self._port = self._port, None
            await maybeDeferred(port.stopListening)
        await self.connections.drain(self.drain)
