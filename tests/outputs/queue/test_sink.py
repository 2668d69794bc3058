"""
Tests for L{logrecv.outputs.queue.sink}.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from attrs import define, field
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.task import Clock
from twisted.logger import LogEvent, formatEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer
from zope.interface.verify import verifyObject

from logrecv.counters import OutputTally
from logrecv.interfaces import IRecordSink, IReopenable
from logrecv.outputs.files.writer import FileWriter
from logrecv.outputs.queue.capacity import Capacity
from logrecv.outputs.queue.sink import (
    CLOSE_TIMEOUT,
    STOP_TIMEOUT,
    QueuedSink,
)
from logrecv.outputs.writers import IWriter, ThreadedWriter
from logrecv.record import Record
from logrecv.testing import makeRecord
from logrecv.threads import ISerialExecutor


@implementer(ISerialExecutor)
class DirectRunner:
    """
    Runs functions at once.
    """

    ended = False

    def run(self, function: Callable[[], None]) -> Deferred[None]:
        return maybeDeferred(function)

    def end(self) -> None:
        self.ended = True


@implementer(ISerialExecutor)
@define(eq=False)
class HeldRunner:
    """
    Runs functions when the test says so: until then, a write hangs.
    """

    held: list[tuple[Callable[[], None], Deferred[None]]] = field(factory=list)

    def run(self, function: Callable[[], None]) -> Deferred[None]:
        done: Deferred[None] = Deferred()
        self.held.append((function, done))
        return done

    def end(self) -> None:
        pass

    def runOne(self) -> None:
        function, done = self.held.pop(0)
        maybeDeferred(function).chainDeferred(done)

    def runAll(self) -> None:
        while self.held:
            self.runOne()


def encodeMessages(batch: Sequence[Record]) -> bytes:
    return b"".join(record.message.encode("ascii") + b"\n" for record in batch)


def messages(*texts: str) -> list[Record]:
    return [makeRecord(text) for text in texts]


class QueueTestCase(SynchronousTestCase):
    """
    Sinks that write to real files, and a clock that the test moves.
    """

    def setUp(self) -> None:
        self.path = self.mktemp()
        self.clock = Clock()
        self.tally = OutputTally("1-file")

    def makeSink(
        self, runner: DirectRunner | HeldRunner, limit: int = 1024, pauses: bool = False
    ) -> QueuedSink:
        writer = ThreadedWriter(FileWriter(os.path.abspath(self.path)), runner)
        sink = QueuedSink(
            encodeMessages, writer, self.clock, self.tally, Capacity(limit, pauses)
        )
        sink.start()
        return sink

    def written(self) -> str:
        return Path(self.path).read_text()

    def assertTally(self, **expected: object) -> None:
        actual = {name: getattr(self.tally, name) for name in expected}
        self.assertEqual(actual, expected)


class WritingTests(QueueTestCase):
    """
    A record that the sink takes is written, in order, and counted.
    """

    def test_interfaces(self) -> None:
        """
        The sink provides L{IRecordSink} and L{IReopenable}.  The adapter of a
        blocking writer provides L{IWriter}.
        """
        sink = self.makeSink(DirectRunner())
        verifyObject(IRecordSink, sink)
        verifyObject(IReopenable, sink)
        verifyObject(IWriter, sink.writer)

    def test_delivered(self) -> None:
        """
        Records are written in the order in which they came, and counted as
        delivered.
        """
        sink = self.makeSink(DirectRunner())
        self.assertIsNone(sink.deliver(messages("a", "b")))
        self.assertIsNone(sink.deliver(messages("c")))
        self.assertEqual(self.written(), "a\nb\nc\n")
        self.assertTally(queued=0, delivered=3, dropped={})

    def test_queuedWhileWriting(self) -> None:
        """
        Records count as queued until the write that takes them is done.
        """
        runner = HeldRunner()
        sink = self.makeSink(runner)
        sink.deliver(messages("a", "b"))
        self.assertTally(queued=2, delivered=0)
        runner.runOne()
        self.assertTally(queued=0, delivered=2)

    def test_groups(self) -> None:
        """
        Everything that came while a write ran goes out with the next one.
        """
        runner = HeldRunner()
        sink = self.makeSink(runner)
        for text in "abcd":
            sink.deliver(messages(text))
        runner.runOne()
        self.assertEqual(self.written(), "a\n")
        self.assertEqual(len(runner.held), 1)
        runner.runOne()
        self.assertEqual(self.written(), "a\nb\nc\nd\n")
        self.assertEqual(runner.held, [])

    def test_groupSize(self) -> None:
        """
        One write takes no more than C{writeSize}, unless one batch is more.
        """
        runner = HeldRunner()
        sink = self.makeSink(runner)
        sink.writeSize = 4
        for text in ("a", "b", "c", "d", "longer"):
            sink.deliver(messages(text))
        lengths = []
        while runner.held:
            before = len(self.written())
            runner.runOne()
            lengths.append(len(self.written()) - before)
        self.assertEqual(lengths, [2, 4, 2, 7])

    def test_oneWriteAtATime(self) -> None:
        """
        The next write waits for the one before.
        """
        runner = HeldRunner()
        sink = self.makeSink(runner)
        sink.deliver(messages("a"))
        sink.deliver(messages("b"))
        self.assertEqual(len(runner.held), 1)

    def test_unencodable(self) -> None:
        """
        A record that the format cannot take is dropped and counted, and those
        beside it are written.
        """
        sink = self.makeSink(DirectRunner())
        sink.deliver(messages("a", "\N{SNOWMAN}", "b", "\N{COMET}"))
        self.assertEqual(self.written(), "a\nb\n")
        self.assertTally(queued=0, delivered=2, dropped={"unencodable": 2})
        self.assertEqual(len(self.flushLoggedErrors(UnicodeEncodeError)), 1)

    def test_openFails(self) -> None:
        """
        A sink whose writer cannot open raises when it is started.
        """
        os.mkdir(self.path)
        self.assertRaises(OSError, self.makeSink, DirectRunner())

    def test_flush(self) -> None:
        """
        A flush is done when what was taken before it is written, whatever was
        taken after it.
        """
        runner = HeldRunner()
        sink = self.makeSink(runner)
        sink.deliver(messages("a"))
        sink.deliver(messages("b"))
        flushed = sink.flush()
        runner.runOne()
        self.assertNoResult(flushed)
        sink.writeSize = 2
        sink.deliver(messages("c"))
        self.assertNoResult(flushed)
        runner.runOne()
        self.assertIsNone(self.successResultOf(flushed))
        self.assertTally(queued=1)

    def test_flushIdle(self) -> None:
        """
        A flush of a sink that holds nothing is done at once.
        """
        sink = self.makeSink(HeldRunner())
        self.successResultOf(sink.flush())

    def test_flushDropped(self) -> None:
        """
        A flush does not wait for records that were dropped.
        """
        runner = HeldRunner()
        sink = self.makeSink(runner, limit=4)
        for text in "ab":
            sink.deliver(messages(text))
        flushed = sink.flush()
        for text in "cd":
            sink.deliver(messages(text))
        self.assertTally(dropped={"queue-full": 2})
        self.assertNoResult(flushed)
        runner.runOne()
        self.successResultOf(flushed)


class StopTests(QueueTestCase):
    """
    Stopping.
    """

    def test_writesWhatIsQueued(self) -> None:
        """
        A record in the queue is written before the file is closed.
        """
        runner = HeldRunner()
        sink = self.makeSink(runner)
        sink.deliver(messages("a"))
        sink.deliver(messages("b"))
        stopped = sink.stop()
        self.assertNoResult(stopped)
        runner.runAll()
        self.assertIsNone(self.successResultOf(stopped))
        self.assertEqual(self.written(), "a\nb\n")
        self.assertTally(queued=0, delivered=2, dropped={})
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_hangingWrite(self) -> None:
        """
        A write that hangs is waited for no longer than the time limits; what
        is left is counted as dropped, once.
        """
        runner = HeldRunner()
        sink = self.makeSink(runner)
        sink.deliver(messages("a"))
        sink.deliver(messages("b"))
        stopped = sink.stop()
        self.clock.advance(STOP_TIMEOUT)
        self.assertTally(queued=0, dropped={"stopped": 2})
        self.clock.advance(CLOSE_TIMEOUT)
        self.assertIsNone(self.successResultOf(stopped))
        runner.runAll()
        self.assertTally(queued=0, delivered=0, dropped={"stopped": 2})

    def test_lateDelivery(self) -> None:
        """
        A record that comes after the stop is counted as dropped.
        """
        sink = self.makeSink(DirectRunner())
        self.successResultOf(sink.stop())
        self.assertIsNone(sink.deliver(messages("a")))
        self.assertTally(queued=0, dropped={"stopped": 1})

    def test_threadEnds(self) -> None:
        """
        The thread of a writer that was closed is not kept.
        """
        runner = DirectRunner()
        self.successResultOf(self.makeSink(runner).stop())
        self.assertTrue(runner.ended)


class ReopenTests(QueueTestCase):
    """
    Reopening.
    """

    def test_inOrder(self) -> None:
        """
        A write that runs ends in the file that was moved away, and the next
        one goes to the new file.
        """
        runner = HeldRunner()
        sink = self.makeSink(runner)
        sink.deliver(messages("a"))
        sink.deliver(messages("b"))
        os.rename(self.path, self.path + ".1")
        sink.reopen()
        runner.runAll()
        self.assertEqual(Path(self.path + ".1").read_text(), "a\n")
        self.assertEqual(self.written(), "b\n")


def captureWarnings(
    case: SynchronousTestCase, source: type[object] | None = None
) -> list[str]:
    """
    Collect what is logged during a test.

    @param source: The class that logs; any class of the queue if left out.
    """
    namespace = "logrecv.outputs.queue."
    if source is not None:
        namespace = f"{source.__module__}.{source.__name__}"
    events: list[str] = []

    def observe(event: LogEvent) -> None:
        if str(event.get("log_namespace")).startswith(namespace):
            events.append(formatEvent(event))

    globalLogPublisher.addObserver(observe)
    case.addCleanup(globalLogPublisher.removeObserver, observe)
    return events
