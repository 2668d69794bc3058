"""
Writers that block, and the threads that they run in.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from queue import Empty, SimpleQueue
from threading import Thread
from typing import ClassVar, Final, Protocol

from attrs import define, field, frozen
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.interfaces import IReactorFromThreads
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import Interface, implementer

from logrecv.outputs.queue.store import Chunk
from logrecv.outputs.writers import IWriter

#: Seconds that a small write in a thread is made to take, and the bytes that one
#: has at most.  What comes meanwhile goes out with the next one: to wake a thread,
#: and to be told by it, takes some 100 us of CPU, as much as thirty records.  Only
#: who wrote a moment ago waits, and not for longer than a disk may take anyway.
PAUSE: Final = 0.005
SMALL: Final = 16 * 1024

#: The least limit of a queue of which writes are made to take that, in bytes.
_ROOMY: Final = 16 * SMALL


def coalesceDelay(limit: int) -> float:
    """
    Tell how long small writes of a queue are made to take.

    @param limit: The bytes that the queue holds at most: a small one could be full
        meanwhile, again and again.
    @return: L{PAUSE}, or none, in seconds.
    """
    return PAUSE if limit >= _ROOMY else 0.0


class IBlockingWriter(Interface):
    """
    Writes bytes somewhere and blocks meanwhile.

    The methods are those of L{IWriter}, but they return when they are done and
    raise what L{IWriter.write} fails with, and of a chunk they get the data.
    """

    def open() -> None:
        """
        See L{IWriter.open}.  The only one that is called in the reactor's
        thread.
        """

    def write(data: bytes) -> None:
        """
        See L{IWriter.write}.
        """

    def reopen() -> None:
        """
        See L{IWriter.reopen}.
        """

    def close() -> None:
        """
        See L{IWriter.close}.
        """


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


@implementer(IWriter)
@frozen(eq=False)
class ThreadedWriter:
    """
    Makes an L{IWriter} of a writer that blocks.

    @ivar writer: The writer.
    @ivar runner: Runs its methods.
    @ivar pause: Seconds that a small write is made to take, at least: see L{PAUSE}.
    """

    _log: ClassVar[Logger] = Logger()

    writer: IBlockingWriter
    runner: ISerialExecutor
    pause: float = 0.0

    def open(self) -> None:
        """
        See L{IWriter.open}.
        """
        self.writer.open()

    def write(self, chunk: Chunk) -> Deferred[int]:
        """
        See L{IWriter.write}.
        """
        written = self.runner.run(lambda: self._write(chunk.data))
        return written.addCallback(lambda result: 0)

    def _write(self, data: bytes) -> None:
        begin = time.monotonic()
        self.writer.write(data)
        if self.pause and len(data) < SMALL:
            time.sleep(max(begin + self.pause - time.monotonic(), 0))

    def reopen(self) -> None:
        """
        See L{IWriter.reopen}.
        """
        self.runner.run(self.writer.reopen).addErrback(
            lambda failure: self._log.failure("cannot reopen", failure)
        )

    def close(self) -> Deferred[None]:
        """
        See L{IWriter.close}.
        """
        closed = maybeDeferred(self.runner.run, self.writer.close)
        self.runner.end()
        return closed
