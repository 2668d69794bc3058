"""
Writers: outputs without their queues.

An L{IWriter} returns Deferreds.  An L{IBlockingWriter} blocks; L{ThreadedWriter}
makes an L{IWriter} of it, with a thread.
"""

from __future__ import annotations

import time
from typing import ClassVar, Final

from attrs import frozen
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.logger import Logger
from zope.interface import Attribute, Interface, implementer

from logrecv.outputs.chunk import Chunk
from logrecv.outputs.files.positions import Positions
from logrecv.threads import ISerialExecutor

#: Seconds that a small write in a thread takes, at least.  Records that come
#: meanwhile go out with the next write.  To wake a thread and to hear from it takes
#: some 100 us of CPU, as much as thirty records (measured).  Only an output that
#: wrote a moment ago waits, and no longer than a disk may take anyway.
COALESCE_DELAY: Final = 0.005

#: Bytes in a small write, at most.
SMALL_SIZE: Final = 16 * 1024

#: Bytes in a queue whose small writes are delayed, at least: it has room for what
#: comes meanwhile.
_ROOMY_SIZE: Final = 16 * SMALL_SIZE


class PermanentFailure(Exception):
    """
    Nothing can ever be written again: there is no point in another attempt.
    """


class RetryLater(Exception):
    """
    A write failed, and its writer knows when to try again.

    @ivar delay: Seconds until the next attempt.
    """

    def __init__(self, problem: str, delay: float) -> None:
        """
        @param problem: The reason, in one line.
        """
        super().__init__(problem)
        self.delay = delay


class IWriter(Interface):
    """
    Writes chunks of encoded records somewhere, one write at a time.
    """

    def open() -> None:
        """
        Open the place to write to.  Called once, before any other method.

        @raise OSError: The place cannot be opened.
        """

    def write(chunk: Chunk) -> Deferred[int]:
        """
        Write a chunk.

        @param chunk: The chunk.  After a write that failed, C{write} is called
            with the same chunk again, until it is written or given up.  A writer
            that wrote a part of the chunk goes on after that part.
        @return: A L{Deferred} that fires when the chunk is written, with the
            number of records in it that were refused for good.  (The writer has
            put these into the quarantine.)  It fails with L{PermanentFailure}
            if nothing can ever be written again, with L{RetryLater} if the
            writer knows when to try again, and with any other exception if it
            does not.
        """

    def reopen() -> None:
        """
        Open again, between two writes, a place that may have been moved away.
        Does not raise: an error is logged, and the open place stays in use.  A
        writer whose place cannot be moved away does nothing.
        """

    def close() -> Deferred[None]:
        """
        Close the place.  Does not wait for a write that still runs.

        @return: A L{Deferred} that fires with C{None} when the place is closed.
        """


class IBlockingWriter(Interface):
    """
    Writes bytes somewhere, and blocks until they are written.  All methods but
    C{open} are called in a thread.
    """

    def open() -> None:
        """
        Open the place to write to.  Called once, before any other method, in the
        reactor's thread.

        @raise OSError: The place cannot be opened.
        """

    def write(data: bytes) -> None:
        """
        Write the data of a chunk.

        @param data: Whole records.  As in L{IWriter.write}, the same data come
            again after a failure.
        @raise PermanentFailure: Nothing can ever be written again.
        @raise RetryLater: The data cannot be written before some time.
        @raise Exception: The data cannot be written now.
        """

    def housekeeping() -> float | None:
        """
        Do the work that is due though there is nothing to write.  Does not raise.

        @return: Seconds until the next call, if nothing is written before;
            C{None} for never.
        """

    def reopen() -> None:
        """
        Open again a place that may have been moved away.  Does not raise.
        """

    def close() -> None:
        """
        Close the place.
        """


class IResumingWriter(IBlockingWriter):
    """
    A writer that does not write twice the part of a chunk that an earlier process,
    which was killed, has written.
    """

    positions: Positions | None = Attribute(
        """
        Notes where each chunk is written.  Set before C{open} is called, where the
        queue is a spool; else C{None}.
        """
    )

    def writeChunk(chunk: Chunk) -> None:
        """
        Write the data of a chunk.  Called instead of C{write}, and raises the same.

        @param chunk: The chunk.  The first chunk may be one that an earlier process
            has begun to write.
        """


def coalesceDelay(limit: int) -> float:
    """
    Choose the time that small writes of a queue take at least.

    @param limit: Bytes in the queue, at most.  A small queue could be full
        before the time is over, again and again.
    @return: L{COALESCE_DELAY} or 0, in seconds.
    """
    return COALESCE_DELAY if limit >= _ROOMY_SIZE else 0.0


@implementer(IWriter)
@frozen(eq=False)
class ThreadedWriter:
    """
    Makes an L{IWriter} of a writer that blocks.

    @ivar writer: The writer that blocks.
    @ivar runner: Runs the methods of the writer.
    @ivar delay: Seconds that a small write takes, at least: see
        L{COALESCE_DELAY}.
    """

    _log: ClassVar[Logger] = Logger()

    writer: IBlockingWriter
    runner: ISerialExecutor
    delay: float = 0.0

    def open(self) -> None:
        self.writer.open()

    def write(self, chunk: Chunk) -> Deferred[int]:
        written = self.runner.run(lambda: self._write(chunk))
        return written.addCallback(lambda result: 0)

    def _write(self, chunk: Chunk) -> None:
        begin = time.monotonic()
        if IResumingWriter.providedBy(self.writer):
            self.writer.writeChunk(chunk)
        else:
            self.writer.write(chunk.data)
        if self.delay and len(chunk.data) < SMALL_SIZE:
            time.sleep(max(begin + self.delay - time.monotonic(), 0))

    def reopen(self) -> None:
        self.runner.run(self.writer.reopen).addErrback(
            lambda failure: self._log.failure("cannot reopen", failure)
        )

    def close(self) -> Deferred[None]:
        closed = maybeDeferred(self.runner.run, self.writer.close)
        self.runner.end()
        return closed
