"""
Turns: how long what clients sent is worked at before everything else gets its
share of the reactor, and who is the next.
"""

from __future__ import annotations

from collections import deque
from typing import Final, Protocol

from attrs import define, field
from twisted.internet.interfaces import IDelayedCall, IReactorTime

#: Seconds of work in one turn of the reactor, for all clients together.  The
#: console is asked between turns, and needs some three of them for an answer.
BUDGET: Final = 0.005

#: The bytes that are worked at in one piece: up to 30 ms where everything in them
#: is made to take long.
PIECE: Final = 16 * 1024


class ISchedulable(Protocol):
    """
    Somebody who has work to do.

    @ivar host: Who the work is for.
    """

    @property
    def host(self) -> str | None:
        """
        See the class.
        """

    def step(self) -> bool:
        """
        Do a piece of the work.

        @return: Whether there is more to do.
        """


@define(eq=False)
class FairScheduler:
    """
    Gives turns: at once, while there is time in this turn of the reactor; else
    in later ones, to one host after the other, so that a host that has much to
    do makes none wait but itself.

    @ivar clock: Tells how long work takes.
    @ivar budget: Seconds of work in one turn of the reactor.  What is spent in
        several turns counts as one's as long as it is less than half of that.
    """

    clock: IReactorTime
    budget: float = BUDGET
    _spent: float = field(default=0.0, init=False)
    _waiting: dict[str | None, deque[ISchedulable]] = field(factory=dict, init=False)
    _call: IDelayedCall | None = field(default=None, init=False)

    def run(self, waiter: ISchedulable) -> bool:
        """
        Give a turn, now or later.

        @return: Whether all the work was done now.
        """
        more = True
        try:
            while more and self._spent < self.budget and not self._waiting:
                more = self._work(waiter)
            if more:
                self._enqueue(waiter)
        finally:
            self._schedule()
        return not more

    def _enqueue(self, waiter: ISchedulable) -> None:
        self._waiting.setdefault(waiter.host, deque()).append(waiter)

    def _schedule(self) -> None:
        # When half of the time is spent, and not at the first work of each turn of
        # the reactor, which would cost more than most work does.
        if self._call is None and (self._waiting or self._spent >= self.budget / 2):
            self._call = self.clock.callLater(0, self._next)

    def _work(self, waiter: ISchedulable) -> bool:
        begin = self.clock.seconds()
        try:
            return waiter.step()
        finally:
            self._spent += self.clock.seconds() - begin

    def _next(self) -> None:
        """
        Begin a new turn with those who have waited.
        """
        self._call = None
        self._spent = 0.0
        try:
            while self._waiting and self._spent < self.budget:
                host = next(iter(self._waiting))
                queue = self._waiting.pop(host)
                waiter = queue.popleft()
                if queue:
                    self._waiting[host] = queue
                if self._work(waiter):
                    self._enqueue(waiter)
        finally:
            self._schedule()
