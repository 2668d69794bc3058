"""
The queue of an output: what lets each output go at its own pace.

A L{QueuedSink} keeps encoded records in a L{IStore} and gives them to an
L{IWriter}, one write at a time; what was taken while a write ran goes out with
the next one.  Writers that block run in a thread of their own: see
L{logrecv.threads}.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import ClassVar, Final

from attrs import Factory, define, field
from twisted.internet.defer import Deferred, TimeoutError
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger
from zope.interface import implementer

from logrecv.counters import OutputTally
from logrecv.formats.text import Format
from logrecv.interfaces import IRecordSink, IReopenable
from logrecv.outputs.chunk import Chunk, EncodedPart, totals
from logrecv.outputs.encoding import BatchEncoder
from logrecv.outputs.queue.capacity import Capacity
from logrecv.outputs.queue.store import IStore, MemoryStore, StoreFull
from logrecv.outputs.writers import IWriter, PermanentFailure, RetryLater
from logrecv.reasons import (
    CLOSED,
    DAMAGED,
    QUEUE_FULL,
    REFUSED,
    SPOOL_FULL,
    STOPPED,
    UNENCODABLE,
)
from logrecv.record import Record

#: Bytes that are written in one go, at most.  Joining the batches copies them,
#: and nothing of a write is done before all of it is.
WRITE_SIZE: Final = 1024 * 1024

#: Records that are written in one go, at most: as many as make it pay.
WRITE_COUNT: Final = 10_000

#: Seconds from a write that failed to the next attempt, where the writer has no
#: better.  Writing has to go on within 5 s of the cause's end.
RETRY_DELAY: Final = 1.0

#: Seconds that a sink being stopped gives its writer for what is queued.
STOP_TIMEOUT: Final = 1.0

#: Seconds that it then gives its writer to close.
CLOSE_TIMEOUT: Final = 1.0


@implementer(IRecordSink, IReopenable)
@define(eq=False)
class QueuedSink:
    """
    Holds records for a writer, up to a limit.

    When it is full it either drops the oldest records, or says that it is under
    pressure.  Not every input can be paused, so the latter drops too, the
    newest, once it holds twice its limit.  A sink that holds nothing takes a
    batch of any size.

    A write that fails is tried again until it succeeds; the records wait.

    Where the store is a spool, what is not written when the sink is stopped
    stays there, and counts as queued.

    @ivar encode: Makes bytes of records.
    @ivar writer: Takes the bytes.
    @ivar clock: Tells when to try again.
    @ivar tally: Where every record is counted.
    @ivar capacity: How much to hold, and what to do when it is more.
    @ivar store: Where to hold it.
    @ivar writeSize: Bytes to write in one go.
    @ivar writeCount: Records to write in one go.
    @ivar retryDelay: Seconds from a write that failed to the next attempt.
    @ivar encoder: Applies C{encode}, where others do so too.
    """

    _log: ClassVar[Logger] = Logger()

    encode: Format
    writer: IWriter
    clock: IReactorTime
    tally: OutputTally
    capacity: Capacity = field(factory=Capacity)
    store: IStore = field(factory=MemoryStore)
    writeSize: int = WRITE_SIZE
    writeCount: int = WRITE_COUNT
    retryDelay: float = RETRY_DELAY
    encoder: BatchEncoder = field(
        default=Factory(
            lambda self: BatchEncoder(self.encode, self.writeSize), takes_self=True
        )
    )

    #: What the store had no room for.
    _unstored: list[list[EncodedPart]] = field(factory=list, init=False)
    _running: bool = field(default=False, init=False)
    _retry: Deferred[None] | None = field(default=None, init=False)
    _storeAgain: IDelayedCall | None = field(default=None, init=False)
    #: Whether nothing can be written for now.
    _stuck: bool = field(default=False, init=False)
    #: Whether nothing can ever be written again.
    _gone: bool = field(default=False, init=False)
    _stopping: bool = field(default=False, init=False)
    #: Why records are no longer taken.
    _ended: str | None = field(default=None, init=False)
    #: Whether the queue was full and has not been drained to half since.
    _full: bool = field(default=False, init=False)
    #: Whether the store had no room when it was last given something.
    _tight: bool = field(default=False, init=False)
    _reported: set[str] = field(factory=set, init=False)
    _unencodable: bool = field(default=False, init=False)
    _reliefs: list[Deferred[None]] = field(factory=list, init=False)
    _flushes: list[tuple[int, Deferred[None]]] = field(factory=list, init=False)

    def start(self) -> None:
        """
        See L{IRecordSink.start}.
        """
        self.store.open()
        self.tally.restored = self.tally.queued = self.store.count
        self.writer.open()
        self._full = self.store.size >= self.capacity.limit
        self._go()

    def deliver(self, batch: Sequence[Record]) -> Deferred[None] | None:
        """
        See L{IRecordSink.deliver}.
        """
        if self._ended is not None:
            self.tally.drop(self._ended, len(batch))
            return None
        parts = self._encode(batch)
        if parts:
            self._take(parts)
        self._go()
        if not (self.capacity.pauses and self._full):
            return None
        ready: Deferred[None] = Deferred()
        self._reliefs.append(ready)
        return ready

    def flush(self) -> Deferred[None]:
        """
        See L{IRecordSink.flush}.  Does not wait for what is safe in a spool
        while it cannot be written.
        """
        flushed: Deferred[None] = Deferred()
        self._flushes.append((self.store.last, flushed))
        self._announce()
        return flushed

    def reopen(self) -> None:
        """
        See L{IReopenable.reopen}.
        """
        self.writer.reopen()
        self._retryNow()

    def stop(self) -> Deferred[None]:
        """
        See L{IRecordSink.stop}.  Takes no longer than L{STOP_TIMEOUT} and
        L{CLOSE_TIMEOUT} together, even where a write hangs.
        """
        self._stopping = True
        self._retryNow()
        return Deferred.fromCoroutine(self._stop())

    async def _stop(self) -> None:
        await self._within(STOP_TIMEOUT, self.flush(), "write")
        self._end(STOPPED)
        await self._within(CLOSE_TIMEOUT, self.writer.close(), "close")

    async def _within(self, seconds: float, done: Deferred[None], what: str) -> None:
        """
        Wait, but not for ever.
        """
        try:
            await done.addTimeout(seconds, self.clock)
        except TimeoutError:
            self._log.error(
                "{output}: could not {what} within {seconds:.0f} s",
                output=self.tally.output,
                what=what,
                seconds=seconds,
            )
        except Exception:
            self._log.failure("{output}: cannot close", output=self.tally.output)

    # -- taking --

    def _encode(self, batch: Sequence[Record]) -> list[EncodedPart]:
        encoded = self.encoder.make(batch)
        if encoded.failure is not None:
            if not self._unencodable:
                self._unencodable = True
                self._log.failure(
                    "{output}: a record cannot be written in this format; "
                    "such records are counted as dropped from now on",
                    encoded.failure,
                    output=self.tally.output,
                )
            self.tally.drop(UNENCODABLE, encoded.unencodable)
        return encoded.parts

    def _take(self, parts: list[EncodedPart]) -> None:
        """
        Put a batch into the queue, and make room for it or refuse it.
        """
        size, count = totals(parts)
        held = self.store.size
        if self.capacity.pauses and held and held + size > 2 * self.capacity.limit:
            self._drop(count)
        elif self._unstored or not self._append(parts, size):
            self._keepUnstored(parts, size, count)
        else:
            self.tally.queued += count
            self._full = self._full or self.store.size >= self.capacity.limit
            excess = self.store.size - self.capacity.limit
            if excess > 0 and not self.capacity.pauses:
                with suppress(StoreFull):
                    self._dropOldest(excess)
            self._settle()
            self._announce()

    def _append(self, parts: list[EncodedPart], size: int) -> bool:
        """
        @param size: The bytes of the parts.
        @return: Whether the store had room for them, or room could be made.
        """
        try:
            self.store.append(parts)
            self._tight = False
            return True
        except StoreFull as error:
            self._tight = True
            what = "inputs are paused" if self.capacity.pauses else "the oldest go"
            self._reportFull(str(error), what)
        if not self.capacity.pauses:
            with suppress(StoreFull):
                self._dropOldest(size)
                self.store.append(parts)
                return True
        return False

    def _dropOldest(self, size: int) -> None:
        """
        Make room: not of what is being written, and not of the newest batch.

        @param size: Bytes that are to be free.
        """
        wanted = self.store.size - size
        while self.store.size > wanted:
            count = self.store.dropOldest()
            if not count:
                break
            self.tally.queued -= count
            self._drop(count)

    def _keepUnstored(self, parts: list[EncodedPart], size: int, count: int) -> None:
        """
        Keep a batch for which the store has no room, while inputs are being
        paused.
        """
        reserved = sum(totals(each)[0] for each in self._unstored)
        if not self.capacity.pauses or reserved + size > self.capacity.reserve:
            self._drop(count)
            return
        self._unstored.append(parts)
        self.tally.queued += count
        self._full = True
        self._tryLater()

    def _tryLater(self) -> None:
        if self._storeAgain is None and self._ended is None:
            self._storeAgain = self.clock.callLater(self.retryDelay, self._store)

    def _store(self) -> None:
        """
        Try again to store what the store had no room for.
        """
        self._storeAgain = None
        while self._unstored:
            try:
                self.store.append(self._unstored[0])
            except StoreFull:
                break
            del self._unstored[0]
        if self._unstored:
            self._tryLater()
        self._announce()
        self._go()

    def _drop(self, count: int) -> None:
        self._reportFull(f"it holds {self.store.size} bytes", "records are dropped")
        self.tally.drop(SPOOL_FULL if self.store.durable else QUEUE_FULL, count)

    def _reportFull(self, problem: str, what: str) -> None:
        """
        @param what: What is done about it; it is said once until there is room.
        """
        if what not in self._reported:
            self._reported.add(what)
            self._log.warn(
                "{output}: the {store} is full ({problem}); {what}",
                output=self.tally.output,
                store="spool" if self.store.durable else "queue",
                problem=problem,
                what=what,
            )

    # -- writing --

    def _go(self) -> None:
        if not self._running and self._ended is None:
            Deferred.fromCoroutine(self._run())

    async def _run(self) -> None:
        """
        Write until nothing is left.
        """
        self._running = True
        while chunk := self._next():
            try:
                refused = await self._write(chunk)
            except PermanentFailure as error:
                self._log.error(
                    "{output}: {error}; records are {what} from now on",
                    output=self.tally.output,
                    error=error,
                    what="kept in the spool" if self.store.durable else "dropped",
                )
                self._giveUp()
            except Exception:
                self._end(STOPPED)
            else:
                self._finish(chunk, refused)
        self._running = False
        self._announce()

    def _next(self) -> Chunk | None:
        """
        Tell what goes out with the next write: as much as the limit of a write
        lets through, and no more than half of the queue, so that there is room
        for more while the write runs.
        """
        if self._ended is not None or self._gone:
            return None
        if self._stopping and self.store.durable:
            return None
        most = min(self.writeSize, self.capacity.limit // 2)
        try:
            chunk = self.store.next(most, self.writeCount)
        except StoreFull:
            self._tryLater()
            return None
        self._settle()
        return chunk

    def _settle(self) -> None:
        """
        Count what a store has lost by itself: a spool can be damaged.
        """
        unstored = sum(totals(each)[1] for each in self._unstored)
        missing = self.tally.queued - unstored - self.store.count
        if missing:
            self.tally.drop(DAMAGED, missing)
            self.tally.queued -= missing

    async def _write(self, chunk: Chunk) -> int:
        """
        Write, however many attempts it takes.

        @return: As L{IWriter.write}.
        @raise Gone: It never will be written.
        @raise Exception: It was not written, and the sink is being stopped.
        """
        failedAt: float | None = None
        while True:
            try:
                refused = await self.writer.write(chunk)
                break
            except PermanentFailure:
                raise
            except Exception as error:
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
                if self._stopping:
                    raise
            self._stuck = True
            self._announce()
            self._retry = deferLater(self.clock, delay)
            await self._retry.addErrback(lambda cancelled: None)
            self._retry = None
        self._stuck = False
        if failedAt is not None:
            self._log.info(
                "{output}: writing goes on after {seconds:.1f} s; "
                "{count} records waited",
                output=self.tally.output,
                seconds=self.clock.seconds() - failedAt,
                count=self.tally.queued,
            )
        return refused

    def _retryNow(self) -> None:
        if self._retry is not None:
            self._retry.cancel()

    def _finish(self, chunk: Chunk, refused: int) -> None:
        """
        Count what was written.  Where the sink has ended meanwhile, it was
        counted then.
        """
        if self._ended is None:
            self.store.done()
            self.tally.queued -= chunk.count
            self.tally.delivered += chunk.count - refused
            self.tally.drop(REFUSED, refused)
            self._announce()

    # -- ending --

    def _giveUp(self) -> None:
        """
        Write nothing any more.
        """
        if self.store.durable:
            self._gone = True
        else:
            self._end(CLOSED)

    def _end(self, reason: str) -> None:
        """
        Take nothing any more, and give up what is not safe.
        """
        if self._ended is not None:
            return
        self._ended = reason
        if self._storeAgain is not None:
            self._storeAgain.cancel()
            self._store()
        kept = self.store.count if self.store.durable else 0
        if kept:
            self._log.info(
                "{output}: {count} records stay in the spool",
                output=self.tally.output,
                count=kept,
            )
        lost = self.tally.queued - kept
        if lost:
            self._log.error(
                "{output}: {count} records are lost",
                output=self.tally.output,
                count=lost,
            )
        self.tally.drop(reason, lost)
        self.tally.queued = kept
        self._unstored.clear()
        self.store.close()
        self._announce()

    def _announce(self) -> None:
        """
        Tell those who wait for it that there is room, or that what they wait
        for is written or dropped.
        """
        ended = self._ended is not None
        if ended or (
            self.store.size <= self.capacity.limit // 2 and not self._unstored
        ):
            self._full = False
            if not self._tight:
                self._reported.clear()
        ready: list[Deferred[None]] = []
        if not self._full:
            ready, self._reliefs = self._reliefs, ready
        while self._flushes and (ended or self._isFlushed(self._flushes[0][0])):
            ready.append(self._flushes.pop(0)[1])
        for deferred in ready:
            deferred.callback(None)

    def _isFlushed(self, number: int) -> bool:
        """
        @param number: That of the newest part when the flush was asked for.
        """
        first = self.store.first()
        if not self._unstored and (first is None or first > number):
            return True
        halted = self._stuck or self._gone or (self._stopping and not self._running)
        return self.store.durable and halted
