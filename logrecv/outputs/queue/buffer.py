"""
The taking side of a queue: encoded records come in, within the capacity.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import ClassVar

from attrs import define, field
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from logrecv.counters import OutputTally
from logrecv.outputs.chunk import Chunk, EncodedPart, totals
from logrecv.outputs.queue.capacity import Capacity
from logrecv.outputs.queue.store import IStore, StoreFull
from logrecv.reasons import DAMAGED, QUEUE_FULL, REFUSED, SPOOL_FULL


@define(eq=False)
class Buffer:
    """
    Holds encoded records in a store, and counts each of them.

    When the capacity is reached, the buffer drops the oldest records, or it is
    full until half of the capacity is free.  A full buffer still takes records,
    since not every input can pause its client; it drops the newest records when
    it holds twice its capacity.  An empty buffer takes a batch of any size.

    A store that has no room, such as a spool on a full disk, is like a capacity
    that is reached: the oldest records are dropped, or new records are held in
    memory and stored later.  Records that their sender keeps are refused instead:
    see L{keep}.

    @ivar store: The store.
    @ivar capacity: The capacity.
    @ivar tally: Counts the records.
    @ivar clock: The clock of the next attempt to store.
    @ivar retryDelay: Seconds between two attempts to store.
    @ivar changed: Called after such an attempt.
    @ivar isFull: C{True} from when the capacity was reached until half of it is
        free, and while the store has no room.
    """

    _log: ClassVar[Logger] = Logger()

    store: IStore
    capacity: Capacity
    tally: OutputTally
    clock: IReactorTime
    retryDelay: float
    changed: Callable[[], None]
    isFull: bool = field(default=False, init=False)
    #: C{True} from when the capacity was reached until half of it is free.
    _isOver: bool = field(default=False, init=False)
    #: Batches for which the store had no room.
    _unstored: list[list[EncodedPart]] = field(factory=list, init=False)
    _storeAgain: IDelayedCall | None = field(default=None, init=False)
    #: C{True} if the store had no room at the latest attempt.
    _isStoreFull: bool = field(default=False, init=False)
    #: The consequences of a full queue that the log has told already.
    _reported: set[str] = field(factory=set, init=False)

    def open(self) -> None:
        """
        Open the store, and count the records in it.

        @raise OSError: The store cannot be opened.
        """
        self.store.open()
        self.tally.isDurable = self.store.durable
        self.tally.restored = self.tally.queued = self.store.count
        self._isOver = self.isFull = self.store.size >= self.capacity.limit

    # -- coming in --

    def take(self, parts: list[EncodedPart]) -> None:
        """
        Take a batch, or drop it.
        """
        size, count = totals(parts)
        pauses = self.capacity.pauses
        if pauses and self._isBeyond(size):
            self._drop(count)
            return
        if self._unstored or not self._append(parts, size):
            self._keepUnstored(parts, size, count)
            return
        self.tally.queued += count
        self._countMissing()

    def keep(self, parts: list[EncodedPart]) -> None:
        """
        Store a batch that its sender keeps, too, until it is acknowledged.

        @raise StoreFull: The batch is not in the store.
        """
        size, count = totals(parts)
        if self._unstored:
            raise StoreFull("records wait for room")
        if self.capacity.pauses and self._isBeyond(size):
            raise StoreFull(f"it holds {self.store.size} bytes")
        self.store.append(parts)
        self._isStoreFull = False
        self.tally.queued += count

    def wait(self, error: StoreFull) -> None:
        """
        Be full until there may be room for a batch that was refused.

        @param error: The reason.
        """
        self._report(str(error), "inputs are paused")
        self._isStoreFull = self.isFull = True
        self._storeLater()

    def noteExcess(self) -> None:
        """
        Be full, or drop the oldest records, if the capacity is reached.
        """
        excess = self.store.size - self.capacity.limit
        if excess < 0:
            return
        self._isOver = self.isFull = True
        if excess and not self.capacity.pauses:
            with suppress(StoreFull):
                self._dropOldest(excess)

    def giveBack(self, parts: list[EncodedPart]) -> None:
        """
        Remove the batch of the latest L{keep}.
        """
        self.store.takeBack(parts)
        self.tally.queued -= totals(parts)[1]

    def _isBeyond(self, size: int) -> bool:
        """
        Return C{True} if a batch is more than a full buffer takes.

        @param size: The bytes of the batch.
        """
        held = self.store.size
        return held > 0 and held + size > 2 * self.capacity.limit

    def _append(self, parts: list[EncodedPart], size: int) -> bool:
        """
        Store a batch, and make room for it if need be and if records may be
        dropped.

        @param size: The bytes of the parts.
        @return: C{True} if the batch is in the store.
        """
        try:
            self.store.append(parts)
            self._isStoreFull = False
            return True
        except StoreFull as error:
            self._isStoreFull = True
            pauses = self.capacity.pauses
            self._report(str(error), "inputs are paused" if pauses else "the oldest go")
        if not pauses:
            with suppress(StoreFull):
                self._dropOldest(size)
                self.store.append(parts)
                return True
        return False

    def _dropOldest(self, size: int) -> None:
        """
        Drop the oldest records, but not the chunk in flight or the newest part.

        @param size: The bytes to drop, at least.
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
        Hold a batch in memory, if clients are made to wait and if there is room;
        drop it otherwise.
        """
        reserved = sum(totals(each)[0] for each in self._unstored)
        if not self.capacity.pauses or reserved + size > self.capacity.reserve:
            self._drop(count)
            return
        self._unstored.append(parts)
        self.tally.queued += count
        self.isFull = True
        self._storeLater()

    def _storeLater(self) -> None:
        if self._storeAgain is None:
            self._storeAgain = self.clock.callLater(self.retryDelay, self._retry)

    def _retry(self) -> None:
        self._storeAgain = None
        self._storeUnstored()
        if self._unstored:
            self._storeLater()
        self.changed()

    def _storeUnstored(self) -> None:
        """
        Store batches for which the store had no room, as many as it has room for.
        """
        while self._unstored:
            try:
                self.store.append(self._unstored[0])
            except StoreFull:
                break
            del self._unstored[0]
            self._isStoreFull = False
        self.noteExcess()

    # -- going out --

    def next(self, size: int, count: int) -> Chunk | None:
        """
        Get the chunk to be written next.  It has no more than half of the
        capacity, so that there is room for more while the chunk is written.

        @param size: Bytes in the chunk, at most, unless a single part is more.
        @param count: Records in the chunk, at most, unless a single part has
            more.
        @return: The chunk; L{None} if there is none now.
        """
        try:
            chunk = self.store.next(min(size, self.capacity.limit // 2), count)
        except StoreFull:
            self._storeLater()
            return None
        self._countMissing()
        return chunk

    def done(self, chunk: Chunk, refused: int) -> None:
        """
        Remove the chunk in flight, which is written.

        @param refused: The number of records in it that were refused for good.
        """
        self.store.done()
        self.tally.queued -= chunk.count
        self.tally.delivered += chunk.count - refused
        if refused:
            self.tally.drop(REFUSED, refused)

    def noteRoom(self) -> None:
        """
        Be no longer full, if there is room again.
        """
        if not (self.isFull or self._reported):
            return
        hasRoom = self.store.size <= self.capacity.limit // 2
        if hasRoom:
            self._isOver = False
        if not (self._isOver or self._unstored):
            self.isFull = False
            if hasRoom and not self._isStoreFull:
                self._reported.clear()

    def isPast(self, number: int) -> bool:
        """
        Return C{True} if a part and all parts before it are written or dropped.

        @param number: The number of the part.
        """
        if self._unstored:
            return False
        first = self.store.first()
        return first is None or first > number

    def end(self, reason: str, inFlight: int = 0) -> None:
        """
        Close the store.  Records that are not in a spool are dropped.

        @param reason: The reason for that.
        @param inFlight: The number of records in a write that is under way.
        """
        if self._storeAgain is not None:
            self._storeAgain.cancel()
            self._storeAgain = None
            self._storeUnstored()
        kept = self.store.count if self.store.durable else 0
        if kept:
            self._log.info(
                "{output}: {count} records stay in the spool",
                output=self.tally.output,
                count=kept,
            )
        lost = self.tally.queued - kept
        uncertain = 0 if kept else min(inFlight, lost)
        if lost:
            self._log.error(
                "{output}: {upTo}{count} records are lost",
                output=self.tally.output,
                upTo="up to " if uncertain else "",
                count=lost,
            )
        self.tally.drop(reason, lost)
        self.tally.uncertain += uncertain
        self.tally.queued = kept
        self._unstored.clear()
        self.isFull = False
        self.store.close()

    # -- counting --

    def _countMissing(self) -> None:
        """
        Count the records that the store has lost: a spool can be damaged.
        """
        missing = self.tally.queued - self.store.count
        if missing and self._unstored:
            missing -= sum(totals(each)[1] for each in self._unstored)
        if missing:
            self.tally.drop(DAMAGED, missing)
            self.tally.queued -= missing

    def _drop(self, count: int) -> None:
        self._report(f"it holds {self.store.size} bytes", "records are dropped")
        self.tally.drop(SPOOL_FULL if self.store.durable else QUEUE_FULL, count)

    def _report(self, problem: str, consequence: str) -> None:
        """
        Log that the queue is full, once for each consequence until there is room
        again.
        """
        if consequence not in self._reported:
            self._reported.add(consequence)
            self._log.warn(
                "{output}: the {store} is full ({problem}); {consequence}",
                output=self.tally.output,
                store="spool" if self.store.durable else "queue",
                problem=problem,
                consequence=consequence,
            )
