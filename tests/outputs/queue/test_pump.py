"""
Tests for L{logrecv.outputs.queue.pump}, behind a queue.
"""

from __future__ import annotations

import os

from logrecv.outputs.queue.capacity import Capacity
from logrecv.outputs.queue.sink import RETRY_DELAY, QueuedSink
from logrecv.outputs.stdout import StreamWriter
from logrecv.outputs.writers import ThreadedWriter
from tests.outputs.queue.test_sink import (
    DirectRunner,
    HeldRunner,
    QueueTestCase,
    captureWarnings,
    encodeMessages,
    messages,
)


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
        A record that the queue holds, or that comes later, is dropped and counted
        as "closed".  The loss is logged once, and no input waits any longer.
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
