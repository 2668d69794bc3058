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
from zope.interface.verify import verifyObject

from logrecv.counters import OutputTally
from logrecv.interfaces import IRecordSink, IReopenable
from logrecv.outputs.files.writer import FileWriter
from logrecv.outputs.queue.capacity import Capacity
from logrecv.outputs.queue.sink import (
    CLOSE_TIMEOUT,
    RETRY_DELAY,
    STOP_TIMEOUT,
    QueuedSink,
)
from logrecv.outputs.stdout import StreamWriter
from logrecv.outputs.writers import IWriter, ThreadedWriter
from logrecv.record import Record
from logrecv.testing import makeRecord


class DirectRunner:
    """
    Runs functions at once.
    """

    ended = False

    def run(self, function: Callable[[], None]) -> Deferred[None]:
        return maybeDeferred(function)

    def end(self) -> None:
        self.ended = True


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
    What is taken is written, in order, and counted.
    """

    def test_interfaces(self) -> None:
        """
        The sink provides L{IRecordSink} and L{IReopenable}, and what makes a
        writer of a blocking one provides L{IWriter}.
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


class DropTests(QueueTestCase):
    """
    C{full=drop}.
    """

    def test_oldestGo(self) -> None:
        """
        When the queue is full the oldest batches that wait are dropped and
        counted; the one that is being written is not.
        """
        runner = HeldRunner()
        sink = self.makeSink(runner, limit=6)
        for text in "abcdef":
            self.assertIsNone(sink.deliver(messages(text)))
            self.assertEqual(
                self.tally.queued + sum(self.tally.dropped.values()),
                "abcdef".index(text) + 1,
            )
        runner.runAll()
        self.assertEqual(self.written(), "a\ne\nf\n")
        self.assertTally(queued=0, delivered=3, dropped={"queue-full": 3})

    def test_largerThanQueue(self) -> None:
        """
        A batch that is larger than the queue is written all the same.
        """
        runner = HeldRunner()
        sink = self.makeSink(runner, limit=4)
        sink.deliver(messages("abcdefghij"))
        sink.deliver(messages("klmnopqrst"))
        runner.runAll()
        self.assertEqual(self.written(), "abcdefghij\nklmnopqrst\n")

    def test_loggedOnce(self) -> None:
        """
        Dropping is logged when it begins, not for every record; and again when
        it begins anew after the queue had room.
        """
        events = captureWarnings(self)
        runner = HeldRunner()
        sink = self.makeSink(runner, limit=4)
        for text in "abcdef":
            sink.deliver(messages(text))
        self.assertEqual(len(events), 1)
        runner.runAll()
        for text in "abcdef":
            sink.deliver(messages(text))
        self.assertEqual(len(events), 2)


class PauseTests(QueueTestCase):
    """
    C{full=pause}.
    """

    def test_pressure(self) -> None:
        """
        A full queue is under pressure until it has drained to half, and drops
        nothing.
        """
        runner = HeldRunner()
        sink = self.makeSink(runner, limit=8, pauses=True)
        sink.writeSize = 2
        reliefs = [sink.deliver(messages(text)) for text in "abcd"]
        self.assertEqual(reliefs[:3], [None, None, None])
        relief = reliefs[3]
        assert relief is not None
        runner.runOne()
        self.assertNoResult(relief)
        runner.runOne()
        self.assertIsNone(self.successResultOf(relief))
        self.assertIsNone(sink.deliver(messages("e")))
        runner.runAll()
        self.assertEqual(self.written(), "a\nb\nc\nd\ne\n")
        self.assertTally(delivered=5, dropped={})

    def test_pressureStays(self) -> None:
        """
        Between full and half, a queue that was full is still under pressure.
        """
        runner = HeldRunner()
        sink = self.makeSink(runner, limit=8, pauses=True)
        sink.writeSize = 2
        for text in "abcd":
            sink.deliver(messages(text))
        runner.runOne()
        relief = sink.deliver(messages(""))
        assert relief is not None
        runner.runOne()
        runner.runOne()
        self.successResultOf(relief)

    def test_ceiling(self) -> None:
        """
        Inputs that cannot be paused do not make the queue grow for ever: at
        twice its size the newest records are dropped and counted.
        """
        runner = HeldRunner()
        sink = self.makeSink(runner, limit=4, pauses=True)
        for text in "abcdef":
            sink.deliver(messages(text))
        self.assertTally(queued=4, dropped={"queue-full": 2})
        runner.runAll()
        self.assertEqual(self.written(), "a\nb\nc\nd\n")

    def test_reentrant(self) -> None:
        """
        Who is told of relief may deliver at once.
        """
        runner = HeldRunner()
        sink = self.makeSink(runner, limit=4, pauses=True)
        sink.deliver(messages("a"))
        relief = sink.deliver(messages("b"))
        assert relief is not None
        relief.addCallback(lambda result: sink.deliver(messages("c")) and None)
        runner.runAll()
        self.assertEqual(self.written(), "a\nb\nc\n")


