"""
Writers: what an output is, apart from its queue.
"""

from __future__ import annotations

from twisted.internet.defer import Deferred
from zope.interface import Interface

from logrecv.outputs.queue.store import Chunk


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
