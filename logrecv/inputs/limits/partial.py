"""
What clients have begun to send and not finished: how much of it there may be,
and for how long.
"""

from __future__ import annotations

from typing import Final, Protocol

from attrs import define, field
from twisted.internet.interfaces import IDelayedCall, IReactorTime

from logrecv.reasons import OVERLOAD, TOO_SLOW

#: Seconds from the first byte of a frame or request to its last.  A stock
#: handler sends all of it at once, and gives up itself when that takes a second.
PARTIAL_TIMEOUT: Final = 30.0

#: Bytes of unfinished frames and requests that are held for all clients
#: together.  A healthy client has less than one record under way.
HELD: Final = 32 * 1024 * 1024

#: The part of that which is left when there was too much: so that not every
#: byte that comes then makes one more client go.
_LEFT: Final = 15 / 16

#: Seconds that count for those who have just begun, when it is weighed who has
#: most to answer for.
_JUST_BEGUN: Final = 0.001

#: Seconds between looks for those who are late.
_SWEEP: Final = 1.0


class IPartialInput(Protocol):
    """
    A connection that holds the beginning of something.

    @ivar paused: Whether it is not read, so that its client cannot finish.
    """

    @property
    def paused(self) -> bool:
        """
        See the class.
        """

    def abandon(self, reason: str) -> None:
        """
        Count what is unfinished as rejected, and close the connection.

        @param reason: A constant of L{logrecv.wire.errors}.
        """


@define(eq=False)
class _Holding:
    """
    What one connection holds, in bytes, and since when, in seconds.
    """

    size: int
    since: float


@define(eq=False)
class PartialInputs:
    """
    Keeps account of unfinished frames and requests, for all inputs of a service
    together.

    When there is too much, those who hold most for longest are given up: a
    healthy client that has more under way than others finishes in milliseconds.

    @ivar clock: Tells who is late.
    @ivar limit: Bytes that may be held.
    @ivar deadline: Seconds that one may take.
    @ivar held: Bytes that are held.
    """

    clock: IReactorTime
    limit: int = HELD
    deadline: float = PARTIAL_TIMEOUT
    held: int = field(default=0, init=False)
    _holdings: dict[IPartialInput, _Holding] = field(factory=dict, init=False)
    _sweeping: IDelayedCall | None = field(default=None, init=False)

    def started(self, owner: IPartialInput, size: int) -> None:
        """
        Note that a connection has begun something new.

        @param size: The bytes that it holds of it; 0 where it holds nothing
            unfinished.
        """
        self.finished(owner)
        if size:
            self._holdings[owner] = _Holding(0, self.clock.seconds())
            self.received(owner, size)
            if self._sweeping is None:
                self._sweeping = self.clock.callLater(_SWEEP, self._sweep)

    def received(self, owner: IPartialInput, size: int) -> None:
        """
        Note that more has come of what a connection had begun.

        @param size: All the bytes that it now holds of it.
        """
        holding = self._holdings.get(owner)
        if holding is None:
            self.started(owner, size)
            return
        self.held += size - holding.size
        holding.size = size
        if self.held > self.limit:
            self._makeRoom()

    def finished(self, owner: IPartialInput) -> None:
        """
        Note that a connection holds nothing unfinished.
        """
        holding = self._holdings.pop(owner, None)
        if holding is not None:
            self.held -= holding.size

    def _makeRoom(self) -> None:
        """
        Give up those who hold most for longest.
        """
        now = self.clock.seconds()

        def weight(owner: IPartialInput) -> float:
            holding = self._holdings[owner]
            return holding.size * (now - holding.since + _JUST_BEGUN)

        for owner in sorted(self._holdings, key=weight, reverse=True):
            if self.held <= _LEFT * self.limit:
                break
            if owner in self._holdings:
                self._giveUp(owner, OVERLOAD)

    def _giveUp(self, owner: IPartialInput, reason: str) -> None:
        self.finished(owner)
        owner.abandon(reason)

    def _sweep(self) -> None:
        """
        Give up those who are late.
        """
        self._sweeping = None
        now = self.clock.seconds()
        for owner, holding in list(self._holdings.items()):
            if owner.paused:
                holding.since = now
            elif now - holding.since >= self.deadline:
                self._giveUp(owner, TOO_SLOW)
        if self._holdings:
            self._sweeping = self.clock.callLater(_SWEEP, self._sweep)
