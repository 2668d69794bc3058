"""
The spool: the records of an output on disk, until they are written.

Accepted records are in the file before they count as accepted, so the end of the
process, however it comes, loses none of them.  (A power cut loses the records of
the last second: L{logrecv.outputs.spool.flushing.SYNC_DELAY}.)  A chunk that was
sent and not confirmed is sent again, under the same name.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from secrets import token_hex
from typing import ClassVar, Final

from attrs import define, field
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from zope.interface import implementer

from logrecv.dedup import SeenBatches
from logrecv.outputs.chunk import PART_RECORDS, Chunk, EncodedPart, totals
from logrecv.outputs.queue.store import IStore, StoreFull
from logrecv.outputs.spool.database import SpoolFile
from logrecv.outputs.spool.directory import SpoolDirectory
from logrecv.outputs.spool.flushing import LogFlusher
from logrecv.outputs.spool.leftovers import LeftOvers
from logrecv.outputs.spool.recovery import DamagedDatabase, copyRows
from logrecv.outputs.spool.replacing import ReplaceableFile
from logrecv.outputs.spool.rows import InFlight, Row
from logrecv.threads import ISerialExecutor

#: Bytes of encoded records that a spool holds at most, unless C{spool-limit=}
#: says otherwise (1G).
DEFAULT_LIMIT: Final = 1024 * 1024 * 1024


@implementer(IStore)
@define(eq=False)
class Spool:
    """
    A store on disk::

        spool = Spool("/var/spool/app", "json", "1-file", reactor, executor)
        spool.open()
        spool.append([(encoded, 1)])
        chunk = spool.next(1024 * 1024, 500)
        spool.done()
        spool.close()

    One process uses the file, in the reactor's thread.  Another thread flushes
    the file to disk.  A damaged file is set aside, and the rows in it that are
    whole are taken over into a new one.

    @ivar directory: The absolute path of the directory.
    @ivar form: The format of the records: a key of
        L{logrecv.outputs.spool.database.FORMS}.
    @ivar output: The label of the output, for log messages.
    @ivar clock: Tells when to flush.
    @ivar executor: Runs the flushes.
    @ivar batches: Tells which parts in the file will come again.
    """

    _log: ClassVar[Logger] = Logger()

    directory: str
    form: str
    output: str
    clock: IReactorTime
    executor: ISerialExecutor
    batches: SeenBatches = field(factory=SeenBatches)

    durable: bool = field(default=True, init=False)
    size: int = field(default=0, init=False)
    count: int = field(default=0, init=False)
    last: int = field(default=0, init=False)
    _directory: SpoolDirectory = field(init=False)
    _file: ReplaceableFile = field(init=False)
    _flusher: LogFlusher = field(init=False)
    _leftOvers: LeftOvers = field(init=False)
    #: The number of the newest part that is no longer held.
    _gone: int = field(default=0, init=False)
    #: The number of the newest part that was dropped.
    _dropped: int = field(default=0, init=False)
    #: The first of the parts up to C{_gone} that could not be deleted yet.
    _undeleted: int | None = field(default=None, init=False)
    #: The chunk in flight.
    _out: Chunk | None = field(default=None, init=False)
    #: The chunk that an earlier run has sent last.
    _sentBefore: InFlight | None = field(default=None, init=False)
    #: The beginning of the names of chunks, different in each run.
    _name: str = field(factory=lambda: token_hex(8), init=False)

    def __attrs_post_init__(self) -> None:
        self._directory = SpoolDirectory(self.directory)
        self._file = ReplaceableFile(
            self.path, self.form, self.output, self.clock, self
        )
        self._leftOvers = LeftOvers(self._file.attempt)
        self._flusher = LogFlusher(self._file, self.output, self.clock, self.executor)

    @property
    def path(self) -> str:
        """
        The path of the file.
        """
        return self._directory.file

    def open(self) -> None:
        self._directory.open()
        try:
            self._file.open()
            self._file.attempt(lambda file: self._takeStock(file, file.inFlight()))
            self._removeUnfinished()
        except BaseException as error:
            self._release()
            if isinstance(error, StoreFull):
                raise OSError(f"{self.path} cannot be used now: {error}") from None
            raise
        self.batches.spools.append(self)

    def append(self, parts: Sequence[EncodedPart]) -> None:
        rows = [
            Row.make(self.last + number, self._gone, count, data)
            for number, (data, count) in enumerate(parts, start=1)
        ]
        try:
            self._file.attempt(lambda file: file.append(rows))
        except StoreFull:
            if self.count:
                raise
            self._startOver()
            self._file.attempt(lambda file: file.append(rows))
        self.last += len(rows)
        size = sum(len(row.data) for row in rows)
        self.size += size
        self.count += sum(row.records for row in rows)
        self._flusher.written(size)

    def takeBack(self, parts: Sequence[EncodedPart]) -> None:
        if not parts:
            return
        size, count = totals(parts)
        self.size -= size
        self.count -= count
        before = self.last - len(parts)
        if self._leftOvers.delete(before + 1, self.last):
            self.last = before

    def next(self, size: int, count: int) -> Chunk | None:
        """
        Return the next chunk.  The chunk that an earlier run has sent last comes
        first, unchanged.
        """
        if self._out is None:
            self._out = self._file.attempt(lambda file: self._choose(file, size, count))
        return self._out

    def done(self) -> None:
        out, self._out = self._out, None
        if out is None:
            return
        self.size -= len(out.data)
        self.count -= out.count
        first = self._gone + 1 if self._undeleted is None else self._undeleted
        last = self._gone = max(out.last, self._dropped)
        self._undeleted = first
        try:
            self._file.attempt(lambda file: file.delete(first, last))
        except StoreFull:
            # The next call deletes these parts, too.
            if not self.count:
                with suppress(StoreFull):
                    self._startOver()
        else:
            self._undeleted = None
            self._flusher.written(0)
            self._leftOvers.deleteAll()

    def dropOldest(self) -> int:
        after = max(self._gone, self._dropped, self._out.last if self._out else 0)
        oldest = self._file.attempt(lambda file: file.oldest(after))
        if oldest is None or oldest.number == self.last:
            return 0
        number = oldest.number
        self._file.attempt(lambda file: file.delete(number, number))
        self._flusher.written(0)
        self._dropped = number
        if self._out is None:
            self._gone = number
        self.size -= len(oldest.data)
        self.count -= oldest.records
        return oldest.records

    def first(self) -> int | None:
        return self._gone + 1 if self.count else None

    def close(self) -> None:
        self._flusher.close()
        self._release()

    # -- opening --

    def _release(self) -> None:
        self._file.close()
        self._directory.close()

    def _startOver(self) -> None:
        """
        Begin a new file while nothing is held.

        @raise StoreFull: There is no new file.
        """
        self._file.startOver()
        self._undeleted = None
        self._leftOvers.clear()
        self._flusher.replaced()

    def _takeStock(self, file: SpoolFile, sent: InFlight | None) -> None:
        """
        Count the parts in the file.

        @param sent: The chunk that an earlier run has sent last.
        """
        if sent is not None and sent.isWhole:
            self._sentBefore = sent
            self.last = max(self.last, sent.last)
        self._recount(file)

    def _recount(self, file: SpoolFile) -> None:
        totals = file.totals(self._gone)
        self.count, self.size = totals.records, totals.size
        self.last = max(self.last, totals.last)
        self._gone = totals.first - 1 if totals.first else self.last

    def _removeUnfinished(self) -> None:
        """
        Remove the parts that an earlier run had no time to confirm to their
        sender, who sends them again.
        """
        last = self.batches.unfinishedAfter(self.path)
        if last is None or last >= self.last:
            return
        first = last + 1

        def remove(file: SpoolFile) -> None:
            file.delete(first, self.last)
            self._recount(file)

        with suppress(StoreFull):
            self._file.attempt(remove)

    # -- choosing --

    def _choose(self, file: SpoolFile, size: int, count: int) -> Chunk | None:
        """
        Choose the next chunk, and store its name.
        """
        sent, self._sentBefore = self._sentBefore, None
        if sent is not None:
            last = sent.last
            rows = self._gather(file, lambda sizes, counts, row: row.number > last)
            numbers = [row.number for row in rows]
            if numbers == list(range(sent.first, sent.last + 1)):
                return self._makeChunk(file, rows, sent.id)
        limit = min(count, PART_RECORDS)
        rows = self._gather(
            file, lambda sizes, counts, row: sizes > size or counts > limit
        )
        if not rows:
            return None
        return self._makeChunk(file, rows, f"{self._name}-{rows[0].number}")

    def _gather(
        self, file: SpoolFile, isEnough: Callable[[int, int, Row], bool]
    ) -> list[Row]:
        """
        Read the oldest parts that are held, until there are enough.

        @param isEnough: Called with the bytes and the records that there would be
            with another row, and that row.
        """
        rows: list[Row] = []
        damaged: list[int] = []
        size = count = 0
        for row in file.rows(self._gone):
            if row.number in self._leftOvers:
                continue
            if not row.isWhole:
                damaged.append(row.number)
                continue
            size += len(row.data)
            count += row.records
            if rows and isEnough(size, count, row):
                break
            if rows and row.number != rows[-1].number + 1:
                # A chunk is known by its first and its last part.
                break
            rows.append(row)
        if damaged:
            self._removeDamaged(file, damaged)
        return rows

    def _removeDamaged(self, file: SpoolFile, numbers: Sequence[int]) -> None:
        self._log.error(
            "{output}: {count} batches in the spool are damaged and lost",
            output=self.output,
            count=len(numbers),
        )
        for number in numbers:
            file.delete(number, number)
        self._recount(file)

    def _makeChunk(self, file: SpoolFile, rows: Sequence[Row], name: str) -> Chunk:
        """
        Make a chunk, and store its name before it is sent.
        """
        first, last = rows[0].number, rows[-1].number
        # A chunk can be sent without that; then its name will not outlive the
        # process.
        with suppress(StoreFull):
            file.markInFlight(InFlight.make(first, last, name))
            self._flusher.written(0)
        count = sum(row.records for row in rows)
        return Chunk(name, first, last, count, b"".join(row.data for row in rows))

    # -- replacing --

    def salvage(self, damaged: DamagedDatabase, file: SpoolFile) -> int:
        """
        Store the parts that are held in a new file.
        """
        after, inFlight = self._gone, None
        if self._out is not None:
            # The chunk is whole in memory, whatever is left of it in the file.
            after = self._out.last
            file.append([Row.make(after, 0, self._out.count, self._out.data)])
            inFlight = InFlight.make(after, after, self._out.id)
        saved = copyRows(damaged, file, after, self._leftOvers)
        inFlight = inFlight or damaged.inFlight
        if inFlight is not None:
            file.markInFlight(inFlight)
        return saved

    def replaced(self, damaged: DamagedDatabase, file: SpoolFile) -> None:
        """
        Count the parts in a new file.
        """
        self._undeleted = None
        self._leftOvers.clear()
        self._flusher.replaced()
        self._takeStock(file, damaged.inFlight if self._out is None else None)
