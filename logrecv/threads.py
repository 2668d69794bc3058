"""
Functions that block, and the thread that they run in.
"""

from __future__ import annotations

from collections.abc import Callable
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Protocol

from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorFromThreads
from twisted.python.failure import Failure


class ISerialExecutor(Protocol):
    """
    Runs functions that block, one after the other.
    """

    def run(self, function: Callable[[], None]) -> Deferred[None]:
        """
        Run a function after those that were given before.

        @return: A L{Deferred} that fires with what became of it.
        """

    def end(self) -> None:
        """
        Take no more functions.
        """


@define(eq=False)
class ThreadExecutor:
    """
    Runs functions in a thread of its own that the end of the process does not
    wait for.  (It does wait for the threads of a reactor's pool, and one of
    them that writes to a pipe which nobody reads would keep it for ever.)

    @ivar reactor: Fires the Deferreds, in its thread.
    @ivar name: The name of the thread.
    @ivar housekeeping: Called in the thread after each function: does what is due
        meanwhile, does not raise, and returns the seconds after which it is to
        be called again if there is no function until then; L{None} for never.
    """

    reactor: IReactorFromThreads
    name: str
    housekeeping: Callable[[], float | None] = lambda: None
    _thread: Thread | None = field(default=None, init=False)
    _tasks: SimpleQueue[tuple[Callable[[], None], Deferred[None]] | None] = field(
        factory=SimpleQueue, init=False
    )

    def run(self, function: Callable[[], None]) -> Deferred[None]:
        """
        See L{ISerialExecutor.run}.
        """
        if self._thread is None:
            self._thread = Thread(target=self._work, name=self.name, daemon=True)
            self._thread.start()
        done: Deferred[None] = Deferred()
        self._tasks.put((function, done))
        return done

    def end(self) -> None:
        """
        See L{ISerialExecutor.end}.
        """
        self._tasks.put(None)

    def _work(self) -> None:
        while True:
            try:
                task = self._tasks.get(timeout=self.housekeeping())
            except Empty:
                continue
            if task is None:
                break
            function, done = task
            result: Failure | None = None
            try:
                function()
            except BaseException:
                result = Failure()
            self.reactor.callFromThread(done.callback, result)
