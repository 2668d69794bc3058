"""
Tests for L{logrecv.outputs.spool.spool} and the files behind it.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from logrecv.counters import OutputTally
from logrecv.outputs.chunk import Chunk
from logrecv.outputs.files.writer import FileWriter
from logrecv.outputs.queue.capacity import Capacity
from logrecv.outputs.queue.sink import RETRY_DELAY, QueuedSink
from logrecv.outputs.queue.store import StoreFull
from logrecv.outputs.spool.database import CorruptSpool, InFlight, Row
from logrecv.outputs.spool.recovery import DamagedDatabase, WriteAheadLog
from logrecv.outputs.spool.spool import SYNC_INTERVAL, Spool
from logrecv.outputs.writers import ThreadedWriter
from tests.outputs.queue.test_sink import (
    DirectRunner,
    HeldRunner,
    captureWarnings,
    encodeMessages,
    messages,
)

SIZE, COUNT = 1 << 20, 500


class SpoolTestCase(SynchronousTestCase):
    """
    Spools in a directory that stays the same.
    """

    def setUp(self) -> None:
        self.directory = os.path.abspath(self.mktemp())
        self.clock = Clock()

    @property
    def file(self) -> Path:
        return Path(self.directory, "spool.sqlite")

    def makeSpool(self, form: str = "json", **more: Any) -> Spool:
        spool = Spool(
            self.directory, form, "1-file", self.clock, DirectRunner(), **more
        )
        spool.open()
        self.addCleanup(spool.close)
        return spool

    def nextOf(self, spool: Spool, size: int = SIZE, count: int = COUNT) -> Chunk:
        chunk = spool.next(size, count)
        assert chunk is not None
        return chunk

    def drain(self, spool: Spool) -> list[bytes]:
        found = []
        while chunk := spool.next(SIZE, COUNT):
            found.append(chunk.data)
            spool.done()
        return found


class StoreTests(SpoolTestCase):
    """
    A spool holds what it is given, in order, until it is done.
    """

    def test_order(self) -> None:
        """
        What goes in first comes out first, in groups, and is then gone.
        """
        spool = self.makeSpool()
        spool.append([(b"a", 1)])
        spool.append([(b"b", 2), (b"c", 3)])
        self.assertEqual((spool.size, spool.count, spool.first()), (3, 6, 1))
        chunk = self.nextOf(spool)
        self.assertEqual((chunk.data, chunk.count), (b"abc", 6))
        self.assertIs(spool.next(SIZE, COUNT), chunk)
        spool.done()
        self.assertEqual((spool.size, spool.count, spool.first()), (0, 0, None))
        self.assertIsNone(spool.next(SIZE, COUNT))

    def test_limits(self) -> None:
        """
        A group is within the limits of a write, and of what may come twice,
        unless a single part is more.
        """
        spool = self.makeSpool()
        for count in (400, 100, 1, 1):
            spool.append([(b"xx", count)])
        spool.append([(b"longer", 1)])
        counts = []
        for size, count in [(99, 10_000), (3, 10_000), (4, 10_000), (1, 1)]:
            counts.append(self.nextOf(spool, size, count).count)
            spool.done()
        self.assertEqual(counts, [500, 1, 1, 1])

    def test_unwritten(self) -> None:
        """
        What was not done is there after a restart, and so is its name; what was
        done is not.
        """
        spool = self.makeSpool()
        for number in range(5):
            spool.append([(b"%d" % number, 1)])
        self.nextOf(spool, 1)
        spool.done()
        sent = self.nextOf(spool, 2)
        self.assertEqual(sent.data, b"12")
        spool.close()
        spool = self.makeSpool()
        self.assertEqual((spool.size, spool.count, spool.first()), (4, 4, 2))
        again = self.nextOf(spool, 1000)
        self.assertEqual((again.id, again.data), (sent.id, sent.data))
        spool.done()
        rest = self.nextOf(spool)
        self.assertEqual(rest.data, b"34")
        self.assertNotEqual(rest.id, sent.id)

    def test_killed(self) -> None:
        """
        What was appended is in the files even if nothing is ever closed.
        """
        spool = self.makeSpool()
        spool.append([(b"a", 1)])
        copied = self.mktemp()
        os.mkdir(copied)
        for name in ("spool.sqlite", "spool.sqlite-wal"):
            Path(copied, name).write_bytes(Path(self.directory, name).read_bytes())
        self.directory = os.path.abspath(copied)
        self.assertEqual(self.drain(self.makeSpool()), [b"a"])

    def test_numbersNotReused(self) -> None:
        """
        After a restart nothing new has the name or the number of what is gone.
        """
        spool = self.makeSpool()
        spool.append([(b"a", 1)])
        first = self.nextOf(spool)
        spool.done()
        spool.close()
        spool = self.makeSpool()
        self.assertEqual(spool.last, first.last)
        spool.append([(b"b", 1)])
        second = self.nextOf(spool)
        self.assertGreater(second.first, first.last)
        self.assertNotEqual(second.id, first.id)

    def test_dropOldest(self) -> None:
        """
        What is out and what is newest is not dropped.
        """
        spool = self.makeSpool()
        for number in range(5):
            spool.append([(b"%d" % number, number)])
        self.nextOf(spool, 1)
        self.assertEqual([spool.dropOldest() for _ in range(5)], [1, 2, 3, 0, 0])
        self.assertEqual((spool.size, spool.count, spool.first()), (2, 4, 1))
        spool.done()
        self.assertEqual(self.drain(spool), [b"4"])

    def test_permissions(self) -> None:
        """
        Records may hold what is not for everybody.
        """
        spool = self.makeSpool()
        spool.append([(b"a", 1)])
        for path in (self.directory, *Path(self.directory).iterdir()):
            self.assertEqual(os.stat(path).st_mode & 0o077, 0, path)

    def test_noRoom(self) -> None:
        """
        Where the disk is full nothing of a batch is stored, and what is held is
        sent all the same; then there is room.
        """
        spool = self.makeSpool()
        spool.append([(b"a" * 5000, 1)])
        limit = "PRAGMA max_page_count = "
        connection = spool._file._connection
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(limit + str(pages))
        parts = [(b"b", 1), (b"c" * 10_000, 1)]
        self.assertRaises(StoreFull, spool.append, parts)
        self.assertEqual((spool.count, spool.last), (1, 1))
        connection.execute(limit + "100000")
        spool.append(parts)
        self.assertEqual(b"".join(self.drain(spool))[4999:5002], b"abc")

    def test_undeleted(self) -> None:
        """
        What could not be deleted does not come again, and is deleted later.
        """
        spool = self.makeSpool()
        for text in (b"a", b"b"):
            spool.append([(text, 1)])
        self.nextOf(spool, 1)
        with closing(sqlite3.connect(self.file, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            spool.done()
            self.assertEqual(self.nextOf(spool).data, b"b")
            other.execute("ROLLBACK")
            spool.done()
            rows = other.execute("SELECT count(*) FROM parts").fetchone()
        self.assertEqual(rows, (0,))

    def test_startsOver(self) -> None:
        """
        A spool that holds nothing does not depend on what cannot be deleted.
        """
        spool = self.makeSpool()
        spool.append([(b"a", 1)])
        self.nextOf(spool)
        with closing(sqlite3.connect(self.file, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            spool.done()
            spool.append([(b"b", 1)])
            self.assertEqual((spool.first(), spool.last), (2, 2))
        spool.close()
        self.assertEqual(os.stat(self.file).st_mode & 0o077, 0)
        self.assertEqual(self.drain(self.makeSpool()), [b"b"])

    def test_startsOverToTake(self) -> None:
        """
        Nor on what has no room.
        """
        spool = self.makeSpool()
        with closing(sqlite3.connect(self.file, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            spool.append([(b"a", 1)])
        self.assertEqual(self.drain(spool), [b"a"])

    def test_logStaysSmall(self) -> None:
        """
        The log is emptied when it has grown.
        """
        spool = self.makeSpool(checkpointSize=100_000)
        for _ in range(100):
            spool.append([(b"x" * 10_000, 1)])
            self.nextOf(spool)
            spool.done()
        self.assertLess(os.path.getsize(f"{self.file}-wal"), 400_000)

    def test_sync(self) -> None:
        """
        What is committed is flushed within a second, unless that cannot be,
        which is said once.
        """
        events = captureWarnings(self, Spool)
        spool = self.makeSpool()
        spool.append([(b"x", 1)])
        self.clock.advance(SYNC_INTERVAL)
        self.assertEqual((events, self.clock.getDelayedCalls()), ([], []))
        os.rename(f"{self.file}-wal", f"{self.file}-away")
        for _ in range(2):
            spool.append([(b"x", 1)])
            self.clock.advance(SYNC_INTERVAL)
        self.assertEqual(len(events), 1)
        self.assertIn("cannot be flushed", events[0])


class OpeningTests(SpoolTestCase):
    """
    What keeps a spool from being used.
    """

    def test_locked(self) -> None:
        """
        Two processes cannot use one spool.
        """
        self.makeSpool()
        error = self.assertRaises(OSError, self.makeSpool)
        self.assertIn("another process uses the spool", str(error))

    def test_otherForm(self) -> None:
        """
        Records are not sent in a form that is not the output's; an empty spool
        can be anybody's.
        """
        spool = self.makeSpool()
        spool.close()
        spool = self.makeSpool("frames")
        spool.append([(b"a", 1)])
        spool.close()
        error = self.assertRaises(OSError, self.makeSpool)
        self.assertIn("records of another kind of output", str(error))

    def test_noDirectory(self) -> None:
        """
        A directory that cannot be made is told.
        """
        self.directory = os.path.join(self.directory, "a", "b")
        self.assertRaises(FileNotFoundError, self.makeSpool)


class DamageTests(SpoolTestCase):
    """
    Files that are not what was written: see C{tests.faults.test_damage} for
    more of them.
    """

    def fill(self) -> None:
        spool = self.makeSpool()
        for number in range(20):
            spool.append([(b"%04d" % number * 1000, 2)])
        spool.close()

    def test_noDatabase(self) -> None:
        """
        A file that is no database is set aside, which is said.
        """
        os.mkdir(self.directory)
        self.file.write_bytes(b"hello" * 1000)
        events = captureWarnings(self, Spool)
        spool = self.makeSpool()
        self.assertEqual(spool.count, 0)
        [aside] = Path(self.directory).glob("spool.sqlite.damaged-*Z")
        self.assertEqual(aside.read_bytes(), b"hello" * 1000)
        self.assertEqual(len(events), 1)
        self.assertIn(f"is set aside as {aside}", events[0])
        self.assertIn("0 records in it were saved", events[0])

    def test_saved(self) -> None:
        """
        What is whole in a damaged file is taken over, in its order; it is said
        what is missing.
        """
        self.fill()
        data = bytearray(self.file.read_bytes())
        place = data.index(b"0007" * 10) // 4096 * 4096
        data[place : place + 4096] = bytes(4096)
        self.file.write_bytes(data)
        events = captureWarnings(self, Spool)
        spool = self.makeSpool()
        numbers = [
            int(data[start : start + 4])
            for data in self.drain(spool)
            for start in range(0, len(data), 4000)
        ]
        self.assertEqual(numbers, [n for n in range(20) if n in numbers])
        self.assertNotIn(7, numbers)
        self.assertGreater(len(numbers), 17)
        self.assertIn(f"{2 * len(numbers)} records in it were saved", events[0])
        self.assertIn(f"{20 - len(numbers)} batches are missing", events[0])

    def test_notReplaced(self) -> None:
        """
        Where the disk is too full to save anything, everything stays as it is
        for another time.
        """
        self.fill()
        data = bytearray(self.file.read_bytes())
        data[4096] ^= 0xFF
        self.file.write_bytes(data)

        def fail(spool: Spool, wreck: DamagedDatabase) -> int:
            raise StoreFull("full")

        patched = self.patch(Spool, "_takeOver", fail)
        self.assertRaises(OSError, self.makeSpool)
        patched.restore()
        self.assertEqual(self.file.read_bytes(), data)
        self.assertEqual(list(Path(self.directory).glob("*damaged*")), [])
        self.assertEqual(self.makeSpool().count, 40)

    def test_brokenRow(self) -> None:
        """
        Data that SQLite cannot know to be damaged is not sent.
        """
        self.fill()
        data = self.file.read_bytes()
        self.file.write_bytes(data.replace(b"0008" * 3, b"9999" * 3, 1))
        events = captureWarnings(self, Spool)
        spool = self.makeSpool()
        self.assertEqual(spool.count, 40)
        self.assertNotIn(b"0008", b"".join(self.drain(spool)))
        self.assertEqual(spool.count, 0)
        self.assertEqual(
            events, ["1-file: 1 batches in the spool are damaged and lost"]
        )

    def test_whileRunning(self) -> None:
        """
        A file that is found damaged while it is in use is replaced; what is out
        is not sent twice, be it damaged or not.
        """
        for damaged in (0, 40):
            self.directory = os.path.abspath(self.mktemp())
            spool = self.makeSpool()
            for number in range(50):
                spool.append([(b"%04d" % number * 3000, 1)])
            spool._file.checkpoint()
            self.nextOf(spool, 24_000)
            data = bytearray(self.file.read_bytes())
            place = data.index(b"%04d" % damaged * 10) // 4096 * 4096
            with self.file.open("r+b") as file:
                file.seek(place)
                file.write(os.urandom(4096))
            spool._file._connection.execute("PRAGMA cache_size = 0")
            events = captureWarnings(self, Spool)
            spool._attempt(self.raiseOnce())
            self.assertEqual(len(events), 1, events)
            self.assertEqual(self.nextOf(spool).data[:4], b"0000")
            spool.done()
            found = b"".join(self.drain(spool))
            self.assertEqual((found[:4], found[-4:]), (b"0002", b"0049"))
            self.assertEqual((spool.count, spool.size), (0, 0))

    def raiseOnce(self) -> Any:
        """
        Make something that finds damage the first time that it is done.
        """
        errors = [CorruptSpool("found")]

        def find() -> None:
            if errors:
                raise errors.pop()

        return find

    def test_logCut(self) -> None:
        """
        A log that ends in the middle is told from one that ends.
        """
        spool = self.makeSpool()
        for _ in range(3):
            spool.append([(b"a" * 10_000, 1)])
        data = WriteAheadLog.read(str(self.file)).data
        whole = WriteAheadLog(data)
        self.assertFalse(whole.cut)
        self.assertTrue(WriteAheadLog(data[:-1]).cut)
        self.assertLess(WriteAheadLog(data[:-1]).committed, whole.committed)
        self.assertEqual(WriteAheadLog(b"").committed, 0)
        self.assertFalse(WriteAheadLog(b"").cut)

    def test_wreck(self) -> None:
        """
        Rows and the last flight are found page by page, in the log too.
        """
        spool = self.makeSpool()
        spool.append([(b"a" * 10_000, 1), (b"b", 1), (b"c", 1)])
        spool._file.checkpoint()
        chunk = self.nextOf(spool, 1)
        spool.append([(b"d" * 20_000, 4)])
        with closing(DamagedDatabase(str(self.file))) as wreck:
            rows = list(wreck.rows())
            self.assertEqual([row.number for row in rows], [1, 2, 3, 4])
            self.assertEqual(rows[3], Row.make(4, 0, 4, b"d" * 20_000))
            self.assertEqual(wreck.flight, InFlight.make(1, 1, chunk.id))
            self.assertEqual(wreck.missing, 0)

    def test_notWhole(self) -> None:
        """
        What has the wrong checksum or types is not whole.
        """
        row = Row.make(1, 0, 2, b"x")
        self.assertTrue(row.whole)
        for changed in ({"number": 2}, {"data": b"y"}, {"records": None}):
            self.assertFalse(row._replace(**changed).whole)
        flight = InFlight.make(1, 2, "x")
        self.assertTrue(flight.whole)
        for changed in ({"first": 0}, {"id": "y"}, {"id": None}):
            self.assertFalse(flight._replace(**changed).whole)


class SinkTests(SpoolTestCase):
    """
    A L{QueuedSink} with a spool.
    """

    def setUp(self) -> None:
        super().setUp()
        self.target = os.path.abspath(self.mktemp())

    def makeSink(
        self,
        runner: DirectRunner | HeldRunner,
        limit: int = 1000,
        pauses: bool = False,
        reserve: int = 1000,
    ) -> QueuedSink:
        self.tally = OutputTally("1-file")
        spool = Spool(self.directory, "json", "1-file", self.clock, DirectRunner())
        sink = QueuedSink(
            encodeMessages,
            ThreadedWriter(FileWriter(self.target), runner),
            self.clock,
            self.tally,
            Capacity(limit, pauses, reserve),
            spool,
        )
        sink.start()
        return sink

    def assertTally(self, **expected: object) -> None:
        actual = {name: getattr(self.tally, name) for name in expected}
        self.assertEqual(actual, expected)

    def test_written(self) -> None:
        """
        What is taken goes through the spool, which is empty then.
        """
        sink = self.makeSink(DirectRunner())
        sink.deliver(messages("a", "b"))
        sink.deliver(messages("c"))
        self.assertEqual(Path(self.target).read_text(), "a\nb\nc\n")
        self.assertTally(queued=0, delivered=3, restored=0)
        self.assertEqual(sink.store.count, 0)
        self.successResultOf(sink.stop())

    def test_kept(self) -> None:
        """
        What is not written when the sink is stopped is neither dropped nor
        lost; the next run sends it first.
        """
        events = captureWarnings(self)
        os.mkfifo(self.target)
        sink = self.makeSink(DirectRunner())
        sink.deliver(messages("a", "b"))
        self.successResultOf(sink.stop())
        self.assertTally(queued=2, delivered=0, dropped={})
        self.assertEqual(events[-1], "1-file: 2 records stay in the spool")
        os.unlink(self.target)
        sink = self.makeSink(DirectRunner())
        self.assertTally(restored=2, queued=0, delivered=2)
        self.assertEqual(Path(self.target).read_text(), "a\nb\n")
        self.successResultOf(sink.stop())

    def test_flushWhileStuck(self) -> None:
        """
        Nobody waits for what is safe and cannot be written now.
        """
        os.mkfifo(self.target)
        sink = self.makeSink(DirectRunner())
        sink.deliver(messages("a"))
        self.successResultOf(sink.flush())
        self.assertTally(queued=1)
        self.successResultOf(sink.stop())

    def test_full(self) -> None:
        """
        At its limit the oldest go.
        """
        runner = HeldRunner()
        sink = self.makeSink(runner, limit=6)
        for text in "abcdef":
            sink.deliver(messages(text))
        self.assertTally(queued=3, dropped={"spool-full": 3})
        runner.runAll()
        self.assertEqual(Path(self.target).read_text(), "a\ne\nf\n")

    def test_fullPauses(self) -> None:
        """
        Or there is pressure, until half of it is free.
        """
        runner = HeldRunner()
        sink = self.makeSink(runner, limit=8, pauses=True)
        sink.writeSize = 2
        reliefs = [sink.deliver(messages(text)) for text in "abcd"]
        self.assertEqual(reliefs[:3], [None, None, None])
        assert reliefs[3] is not None
        self.assertNoResult(reliefs[3])
        runner.runAll()
        self.successResultOf(reliefs[3])
        self.assertTally(delivered=4, dropped={})

    def limitPages(self, sink: QueuedSink, pages: int | None = None) -> None:
        """
        Let the disk be full, or not.
        """
        connection = sink.store._file._connection  # type: ignore[attr-defined]
        if pages is None:
            (pages,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count = {pages}")

    def test_diskFullDrops(self) -> None:
        """
        A full disk is like a full spool: here the oldest make room.
        """
        events = captureWarnings(self)
        runner = HeldRunner()
        sink = self.makeSink(runner, limit=1 << 20)
        for text in "abcd":
            sink.deliver(messages(text * 20_000))
        self.limitPages(sink)
        sink.deliver(messages("e" * 20_000))
        sink.deliver(messages("f" * 20_000))
        self.assertTally(queued=4, dropped={"spool-full": 2})
        self.assertEqual(len([text for text in events if "full" in text]), 2, events)
        sink.deliver(messages("g" * 200_000))
        self.assertTally(queued=2, dropped={"spool-full": 5})
        runner.runAll()
        self.assertTally(queued=0, delivered=2)
        stopped = sink.stop()
        runner.runAll()
        self.successResultOf(stopped)

    def test_diskFullPauses(self) -> None:
        """
        Or there is pressure; what came in spite of it is held in memory, as
        much as may be, and stored when there is room.
        """
        runner = HeldRunner()
        sink = self.makeSink(runner, limit=1 << 20, pauses=True, reserve=50_000)
        sink.deliver(messages("a" * 20_000))
        self.limitPages(sink)
        relief = sink.deliver(messages("b" * 20_000))
        assert relief is not None
        sink.deliver(messages("c" * 20_000))
        sink.deliver(messages("d" * 20_000))
        self.assertTally(queued=3, dropped={"spool-full": 1})
        self.clock.advance(RETRY_DELAY)
        self.assertNoResult(relief)
        self.limitPages(sink, 100_000)
        self.clock.advance(RETRY_DELAY)
        self.successResultOf(relief)
        runner.runAll()
        found = Path(self.target).read_text()
        self.assertEqual([line[0] for line in found.splitlines()], ["a", "b", "c"])
        self.assertTally(queued=0, delivered=3, dropped={"spool-full": 1})
        stopped = sink.stop()
        runner.runAll()
        self.successResultOf(stopped)

    def test_damaged(self) -> None:
        """
        What is lost in the spool is counted.
        """
        sink = self.makeSink(HeldRunner())
        for text in "abc":
            sink.deliver(messages(text * 50))
        sink.store.close()
        file = self.file
        file.write_bytes(file.read_bytes().replace(b"bbbb", b"xxxx", 1))
        sink = self.makeSink(DirectRunner())
        self.assertTally(restored=3, queued=0, delivered=2, dropped={"damaged": 1})
        self.successResultOf(sink.stop())
