"""
Tests for L{logrecv.outputs.filter}.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from logrecv.batch import Batch
from logrecv.counters import OutputTally
from logrecv.interfaces import IRecordSink
from logrecv.outputs.filter import FilteredSink, loggerGlob, minimumLevel
from logrecv.outputs.frames import encodeFrames
from logrecv.record import Record
from logrecv.testing import BackpressureSink, MemorySink, makeRecord
from logrecv.wire.framing import frame


class LevelTests(SynchronousTestCase):
    """
    L{minimumLevel}.
    """

    def assertPasses(self, text: str, levelno: int | None, passes: bool) -> None:
        condition = minimumLevel(text)
        self.assertIs(condition(makeRecord(levelno=levelno)), passes)

    def test_names(self) -> None:
        """
        A name, in any case, stands for the level that C{logging} gives it:
        that level and above pass.
        """
        for text, level in [
            ("WARNING", 30),
            ("warning", 30),
            ("Warn", 30),
            ("CRITICAL", 50),
            ("FATAL", 50),
            ("NOTSET", 0),
        ]:
            self.assertPasses(text, level, True)
            self.assertPasses(text, level + 1, True)
            self.assertPasses(text, level - 1, False)

    def test_number(self) -> None:
        """
        A number is a level of its own.
        """
        self.assertPasses("25", 25, True)
        self.assertPasses("25", 24, False)

    def test_unknown(self) -> None:
        """
        A record of which no level is known passes.
        """
        self.assertPasses("CRITICAL", None, True)

    def test_refused(self) -> None:
        """
        Anything else is refused, saying what would be right.
        """
        for text in ("", "LOUD", "-1", "3.5", "\N{SUPERSCRIPT TWO}"):
            assertRefused(self, minimumLevel, text, "a level is DEBUG, INFO,")


class LoggerTests(SynchronousTestCase):
    """
    L{loggerGlob}.
    """

    def test_wholeName(self) -> None:
        """
        The pattern matches the whole name, with its case.
        """
        for pattern, name, passes in [
            ("app", "app", True),
            ("app", "app.db", False),
            ("app.*", "app.db", True),
            ("app.*", "app", False),
            ("app*", "App", False),
            ("a?p", "app", True),
            ("[ab]*", "cpp", False),
            ("*", None, True),
            ("app", None, False),
        ]:
            condition = loggerGlob(pattern)
            self.assertIs(condition(makeRecord(name=name)), passes, (pattern, name))

    def test_refused(self) -> None:
        """
        An empty pattern is refused.
        """
        assertRefused(self, loggerGlob, "", "a pattern of logger names is needed")


class FilteredSinkTests(SynchronousTestCase):
    """
    L{FilteredSink}.
    """

    def setUp(self) -> None:
        self.tally = OutputTally("1-file")
        self.sink = MemorySink()
        self.filtered = FilteredSink(
            self.sink, self.tally, [minimumLevel("WARNING"), loggerGlob("app")]
        )

    def test_allPass(self) -> None:
        """
        A batch of which nothing is kept back is handed on as it is.
        """
        batches: list[object] = []

        class Sink(MemorySink):
            def deliver(self, batch: Sequence[Record]) -> None:
                batches.append(batch)

        filtered = FilteredSink(Sink(), self.tally, [minimumLevel("WARNING")])
        batch = Batch([makeRecord(levelno=40), makeRecord(levelno=30)])
        filtered.deliver(batch)
        self.assertIs(batches[0], batch)
        self.assertEqual(self.tally.filtered, 0)

    def test_interface(self) -> None:
        """
        The filter provides L{IRecordSink}.
        """
        verifyObject(IRecordSink, self.filtered)

    def test_allConditions(self) -> None:
        """
        Records that meet every condition pass, in order and as one batch; the
        others are counted.
        """
        batch = [
            makeRecord("a", levelno=30),
            makeRecord("b", levelno=20),
            makeRecord("c", levelno=30, name="other"),
            makeRecord("d", levelno=40),
        ]
        self.filtered.deliver(batch)
        self.assertEqual(
            [[r.message for r in b] for b in self.sink.batches], [["a", "d"]]
        )
        self.assertEqual(self.tally.filtered, 2)

    def test_payloads(self) -> None:
        """
        Records that pass keep the payloads that they came as, so that they can be
        sent on as they came.
        """
        batches: list[Sequence[Record]] = []

        class Sink(MemorySink):
            def deliver(self, batch: Sequence[Record]) -> None:
                batches.append(batch)

        filtered = FilteredSink(
            Sink(), self.tally, [minimumLevel("WARNING"), loggerGlob("app")]
        )
        batch = Batch(
            [
                makeRecord("a", levelno=30),
                makeRecord("b", levelno=20),
                makeRecord("c", levelno=30, name="other"),
                makeRecord("d", levelno=40),
            ]
        )
        batch.payloads = [b"1", b"22", b"333", b"4444"]
        filtered.deliver(batch)
        self.assertEqual(encodeFrames(batches[0]), frame(b"1") + frame(b"4444"))

    def test_nothingPasses(self) -> None:
        """
        The sink is not given an empty batch.
        """
        self.assertIsNone(self.filtered.deliver([makeRecord(levelno=10)]))
        self.assertEqual(self.sink.batches, [])
        self.assertEqual(self.tally.filtered, 1)

    def test_pressure(self) -> None:
        """
        The pressure of the sink is handed on.
        """
        sink = BackpressureSink()
        relief = FilteredSink(sink, self.tally, []).deliver([makeRecord()])
        assert relief is not None
        self.assertNoResult(relief)
        sink.release()
        self.successResultOf(relief)

    def test_others(self) -> None:
        """
        Start, flush and stop reach the sink.
        """
        self.filtered.start()
        self.successResultOf(self.filtered.flush())
        self.successResultOf(self.filtered.stop())
        self.assertEqual(
            (self.sink.started, self.sink.flushed, self.sink.stopped), (1, 1, 1)
        )


def assertRefused(
    case: SynchronousTestCase, convert: Callable[[str], object], text: str, part: str
) -> None:
    error = case.assertRaises(ValueError, convert, text)
    case.assertIn(part, str(error))
    case.assertNotIn("\n", str(error))
