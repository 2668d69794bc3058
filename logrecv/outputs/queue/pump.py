"""
The writing side of a queue: chunks go out to a writer, one at a time.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import ClassVar

from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger

from logrecv.counters import OutputTally
from logrecv.outputs.chunk import Chunk
from logrecv.outputs.writers import IWriter, PermanentFailure, RetryLater


class PumpState(Enum):
    """
    The states of a L{Pump}.
    """

    #: There is nothing to write.
    IDLE = "idle"

    #: A chunk is being written.
    WRITING = "writing"

    #: A write failed.  The pump waits for the next attempt, or makes it.
    RETRYING = "retrying"

    #: The writer will never write again.
    BROKEN = "broken"

    #: The queue has ended.
    ENDED = "ended"


# On Python 3.11, looking up a member takes 0.1 us more than a name of the module.
_IDLE, _WRITING, _RETRYING, _BROKEN, _ENDED = PumpState


@define(eq=False)
class Pump:
    """
    Writes chunks until there are none.  A write that fails is tried again until
    it succeeds, the writer fails for good, or the queue stops.

    @ivar writer: The writer.
    @ivar clock: The clock of the delays between attempts.
    @ivar tally: Tells the log how many records wait.
    @ivar retryDelay: Seconds from a write that failed to the next attempt, where
        the writer knows no better.
    @ivar next: Returns the next chunk; C{None} if there is none now.
    @ivar written: Called with each chunk that was written, and with the number of
        records in it that were refused for good.
    @ivar failed: Called with the error if a chunk is given up.
    @ivar changed: Called when L{state} has changed.
    @ivar state: The state.
    @ivar inFlight: The number of records in the chunk that is being written.
    """

    _log: ClassVar[Logger] = Logger()

    writer: IWriter
    clock: IReactorTime
    tally: OutputTally
    retryDelay: float
    next: Callable[[], Chunk | None]
    written: Callable[[Chunk, int], None]
    failed: Callable[[Exception], None]
    changed: Callable[[], None]
    state: PumpState = field(default=_IDLE, init=False)
    inFlight: int = field(default=0, init=False)
    #: C{True} if a write that fails is given up.
    _isStopping: bool = field(default=False, init=False)
    _delay: Deferred[None] | None = field(default=None, init=False)

    def go(self) -> None:
        """
        Write until there is nothing to write, unless that is under way.
        """
        if self.state is _IDLE:
            Deferred.fromCoroutine(self._run())

    def retryNow(self) -> None:
        """
        Make the next attempt at once, if there is a delay before it.
        """
        if self._delay is not None:
            self._delay.cancel()

    def stop(self) -> None:
        """
        Make one more attempt for a write that has failed.  From now on, give up a
        write that fails.
        """
        self._isStopping = True
        self.retryNow()

    def end(self) -> None:
        """
        Write nothing more.  The result of a write that still runs is ignored.
        """
        self.state = _ENDED

    async def _run(self) -> None:
        self.state = _WRITING
        while self.state is _WRITING and (chunk := self.next()):
            self.inFlight = chunk.count
            try:
                refused = await self._write(chunk)
            except Exception as error:
                self.inFlight = 0
                if self.state is not _ENDED:
                    self.state = _BROKEN
                    self.failed(error)
            else:
                self.inFlight = 0
                if self.state is not _ENDED:
                    self.state = _WRITING
                    self.written(chunk, refused)
        if self.state is _WRITING:
            self.state = _IDLE
        self.changed()

    async def _write(self, chunk: Chunk) -> int:
        """
        Write a chunk, in as many attempts as it takes.

        @return: The number of records that were refused for good.
        @raise PermanentFailure: The chunk will never be written.
        @raise Exception: The chunk was not written, and the queue stops.
        """
        failedAt: float | None = None
        while True:
            try:
                refused = await self.writer.write(chunk)
                break
            except PermanentFailure:
                raise
            except Exception as error:
                if self.state is _ENDED:
                    raise
                delay = (
                    error.delay if isinstance(error, RetryLater) else self.retryDelay
                )
                if failedAt is None:
                    failedAt = self.clock.seconds()
                    self._log.error(
                        "{output}: cannot write: {error}; records wait",
                        output=self.tally.output,
                        error=error,
                    )
                if self._isStopping:
                    raise
            self.state = _RETRYING
            self.changed()
            self._delay = deferLater(self.clock, delay)
            await self._delay.addErrback(lambda cancelled: None)
            self._delay = None
        if failedAt is not None:
            self._log.info(
                "{output}: writing goes on after {seconds:.1f} s; "
                "{count} records waited",
                output=self.tally.output,
                seconds=self.clock.seconds() - failedAt,
                count=self.tally.queued,
            )
        return refused
