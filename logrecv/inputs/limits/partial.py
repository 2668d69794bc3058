"""
Unfinished frames and requests: how many bytes of them may be held, and for how long.
"""

from __future__ import annotations

from typing import Final, Protocol

from attrs import define, field
from twisted.internet.interfaces import IDelayedCall, IReactorTime

from logrecv.reasons import OVERLOAD, TOO_SLOW

#: Seconds from the first byte of a frame or request to its last.  A stock handler
#: sends all bytes at once, and gives up itself when that takes a second.
PARTIAL_TIMEOUT: Final = 30.0

#: Bytes of unfinished frames and requests that are held for all clients together.  A
#: healthy client has less than one record under way.
PARTIAL_SIZE: Final = 32 * 1024 * 1024

#: The part of the limit that stays in use when the limit was passed: otherwise every
#: byte that comes next would make one more client go.
_PART_KEPT: Final = 15 / 16

#: Seconds that count for a connection which has just begun, when connections are
#: weighed: otherwise its bytes would weigh nothing.
_LEAST_SECONDS: Final = 0.001

#: Seconds between looks for connections that are late.
_SWEEP_DELAY: Final = 1.0


class IPartialInput(Protocol):
    """
    A connection that holds the beginning of a frame or request.

    @ivar paused: True while the connection is not read, so that its client cannot
        finish.
    """

    @property
    def paused(self) -> bool:
        """
        See the class.
        """

    def abandon(self, reason: str) -> None:
        """
        Count the unfinished frame or request as rejected, and close the connection.

        @param reason: A constant of L{logrecv.reasons}.
        """


@define(eq=False)
class _Holding:
    """
    The unfinished frame or request of one connection.

    @ivar size: The bytes that are held.
    @ivar since: The time of the first byte, in seconds.
    """

    size: int
    since: float


@define(eq=False)
class PartialInputs:
    """
    The account of unfinished frames and requests, for all inputs of a service
    together.

    When too many bytes are held, the connections that hold most for longest are
    abandoned: a healthy client that has more under way than others finishes in
    milliseconds.

    @ivar clock: Tells which connections are late.
    @ivar limit: The bytes that may be held.
    @ivar deadline: The seconds that a frame or request may take.
    @ivar held: The bytes that are held.
    """

    clock: IReactorTime
    limit: int = PARTIAL_SIZE
    deadline: float = PARTIAL_TIMEOUT
    held: int = field(default=0, init=False)
    _holdings: dict[IPartialInput, _Holding] = field(factory=dict, init=False)
    _sweeping: IDelayedCall | None = field(default=None, init=False)

    def started(self, owner: IPartialInput, size: int) -> None:
        """
        Note that a connection has finished what it held, and has begun anew.

        @param size: The bytes that the connection holds of a new frame or request; 0
            if it holds none.
        """
        self.finished(owner)
        if size:
            self._holdings[owner] = _Holding(0, self.clock.seconds())
            self.received(owner, size)
            if self._sweeping is None:
                self._sweeping = self.clock.callLater(_SWEEP_DELAY, self._sweep)

    def received(self, owner: IPartialInput, size: int) -> None:
        """
        Note that more has come of the frame or request that a connection had begun.

        @param size: All the bytes that the connection holds now.
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
        Note that a connection holds no unfinished frame or request.
        """
        holding = self._holdings.pop(owner, None)
        if holding is not None:
            self.held -= holding.size

    def _makeRoom(self) -> None:
        """
        Abandon the connections that hold most for longest.
        """
        now = self.clock.seconds()

        def weight(owner: IPartialInput) -> float:
            holding = self._holdings[owner]
            return holding.size * (now - holding.since + _LEAST_SECONDS)

        for owner in sorted(self._holdings, key=weight, reverse=True):
            if self.held <= _PART_KEPT * self.limit:
                break
            if owner in self._holdings:
                self._abandon(owner, OVERLOAD)

    def _abandon(self, owner: IPartialInput, reason: str) -> None:
        self.finished(owner)
        owner.abandon(reason)

    def _sweep(self) -> None:
        """
        Abandon the connections that are late.
        """
        self._sweeping = None
        now = self.clock.seconds()
        for owner, holding in list(self._holdings.items()):
            if owner.paused:
                holding.since = now
            elif now - holding.since >= self.deadline:
                self._abandon(owner, TOO_SLOW)
        if self._holdings:
            self._sweeping = self.clock.callLater(_SWEEP_DELAY, self._sweep)
