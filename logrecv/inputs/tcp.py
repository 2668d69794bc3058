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

from logrecv.inputs.peers import senderName
from logrecv.inputs.unfinished import Unfinished
from logrecv.intake import Intake
from logrecv.wire.errors import INCOMPLETE, TOO_LONG
from logrecv.wire.frames import FrameDecoder


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
    _unfinished: Unfinished
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
            relief = self.intake.takeFrames(payloads, self._name())
            if relief is not None:
                self._pauseUntil(relief)
        if payloads or skipped:
            self._unfinished.begin(self, self._frames.held)
        else:
            self._unfinished.grow(self, self._frames.held)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """
        Count the frame that was cut off.
        """
        self._unfinished.end(self)
        if self._frames.held:
            self.intake.reject("tcp", INCOMPLETE)

    def giveUp(self, reason: str) -> None:
        """
        See L{logrecv.inputs.unfinished.Unfinisher.giveUp}.
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

    def _pauseUntil(self, relief: Deferred[None]) -> None:
        transport = cast(IPushProducer, self.transport)

        def resume(result: object) -> None:
            self.paused = False
            if self.connected:
                transport.resumeProducing()

        self.paused = True
        transport.pauseProducing()
        relief.addBoth(resume)


@define(eq=False)
class RecordFactory(Factory):
    """
    Receives from C{SocketHandler}s, on any stream endpoint.

    @ivar intake: Takes what they send.
    @ivar maxRecord: The largest payload taken, in bytes.
    @ivar unfinished: Keeps account of frames that are under way.
    """

    noisy = False

    intake: Intake
    maxRecord: int = 1048576
    unfinished: Unfinished = field()

    @unfinished.default
    def _ownUnfinished(self) -> Unfinished:
        return Unfinished(self.intake.clock)

    def buildProtocol(self, addr: IAddress | None) -> RecordProtocol:
        """
        Make the protocol of one connection.
        """
        frames = FrameDecoder(self.maxRecord)
        return RecordProtocol(self.intake, frames, self.unfinished)