class FailureTests(QueueTestCase):
    """
    Writes that fail: a FIFO that nobody reads refuses each.
    """

    def setUp(self) -> None:
        super().setUp()
        os.mkfifo(self.path)

    def read(self) -> int:
        """
        Become the FIFO's reader.
        """
        descriptor = os.open(self.path, os.O_RDONLY | os.O_NONBLOCK)
        self.addCleanup(os.close, descriptor)
        return descriptor

    def test_retried(self) -> None:
        """
        A write that fails is tried again after a while, with nothing lost.
        """
        sink = self.makeSink(DirectRunner())
        sink.deliver(messages("a"))
        sink.deliver(messages("b"))
        self.assertTally(queued=2, delivered=0)
        self.clock.advance(RETRY_DELAY)
        self.assertTally(queued=2, delivered=0)
        reader = self.read()
        self.clock.advance(RETRY_DELAY)
        self.assertTally(queued=0, delivered=2)
        self.assertEqual(os.read(reader, 100), b"a\nb\n")

    def test_loggedOnce(self) -> None:
        """
        A failure is logged once however often it is met, and its end once,
        with how long it took and how many records waited.
        """
        events = captureWarnings(self)
        sink = self.makeSink(DirectRunner())
        for text in "abc":
            sink.deliver(messages(text))
            self.clock.advance(RETRY_DELAY)
        self.assertEqual(len(events), 1)
        self.assertIn("1-file: cannot write", events[0])
        self.read()
        self.clock.advance(RETRY_DELAY)
        self.assertEqual(
            events[1:], ["1-file: writing goes on after 4.0 s; 3 records waited"]
        )

    def test_keptWhenFull(self) -> None:
        """
        Records whose write failed are not those that a full queue drops.
        """
        sink = self.makeSink(DirectRunner(), limit=4)
        for text in "abcd":
            sink.deliver(messages(text))
        reader = self.read()
        self.clock.advance(RETRY_DELAY)
        self.assertEqual(os.read(reader, 100), b"a\nd\n")

    def test_reopenRetries(self) -> None:
        """
        Opening again is followed by an attempt to write at once.
        """
        sink = self.makeSink(DirectRunner())
        sink.deliver(messages("a"))
        os.unlink(self.path)
        sink.reopen()
        self.assertEqual(self.written(), "a\n")

    def test_stop(self) -> None:
        """
        A sink that is stopped tries once more; what then fails is counted as
        dropped.
        """
        sink = self.makeSink(DirectRunner())
        sink.deliver(messages("a", "b"))
        sink.deliver(messages("c"))
        self.successResultOf(sink.stop())
        self.assertTally(queued=0, delivered=0, dropped={"stopped": 3})
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_stopWrites(self) -> None:
        """
        A sink that is stopped does not wait for its next attempt.
        """
        sink = self.makeSink(DirectRunner())
        sink.deliver(messages("a"))
        reader = self.read()
        self.successResultOf(sink.stop())
        self.assertEqual(os.read(reader, 100), b"a\n")
        self.assertTally(queued=0, delivered=1, dropped={})


class GoneTests(QueueTestCase):
    """
    A writer whose reader has gone for good.
    """

    def test_dropped(self) -> None:
        """
        What is held and what comes later is dropped, counted as "closed" and
        logged once; nobody waits for it.
        """
        events = captureWarnings(self)
        readable, writable = os.pipe()
        stream = open(writable, "wb", buffering=0)  # noqa: SIM115
        self.addCleanup(stream.close)
        runner = HeldRunner()
        writer = ThreadedWriter(StreamWriter(stream), runner)
        capacity = Capacity(4, pauses=True)
        sink = QueuedSink(encodeMessages, writer, self.clock, self.tally, capacity)
        sink.start()
        sink.deliver(messages("a"))
        relief = sink.deliver(messages("b"))
        assert relief is not None
        flushed = sink.flush()
        os.close(readable)
        runner.runAll()
        self.successResultOf(relief)
        self.successResultOf(flushed)
        self.assertIsNone(sink.deliver(messages("c")))
        self.assertTally(queued=0, delivered=0, dropped={"closed": 3})
        self.assertEqual(len([text for text in events if "reads" in text]), 1)
        stopped = sink.stop()
        runner.runAll()
        self.successResultOf(stopped)


class StopTests(QueueTestCase):
    """
    Stopping.
    """

    def test_writesWhatIsQueued(self) -> None:
        """
        What is queued is written before the file is closed.
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
        What comes after the stop is counted as dropped.
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
