"""
Tests for L{logrecv.outputs.fanout}.
"""

from __future__ import annotations

from collections.abc import Sequence

from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from logrecv.batch import Batch
from logrecv.interfaces import IRecordSink
from logrecv.outputs.fanout import FanOut
from logrecv.record import Record
from logrecv.testing import BackpressureSink, FailingSink, MemorySink, makeRecord


class FanOutTests(SynchronousTestCase):
    """
    L{FanOut}.
    """

    def test_interface(self) -> None:
        """
        The fan-out provides L{IRecordSink}.
        """
        verifyObject(IRecordSink, FanOut([]))

    def test_everySink(self) -> None:
        """
        Every sink is started, gets every batch, is flushed and stopped.
        """
        sinks = [MemorySink(), MemorySink()]
        fanout = FanOut(sinks)
        batch = [makeRecord("a"), makeRecord("b")]
        fanout.start()
        self.assertIsNone(fanout.deliver(batch))
        self.assertIsNone(self.successResultOf(fanout.flush()))
        self.assertIsNone(self.successResultOf(fanout.stop()))
        for sink in sinks:
            self.assertEqual(sink.batches, [batch])
            self.assertEqual((sink.started, sink.flushed, sink.stopped), (1, 1, 1))

    def test_pressure(self) -> None:
        """
        The fan-out exerts back-pressure while any of its sinks exerts back-pressure.
        """
        sinks = [BackpressureSink(), MemorySink(), BackpressureSink()]
        relief = FanOut(sinks).deliver([makeRecord()])
        assert relief is not None
        for sink in sinks:
            if isinstance(sink, BackpressureSink):
                self.assertNoResult(relief)
                sink.release()
        self.assertIsNone(self.successResultOf(relief))

    def test_startFails(self) -> None:
        """
        A sink that cannot start is an error.
        """
        self.assertRaises(RuntimeError, FanOut([FailingSink()]).start)

    def test_once(self) -> None:
        """
        A batch is encoded once for all sinks, also where it came as a list.
        """
        encoded: list[int] = []

        def encode(batch: Sequence[Record]) -> bytes:
            encoded.append(len(batch))
            return b"x"

        class Sink(MemorySink):
            def deliver(self, batch: Sequence[Record]) -> None:
                assert isinstance(batch, Batch)
                batch.encode(encode)

        FanOut([Sink(), Sink()]).deliver([makeRecord(), makeRecord()])
        self.assertEqual(encoded, [2])

    def test_failingSink(self) -> None:
        """
        A sink that raises is logged and hurts no other: they get the batch,
        are flushed and are stopped.
        """
        sink = MemorySink()
        fanout = FanOut([FailingSink(), sink])
        self.assertIsNone(fanout.deliver([makeRecord()]))
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)
        self.successResultOf(fanout.flush())
        self.successResultOf(fanout.stop())
        self.assertEqual(len(sink.records), 1)
        self.assertEqual((sink.flushed, sink.stopped), (1, 1))
