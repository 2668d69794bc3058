"""
Functions that block, and the thread that runs them.
"""

from __future__ import annotations

from collections.abc import Callable
from queue import Empty, SimpleQueue
from threading import Thread

from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorFromThreads
from twisted.python.failure import Failure
from zope.interface import Interface, implementer


class ISerialExecutor(Interface):
    """
    Runs functions that block, one after the other.
    """

    def run(function: Callable[[], None]) -> Deferred[None]:
        """
        Run a function after all functions of earlier calls.

        @return: A L{Deferred} that fires with C{None} when the function has
            returned, and fails with the exception that the function raised.
        """

    def end() -> None:
        """
        Take no more functions, and let go of the thread when all have run.
        """


@implementer(ISerialExecutor)
@define(eq=False)
class ThreadExecutor:
    """
    Runs functions in a thread of its own.  The end of the process does not wait
    for that thread.  It does wait for the threads of a reactor's pool, where a
    write to a pipe that nobody reads would keep the process for ever.

    @ivar reactor: Fires the Deferreds, in its own thread.
    @ivar name: The name of the thread.
    @ivar housekeeping: Called in the thread after each function, to do the work
        that is due.  It does not raise.  It returns the seconds until it is to be
        called again, if no function comes before; C{None} for never.
    """

    reactor: IReactorFromThreads
    name: str
    housekeeping: Callable[[], float | None] = lambda: None
    _thread: Thread | None = field(default=None, init=False)
    _tasks: SimpleQueue[tuple[Callable[[], None], Deferred[None]] | None] = field(
        factory=SimpleQueue, init=False
    )

    def run(self, function: Callable[[], None]) -> Deferred[None]:
        if self._thread is None:
            self._thread = Thread(target=self._work, name=self.name, daemon=True)
            self._thread.start()
        done: Deferred[None] = Deferred()
        self._tasks.put((function, done))
        return done

    def end(self) -> None:
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
