"""
Idle connections: how long one may be kept that nothing comes on.
"""

from __future__ import annotations

from typing import Protocol

from attrs import define, field
from twisted.internet.interfaces import IDelayedCall, IReactorTime


class Idler(Protocol):
    """
    A connection that nothing comes on.
    """

    def timedOut(self) -> None:
        """
        Close it.
        """


@define(eq=False)
class IdleTimeouts:
    """
    Closes the connections that have been idle for too long: with one timer for all
    of them, as each has the same time.  One of its own would cost a short connection
    as much as all else that is done for it.

    @ivar clock: Tells how long that is.
    @ivar seconds: How long one may be idle.
    """

    clock: IReactorTime
    seconds: float
    #: Since when each is, in seconds; the first for the longest.
    _since: dict[Idler, float] = field(factory=dict, init=False)
    _call: IDelayedCall | None = field(default=None, init=False)

    def start(self, connection: Idler) -> None:
        """
        Note that a connection is idle from now on.
        """
        self._since.pop(connection, None)
        self._since[connection] = self.clock.seconds()
        if self._call is None:
            self._call = self.clock.callLater(self.seconds, self._close)

    def cancel(self, connection: Idler) -> None:
        """
        Note that a connection is none of these any more.
        """
        self._since.pop(connection, None)
        if not self._since and self._call is not None:
            self._call.cancel()
            self._call = None

    def _close(self) -> None:
        """
        Close those whose time is over, and wait for the next one's.
        """
        self._call = None
        now = self.clock.seconds()
        try:
            while self._since and self._first() <= now:
                connection = next(iter(self._since))
                del self._since[connection]
                connection.timedOut()
        finally:
            if self._since:
                left = max(self._first() - now, 0)
                self._call = self.clock.callLater(left, self._close)

    def _first(self) -> float:
        """
        Tell when the next one's time is over.
        """
        return next(iter(self._since.values())) + self.seconds
