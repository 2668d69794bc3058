"""
Tests for L{logrecv.outputs.queue.buffer}, in front of a writer.
"""

from __future__ import annotations

from logrecv.interfaces import BatchRefused
from tests.outputs.queue.test_sink import (
    HeldRunner,
    QueueTestCase,
    captureWarnings,
    messages,
)


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

    def test_refusedBeyond(self) -> None:
        """
        A batch that is offered and is more than a full queue takes is refused, where
        it would be dropped if its sender could not keep it.  A user who lets records
        be dropped wants no sender to wait.
        """
        runner = HeldRunner()
        sink = self.makeSink(runner, limit=4, pauses=True)
        for text in "abcd":
            sink.offer(messages(text)).take()
        refused = self.assertRaises(BatchRefused, sink.offer, messages("e"))
        self.assertTally(queued=4, dropped={})
        runner.runAll()
        self.successResultOf(refused.ready)
        sink = self.makeSink(runner, limit=4)
        for text in "abcd":
            self.assertIsNone(sink.offer(messages(text)).take())
        self.assertTally(queued=2, dropped={"queue-full": 2})

    def test_reentrant(self) -> None:
        """
        An input that is told of relief may deliver at once.
        """
        runner = HeldRunner()
        sink = self.makeSink(runner, limit=4, pauses=True)
        sink.deliver(messages("a"))
        relief = sink.deliver(messages("b"))
        assert relief is not None
        relief.addCallback(lambda result: sink.deliver(messages("c")) and None)
        runner.runAll()
        self.assertEqual(self.written(), "a\nb\nc\n")
