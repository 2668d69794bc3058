"""
Large bodies of JSON, taken in turns between hosts.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Final

from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure

from logrecv.inputs.limits.fairness import FairScheduler

#: Seconds of work on one body in one piece.  A step of a body is finished in any case.
PIECE_SECONDS: Final = 0.002


class BodyAbandoned(Exception):
    """
    A body was not taken, since the service stops.
    """


@define(eq=False)
class _Body:
    """
    A body that is being taken, or waits.

    @ivar steps: Does the work, step by step.
    @ivar taken: Fires when the work is done.
    """

    steps: Iterator[None]
    taken: Deferred[None] = field(factory=Deferred)


@define(eq=False)
class LargeBodies:
    """
    Takes bodies step by step, so that a body of many records keeps nobody waiting::

        bodies = LargeBodies(scheduler, reactor)
        bodies.take(intake.jsonSteps(body, peer), host).addCallback(answer)

    Only one body is being taken at a time, because its records need several times the
    memory of the body.  Hosts take turns.

    @ivar scheduler: Divides the time among hosts.
    @ivar clock: Tells the time.
    """

    scheduler: FairScheduler
    clock: IReactorTime
    _waiting: dict[str | None, deque[_Body]] = field(factory=dict, init=False)
    _current: _Body | None = field(default=None, init=False)
    _host: str | None = field(default=None, init=False)

    @property
    def host(self) -> str | None:
        """
        The host whose body is being taken, for L{FairScheduler}.
        """
        return next(iter(self._waiting), None) if self._current is None else self._host

    def take(self, steps: Iterator[None], host: str | None) -> Deferred[None]:
        """
        Take a body in later turns of the reactor.

        @param steps: Does the work.
        @param host: The host that sent the body.
        @return: A L{Deferred} that fires when the steps are done, or fails as the
            steps do.
        """
        body = _Body(steps)
        isIdle = self._current is None and not self._waiting
        self._waiting.setdefault(host, deque()).append(body)
        if isIdle:
            self.scheduler.later(self)
        return body.taken

    def step(self) -> bool:
        """
        Work at one body for a while.

        @return: True if there is more to do.
        """
        body = self._current = self._current or self._next()
        begin = self.clock.seconds()
        result: Failure | None = None
        try:
            for _ in body.steps:
                if self.clock.seconds() - begin >= PIECE_SECONDS:
                    return True
        except Exception:
            result = Failure()
        self._current = None
        # Before the callback, which may bring another body.
        more = bool(self._waiting)
        body.taken.callback(result)
        return more

    def abandon(self) -> None:
        """
        Take none of the bodies: their Deferreds fail with L{BodyAbandoned}.
        """
        bodies = [] if self._current is None else [self._current]
        for queue in self._waiting.values():
            bodies.extend(queue)
        self._current = None
        self._waiting.clear()
        for body in bodies:
            body.taken.errback(BodyAbandoned("the service stops; send again later"))

    def _next(self) -> _Body:
        """
        Remove the next body of the next host.
        """
        self._host = next(iter(self._waiting))
        queue = self._waiting.pop(self._host)
        body = queue.popleft()
        if queue:
            self._waiting[self._host] = queue
        return body
