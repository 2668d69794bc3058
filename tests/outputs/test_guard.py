"""
Tests for L{logrecv.outputs.guard}: what a sink that raises costs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from attrs import define, field
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.protocol import Protocol
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer
from zope.interface.verify import verifyObject

from logrecv.counters import OutputTally
from logrecv.descriptions import Description
from logrecv.inputs.tcp import RecordFactory
from logrecv.intake import Intake
from logrecv.interfaces import (
    BatchRefused,
    IOutputContext,
    IOutputParser,
    IRecordSink,
    IRefusingSink,
    Offer,
)
from logrecv.outputs.factory import OutputFactory
from logrecv.outputs.fanout import FanOut
from logrecv.outputs.filter import FilteredSink, minimumLevel
from logrecv.outputs.guard import GuardedSink, guard
from logrecv.record import Record
from logrecv.testing import (
    BackpressureSink,
    FailingSink,
    MemorySink,
    makeForm,
    makeFrame,
    makeRecord,
)


@implementer(IOutputParser)
class FailingParser:
    """
    A kind of output whose sinks fail: C{failing}.
    """

    kind = "failing"

    def parse(self, description: Description, context: IOutputContext) -> IRecordSink:
        return FailingSink()


@define(eq=False)
class FailingAfterStart(FailingSink):
    """
    Starts as a sink should, and fails from then on.
    """

    def start(self) -> None:
        MemorySink.start(self)


@define(eq=False)
class CountingSink(MemorySink):
    """
    Counts some records of each batch and then fails, at once or later.

    @ivar counted: How many it counts.
    """

    tally: OutputTally = field(factory=lambda: OutputTally("1-test"))
    counted: int = 0
    answer: Deferred[None] | None = None

    def deliver(self, batch: Sequence[Record]) -> Deferred[None] | None:
        self.tally.delivered += self.counted
        if self.answer is None:
            raise RuntimeError("half-way")
        return self.answer


class ClientTestCase(SynchronousTestCase):
    """
    A client of a real protocol, in front of an intake.
    """

    def connect(self, sink: IRecordSink) -> StringTransport:
        self.intake = Intake(sink, Clock())
        protocol: Protocol = RecordFactory(self.intake).buildProtocol(None)
        self.transport = StringTransport()
        protocol.makeConnection(self.transport)
        self.protocol = protocol
        return self.transport

    def send(self, *levels: int) -> None:
        """
        Send a record of each level, all in one read.
        """
        self.protocol.dataReceived(b"".join(makeFrame(levelno=n) for n in levels))

    def assertConnected(self) -> None:
        self.assertFalse(self.transport.disconnecting)
        self.assertFalse(self.transport.disconnected)
        self.assertEqual(self.transport.producerState, "producing")

    def assertLoggedOnce(self) -> None:
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)


class FailingSinkTests(ClientTestCase):
    """
    L{FailingSink} behind a real protocol and intake.
    """

    def test_alone(self) -> None:
        """
        A sink that is the only one: its records are counted as dropped, the log
        says so once, and the client's connection stays.
        """
        sink = FailingSink()
        self.connect(sink)
        for _ in range(3):
            self.send(20, 20)
        self.assertConnected()
        self.assertEqual(sink.lost, 6)
        guarded = self.intake.sink
        assert isinstance(guarded, GuardedSink)
        self.assertEqual(guarded.tally.dropped, {"failed": 6})
        self.assertEqual(self.intake.tallies["tcp"].accepted, 6)
        self.assertIsNone(self.intake.formReceived(makeForm(), "p"))
        self.assertLoggedOnce()

    def test_fanOut(self) -> None:
        """
        A sink among others: these get every record, and are flushed and stopped.
        """
        before, after, failing = MemorySink(), MemorySink(), FailingAfterStart()
        fanout = FanOut([before, failing, after])
        fanout.start()
        self.connect(fanout)
        for _ in range(3):
            self.send(20, 20)
        self.assertConnected()
        self.assertEqual((len(before.records), len(after.records)), (6, 6))
        self.successResultOf(fanout.flush())
        self.successResultOf(fanout.stop())
        for sink in (before, after):
            self.assertEqual((sink.started, sink.flushed, sink.stopped), (1, 1, 1))
        guarded = fanout.sinks[1]
        assert isinstance(guarded, GuardedSink)
        self.assertEqual(guarded.tally.dropped, {"failed": 6})
        self.assertLoggedOnce()

    def test_plugin(self) -> None:
        """
        An output of a plugin, with a filter: records that the filter keeps back
        are counted as such, and the others as dropped, in the output's tally.
        """
        factory = OutputFactory(Clock(), getParsers=lambda: [FailingParser()])
        sink = factory.make("failing:level=WARNING")
        self.connect(sink)
        for _ in range(3):
            self.send(10, 30, 40)
        self.assertConnected()
        [tally] = factory.tallies
        self.assertEqual((tally.filtered, tally.dropped), (3, {"failed": 6}))
        self.assertLoggedOnce()

    def test_bareFilter(self) -> None:
        """
        So it is with a filter that a program has put around a sink.
        """
        tally = OutputTally("errors")
        filtered = FilteredSink(FailingSink(), tally, [minimumLevel("WARNING")])
        for sink in (filtered, FanOut([filtered])):
            tally.filtered, tally.dropped = 0, {}
            self.connect(sink)
            self.send(10, 30, 40)
            self.assertConnected()
            self.assertEqual((tally.filtered, tally.dropped), (1, {"failed": 2}))
            self.assertLoggedOnce()

    def test_failingCondition(self) -> None:
        """
        A filter whose condition raises is a sink that raises.
        """
        tally = OutputTally("errors")

        def condition(record: Record) -> bool:
            raise RuntimeError("no condition")

        sink = MemorySink()
        self.connect(FilteredSink(sink, tally, [condition]))
        self.send(10, 30)
        self.assertConnected()
        self.assertEqual((sink.records, tally.dropped), ([], {"failed": 2}))
        self.assertLoggedOnce()


@implementer(IRefusingSink)
class RefusingSink(MemorySink):
    """
    Refuses, or raises what a sink must not raise.
    """

    def __init__(self, error: Exception | None = None) -> None:
        super().__init__()
        self.error = error
        self.cancelled = 0

    def offer(self, batch: Sequence[Record]) -> Offer:
        if self.error is not None:
            raise self.error
        return Offer(lambda: self.deliver(batch), self._cancel)

    def _cancel(self) -> None:
        self.cancelled += 1
        raise RuntimeError("this sink fails to cancel")


class OfferTests(SynchronousTestCase):
    """
    Batches that are offered.
    """

    batch = (makeRecord("a", levelno=40), makeRecord("b", levelno=20))

    def test_interfaces(self) -> None:
        """
        Every part that stands before sinks provides L{IRefusingSink}.
        """
        tally = OutputTally("1-test")
        for sink in (
            guard(MemorySink()),
            FanOut([]),
            FilteredSink(MemorySink(), tally, []),
        ):
            verifyObject(IRefusingSink, sink)

    def test_taken(self) -> None:
        """
        Each sink has the batch when the offer is taken, and not before, through
        filters too.
        """
        tally = OutputTally("1-test")
        first, second = MemorySink(), RefusingSink()
        fanout = FanOut([FilteredSink(first, tally, [minimumLevel("ERROR")]), second])
        offered = fanout.offer(self.batch)
        self.assertEqual((first.records, second.records, tally.filtered), ([], [], 0))
        self.assertIsNone(offered.take())
        self.assertEqual([len(first.records), len(second.records)], [1, 2])
        self.assertEqual(tally.filtered, 1)
        offered = FilteredSink(first, tally, [minimumLevel("CRITICAL")]).offer(
            self.batch
        )
        self.assertIsNone(offered.take())
        self.assertEqual((len(first.records), tally.filtered), (1, 3))

    def test_refused(self) -> None:
        """
        Where one sink refuses, the offers to all sinks before it are cancelled, and
        a sink that raises costs nothing.
        """
        ready: Deferred[None] = Deferred()
        memory, before = MemorySink(), RefusingSink()
        raising = guard(RefusingSink(RuntimeError("no")), OutputTally("2-test"))
        fanout = FanOut([memory, before, raising, RefusingSink(BatchRefused(ready))])
        refused = self.assertRaises(BatchRefused, fanout.offer, self.batch)
        self.assertIs(refused.ready, ready)
        self.assertEqual((memory.records, before.records), ([], []))
        self.assertEqual(before.cancelled, 1)
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)
        ready.errback(RuntimeError("late"))
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)

    def test_raised(self) -> None:
        """
        A sink that raises loses its own records, once they are taken.
        """
        sink = MemorySink()
        tally = OutputTally("1-test")
        fanout = FanOut([guard(RefusingSink(RuntimeError("no")), tally), sink])
        offered = fanout.offer(self.batch)
        self.assertEqual(tally.dropped, {})
        offered.take()
        self.assertEqual((tally.dropped, len(sink.records)), ({"failed": 2}, 2))
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)


class GuardedSinkTests(SynchronousTestCase):
    """
    L{GuardedSink} and L{guard}.
    """

    def guarded(self, sink: Any) -> GuardedSink:
        guarded = guard(sink)
        assert isinstance(guarded, GuardedSink)
        return guarded

    def assertLoggedOnce(self) -> None:
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)

    def test_interface(self) -> None:
        """
        The guarded sink provides L{IRecordSink}.
        """
        verifyObject(IRecordSink, guard(MemorySink()))

    def test_oneGuard(self) -> None:
        """
        There is one guard around a sink, however often it is asked for, and none
        around a fan-out, whose sinks have one each.
        """
        guarded = guard(MemorySink())
        self.assertIs(guard(guarded), guarded)
        fanout = FanOut([guarded, MemorySink()])
        self.assertIs(guard(fanout), fanout)
        self.assertIs(fanout.sinks[0], guarded)
        self.assertIs(Intake(fanout, Clock()).sink, fanout)

    def test_tally(self) -> None:
        """
        The tally is that which is given, or the sink's own, or else a new one.
        """
        tally = OutputTally("1-other")
        self.assertIs(GuardedSink(MemorySink(), tally).tally, tally)
        sink = CountingSink()
        self.assertIs(self.guarded(sink).tally, sink.tally)
        self.assertEqual(self.guarded(MemorySink()).tally.output, "MemorySink")

    def test_nothingFails(self) -> None:
        """
        A sink that keeps its promises is not in any way different.
        """
        sink = MemorySink()
        guarded = self.guarded(sink)
        guarded.start()
        batch = [makeRecord()]
        self.assertIsNone(guarded.deliver(batch))
        self.successResultOf(guarded.flush())
        self.successResultOf(guarded.stop())
        self.assertEqual(sink.batches, [batch])
        self.assertEqual((sink.started, sink.flushed, sink.stopped), (1, 1, 1))
        self.assertEqual(guarded.tally.dropped, {})

    def test_pressure(self) -> None:
        """
        The back-pressure of the sink is handed on.
        """
        sink = BackpressureSink()
        ready = guard(sink).deliver([makeRecord()])
        assert ready is not None
        self.assertNoResult(ready)
        sink.release()
        self.assertIsNone(self.successResultOf(ready))

    def test_counted(self) -> None:
        """
        Records that the sink has counted before it raises are not counted again.
        """
        sink = CountingSink(counted=2)
        guarded = self.guarded(sink)
        for _ in range(2):
            self.assertIsNone(guarded.deliver([makeRecord()] * 5))
        self.assertEqual(sink.tally.delivered, 4)
        self.assertEqual(sink.tally.dropped, {"failed": 6})
        self.assertLoggedOnce()

    def test_recovers(self) -> None:
        """
        A sink that has raised gets the next batch all the same.
        """
        sink = CountingSink()
        guarded = self.guarded(sink)
        guarded.deliver([makeRecord()])
        sink.counted, sink.answer = 1, succeed(None)
        guarded.deliver([makeRecord()])
        self.assertEqual(sink.tally.delivered, 1)
        self.assertEqual(sink.tally.dropped, {"failed": 1})
        self.assertLoggedOnce()

    def test_readyFails(self) -> None:
        """
        A Deferred of C{deliver} that fails is one that fires, to the caller; the
        records that were not counted are then counted as dropped.
        """
        for counted in (0, 2, 3):
            sink = CountingSink(counted=counted, answer=Deferred())
            guarded = self.guarded(sink)
            ready = guarded.deliver([makeRecord()] * 3)
            assert ready is not None
            assert sink.answer is not None
            self.assertEqual(sink.tally.dropped, {})
            sink.answer.errback(RuntimeError("later"))
            self.assertIsNone(self.successResultOf(ready))
            dropped = {"failed": 3 - counted} if counted < 3 else {}
            self.assertEqual(sink.tally.dropped, dropped)
            self.assertLoggedOnce()

    def test_readyFailsAfterCounting(self) -> None:
        """
        Records that were counted before the Deferred fails are not counted again.
        """
        sink = CountingSink(answer=Deferred())
        guarded = self.guarded(sink)
        guarded.deliver([makeRecord()] * 3)
        sink.tally.delivered += 3
        assert sink.answer is not None
        sink.answer.errback(RuntimeError("later"))
        self.assertEqual((sink.tally.delivered, sink.tally.dropped), (3, {}))
        self.assertLoggedOnce()

    def test_noDeferred(self) -> None:
        """
        A sink that returns neither L{None} nor a L{Deferred} is one that raises.
        """
        sink = CountingSink(counted=1, answer=True)  # type: ignore[arg-type]
        self.assertIsNone(self.guarded(sink).deliver([makeRecord()] * 3))
        self.assertEqual(sink.tally.dropped, {"failed": 2})
        self.assertEqual(len(self.flushLoggedErrors(AttributeError)), 1)

    def test_startFails(self) -> None:
        """
        A sink that raises at its start fails the start, whatever it raises.
        """
        for error in OSError("no"), RuntimeError("no"):
            self.assertRaises(type(error), guard(FailingSink(error)).start)

    def test_deferredsFail(self) -> None:
        """
        Deferreds of C{flush} and C{stop} that fail are logged, and fire.
        """

        class Sink(MemorySink):
            def flush(self) -> Deferred[None]:
                return fail(RuntimeError("no"))

            stop = flush

        guarded = self.guarded(Sink())
        self.assertIsNone(self.successResultOf(guarded.flush()))
        self.assertIsNone(self.successResultOf(guarded.stop()))
        self.assertLoggedOnce()

    def test_cancelled(self) -> None:
        """
        A sink that is not waited for any longer has not failed.
        """

        class Sink(MemorySink):
            def flush(self) -> Deferred[None]:
                return Deferred()

        guarded = self.guarded(Sink())
        flushed = guarded.flush()
        flushed.cancel()
        self.assertIsNone(self.successResultOf(flushed))
        self.assertEqual(self.flushLoggedErrors(), [])
