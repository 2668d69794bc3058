"""
One connection: the part of an input over a stream that is the same for every protocol.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import Any, ClassVar, Protocol, cast

from twisted.internet.interfaces import (
    IHandshakeListener,
    INegotiated,
    IPushProducer,
    ISystemHandle,
    ITCPTransport,
    ITransport,
)
from twisted.internet.protocol import connectionDone
from twisted.internet.tcp import Connection as TCPConnection
from twisted.logger import Logger
from twisted.protocols.policies import ProtocolWrapper
from twisted.python.failure import Failure
from zope.interface import implementer

from logrecv.counters import InputTally
from logrecv.inputs.handshakes import (
    explainFailure,
    holdTickets,
    isFailure,
    refuseEarlyEnd,
)
from logrecv.inputs.limits.admission import Admission, hostOf
from logrecv.inputs.limits.fairness import PIECE_SIZE, FairScheduler
from logrecv.inputs.limits.timeouts import IdleTimeouts
from logrecv.inputs.peers import senderHost
from logrecv.reasons import HANDSHAKE
from logrecv.sniffing import SAMPLE_SIZE


class _Life(Enum):
    """
    The life of a connection, in this order.
    """

    #: The first bytes may tell that a proxy speaks for another client: C{haproxy:}.
    UNIDENTIFIED = auto()
    #: The client is known, and may send.
    OPEN = auto()
    #: The client is gone, while bytes that were read of it wait for their turn.
    LOST = auto()
    #: The protocol has been told that the client is gone.
    ENDED = auto()


class _Turn(Enum):
    """
    The work for a connection, as the scheduler has it.
    """

    #: The scheduler does not know the connection: there is nothing to hand on, or
    #: the protocol is paused.
    NONE = auto()
    #: The connection is in the scheduler's queue, and is not read meanwhile.
    QUEUED = auto()
    #: The protocol is being given a piece of the bytes that wait.
    RUNNING = auto()


# To look a member up in its Enum takes 0.1 µs in Python 3.11, several times a read.
_UNIDENTIFIED, _OPEN, _LOST, _ENDED = _Life
_NONE, _QUEUED, _RUNNING = _Turn


class IConnections(Protocol):
    """
    The factory of a connection, as the connection knows it: see
    L{logrecv.inputs.streams.Connections}.
    """

    tally: InputTally
    admission: Admission
    scheduler: FairScheduler
    openings: IdleTimeouts

    def countRefused(
        self, reason: str, host: str, sample: bytes = b"", detail: str = ""
    ) -> None:
        """
        Count a connection that is refused.
        """


@implementer(IHandshakeListener)
class Connection(ProtocolWrapper):
    """
    One accepted connection.

    Bytes that were read wait until the scheduler has time for them, and the protocol
    gets them in pieces.  The transport is read while the protocol is not paused and
    nothing waits.

    @ivar reads: The number of times that bytes have come.
    @ivar paused: True while the protocol does not want to read.
    @ivar waiting: Bytes that were read and are not all handed on yet.
    @ivar host: The host that the connection is counted for.
    @ivar first: The first bytes that have come.
    """

    factory: IConnections
    reads: int = 0
    paused: bool = False
    waiting: bytes = b""
    first: bytes = b""
    host: str | None = None
    _log: ClassVar[Logger] = Logger()
    _life: _Life = _UNIDENTIFIED
    _turn: _Turn = _NONE
    _isRead: bool = True
    #: The number of waiting bytes that were handed on.
    _handedOn: int = 0
    #: The reason for which the connection is lost.
    _reason: Failure = connectionDone
    _address: Any = None
    #: The C{OpenSSL.SSL.Connection}, where TLS is spoken.
    _handle: Any = None

    def makeConnection(self, transport: ITransport) -> None:
        """
        Count the connection and hand it on.
        """
        self.factory.tally.connections += 1
        self.factory.admission.enter(self.host)
        if self.isIdentified(transport):
            self._life = _OPEN
        elif INegotiated.providedBy(transport):
            self.factory.openings.start(self)
            self._handle = cast(ISystemHandle, transport).getHandle()
            refuseEarlyEnd(self._handle)
        super().makeConnection(transport)

    def handshakeCompleted(self) -> None:
        """
        Wait no longer for the handshake of TLS, and send no tickets after it.
        """
        self.factory.openings.cancel(self)
        holdTickets(self._handle)

    def isIdentified(self, transport: ITransport) -> bool:
        """
        Return C{True} if the address of a new transport is that of the client, which is
        so with a plain socket.
        """
        return isinstance(transport, TCPConnection)

    def timedOut(self) -> None:
        """
        Refuse the client, which has not shaken hands in time.
        """
        self.refuse(HANDSHAKE)

    def refuse(self, reason: str) -> None:
        """
        Count the connection as refused, and close it at once.

        @param reason: The reason: one of the constants of L{logrecv.reasons}.
        """
        self.countRefused(reason)
        self.abortConnection()

    def countRefused(self, reason: str, detail: str = "") -> None:
        """
        Count the connection as refused, and log who it is from.

        @param reason: The reason: one of the constants of L{logrecv.reasons}.
        @param detail: More about the reason, for the log.
        """
        host = senderHost(self)
        self.factory.countRefused(reason, host, self.first, detail)

    def dataReceived(self, data: bytes) -> None:
        """
        Hand on the client's bytes, now or in their turn.
        """
        self.reads += 1
        if not self.first:
            self.first = data[:SAMPLE_SIZE]
        if self._life is _UNIDENTIFIED:
            self._identify()
        if self.disconnecting:
            return
        self.waiting += data
        if self._turn is _NONE and not self.paused:
            self._work()

    def _work(self) -> None:
        """
        Hand on as much as there is time for, and wait with the rest for a turn.
        """
        if not self.factory.scheduler.run(self):
            self._turn = _QUEUED
            self.getHost()
            self._stopReading()

    def step(self) -> bool:
        """
        Hand on one piece of the bytes that wait.

        @return: True if there is more to hand on.
        """
        before = self._turn
        if self.waiting and not self.paused:
            self._turn = _RUNNING
            self._handOn()
            if self.waiting and not self.paused:
                self._turn = before
                return True
        self._turn = _NONE
        if self._life is _LOST and not self.waiting:
            self._end()
        elif not self._isRead:
            self._readOn()
        return False

    def abandon(self) -> None:
        """
        Hand on nothing more: the connection is closed at once.
        """
        self.abortConnection()

    def _handOn(self) -> None:
        end = self._handedOn + PIECE_SIZE
        piece = self.waiting[self._handedOn : end]
        self._handedOn = end
        if end >= len(self.waiting):
            self._forget()
        try:
            self.wrappedProtocol.dataReceived(piece)
        except Exception:
            # The reactor does the same with a protocol that it calls.
            self._log.failure("a connection failed")
            self.abortConnection()

    def _forget(self) -> None:
        self.waiting = b""
        self._handedOn = 0

    def _stopReading(self) -> None:
        if self._isRead:
            self._isRead = False
            cast(IPushProducer, self.transport).pauseProducing()

    def _readOn(self) -> None:
        if not (self._isRead or self.paused or self.waiting or self.disconnecting):
            self._isRead = True
            cast(IPushProducer, self.transport).resumeProducing()

    def _identify(self) -> None:
        """
        Decide anew about a connection, if its first bytes have told that it is
        another client's.
        """
        self._life = _OPEN
        admission = self.factory.admission
        host = hostOf(self.getPeer())
        if host == self.host:
            return
        admission.leave(self.host)
        refusal = admission.refusal(host)
        self.host = host
        admission.enter(host)
        if refusal is not None:
            self.refuse(refusal)

    def pauseProducing(self) -> None:
        """
        Stop reading.
        """
        self.paused = True
        self._stopReading()

    def resumeProducing(self) -> None:
        """
        Read on, when everything that waits is handed on.
        """
        self.paused = False
        if self.waiting and self._turn is _NONE:
            self._work()
        self._readOn()

    def loseConnection(self) -> None:
        """
        Close the connection, and hand on nothing more.
        """
        self._forget()
        super().loseConnection()
        if self._life is _LOST:
            self._end()

    def abortConnection(self) -> None:
        """
        Close the connection at once.
        """
        self._forget()
        self.disconnecting = 1
        cast(ITCPTransport, self.transport).abortConnection()
        if self._life is _LOST:
            self._end()

    def getHost(self) -> Any:
        """
        Return the address of this end.  A transport that is lost has forgotten its
        address.
        """
        if self._address is None:
            self._address = super().getHost()
        return self._address

    def setTcpNoDelay(self, enabled: bool) -> None:
        """
        Send at once, or gather.  A transport that is lost has no socket to set this
        on.
        """
        if self._life in (_UNIDENTIFIED, _OPEN):
            cast(ITCPTransport, self.transport).setTcpNoDelay(enabled)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """
        Count the connection out, as soon as everything that was read of it is handed
        on.
        """
        self._life = _LOST
        self._reason = reason
        if not self.waiting:
            self._end()

    def _end(self) -> None:
        self._life = _ENDED
        self.factory.tally.connections -= 1
        self.factory.admission.leave(self.host)
        if self._handle is not None:
            self.factory.openings.cancel(self)
        if isFailure(self._reason):
            self.countRefused(HANDSHAKE, explainFailure(self._reason, self._handle))
        super().connectionLost(self._reason)
