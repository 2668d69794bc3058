"""
The queue of an output: what lets each output go at its own pace.

A L{QueuedSink} keeps encoded batches and gives them to an L{IWriter}, one write
at a time; what was taken while a write ran goes out with the next one.  Writers
that block run in a thread of their own, behind a L{ThreadedWriter}.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from queue import SimpleQueue
from threading import Thread
from typing import ClassVar, Final, Protocol

from attrs import define, field, frozen
from twisted.internet.defer import Deferred, TimeoutError, maybeDeferred
from twisted.internet.interfaces import IReactorFromThreads, IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import Interface, implementer

from logrecv.counters import OutputTally
from logrecv.descriptions import Description, choice, sizeInBytes
from logrecv.formats import Format
from logrecv.interfaces import IRecordSink, IReopenable
from logrecv.record import Record

#: The keywords that L{Capacity.take} takes.
KEYWORDS: Final = ("queue", "full")

#: Bytes of encoded records that an output holds at most, unless C{queue=} says
#: otherwise (16M).
DEFAULT_LIMIT: Final = 16 * 1024 * 1024

#: Bytes that are written in one go, at most.  Joining the batches copies them,
#: and nothing of a write is done before all of it is.
WRITE_SIZE: Final = 1024 * 1024

#: Seconds from a write that failed to the next attempt, where the writer has no
#: better.  Writing has to go on within 5 s of the cause's end.
RETRY_DELAY: Final = 1.0

#: Seconds that a sink being stopped gives its writer for what is queued.
STOP_TIMEOUT: Final = 4.0

#: Seconds that it then gives its writer to close.
CLOSE_TIMEOUT: Final = 1.0

#: Reasons for which records are dropped.
QUEUE_FULL: Final = "queue-full"
CLOSED: Final = "closed"
STOPPED: Final = "stopped"
UNENCODABLE: Final = "unencodable"


class Gone(Exception):
    """
    Nothing that is written will ever arrive: there is no point in trying again.
    """


class IWriter(Interface):
    """
    Writes bytes somewhere, one write at a time.
    """

    def open() -> None:
        """
        Get ready.  Called once, before anything else.

        @raise OSError: What is needed cannot be had.
        """

    def write(data: bytes) -> Deferred[None]:
        """
        Write whole records.

        @param data: The encoded records.  After a write that failed come the
            same bytes again, until they are written or given up: a writer that
            wrote a part of them goes on after that part.
        @return: A L{Deferred} that fires with L{None} when they are written.
            It fails with L{Gone} where nothing can ever be written again, with
            any other exception where that may yet be.
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


@frozen
class Capacity:
    """
    How much a queue holds, and what happens when that is not enough.

    @ivar limit: Bytes of encoded records, those that are being written
        included.
    @ivar pauses: Whether to be under pressure when full, instead of dropping.
    """

    limit: int = DEFAULT_LIMIT
    pauses: bool = False

    @classmethod
    def take(cls, description: Description, full: str) -> Capacity:
        """
        Take the keywords C{queue=} and C{full=}.

        @param full: C{"drop"} or C{"pause"}: what C{full=} is when it is not
            given.
        @raise DescriptionError: One of them cannot be used.
        """
        limit = description.takeKeyword("queue", sizeInBytes, DEFAULT_LIMIT)
        chosen = description.takeKeyword("full", choice(["drop", "pause"]), full)
        return cls(limit, chosen == "pause")


@frozen(eq=False)
class _Batch:
    """
    Encoded records.

    @ivar number: The number of the (first) batch, counted as they are taken.
    @ivar count: How many records.
    @ivar data: The records.
    """

    number: int
    count: int
    data: bytes


