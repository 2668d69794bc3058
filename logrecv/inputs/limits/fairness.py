"""
Fair scheduling of input between hosts: how long the payloads of clients are worked
at before the rest of the program has the reactor, and which host is next.
"""

from __future__ import annotations

from collections import deque
from typing import Final, Protocol

from attrs import define, field
from twisted.internet.interfaces import IDelayedCall, IReactorTime

#: Seconds of work in one turn of the reactor, for all clients together.  The console
#: is asked between turns, and needs some three turns for an answer.
BUDGET_SECONDS: Final = 0.005

#: The most turns of the reactor without work after a turn that took too long: one more
#: than an answer of the console needs.
REST_TURNS: Final = 4

#: The bytes that are worked at in one piece: up to 20 ms of work where a client makes
#: each byte take long.  The last piece of a payload is all the work of that payload,
#: which has a bound of its own: see L{logrecv.wire.effort}.
PIECE_SIZE: Final = 16 * 1024


class ISchedulable(Protocol):
    """
    A connection, or anything else, that has work to do.

    @ivar host: The host that the work is for.
    """

    @property
    def host(self) -> str | None:
        """
        See the class.
        """

    def step(self) -> bool:
        """
        Do a piece of the work.

        @return: True if there is more to do.
        """

    def abandon(self) -> None:
        """
        Do no more of the work, since the service stops.
        """


@define(eq=False)
class FairScheduler:
    """
    Divides the time of the reactor among hosts.

    Work is done at once while there is time in this turn of the reactor, and
    otherwise in later turns, one piece for each host after the other: a host that
    has much to do makes only itself wait.

    A piece of work is not divided.  Where one takes longer than a turn has time for,
    the next turns have so much less, so the rest of the program gets several turns at
    once.

    @ivar clock: Tells how long work takes.
    @ivar budget: Seconds of work in one turn of the reactor.  Work of several turns
        counts together as long as it takes less than half of the budget.
    """

    clock: IReactorTime
    budget: float = BUDGET_SECONDS
    _spent: float = field(default=0.0, init=False)
    _waiting: dict[str | None, deque[ISchedulable]] = field(factory=dict, init=False)
    _call: IDelayedCall | None = field(default=None, init=False)

    def run(self, work: ISchedulable) -> bool:
        """
        Do work now as far as there is time, and the rest in later turns.

        @return: True if all the work was done now.
        """
        more = True
        try:
            while more and self._spent < self.budget and not self._waiting:
                more = self._step(work)
            if more:
                self._enqueue(work)
        finally:
            self._schedule()
        return not more

    def later(self, work: ISchedulable) -> None:
        """
        Do work in later turns.
        """
        self._enqueue(work)
        self._schedule()

    @property
    def isBusy(self) -> bool:
        """
        True while work waits.
        """
        return bool(self._waiting)

    def abandon(self) -> None:
        """
        Abandon the work that waits.
        """
        waiting, self._waiting = self._waiting, {}
        for queue in waiting.values():
            for work in queue:
                work.abandon()

    def _enqueue(self, work: ISchedulable) -> None:
        self._waiting.setdefault(work.host, deque()).append(work)

    def _schedule(self) -> None:
        # When half of the time is spent, and not at the first work of each turn of
        # the reactor, which would cost more than most work does.
        if self._call is None and (self._waiting or self._spent >= self.budget / 2):
            self._call = self.clock.callLater(0, self._nextTurn)

    def _step(self, work: ISchedulable) -> bool:
        begin = self.clock.seconds()
        try:
            return work.step()
        finally:
            self._spent += self.clock.seconds() - begin

    def _nextTurn(self) -> None:
        """
        Spend a new budget on the work that waits.
        """
        self._call = None
        overspent = min(self._spent - self.budget, self.budget * REST_TURNS)
        # The budgets of whole turns are missing in this turn and the next ones.
        self._spent = overspent if overspent >= self.budget else 0.0
        try:
            while self._waiting and self._spent < self.budget:
                host = next(iter(self._waiting))
                queue = self._waiting.pop(host)
                work = queue.popleft()
                if queue:
                    self._waiting[host] = queue
                if self._step(work):
                    self._enqueue(work)
        finally:
            self._schedule()
