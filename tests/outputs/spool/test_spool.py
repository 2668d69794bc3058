"""
Tests for L{logrecv.outputs.spool.spool}.
"""

from __future__ import annotations

import os
import resource
import sqlite3
from contextlib import closing
from pathlib import Path

from logrecv.counters import OutputTally
from logrecv.interfaces import BatchRefused
from logrecv.outputs.fanout import FanOut
from logrecv.outputs.files.writer import FileWriter
from logrecv.outputs.queue.capacity import Capacity
from logrecv.outputs.queue.sink import RETRY_DELAY, QueuedSink
from logrecv.outputs.queue.store import StoreFull
from logrecv.outputs.spool.replacing import ReplaceableFile
from logrecv.outputs.spool.spool import Spool
from logrecv.outputs.writers import ThreadedWriter
from logrecv.testing import MemorySink
from tests.outputs.queue.test_sink import (
    DirectRunner,
    HeldRunner,
    captureWarnings,
    encodeMessages,
    messages,
)
from tests.outputs.spool.cases import COUNT, SIZE, SpoolTestCase, connectionOf
from tests.selection import slow


class StoreTests(SpoolTestCase):
    """
    A spool holds what it is given, in order, until it is done.
    """

    def test_order(self) -> None:
        """
        Parts that go in first come out first, in groups, and are then gone.
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
        A chunk that was not done is there after a restart, under the same name; a
        chunk that was done is not.
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
        Appended parts are in the files even if nothing is ever closed.
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
        The chunk in flight and the newest part are not dropped.
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
        Where the disk is full nothing of a batch is stored, and held parts are
        sent all the same; then there is room.
        """
        spool = self.makeSpool()
        spool.append([(b"a" * 5000, 1)])
        limit = "PRAGMA max_page_count = "
        connection = connectionOf(spool)
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(limit + str(pages))
        parts = [(b"b", 1), (b"c" * 10_000, 1)]
        self.assertRaises(StoreFull, spool.append, parts)
        self.assertEqual((spool.count, spool.last), (1, 1))
        connection.execute(limit + "100000")
        spool.append(parts)
        self.assertEqual(b"".join(self.drain(spool))[4999:5002], b"abc")

    @slow
    def test_undeleted(self) -> None:
        """
        Parts that could not be deleted do not come again, and are deleted later.
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

    def test_takenBack(self) -> None:
        """
        Parts that are taken back are gone, and their numbers are free.
        """
        spool = self.makeSpool()
        spool.append([(b"a", 1)])
        parts = [(b"b", 2), (b"c", 3)]
        spool.append(parts)
        spool.takeBack(parts)
        self.assertEqual((spool.size, spool.count, spool.last), (1, 1, 1))
        spool.append([(b"d", 1)])
        self.assertEqual(self.drain(spool), [b"ad"])
        spool.append(parts)
        spool.takeBack(parts)
        spool.close()
        self.assertEqual(self.drain(self.makeSpool()), [])

    @slow
    def test_takenBackUndeleted(self) -> None:
        """
        Parts that are taken back while they cannot be deleted do not come out, and
        are deleted later.  A chunk does not reach over their numbers.
        """
        spool = self.makeSpool()
        spool.append([(b"a", 1)])
        spool.append([(b"b", 1)])
        with closing(sqlite3.connect(self.file, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            spool.takeBack([(b"b", 1)])
            other.execute("ROLLBACK")
            spool.append([(b"c", 1)])
            self.assertEqual((spool.size, spool.count, spool.last), (2, 2, 3))
            self.assertEqual(self.drain(spool), [b"a", b"c"])
            rows = other.execute("SELECT count(*) FROM parts").fetchone()
        self.assertEqual(rows, (0,))

    @slow
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

    @slow
    def test_startsOverToTake(self) -> None:
        """
        Nor on what has no room.
        """
        spool = self.makeSpool()
        with closing(sqlite3.connect(self.file, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            spool.append([(b"a", 1)])
        self.assertEqual(self.drain(spool), [b"a"])


class OpeningTests(SpoolTestCase):
    """
    Reasons for which a spool cannot be used.
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
        self.assertFalse(os.path.exists(f"{self.file}-wal.kept"))
        self.assertEqual(self.drain(self.makeSpool("frames")), [b"a"])

    def test_noRoom(self) -> None:
        """
        A disk without room is no damage: the spool, new or not, cannot be opened and
        stays as it is.
        """
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        for expected in ([], [b"a"]):
            resource.setrlimit(resource.RLIMIT_FSIZE, (10, hard))
            try:
                error = self.assertRaises(OSError, self.makeSpool)
            finally:
                resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
            self.assertIn("cannot be used now", str(error))
            self.assertFalse([f for f in os.listdir(self.directory) if "damaged" in f])
            spool = self.makeSpool()
            self.assertEqual(self.drain(spool), expected)
            spool.append([(b"a", 1)])
            spool.close()

    def test_schema(self) -> None:
        """
        A flipped bit in the definition of a table is damage, of which SQLite says
        nothing: the parts are saved, and the log says so.
        """
        with closing(self.makeSpool()) as spool:
            spool.append([(b"a", 1)])
        data = self.file.read_bytes()
        start = data.index(b"number INTEGER PRIMARY KEY")
        told = captureWarnings(self, ReplaceableFile)
        for position in (0, 9, 15, 20):
            damaged = bytearray(data)
            damaged[start + position] ^= 2
            self.file.write_bytes(damaged)
            with closing(self.makeSpool()) as spool:
                self.assertEqual(self.drain(spool), [b"a"])
        self.assertEqual(len(told), 4, told)

    def test_noDirectory(self) -> None:
        """
        A directory that cannot be made is told.
        """
        self.directory = os.path.join(self.directory, "a", "b")
        self.assertRaises(FileNotFoundError, self.makeSpool)


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
        Records go through the spool, which is empty then.
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
        Records that are not written when the sink is stopped are neither dropped
        nor lost; the next run sends them first.
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
        connection = connectionOf(sink.store)
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

    def test_refused(self) -> None:
        """
        A batch that is offered while the disk is full is refused, and nothing of it is
        counted or held; there is room again when a later attempt succeeds.
        """
        runner = HeldRunner()
        sink = self.makeSink(runner, limit=1 << 20, pauses=True)
        sink.offer(messages("a" * 20_000)).take()
        self.limitPages(sink)
        batch = messages("b" * 20_000)
        refused = self.assertRaises(BatchRefused, sink.offer, batch)
        self.assertTally(queued=1, dropped={})
        self.assertNoResult(refused.ready)
        self.clock.advance(RETRY_DELAY)
        self.successResultOf(refused.ready)
        self.assertRaises(BatchRefused, sink.offer, batch)
        self.limitPages(sink, 100_000)
        self.assertIsNone(sink.offer(batch).take())
        sink.offer(messages("c")).cancel()
        self.assertTally(queued=2, dropped={})
        runner.runAll()
        found = Path(self.target).read_text()
        self.assertEqual([line[0] for line in found.splitlines()], ["a", "b"])
        self.assertTally(queued=0, delivered=2, dropped={})

    def test_refusedBehindOthers(self) -> None:
        """
        A batch is refused, too, while records that came before wait in memory.
        """
        sink = self.makeSink(HeldRunner(), limit=1 << 20, pauses=True, reserve=50_000)
        sink.deliver(messages("a" * 20_000))
        self.limitPages(sink)
        sink.deliver(messages("b" * 20_000))
        self.limitPages(sink, 100_000)
        refused = self.assertRaises(BatchRefused, sink.offer, messages("c"))
        self.clock.advance(RETRY_DELAY)
        self.successResultOf(refused.ready)
        self.assertIsNone(sink.offer(messages("c")).take())
        self.assertTally(queued=3, dropped={})

    def test_refusedByOneOfTwo(self) -> None:
        """
        Where one of two spools has no room, no output gets the batch.
        """
        first = self.makeSink(HeldRunner(), limit=1 << 20, pauses=True)
        other, self.directory = self.tally, os.path.abspath(self.mktemp())
        second = self.makeSink(HeldRunner(), limit=1 << 20, pauses=True)
        memory = MemorySink()
        fanout = FanOut([memory, first, second])
        fanout.offer(messages("a" * 20_000)).take()
        self.limitPages(second)
        self.assertRaises(BatchRefused, fanout.offer, messages("b" * 20_000))
        self.assertEqual((other.queued, first.store.count), (1, 1))
        self.assertTally(queued=1)
        self.limitPages(second, 100_000)
        self.assertIsNone(fanout.offer(messages("c")).take())
        self.assertEqual((other.queued, first.store.count), (2, 2))
        self.assertEqual(len(memory.records), 2)

    def test_damaged(self) -> None:
        """
        Records that are lost in the spool are counted.
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
