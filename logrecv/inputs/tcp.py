"""
C{SocketHandler}: records over a stream.
"""

from __future__ import annotations

from typing import cast

from attrs import define, field
from twisted.internet.interfaces import (
    IHandshakeListener,
    ISystemHandle,
    ITCPTransport,
    ITransport,
)
from twisted.internet.protocol import Factory, connectionDone
from twisted.protocols.basic import Int32StringReceiver
from twisted.python.failure import Failure
from zope.interface import implementer

from logrecv.inputs.handshakes import holdTickets
from logrecv.inputs.limits import MAX_RECORD_SIZE
from logrecv.inputs.limits.partial import PartialInputs
from logrecv.inputs.peers import firstBytes, senderHost, senderName
from logrecv.intake import Intake
from logrecv.reasons import INCOMPLETE, TOO_LONG
from logrecv.wire.framing import FrameDecoder


@implementer(IHandshakeListener)
class RecordProtocol(Int32StringReceiver):
    """
    The protocol of one C{SocketHandler}: an C{Int32StringReceiver} whose payloads
    become records.

    The protocol sends nothing, and closes no connection but that of a client that
    does not finish a frame.

    A subclass sees the payloads one by one in L{stringReceived}, or all the payloads
    of a read in L{stringsReceived}:

    >>> class Told(RecordProtocol):
    ...     def stringReceived(self, payload):
    ...         print("a payload from", self.transport.getPeer().host)
    ...         super().stringReceived(payload)
    >>> factory = RecordFactory(Intake(sink, reactor))
    >>> factory.protocol = Told
    >>> protocol = factory.buildProtocol(None)
    >>> protocol.makeConnection(StringTransport())
    >>> protocol.dataReceived(makeFrame(msg="hello"))
    a payload from 192.168.1.1
    >>> [record.message for record in sink.records]
    ['hello']

    As with every C{Int32StringReceiver}, no payload arrives while the protocol is
    paused (C{pauseProducing}).  More is promised here: no payload arrives after
    C{transport.loseConnection()}, and a payload that came before the client closed
    the connection arrives even if the protocol was paused all the time.

    @cvar MAX_LENGTH: The longest payload taken, in bytes, where the factory sets no
        limit.
    @ivar factory: The L{RecordFactory}, which knows what all its connections share.
    @ivar paused: True while the client is not read.
    """

    MAX_LENGTH = MAX_RECORD_SIZE

    factory: RecordFactory
    _frames: FrameDecoder
    #: Payloads that came while the protocol was paused, or was handing on others.
    _waiting: list[bytes]
    _delivering: bool = False
    _peer: str | None = None

    def makeConnection(self, transport: ITransport) -> None:
        """
        Prepare for a client.

        Not the task of C{connectionMade}, which a subclass may override without
        calling the method of its base class.
        """
        if self.factory.maxRecord is not None:
            self.MAX_LENGTH = self.factory.maxRecord
        self._frames = FrameDecoder(self.MAX_LENGTH)
        self._waiting = []
        # The system finds out when a client is gone: its silence alone means
        # nothing.  Only TCP has a keepalive.
        keepAlive = getattr(transport, "setTcpKeepAlive", None)
        if keepAlive is not None:
            keepAlive(True)
        super().makeConnection(transport)

    def handshakeCompleted(self) -> None:
        """
        Send no tickets after the handshake of TLS, where nothing is between TLS and
        this protocol.
        """
        holdTickets(cast(ISystemHandle, self.transport).getHandle())

    def dataReceived(self, data: bytes) -> None:
        """
        Hand on, as one batch, the payloads that one read completed.
        """
        if getattr(self.transport, "disconnecting", False):
            return
        frames = self._frames
        # Code that uses this class may set another limit at any time.
        frames.maxLength = self.MAX_LENGTH
        payloads = rest = frames.feed(data)
        skipped = frames.skipped
        if skipped:
            rest = self._passOver(payloads, skipped)
        if rest or self._waiting:
            self._deliver(rest)
        if self.connected:
            partials = self.factory.partials
            if payloads or skipped:
                partials.started(self, frames.held)
            else:
                partials.received(self, frames.held)

    def stringReceived(self, payload: bytes) -> None:
        """
        Take one payload.  Override this method to see each payload.

        @param payload: The bytes of a pickle, without the length before them.
        """
        self._handOn([payload])

    def stringsReceived(self, payloads: list[bytes]) -> None:
        """
        Take the payloads that one read completed, in their order.  Override this
        method to see each batch: this is the fast path.

        Where L{stringReceived} is overridden, each payload goes there.

        @param payloads: The payloads; at least one.
        """
        if type(self).stringReceived is RecordProtocol.stringReceived:
            self._handOn(payloads)
            return
        for index, payload in enumerate(payloads):
            if self._isClosing():
                break
            if self.paused:
                self._waiting[:0] = payloads[index:]
                break
            self.stringReceived(payload)

    def lengthLimitExceeded(self, length: int) -> None:
        """
        Count a payload that is longer than C{MAX_LENGTH}.  The protocol skips it,
        and the connection stays: a C{SocketHandler} whose connection is closed
        loses its next two records.

        @param length: The length of the payload, in bytes.
        """
        self._reject(TOO_LONG)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """
        Hand on the payloads that waited, and count the frame that was cut off.
        """
        self.connected = 0
        self.paused = False
        if not self._isClosing():
            self._deliver([])
        self.factory.partials.finished(self)
        if self._frames.held:
            self._reject(INCOMPLETE)

    def abandon(self, reason: str) -> None:
        """
        Count the unfinished frame as rejected, and close the connection.

        @param reason: A constant of L{logrecv.reasons}.
        """
        self._reject(reason)
        self._frames.discard()
        cast(ITCPTransport, self.transport).abortConnection()

    def _reject(self, reason: str) -> None:
        transport = self.transport
        self.factory.intake.reject(
            "tcp", reason, 1, senderHost(transport), firstBytes(transport)
        )

    def _passOver(
        self, payloads: list[bytes], skipped: list[tuple[int, int]]
    ) -> list[bytes]:
        """
        Tell of the payloads that are too long, each in its place among the others.

        @param skipped: The frames that were too long: L{FrameDecoder.skipped}.
        @return: The payloads behind the last one that is too long.
        """
        start = 0
        for end, length in skipped:
            self._deliver(payloads[start:end])
            if self._isClosing():
                return []
            self.lengthLimitExceeded(length)
            start = end
        return payloads[start:]

    def _deliver(self, payloads: list[bytes]) -> None:
        """
        Deliver payloads behind those that wait, as far as the protocol takes them
        now.
        """
        self._waiting = self._waiting + payloads if self._waiting else payloads
        if self._delivering:
            return
        self._delivering = True
        try:
            while self._waiting and not self.paused:
                batch, self._waiting = self._waiting, []
                self.stringsReceived(batch)
                if self._waiting and self._isClosing():
                    self._waiting = []
        finally:
            self._delivering = False

    def _isClosing(self) -> bool:
        """
        Return C{True} once this side has closed the connection.
        """
        return bool(getattr(self.transport, "disconnecting", False))

    def _handOn(self, payloads: list[bytes]) -> None:
        # Not in makeConnection: behind haproxy the client is known only from its
        # first bytes on.
        if self._peer is None:
            self._peer = senderName(self.transport)
        ready = self.factory.intake.framesReceived(payloads, self._peer)
        if ready is not None and self.connected:
            self.pauseProducing()
            ready.addBoth(self._ready)

    def _ready(self, result: object) -> None:
        if self.connected:
            self.resumeProducing()


@define(eq=False)
class RecordFactory(Factory):
    """
    The factory of the connections of C{SocketHandler}s, for any stream endpoint.

    Listen with a factory, and every record goes to the sink of its intake:

    >>> endpoint = TCP4ServerEndpoint(reactor, 9020, interface="127.0.0.1")
    >>> listening = endpoint.listen(RecordFactory(Intake(sink, reactor)))

    @cvar protocol: The class of the protocols: L{RecordProtocol}, or a subclass,
        here or on one factory.
    @ivar intake: Takes the payloads.
    @ivar maxRecord: The longest payload taken, in bytes; L{None} for the
        C{MAX_LENGTH} of the protocol.
    @ivar partials: The account of unfinished frames, where several inputs share it.
    """

    noisy = False
    # Twisted 25.5 has no Factory[RecordProtocol] yet.
    protocol = RecordProtocol  # type: ignore[assignment]

    intake: Intake
    maxRecord: int | None = None
    partials: PartialInputs = field()

    @partials.default
    def _ownPartials(self) -> PartialInputs:
        return PartialInputs(self.intake.clock)
