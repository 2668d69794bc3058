"""
The queue of slow checks of passwords, divided among hosts.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final, TypeAlias

from attrs import define, field
from twisted.internet.defer import Deferred

#: Checks that may wait for one host.  A check takes a good part of a second of one core
#: by design.  A client with the right password needs one check.
HOST_CHECKS: Final = 8

#: Checks that may wait for all hosts together.
WAITING_CHECKS: Final = 64

Check: TypeAlias = Callable[[], bool]


class Busy(Exception):
    """
    Too many passwords wait to be checked.
    """


@define(eq=False)
class CheckQueue:
    """
    Runs checks one at a time, for one host after the other: a host that guesses makes
    only itself wait::

        queue = CheckQueue(deferToThread)
        checked = queue.run("10.0.0.1", check)

    @ivar inThread: Runs a function in a thread.
    """

    inThread: Callable[[Check], Deferred[bool]]
    _running: bool = field(default=False, init=False)
    #: The checks that wait, by host.  The next check is the first of the first host.
    _waiting: dict[str | None, deque[tuple[Check, Deferred[bool]]]] = field(
        factory=dict, init=False
    )

    def run(self, host: str | None, check: Check) -> Deferred[bool]:
        """
        Run a check in its turn.

        @param host: The host that asks for it; L{None} for clients of UNIX sockets.
        @return: Fires with the result, or fails with L{Busy} if the check had to make
            room for a check of another host.
        @raise Busy: Too many checks wait.
        """
        result: Deferred[bool] = Deferred()
        if not self._running:
            self._start(check, result)
            return result
        own = len(self._waiting.get(host, ()))
        if own >= HOST_CHECKS:
            raise Busy
        if sum(map(len, self._waiting.values())) >= WAITING_CHECKS:
            self._makeRoom(own + 1)
        self._waiting.setdefault(host, deque()).append((check, result))
        return result

    def _makeRoom(self, least: int) -> None:
        """
        Drop the last check of the host that has most.

        @param least: The number of checks that this host has to exceed.
        @raise Busy: No host has more checks.
        """
        host = max(self._waiting, key=lambda each: len(self._waiting[each]))
        queue = self._waiting[host]
        if len(queue) <= least:
            raise Busy
        _, result = queue.pop()
        result.errback(Busy())

    def _start(self, check: Check, result: Deferred[bool]) -> None:
        self._running = True
        checked = self.inThread(check)
        checked.addBoth(self._finished)
        checked.chainDeferred(result)

    def _finished(self, outcome: object) -> object:
        """
        Start the next check.
        """
        self._running = False
        if self._waiting:
            host = next(iter(self._waiting))
            queue = self._waiting.pop(host)
            check, result = queue.popleft()
            if queue:
                self._waiting[host] = queue
            self._start(check, result)
        return outcome
