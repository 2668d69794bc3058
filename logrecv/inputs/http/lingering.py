"""
The end of a connection whose client was refused while it may still be sending.

To close the connection at once would reset it.  The client would then fail in sending,
and many a client would never read the answer that says why.
"""

from __future__ import annotations

from typing import Any, Final

from attrs import define, field
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.internet.tcp import Connection as TCPConnection

from logrecv.inputs.connection import Connection

#: Bytes that are read of a client that was refused, and thrown away.  A client like
#: C{http.client} reads the answer only when it has sent its whole body.  Some times the
#: largest record is a mistake, and worth an answer.
LINGER_SIZE: Final = 8 * 1024 * 1024

#: Seconds for which these bytes are read.  A client that looks for an answer while it
#: sends finds the answer after one round trip.
LINGER_TIMEOUT: Final = 5.0

#: Bytes a second that are read of all these clients together, after the first
#: L{LINGER_SIZE} at once: some hundredths of a processor.
_DISCARD_RATE: Final = 32 * 1024 * 1024

#: Seconds that a connection waits at least when it waits, so that the timers cost less
#: than the reading.
_LEAST_DELAY: Final = 0.01


@define(eq=False)
class DiscardPace:
    """
    The pace at which the bytes of all refused clients of a site are read::

        pace = DiscardPace(reactor)
        seconds = pace.delay(len(data))

    @ivar clock: Tells the time.
    """

    clock: IReactorTime
    #: The time at which everything that was read has been paid for, in seconds.
    _paid: float = field(default=0.0, init=False)

    def delay(self, size: int) -> float:
        """
        Note that bytes were thrown away.

        @param size: The number of these bytes.
        @return: The seconds until more may be read.
        """
        now = self.clock.seconds()
        earliest = now - LINGER_SIZE / _DISCARD_RATE
        self._paid = max(self._paid, earliest) + size / _DISCARD_RATE
        delay = self._paid - now
        return delay if delay >= _LEAST_DELAY else 0.0


@define(eq=False)
class Lingering:
    """
    Throws away what a refused client still sends, and closes the connection soon::

        lingering = Lingering(transport, pace)
        lingering.start()

    @ivar transport: The connection, on which the answer was written.
    @ivar pace: The pace of the site.
    """

    transport: Any
    pace: DiscardPace
    _discarded: int = field(default=0, init=False)
    _timeout: IDelayedCall | None = field(default=None, init=False)
    _pause: IDelayedCall | None = field(default=None, init=False)

    def start(self) -> None:
        """
        Tell the client that nothing follows the answer, and begin to wait for its end.
        """
        _endWriting(self.transport)
        clock = self.pace.clock
        self._timeout = clock.callLater(LINGER_TIMEOUT, self._abort)

    def discard(self, data: bytes) -> None:
        """
        Throw bytes away.
        """
        self._discarded += len(data)
        if self._discarded > LINGER_SIZE:
            self._abort()
            return
        delay = self.pace.delay(len(data))
        if delay and self._pause is None:
            self.transport.pauseProducing()
            self._pause = self.pace.clock.callLater(delay, self._readOn)

    def stop(self) -> None:
        """
        Wait for nothing more: the connection is lost.
        """
        for call in (self._timeout, self._pause):
            if call is not None and call.active():
                call.cancel()
        self._timeout = self._pause = None

    def _readOn(self) -> None:
        self._pause = None
        self.transport.resumeProducing()

    def _abort(self) -> None:
        self.stop()
        self.transport.abortConnection()


def _endWriting(transport: object) -> None:
    """
    Tell the client that nothing follows, while the client is still read.  TLS cannot
    end one direction alone.
    """
    if isinstance(transport, Connection):
        transport = transport.transport
    if isinstance(transport, TCPConnection) and not transport.TLS:
        transport.loseWriteConnection()
