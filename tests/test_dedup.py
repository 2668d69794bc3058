"""
Tests for L{logrecv.dedup}.
"""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

from attrs import define
from twisted.application.service import IService
from twisted.logger import LogEvent, formatEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from logrecv import dedup
from logrecv.dedup import MAX_NAMES, SeenBatches, StoredSeenBatches, isName
from tests.stored import unpackStored


class NameTests(SynchronousTestCase):
    """
    L{isName}.
    """

    def test_names(self) -> None:
        """
        A name is visible ASCII, and not much of it.
        """
        for text in ("a", "faaad99b241cfd49-1/0/1", "~" * 200):
            self.assertTrue(isName(text), text)
        for text in ("", "a b", "é", "a\n", "a" * 201, "\x7f"):
            self.assertFalse(isName(text), text)


class BatchesTests(SynchronousTestCase):
    """
    L{SeenBatches}.
    """

    def test_repeated(self) -> None:
        """
        A batch that comes again is known, which is counted.
        """
        memory = SeenBatches()
        self.assertFalse(memory.isDuplicate("a"))
        with memory.recording("a"):
            pass
        self.assertTrue(memory.isDuplicate("a"))
        self.assertFalse(memory.isDuplicate("b"))
        self.assertEqual(memory.repeated, 1)

    def test_notTaken(self) -> None:
        """
        A batch that could not be taken may come again.
        """
        memory = SeenBatches()
        with self.assertRaises(ValueError), memory.recording("a"):
            raise ValueError
        self.assertFalse(memory.isDuplicate("a"))

    def test_bounded(self) -> None:
        """
        The oldest are forgotten.
        """
        memory = SeenBatches()
        for number in range(MAX_NAMES + 1):
            with memory.recording(str(number)):
                pass
        self.assertFalse(memory.isDuplicate("0"))
        self.assertTrue(memory.isDuplicate("1"))


@define
class FakeSpool:
    """
    Something with an end.
    """

    path: str
    last: int


class StoredBatchesTests(SynchronousTestCase):
    """
    L{StoredSeenBatches}.
    """

    def setUp(self) -> None:
        self.directory = os.path.abspath(self.mktemp())

    def make(self) -> StoredSeenBatches:
        stored = StoredSeenBatches(self.directory)
        verifyObject(IService, stored)
        stored.startService()
        self.addCleanup(stored.stopService)
        return stored

    def take(self, stored: SeenBatches, name: str) -> None:
        with stored.recording(name):
            pass

    def test_restart(self) -> None:
        """
        Names outlive the process, whether it is stopped or not.
        """
        first = self.make()
        self.take(first, "a")
        second = self.make()
        self.assertTrue(second.isDuplicate("a"))
        self.assertFalse(second.isDuplicate("b"))

    def test_earlierVersion(self) -> None:
        """
        A file of the version of November 2026 is read.
        """
        self.directory = str(unpackStored(self.mktemp()) / "state")
        stored = self.make()
        names = ["batch-0", "batch-1", "batch-2", "batch-3"]
        known = [stored.isDuplicate(name) for name in names]
        self.assertEqual(known, [True, True, True, False])

    def test_notTaken(self) -> None:
        """
        A batch that could not be taken is not remembered.
        """
        first = self.make()
        with self.assertRaises(ValueError), first.recording("a"):
            raise ValueError
        self.take(first, "b")
        second = self.make()
        self.assertFalse(second.isDuplicate("a"))
        self.assertTrue(second.isDuplicate("b"))

    def test_shared(self) -> None:
        """
        A batch that another process has taken is known, too, and each forgets
        only where its own spools end.
        """
        first, second = (
            StoredSeenBatches(self.directory, shared=True) for _ in range(2)
        )
        for stored, path in ((first, "/a"), (second, "/b")):
            stored.spools.append(FakeSpool(path, 7))
            stored.startService()
            self.addCleanup(stored.stopService)
        self.assertFalse(second.isDuplicate("a"))
        killed = second.recording("x")
        killed.__enter__()
        self.take(first, "a")
        self.assertTrue(second.isDuplicate("a"))
        self.assertEqual((first.repeated, second.repeated), (0, 1))
        self.assertEqual(first.unfinishedAfter("/b"), 7)
        self.assertIsNone(first.unfinishedAfter("/a"))

    def test_bounded(self) -> None:
        """
        The file does not grow for ever, and the newest names are read from it.
        """
        self.patch(dedup, "MAX_NAMES", 10)
        self.patch(dedup, "_MAX_SURPLUS", 5)
        first = self.make()
        for number in range(40):
            self.take(first, str(number))
        with sqlite3.connect(Path(self.directory, "batches.sqlite")) as connection:
            (count,) = connection.execute("SELECT count(*) FROM batches").fetchone()
        self.assertLessEqual(count, 15)
        second = self.make()
        known = [second.isDuplicate(str(number)) for number in range(40)]
        self.assertEqual(known, [False] * 30 + [True] * 10)

    def test_unfinished(self) -> None:
        """
        After a process was killed while it took a batch, the spools are told
        where that began; once.
        """
        first = self.make()
        first.spools += [FakeSpool("/a", 7), FakeSpool("/b", 8)]
        killed = first.recording("x")
        killed.__enter__()
        second = StoredSeenBatches(self.directory)
        self.assertEqual(second.unfinishedAfter("/a"), 7)
        self.assertEqual(second.unfinishedAfter("/b"), 8)
        self.assertIsNone(second.unfinishedAfter("/c"))
        second.startService()
        self.addCleanup(second.stopService)
        self.assertIsNone(second.unfinishedAfter("/a"))
        self.assertFalse(second.isDuplicate("x"))

    def test_finished(self) -> None:
        """
        Otherwise they are told nothing.
        """
        first = self.make()
        first.spools.append(FakeSpool("/a", 7))
        self.take(first, "x")
        self.assertRaises(ZeroDivisionError, self._fail, first)
        self.assertIsNone(self.make().unfinishedAfter("/a"))

    def _fail(self, stored: SeenBatches) -> None:
        with stored.recording("y"):
            1 / 0  # noqa: B018

    def test_damaged(self) -> None:
        """
        A file that is no database is set aside, which is said.
        """
        events: list[str] = []

        def observe(event: LogEvent) -> None:
            events.append(formatEvent(event))

        globalLogPublisher.addObserver(observe)
        self.addCleanup(globalLogPublisher.removeObserver, observe)
        os.mkdir(self.directory)
        path = Path(self.directory, "batches.sqlite")
        path.write_bytes(b"hello" * 1000)
        stored = self.make()
        self.take(stored, "a")
        self.assertIn("cannot be used", events[0])
        aside = Path(f"{path}.damaged")
        self.assertEqual(aside.read_bytes(), b"hello" * 1000)
        self.assertTrue(self.make().isDuplicate("a"))

    def test_notStored(self) -> None:
        """
        Where names cannot be stored, batches are taken all the same, which is
        said once.
        """
        events: list[str] = []

        def observe(event: LogEvent) -> None:
            events.append(formatEvent(event))

        stored = self.make()
        globalLogPublisher.addObserver(observe)
        self.addCleanup(globalLogPublisher.removeObserver, observe)
        assert stored._connection is not None
        stored._connection.execute("DROP TABLE batches")
        self.take(stored, "a")
        self.take(stored, "b")
        self.assertTrue(stored.isDuplicate("a"))
        self.assertEqual(len([text for text in events if "stored" in text]), 1)