@implementer(IRecordSink, IReopenable)
@define(eq=False)
class QueuedSink:
    """
    Holds records for a writer, up to a limit.

    When it is full it either drops the oldest records, or says that it is under
    pressure.  Not every input can be paused, so the latter drops too, the
    newest, once it holds twice its limit.  A single batch is always taken.

    A write that fails is tried again until it succeeds; the records wait.

    @ivar encode: Makes bytes of records.
    @ivar writer: Takes the bytes.
    @ivar clock: Tells when to try again.
    @ivar tally: Where every record is counted.
    @ivar capacity: How much to hold, and what to do when it is more.
    @ivar writeSize: Bytes to write in one go.
    @ivar retryDelay: Seconds from a write that failed to the next attempt.
    """

    _log: ClassVar[Logger] = Logger()

    encode: Format
    writer: IWriter
    clock: IReactorTime
    tally: OutputTally
    capacity: Capacity = Capacity()
    writeSize: int = WRITE_SIZE
    retryDelay: float = RETRY_DELAY

    _waiting: deque[_Batch] = field(factory=deque, init=False)
    _writing: _Batch | None = field(default=None, init=False)
    _size: int = field(default=0, init=False)
    _taken: int = field(default=0, init=False)
    _running: bool = field(default=False, init=False)
    _retry: Deferred[None] | None = field(default=None, init=False)
    _stopping: bool = field(default=False, init=False)
    #: Why records are no longer taken.
    _ended: str | None = field(default=None, init=False)
    #: Whether the queue was full and has not been drained to half since.
    _full: bool = field(default=False, init=False)
    _dropping: bool = field(default=False, init=False)
    _unencodable: bool = field(default=False, init=False)
    _reliefs: list[Deferred[None]] = field(factory=list, init=False)
    _flushes: list[tuple[int, Deferred[None]]] = field(factory=list, init=False)

    def start(self) -> None:
        """
        See L{IRecordSink.start}.
        """
        self.writer.open()

    def deliver(self, batch: Sequence[Record]) -> Deferred[None] | None:
        """
        See L{IRecordSink.deliver}.
        """
        if self._ended is not None:
            self.tally.drop(self._ended, len(batch))
            return None
        data, count = self._encode(batch)
        if count:
            self._take(data, count)
        if not self._running:
            Deferred.fromCoroutine(self._run())
        if not (self.capacity.pauses and self._full):
            return None
        relief: Deferred[None] = Deferred()
        self._reliefs.append(relief)
        return relief

    def flush(self) -> Deferred[None]:
        """
        See L{IRecordSink.flush}.
        """
        flushed: Deferred[None] = Deferred()
        self._flushes.append((self._taken, flushed))
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

    def _encode(self, batch: Sequence[Record]) -> tuple[bytes, int]:
        """
        Encode a batch.  A record that cannot be encoded costs the others
        nothing.

        @return: The bytes, and how many records are in them.
        """
        try:
            return self.encode(batch), len(batch)
        except Exception:
            if len(batch) > 1:
                parts = [self._encode([record]) for record in batch]
                return b"".join(data for data, _ in parts), sum(n for _, n in parts)
            if not self._unencodable:
                self._unencodable = True
                self._log.failure(
                    "{output}: a record cannot be written in this format; "
                    "such records are counted as dropped from now on",
                    output=self.tally.output,
                )
            self.tally.drop(UNENCODABLE, 1)
            return b"", 0

    def _take(self, data: bytes, count: int) -> None:
        """
        Put a batch into the queue, and make room for it or refuse it.
        """
        size = self._size + len(data)
        if self.capacity.pauses and self._waiting and size > 2 * self.capacity.limit:
            self._drop(count)
            return
        self._taken += 1
        self._waiting.append(_Batch(self._taken, count, data))
        self._size = size
        self.tally.queued += count
        self._full = self._full or self._size >= self.capacity.limit
        if not self.capacity.pauses:
            self._dropOldest()
        self._announce()

    def _dropOldest(self) -> None:
        """
        Make room: not of what is being written, and not of the newest batch.
        """
        while self._size > self.capacity.limit and len(self._waiting) > 1:
            oldest = self._waiting.popleft()
            self._release(oldest)
            self._drop(oldest.count)

    def _drop(self, count: int) -> None:
        if not self._dropping:
            self._dropping = True
            self._log.warn(
                "{output}: the queue is full; records are dropped",
                output=self.tally.output,
            )
        self.tally.drop(QUEUE_FULL, count)

    def _release(self, batch: _Batch) -> None:
        """
        Let go of a batch that was held.
        """
        self._size -= len(batch.data)
        self.tally.queued -= batch.count

    async def _run(self) -> None:
        """
        Write until nothing is left.
        """
        self._running = True
        while self._waiting:
            batch = self._writing = self._gather()
            try:
                await self._write(batch.data)
            except Gone as error:
                self._log.error(
                    "{output}: {error}; records are dropped from now on",
                    output=self.tally.output,
                    error=error,
                )
                self._end(CLOSED)
            except Exception:
                self._end(STOPPED)
            # Where the sink has ended meanwhile, the batch was counted then.
            if self._writing is not None:
                self._writing = None
                self._release(batch)
                self.tally.delivered += batch.count
                self._announce()
        self._running = False

    def _gather(self) -> _Batch:
        """
        Take what goes out with the next write: as much as the limit of a write
        lets through, and no more than half of the queue, so that there is room
        for more while the write runs.
        """
        most = min(self.writeSize, self.capacity.limit // 2)
        first = self._waiting.popleft()
        count = first.count
        pieces = [first.data]
        size = len(first.data)
        while self._waiting and size + len(self._waiting[0].data) <= most:
            batch = self._waiting.popleft()
            count += batch.count
            pieces.append(batch.data)
            size += len(batch.data)
        return _Batch(first.number, count, b"".join(pieces))

    async def _write(self, data: bytes) -> None:
        """
        Write, however many attempts it takes.

        @raise Gone: It never will be written.
        @raise Exception: It was not written, and the sink is being stopped.
        """
        failedAt: float | None = None
        while True:
            try:
                await self.writer.write(data)
                break
            except Gone:
                raise
            except Exception as error:
                if failedAt is None:
                    failedAt = self.clock.seconds()
                    self._log.error(
                        "{output}: cannot write: {error}; records wait",
                        output=self.tally.output,
                        error=error,
                    )
                if self._stopping:
                    raise
            self._retry = deferLater(self.clock, self.retryDelay)
            await self._retry.addErrback(lambda cancelled: None)
            self._retry = None
        if failedAt is not None:
            self._log.info(
                "{output}: writing goes on after {seconds:.1f} s; "
                "{count} records waited",
                output=self.tally.output,
                seconds=self.clock.seconds() - failedAt,
                count=self.tally.queued,
            )

    def _retryNow(self) -> None:
        if self._retry is not None:
            self._retry.cancel()

    def _end(self, reason: str) -> None:
        """
        Give up what is held, and take nothing any more.
        """
        if self._ended is None:
            self._ended = reason
        if self.tally.queued:
            self._log.error(
                "{output}: {count} records are lost",
                output=self.tally.output,
                count=self.tally.queued,
            )
        self.tally.drop(reason, self.tally.queued)
        self.tally.queued = 0
        self._size = 0
        self._writing = None
        self._waiting.clear()
        self._announce()

    def _announce(self) -> None:
        """
        Tell those who wait for it that there is room, or that what they wait
        for is written or dropped.
        """
        if self._size <= self.capacity.limit // 2:
            self._full = self._dropping = False
        ready: list[Deferred[None]] = []
        if not self._full:
            ready, self._reliefs = self._reliefs, ready
        oldest = self._writing or (self._waiting[0] if self._waiting else None)
        while self._flushes and (oldest is None or oldest.number > self._flushes[0][0]):
            ready.append(self._flushes.pop(0)[1])
        for deferred in ready:
            deferred.callback(None)


class IBlockingWriter(Interface):
    """
    Writes bytes somewhere and blocks meanwhile.

    The methods are those of L{IWriter}, but they return when they are done and
    raise what L{IWriter.write} fails with.
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


class Runner(Protocol):
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
class DaemonThread:
    """
    Runs functions in a thread of its own that the end of the process does not
    wait for.  (It does wait for the threads of a reactor's pool, and one of
    them that writes to a pipe which nobody reads would keep it for ever.)

    @ivar reactor: Fires the Deferreds, in its thread.
    @ivar name: The name of the thread.
    """

    reactor: IReactorFromThreads
    name: str
    _thread: Thread | None = field(default=None, init=False)
    _tasks: SimpleQueue[tuple[Callable[[], None], Deferred[None]] | None] = field(
        factory=SimpleQueue, init=False
    )

    def run(self, function: Callable[[], None]) -> Deferred[None]:
        """
        See L{Runner.run}.
        """
        if self._thread is None:
            self._thread = Thread(target=self._work, name=self.name, daemon=True)
            self._thread.start()
        done: Deferred[None] = Deferred()
        self._tasks.put((function, done))
        return done

    def end(self) -> None:
        """
        See L{Runner.end}.
        """
        self._tasks.put(None)

    def _work(self) -> None:
        for function, done in iter(self._tasks.get, None):
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
    """

    _log: ClassVar[Logger] = Logger()

    writer: IBlockingWriter
    runner: Runner

    def open(self) -> None:
        """
        See L{IWriter.open}.
        """
        self.writer.open()

    def write(self, data: bytes) -> Deferred[None]:
        """
        See L{IWriter.write}.
        """
        return self.runner.run(lambda: self.writer.write(data))

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
