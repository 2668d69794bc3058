"""
C{SocketHandler}: records over a stream.
"""

from __future__ import annotations

from typing import cast

from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress, IPushProducer, ITCPTransport
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure

from logrecv.inputs.limits.partial import PartialInputs
from logrecv.inputs.peers import senderName
from logrecv.intake import Intake
from logrecv.reasons import INCOMPLETE, TOO_LONG
from logrecv.wire.framing import FrameDecoder


@define(eq=False)
class RecordProtocol(Protocol):
    """
    Reads the frames of one C{SocketHandler}.  Nothing is ever sent to it, and
    nothing that it sends closes its connection, save a frame without end.

    @ivar intake: Takes what is sent.
    @ivar paused: Whether the client is not read for now.
    """

    intake: Intake
    _frames: FrameDecoder
    _partials: PartialInputs
    paused: bool = field(default=False, init=False)
    _peer: str | None = field(default=None, init=False)

    def connectionMade(self) -> None:
        """
        Have the system find out when the client is gone: its silence alone means
        nothing.
        """
        # Not every transport has it.
        keepAlive = getattr(self.transport, "setTcpKeepAlive", None)
        if keepAlive is not None:
            keepAlive(True)

    def dataReceived(self, data: bytes) -> None:
        """
        Hand on, as one batch, the payloads that one read completed.
        """
        skipped = self._frames.skipped
        payloads = self._frames.feed(data)
        skipped = self._frames.skipped - skipped
        if skipped:
            self.intake.reject("tcp", TOO_LONG, skipped)
        if payloads:
            ready = self.intake.framesReceived(payloads, self._name())
            if ready is not None:
                self._pauseUntil(ready)
        if payloads or skipped:
            self._partials.started(self, self._frames.held)
        else:
            self._partials.received(self, self._frames.held)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """
        Count the frame that was cut off.
        """
        self._partials.finished(self)
        if self._frames.held:
            self.intake.reject("tcp", INCOMPLETE)

    def abandon(self, reason: str) -> None:
        """
        See L{logrecv.inputs.limits.partial.IPartialInput.abandon}.
        """
        self.intake.reject("tcp", reason)
        self._frames.discard()
        cast(ITCPTransport, self.transport).abortConnection()

    def _name(self) -> str:
        # Not in connectionMade: behind haproxy the client is known only from
        # its first bytes on.
        if self._peer is None:
            self._peer = senderName(self.transport)
        return self._peer

    def _pauseUntil(self, ready: Deferred[None]) -> None:
        transport = cast(IPushProducer, self.transport)

        def resume(result: object) -> None:
            self.paused = False
            if self.connected:
                transport.resumeProducing()

        self.paused = True
        transport.pauseProducing()
        ready.addBoth(resume)


@define(eq=False)
class RecordFactory(Factory):
    """
    Receives from C{SocketHandler}s, on any stream endpoint.

    @ivar intake: Takes what they send.
    @ivar maxRecord: The largest payload taken, in bytes.
    @ivar partials: Keeps account of frames that are under way.
    """

    noisy = False

    intake: Intake
    maxRecord: int = 1048576
    partials: PartialInputs = field()

    @partials.default
    def _ownUnfinished(self) -> PartialInputs:
        return PartialInputs(self.intake.clock)

    def buildProtocol(self, addr: IAddress | None) -> RecordProtocol:
        """
        Make the protocol of one connection.
        """
        frames = FrameDecoder(self.maxRecord)
        return RecordProtocol(self.intake, frames, self.partials)
