"""
The queue of an output, which lets each output go at its own pace.

Records are encoded and go into a L{Buffer}; a L{Pump} gives them to an
L{IWriter}, one write at a time.  Records that come during a write go out with the
next write.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import ClassVar, Final

from attrs import define, field
from twisted.internet.defer import Deferred, TimeoutError
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from zope.interface import implementer

from logrecv.batch import Batch
from logrecv.counters import OutputTally
from logrecv.formats import Format
from logrecv.interfaces import BatchRefused, IRefusingSink, IReopenable, Offer
from logrecv.outputs.chunk import Chunk, Encoded
from logrecv.outputs.offering import doNothing
from logrecv.outputs.queue.buffer import Buffer
from logrecv.outputs.queue.capacity import Capacity
from logrecv.outputs.queue.pump import Pump, PumpState
from logrecv.outputs.queue.store import IStore, MemoryStore, StoreFull
from logrecv.outputs.writers import IWriter, PermanentFailure
from logrecv.reasons import CLOSED, STOPPED, UNENCODABLE
from logrecv.record import Record

#: Bytes in one write, at most.  Joining the parts of a write copies them, and no
#: part counts as written before all of them are.
WRITE_SIZE: Final = 1024 * 1024

#: Records in one write, at most: more would not make a write cheaper.
WRITE_COUNT: Final = 10_000

#: Seconds from a write that failed to the next attempt, where the writer knows no
#: better.  Writing has to go on within 5 s of the end of the cause.
RETRY_DELAY: Final = 1.0

#: Seconds that the writer has for the queued records when the sink is stopped.
STOP_TIMEOUT: Final = 1.0

#: Seconds that the writer has after that to close.
CLOSE_TIMEOUT: Final = 1.0


class QueueState(Enum):
    """
    The states of a L{QueuedSink}.
    """

    #: Records are taken and written.
    OPEN = "open"

    #: Records are taken.  Those in memory are written; those in a spool stay.
    STOPPING = "stopping"

    #: Records are dropped.
    ENDED = "ended"


# On Python 3.11, looking up a member takes 0.1 us more than a name of the module.
_OPEN, _STOPPING, _ENDED = QueueState


@implementer(IRefusingSink, IReopenable)
@define(eq=False)
class QueuedSink:
    """
    A sink with a queue between the inputs and a writer.

    A full queue drops the oldest records or is under back-pressure: see
    L{Buffer}.  A write that fails is tried again until it succeeds, and the
    records wait: see L{Pump}.  Where the store is a spool, records that are not
    written when the sink is stopped stay there, and count as queued.

    @ivar encode: The format.
    @ivar writer: The writer.
    @ivar clock: The clock of delays and timeouts.
    @ivar tally: Counts every record.
    @ivar capacity: The capacity of the queue.
    @ivar store: The store of the queue.
    @ivar writeSize: Bytes in one write, at most.
    @ivar writeCount: Records in one write, at most.
    @ivar retryDelay: Seconds from a write that failed to the next attempt.
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
    _state: QueueState = field(default=_OPEN, init=False)
    #: The reason for which records are dropped when the state is ENDED.
    _endReason: str = field(default=STOPPED, init=False)
    _isUnencodableReported: bool = field(default=False, init=False)
    _readies: list[Deferred[None]] = field(factory=list, init=False)
    #: Flushes that are not done, each with the number of the last part to write.
    _flushes: list[tuple[int, Deferred[None]]] = field(factory=list, init=False)
    _buffer: Buffer = field(init=False)
    _pump: Pump = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._buffer = Buffer(
            self.store,
            self.capacity,
            self.tally,
            self.clock,
            self.retryDelay,
            self._stored,
        )
        self._pump = Pump(
            self.writer,
            self.clock,
            self.tally,
            self.retryDelay,
            self._next,
            self._written,
            self._failed,
            self._announce,
        )

    def start(self) -> None:
        self._buffer.open()
        self.writer.open()
        self._pump.go()

    def deliver(self, batch: Sequence[Record]) -> Deferred[None] | None:
        if self._state is _ENDED:
            self.tally.drop(self._endReason, len(batch))
            return None
        encoded = Encoded.fromBatch(Batch.of(batch), self.encode, self.writeSize)
        if encoded.parts:
            self._buffer.take(encoded.parts)
        return self._taken(encoded)

    def offer(self, batch: Sequence[Record]) -> Offer:
        """
        Store a batch before it is taken.  With C{full=drop} no batch is refused: a
        user who lets records be dropped wants no sender to wait.
        """
        pauses = self.capacity.pauses
        if self._state is _ENDED or not (pauses or self.store.durable):
            return Offer(lambda: self.deliver(batch), doNothing)
        encoded = Encoded.fromBatch(Batch.of(batch), self.encode, self.writeSize)
        try:
            self._buffer.keep(encoded.parts)
        except StoreFull as error:
            if not pauses:
                return Offer(lambda: self.deliver(batch), doNothing)
            self._buffer.wait(error)
            raise BatchRefused(self._whenReady()) from None
        return Offer(
            lambda: self._taken(encoded), lambda: self._buffer.giveBack(encoded.parts)
        )

    def _taken(self, encoded: Encoded) -> Deferred[None] | None:
        if encoded.failure is not None:
            self._dropUnencodable(encoded)
        self._buffer.noteExcess()
        self._announce()
        self._pump.go()
        if self.capacity.pauses and self._buffer.isFull:
            return self._whenReady()
        return None

    def _whenReady(self) -> Deferred[None]:
        ready: Deferred[None] = Deferred()
        self._readies.append(ready)
        return ready

    def flush(self) -> Deferred[None]:
        """
        Wait until the records of earlier calls of L{deliver} are delivered or
        dropped; but not for records in a spool while they cannot be written.
        """
        flushed: Deferred[None] = Deferred()
        self._flushes.append((self.store.last, flushed))
        self._announce()
        return flushed

    def reopen(self) -> None:
        self.writer.reopen()
        self._pump.retryNow()

    def stop(self) -> Deferred[None]:
        """
        Write the queued records and close, within L{STOP_TIMEOUT} and
        L{CLOSE_TIMEOUT} together, even if a write hangs.
        """
        if self._state is _OPEN:
            self._state = _STOPPING
        self._pump.stop()
        return Deferred.fromCoroutine(self._stop())

    async def _stop(self) -> None:
        await self._within(STOP_TIMEOUT, self.flush(), "write")
        self._end(STOPPED)
        await self._within(CLOSE_TIMEOUT, self.writer.close(), "close")

    async def _within(self, seconds: float, done: Deferred[None], action: str) -> None:
        """
        Wait for a Deferred, but not for ever.
        """
        try:
            await done.addTimeout(seconds, self.clock)
        except TimeoutError:
            self._log.error(
                "{output}: could not {action} within {seconds:.0f} s",
                output=self.tally.output,
                action=action,
                seconds=seconds,
            )
        except Exception:
            self._log.failure("{output}: cannot close", output=self.tally.output)

    def _dropUnencodable(self, encoded: Encoded) -> None:
        self.tally.drop(UNENCODABLE, encoded.unencodable)
        if not self._isUnencodableReported:
            self._isUnencodableReported = True
            self._log.failure(
                "{output}: a record cannot be written in this format; "
                "such records are counted as dropped from now on",
                encoded.failure,
                output=self.tally.output,
            )

    # -- what buffer and pump ask and tell --

    def _stored(self) -> None:
        self._announce()
        self._pump.go()

    def _next(self) -> Chunk | None:
        if self._state is _STOPPING and self.store.durable:
            return None
        return self._buffer.next(self.writeSize, self.writeCount)

    def _written(self, chunk: Chunk, refused: int) -> None:
        self._buffer.done(chunk, refused)
        self._announce()

    def _failed(self, error: Exception) -> None:
        if not isinstance(error, PermanentFailure):
            self._end(STOPPED)
            return
        self._log.error(
            "{output}: {error}; records are {fate} from now on",
            output=self.tally.output,
            error=error,
            fate="kept in the spool" if self.store.durable else "dropped",
        )
        if not self.store.durable:
            self._end(CLOSED)

    def _end(self, reason: str) -> None:
        if self._state is not _ENDED:
            self._state = _ENDED
            self._endReason = reason
            self._pump.end()
            self._buffer.end(reason, self._pump.inFlight)
            self._announce()

    def _announce(self) -> None:
        """
        Fire the Deferreds of callers that wait for room, or for records to be
        written or dropped.
        """
        self._buffer.noteRoom()
        if not (self._readies or self._flushes):
            return
        ready: list[Deferred[None]] = []
        if not self._buffer.isFull:
            ready, self._readies = self._readies, ready
        while self._flushes and self._isFlushed(self._flushes[0][0]):
            ready.append(self._flushes.pop(0)[1])
        for deferred in ready:
            deferred.callback(None)

    def _isFlushed(self, number: int) -> bool:
        """
        @param number: The number of the newest part when the flush was asked for.
        """
        if self._state is _ENDED or self._buffer.isPast(number):
            return True
        pump = self._pump.state
        # Records in a spool are safe, and are not waited for if they cannot be
        # written.
        return self.store.durable and (
            pump in (PumpState.RETRYING, PumpState.BROKEN)
            or (self._state is _STOPPING and pump is PumpState.IDLE)
        )
