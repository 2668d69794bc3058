"""
Writers: an output without its queue; and writers that block, made into writers
that run in a thread.
"""

from __future__ import annotations

import time
from typing import ClassVar, Final

from attrs import frozen
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.logger import Logger
from zope.interface import Interface, implementer

from logrecv.outputs.chunk import Chunk
from logrecv.threads import ISerialExecutor

#: Seconds that a small write in a thread is made to take, and the bytes that one
#: has at most.  What comes meanwhile goes out with the next one: to wake a thread,
#: and to be told by it, takes some 100 us of CPU, as much as thirty records.  Only
#: who wrote a moment ago waits, and not for longer than a disk may take anyway.
PAUSE: Final = 0.005
SMALL: Final = 16 * 1024

#: The least limit of a queue of which writes are made to take that, in bytes.
_ROOMY: Final = 16 * SMALL


class PermanentFailure(Exception):
    """
    Nothing that is written will ever arrive: there is no point in trying again.
    """


class RetryLater(Exception):
    """
    A write failed, and its writer knows when to try again.

    @ivar delay: Seconds until then.
    """

    def __init__(self, problem: str, delay: float) -> None:
        """
        @param problem: What is wrong, in one line.
        """
        super().__init__(problem)
        self.delay = delay


class IWriter(Interface):
    """
    Writes bytes somewhere, one write at a time.
    """

    def open() -> None:
        """
        Get ready.  Called once, before anything else.

        @raise OSError: What is needed cannot be had.
        """

    def write(chunk: Chunk) -> Deferred[int]:
        """
        Write whole records.

        @param chunk: The records.  After a write that failed comes the same
            chunk again, until it is written or given up: a writer that wrote a
            part of it goes on after that part.
        @return: A L{Deferred} that fires when they are written, with how many
            of them were refused for good instead, which the writer has set
            aside.  It fails with L{PermanentFailure} where nothing can ever be written
            again, with any other exception where that may yet be.
        """

    def reopen() -> None:
        """
        Open again, between two writes, what may have been moved away.  Does not
        raise: a failure is logged and what was open stays in use.  A writer
        that holds nothing of the kind does nothing.
        """

    def close() -> Deferred[None]:
        """
        Let go of everything.  A write that still runs is not waited for.

        @return: A L{Deferred} that fires with L{None} when it is done.
        """


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
