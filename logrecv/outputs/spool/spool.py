"""
The spool: an output's records on disk, until they are written.

What was accepted is in the file before it counts as accepted, so the end of the
process, however it comes, loses none of it.  (An end of the power loses what
came in the last second: L{SYNC_INTERVAL}.)  What was sent and not confirmed is
sent again, under the same name.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from datetime import UTC, datetime
from secrets import token_hex
from typing import ClassVar, Final, TypeVar

from attrs import Factory, define, field
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from logrecv.dedup import SeenBatches
from logrecv.descriptions import Description, DescriptionError, sizeInBytes
from logrecv.formats.text import Format, encodeJSON
from logrecv.outputs.factory import OutputContext
from logrecv.outputs.queue.sink import Capacity
from logrecv.outputs.queue.store import (
    PART_RECORDS,
    Chunk,
    EncodedPart,
    MemoryStore,
    Store,
    StoreFull,
)
from logrecv.outputs.spool import database as spoolfile
from logrecv.outputs.spool.database import CorruptSpool, InFlight, Row, SpoolFile
from logrecv.outputs.spool.recovery import DamagedDatabase, WriteAheadLog
from logrecv.paths import usableDirectory
from logrecv.threads import ISerialExecutor, ThreadExecutor

_T = TypeVar("_T")

#: Bytes of encoded records that a spool holds at most, unless C{spool-limit=}
#: says otherwise (1G).
DEFAULT_LIMIT: Final = 1024 * 1024 * 1024

#: Bytes written to the log after which it is emptied.  Each time, the write
#: that comes next waits for one flush of its header.
CHECKPOINT_SIZE: Final = 16 * 1024 * 1024

#: Bytes after which the writes wait for that, if they never pause: the log only
#: begins anew at a write before which all of it was emptied.
LARGEST_LOG: Final = 64 * 1024 * 1024

#: How often to try, each time, to get to the end of a log that grows meanwhile.
_PASSES: Final = 3

#: Bytes that a transaction writes beside its data: the pages that it touches.
_OVERHEAD: Final = 3 * spoolfile.PAGE

#: Seconds that what was accepted is not yet safe from a power cut, at most.
SYNC_INTERVAL: Final = 1.0

#: Seconds that looking for damage may take at the start.
CHECK_TIME: Final = 2.0

#: The names in the directory.
_FILE: Final = "spool.sqlite"
_LOCK: Final = "lock"

#: What the log is called beside its own name while it could yet be needed.
_KEPT: Final = "-wal.kept"

#: Parts that are taken over from a damaged file in one transaction.
_TAKEN_OVER: Final = 100


@define(eq=False)
class Spool:
    """
    A L{Store} on disk.

    Its file is used by one process, in the reactor's thread; the flushes are
    another thread's.  A file that is damaged is set aside, and what is whole in
    it is taken over into a new one.

    @ivar directory: The absolute path of its directory.
    @ivar form: How the records are encoded: a key of L{spoolfile.FORMS}.
    @ivar output: The label of the output, for the log.
    @ivar clock: Tells when to flush.
    @ivar runner: Runs the flushes.
    @ivar batches: Tells what the file holds that will come again.
    @ivar checkpointSize: Bytes of log after which it is emptied.
    """

    _log: ClassVar[Logger] = Logger()

    directory: str
    form: str
    output: str
    clock: IReactorTime
    runner: ISerialExecutor
    batches: SeenBatches = field(factory=SeenBatches)
    checkpointSize: int = CHECKPOINT_SIZE

    durable: bool = field(default=True, init=False)
    size: int = field(default=0, init=False)
    count: int = field(default=0, init=False)
    last: int = field(default=0, init=False)
    _file: SpoolFile = field(default=None, init=False)
    _lock: int | None = field(default=None, init=False)
    #: The number of the newest part that is no longer held.
    _gone: int = field(default=0, init=False)
    #: The number of the newest part that was dropped.
    _dropped: int = field(default=0, init=False)
    #: Parts that are no longer held and could not be deleted yet: all from this
    #: number to L{_gone}.
    _undeleted: int | None = field(default=None, init=False)
    #: What is out.
    _out: Chunk | None = field(default=None, init=False)
    #: What an earlier run has sent last.
    _flight: InFlight | None = field(default=None, init=False)
    _name: str = field(factory=lambda: token_hex(8), init=False)
    #: Bytes of log since it was empty.
    _written: int = field(default=0, init=False)
    #: Bytes of log at which to empty it next.
    _emptyAt: int = field(
        default=Factory(lambda self: self.checkpointSize, takes_self=True), init=False
    )
    _sync: IDelayedCall | None = field(default=None, init=False)
    _emptying: bool = field(default=False, init=False)
    _flushFailed: bool = field(default=False, init=False)

    @property
    def path(self) -> str:
        """
        The path of the file.
        """
        return os.path.join(self.directory, _FILE)

    def open(self) -> None:
        """
        See L{Store.open}.
        """
        # That of another worker is within that of the first, which may not be
        # there yet.
        for directory in (os.path.dirname(self.directory), self.directory):
            with suppress(FileExistsError):
                os.mkdir(directory, 0o700)
        self._takeLock()
        try:
            self._openOrReplace()
            self._removeUnfinished()
        except BaseException:
            self._release()
            raise
        self.batches.spools.append(self)

    def append(self, parts: Sequence[EncodedPart]) -> None:
        """
        See L{Store.append}.
        """
        rows = [
            Row.make(self.last + number, self._gone, count, data)
            for number, (data, count) in enumerate(parts, start=1)
        ]
        try:
            self._attempt(lambda: self._file.append(rows))
        except StoreFull:
            if self.count:
                raise
            self._attempt(self._startOver)
            self._attempt(lambda: self._file.append(rows))
        self.last += len(rows)
        size = sum(len(row.data) for row in rows)
        self.size += size
        self.count += sum(row.records for row in rows)
        self._note(size)

    def next(self, size: int, count: int) -> Chunk | None:
        """
        See L{Store.next}.  What an earlier run has sent last comes first, as it
        was.
        """
        if self._out is None:
            self._out = self._attempt(lambda: self._choose(size, count))
        return self._out

    def done(self) -> None:
        """
        See L{Store.done}.
        """
        out, self._out = self._out, None
        if out is None:
            return
        self.size -= len(out.data)
        self.count -= out.count
        first = self._gone + 1 if self._undeleted is None else self._undeleted
        self._gone = max(out.last, self._dropped)
        self._undeleted = first
        try:
            self._attempt(lambda: self._file.delete(first, self._gone))
        except StoreFull:
            # It is deleted with what is done next.
            if not self.count:
                with suppress(StoreFull):
                    self._attempt(self._startOver)
        else:
            self._undeleted = None
            self._note(0)

    def dropOldest(self) -> int:
        """
        See L{Store.dropOldest}.
        """
        after = max(self._gone, self._dropped, self._out.last if self._out else 0)
        oldest = self._attempt(lambda: self._file.oldest(after))
        if oldest is None or oldest.number == self.last:
            return 0
        self._attempt(lambda: self._file.delete(oldest.number, oldest.number))
        self._note(0)
        self._dropped = oldest.number
        if self._out is None:
            self._gone = oldest.number
        self.size -= len(oldest.data)
        self.count -= oldest.records
        return oldest.records

    def first(self) -> int | None:
        """
        See L{Store.first}.
        """
        return self._gone + 1 if self.count else None

    def close(self) -> None:
        """
        See L{Store.close}.
        """
        if self._sync is not None:
            self._sync.cancel()
            self._sync = None
        self.runner.end()
        self._release()

    # -- opening --

    def _takeLock(self) -> None:
        path = os.path.join(self.directory, _LOCK)
        self._lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise OSError(
                f"another process uses the spool {self.directory}; give each its own"
            ) from None

    def _release(self) -> None:
        self._closeFile()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _openOrReplace(self) -> None:
        """
        @raise OSError: Neither can be done.
        """
        try:
            self._open()
        except CorruptSpool as damage:
            try:
                self._replace(damage)
            except CorruptSpool as error:
                raise OSError(f"{self.path}: {error}") from None

    def _open(self) -> None:
        """
        @raise Damaged: The file is.
        """
        log = WriteAheadLog.read(self.path)
        self._keepLog()
        self._file = file = SpoolFile.open(self.path, self.form)
        try:
            found = file.checkpoint()
        except StoreFull:
            pass
        else:
            if found < log.committed:
                raise CorruptSpool("its log is not what was written")
        if log.cut:
            self._log.warn(
                "{output}: the last write to the spool was cut short",
                output=self.output,
            )
        deadline = self.clock.seconds() + CHECK_TIME
        file.check(lambda: self.clock.seconds() > deadline)
        flight = file.flight()
        if flight is not None and flight.whole:
            self._flight = flight
            self.last = max(self.last, flight.last)
        self._recount()
        self._forgetLog()

    def _removeUnfinished(self) -> None:
        """
        Remove what an earlier run had no time to confirm to its sender.
        """
        last = self.batches.partials(self.path)
        if last is not None and last < self.last:
            with suppress(StoreFull):
                self._attempt(lambda: self._file.delete(last + 1, self.last))
                self._recount()

    def _recount(self) -> None:
        """
        Count what is in the file.
        """
        totals = self._file.totals(self._gone)
        self.count, self.size = totals.records, totals.size
        self.last = max(self.last, totals.last)
        self._gone = totals.first - 1 if totals.first else self.last

    # -- what goes out --

    def _choose(self, size: int, count: int) -> Chunk | None:
        """
        Choose what goes out next, and note it.
        """
        flight, self._flight = self._flight, None
        if flight is not None:
            last = flight.last
            rows = self._gather(lambda sizes, counts, row: row.number > last)
            numbers = [row.number for row in rows]
            if numbers == list(range(flight.first, flight.last + 1)):
                return self._markInFlight(rows, flight.id)
        most = min(count, PART_RECORDS)
        rows = self._gather(lambda sizes, counts, row: sizes > size or counts > most)
        return (
            self._markInFlight(rows, f"{self._name}-{rows[0].number}") if rows else None
        )

    def _gather(self, isEnough: Callable[[int, int, Row], bool]) -> list[Row]:
        """
        Read parts until there are enough.

        @param isEnough: Is given the bytes and the records that there would be
            with a row, and the row, which is not the first.
        """
        rows: list[Row] = []
        broken: list[int] = []
        size = count = 0
        for row in self._file.rows(self._gone):
            if not row.whole:
                broken.append(row.number)
                continue
            size += len(row.data)
            count += row.records
            if rows and isEnough(size, count, row):
                break
            rows.append(row)
        if broken:
            self._removeBroken(broken)
        return rows

    def _removeBroken(self, numbers: Sequence[int]) -> None:
        self._log.error(
            "{output}: {count} batches in the spool are damaged and lost",
            output=self.output,
            count=len(numbers),
        )
        for number in numbers:
            self._file.delete(number, number)
        self._recount()

    def _markInFlight(self, rows: Sequence[Row], name: str) -> Chunk:
        """
        Note what is about to be sent.
        """
        first, last = rows[0].number, rows[-1].number
        # Where it cannot be noted, it can be sent all the same; its name will
        # not outlive the process.
        with suppress(StoreFull):
            self._file.markInFlight(InFlight.make(first, last, name))
            self._note(0)
        count = sum(row.records for row in rows)
        return Chunk(name, first, last, count, b"".join(row.data for row in rows))

    # -- damage --

    def _attempt(self, operation: Callable[[], _T]) -> _T:
        """
        Do something with the file, if need be with a new one.

        @raise NoRoom: It cannot be done now.
        """
        try:
            return operation()
        except CorruptSpool as damage:
            found = damage
        try:
            if os.path.exists(self.path):
                self._keepLog()
                self._replace(found)
            else:
                self._startOver()
            return operation()
        except (CorruptSpool, OSError) as error:
            raise StoreFull(str(error)) from None

    def _keepLog(self) -> None:
        """
        Keep the log, which SQLite deletes when it closes a file.
        """
        self._forgetLog()
        with suppress(FileNotFoundError):
            os.link(self.path + "-wal", self.path + _KEPT)

    def _forgetLog(self) -> None:
        with suppress(FileNotFoundError):
            os.unlink(self.path + _KEPT)

    def _startOver(self) -> None:
        """
        Go on in a new file when nothing is held: on a disk that is full of the
        log of the old one, nothing can be deleted from that.

        @raise OSError: It cannot be done.
        """
        self._closeFile()
        for name in (self.path, self.path + "-wal", self.path + "-shm"):
            with suppress(FileNotFoundError):
                os.unlink(name)
        self._file = SpoolFile.open(self.path, self.form)
        self._undeleted = None
        self._written = 0
        self._emptyAt = self.checkpointSize

    def _replace(self, damage: CorruptSpool) -> None:
        """
        Set the file aside, and go on in a new one with what is whole in it.

        @raise OSError: It cannot be done.
        @raise Damaged: The new one is damaged too.
        """
        self._closeFile()
        now = datetime.fromtimestamp(self.clock.seconds(), UTC)
        aside = f"{self.path}.damaged-{now:%Y%m%dT%H%M%S.%fZ}"
        self._move(self.path, self.path + _KEPT, aside, aside + "-wal")
        try:
            with closing(DamagedDatabase(aside)) as wreck:
                self._file = SpoolFile.open(self.path, self.form)
                saved = self._takeOver(wreck)
        except BaseException:
            # As it was, so that it can be done later.
            self._closeFile()
            self._move(aside, aside + "-wal", self.path, self.path + "-wal")
            raise
        self._log.error(
            "{output}: the spool was damaged ({damage}) and is set aside as {aside}; "
            "{saved} records in it were saved, {missing} batches are missing",
            output=self.output,
            damage=damage,
            aside=aside,
            saved=saved,
            missing=wreck.missing,
        )

    def _closeFile(self) -> None:
        # There is none while the first one is being opened.
        if self._file is not None:
            self._file.close()

    def _move(self, file: str, log: str, newFile: str, newLog: str) -> None:
        """
        Rename a file and its log, and remove what else there is of the spool.
        """
        for beside in ("-wal", "-shm"):
            if self.path + beside != log:
                with suppress(FileNotFoundError):
                    os.unlink(self.path + beside)
        os.replace(file, newFile)
        with suppress(FileNotFoundError):
            os.replace(log, newLog)

    def _takeOver(self, wreck: DamagedDatabase) -> int:
        """
        Store what is whole in a damaged file.

        @return: How many records that were.
        """
        saved = 0
        rows: list[Row] = []
        after, flight = self._gone, None
        if self._out is not None:
            # It is here whole, whatever is left of it there.
            after = self._out.last
            rows.append(Row.make(after, 0, self._out.count, self._out.data))
            flight = InFlight.make(after, after, self._out.id)
        for row in wreck.rows():
            if row.number > after:
                rows.append(Row.make(row.number, 0, row.records, row.data))
                saved += row.records
            if len(rows) >= _TAKEN_OVER:
                self._file.append(rows)
                rows = []
        if rows:
            self._file.append(rows)
        if flight is None:
            self._flight = flight = wreck.flight
        if flight is not None:
            self._file.markInFlight(flight)
            self.last = max(self.last, flight.last)
        self._undeleted = None
        self._recount()
        return saved

    # -- flushing --

    def _note(self, size: int) -> None:
        """
        Have flushed, some time, what was written.

        @param size: The bytes of data among it.
        """
        self._written += size + _OVERHEAD
        if self._sync is None:
            self._sync = self.clock.callLater(SYNC_INTERVAL, self._syncLog)
        if self._written >= self._emptyAt and not self._emptying:
            self._emptying = True
            self._emptyLog()

    def _syncLog(self) -> None:
        self._sync = None
        path = self.path
        done = self.runner.run(lambda: spoolfile.syncLog(path))
        done.addErrback(self._reportFlush)

    def _emptyLog(self) -> None:
        """
        Empty the log, in the other thread, and where that does not get to its
        end because it grows too fast, here.
        """
        path = self.path
        # What had been written when each pass began.
        began: list[int] = []

        def run() -> None:
            while len(began) < _PASSES and self._written not in began:
                began.append(self._written)
                spoolfile.checkpoint(path)

        def finish(result: object) -> None:
            self._emptying = False
            if self._lock is None:
                return  # It is closed.
            if self._written in began:
                # The next write begins the log anew.
                self._written = 0
            elif self._written >= LARGEST_LOG:
                with suppress(StoreFull):
                    self._attempt(self._file.checkpoint)
                    self._written = 0
            self._emptyAt = self._written + self.checkpointSize

        self.runner.run(run).addErrback(self._reportFlush).addCallback(finish)

    def _reportFlush(self, failure: Failure) -> None:
        if not self._flushFailed:
            self._flushFailed = True
            self._log.error(
                "{output}: the spool cannot be flushed to disk ({error}); "
                "a power cut may lose records",
                output=self.output,
                error=failure.value,
            )


def removeEmptied(directory: str) -> None:
    """
    Remove a spool that holds nothing and that nobody uses.  What was set aside
    in its directory stays.
    """
    for name in (_FILE, f"{_FILE}-wal", f"{_FILE}-shm", _LOCK):
        with suppress(OSError):
            os.unlink(os.path.join(directory, name))
    with suppress(OSError):
        os.rmdir(directory)


def storageFormat(encode: Format) -> str:
    """
    Tell what L{queueFromKeywords} calls a format.
    """
    return "json" if encode is encodeJSON else "text"


def queueFromKeywords(
    description: Description,
    context: OutputContext,
    full: str,
    form: str = "json",
) -> tuple[Capacity, Store]:
    """
    Take the keywords C{queue=}, C{full=}, C{spool=} and C{spool-limit=}.

    @param full: What C{full=} is when it is not given.
    @param form: How the records are encoded: a key of L{spoolfile.FORMS}.
    @return: How much to hold, and where.
    @raise DescriptionError: One of them cannot be used.
    """
    capacity = Capacity.take(description, full, context.group)
    directory = description.takeKeyword("spool", usableDirectory, None)
    limit = description.takeKeyword("spool-limit", sizeInBytes, None)
    if directory is None:
        if limit is not None:
            raise DescriptionError("spool-limit= is for a spool; give spool=DIR too")
        return capacity, MemoryStore()
    file = os.path.join(os.path.realpath(directory), _FILE)
    if file in context.paths:
        raise DescriptionError(
            f"another output has its spool in {directory}; give each its own"
        )
    context.paths.add(file)
    context.spools.append(directory)
    group = context.group
    output = context.tally.output
    thread = ThreadExecutor(context.reactor, f"{output} spool")
    return (
        Capacity(
            group.portion(limit or DEFAULT_LIMIT), capacity.pauses, capacity.limit
        ),
        Spool(
            group.spool(directory),
            form,
            output,
            context.reactor,
            thread,
            context.batches,
        ),
    )
