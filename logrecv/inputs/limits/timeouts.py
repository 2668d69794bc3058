"""
Timeouts of idle connections.
"""

from __future__ import annotations

from typing import Protocol

from attrs import define, field
from twisted.internet.interfaces import IDelayedCall, IReactorTime


class Idler(Protocol):
    """
    A connection that can be idle.
    """

    def timedOut(self) -> None:
        """
        Close the connection, which has been idle for too long.
        """


@define(eq=False)
class IdleTimeouts:
    """
    Closes connections that have been idle for too long.

    All connections have the same timeout, and share one timer.  A timer of its own
    would cost a short connection as much as everything else that is done for it.

    @ivar clock: Tells the time.
    @ivar seconds: The time that a connection may be idle, in seconds.
    """

    clock: IReactorTime
    seconds: float
    #: The time since which each connection is idle, in seconds; the earliest first.
    _since: dict[Idler, float] = field(factory=dict, init=False)
    _call: IDelayedCall | None = field(default=None, init=False)

    def start(self, connection: Idler) -> None:
        """
        Start the timeout of a connection, which is idle from now on.
        """
        self._since.pop(connection, None)
        self._since[connection] = self.clock.seconds()
        if self._call is None:
            self._call = self.clock.callLater(self.seconds, self._close)

    def cancel(self, connection: Idler) -> None:
        """
        Cancel the timeout of a connection, if there is one.
        """
        self._since.pop(connection, None)
        if not self._since and self._call is not None:
            self._call.cancel()
            self._call = None

    def _close(self) -> None:
        """
        Close the connections that have timed out, and wait for the next.
        """
        self._call = None
        now = self.clock.seconds()
        try:
            while self._since and self._nextTimeout() <= now:
                connection = next(iter(self._since))
                del self._since[connection]
                connection.timedOut()
        finally:
            if self._since:
                left = max(self._nextTimeout() - now, 0)
                self._call = self.clock.callLater(left, self._close)

    def _nextTimeout(self) -> float:
        """
        Return the time at which the next connection times out, in seconds.
        """
        return next(iter(self._since.values())) + self.seconds
