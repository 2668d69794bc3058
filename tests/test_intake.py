"""
Tests for L{logrecv.intake}.
"""

from __future__ import annotations

import pickle
from collections.abc import Sequence

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from logrecv.batch import Batch
from logrecv.intake import Backpressure, Intake
from logrecv.interfaces import BatchRefused, IRefusingSink, Offer
from logrecv.record import Record
from logrecv.testing import BackpressureSink, MemorySink, makeForm, makePickle
from logrecv.wire.errors import WireError


@implementer(IRefusingSink)
class RefusingSink(MemorySink):
    """
    Refuses batches that are offered, while it is told to.
    """

    refusal: Deferred[None] | None = None

    def refuse(self) -> Deferred[None]:
        self.refusal = Deferred()
        return self.refusal

    def offer(self, batch: Sequence[Record]) -> Offer:
        if self.refusal is not None:
            raise BatchRefused(self.refusal)
        return Offer(lambda: self.deliver(batch), lambda: None)


class IntakeTests(SynchronousTestCase):
    """
    Tests for L{Intake}.
    """

    def setUp(self) -> None:
        """
        Make an intake.
        """
        self.clock = Clock()
        self.sink = MemorySink()
        self.intake = Intake(self.sink, self.clock)

    def test_stamp(self) -> None:
        """
        Each record is stamped with the time of its reception, the way it came,
        and its sender.
        """
        self.clock.advance(1.25)
        self.intake.datagramsReceived([makePickle()], "1.2.3.4:5")
        received = self.sink.records[0].received
        self.assertEqual(received.at, "1970-01-01T00:00:01.250000Z")
        self.assertEqual((received.via, received.peer), ("udp", "1.2.3.4:5"))

    def test_nothingToHandOn(self) -> None:
        """
        Where no record could be made, the sink is left alone.
        """
        self.assertIsNone(self.intake.framesReceived([b"", b"x", b"}."], "p"))
        self.assertEqual(self.sink.batches, [])
        tally = self.intake.tallies["tcp"]
        self.assertEqual((tally.received, tally.accepted), (3, 0))
        self.assertEqual(tally.rejected, {"malformed": 2, "not-a-record": 1})

    def test_payloads(self) -> None:
        """
        The payloads go on with records that are all as stock handlers sent them, and
        with no others.
        """
        batches: list[object] = []

        class Sink(MemorySink):
            def deliver(self, batch: Sequence[Record]) -> None:
                batches.append(batch)

        self.intake = Intake(Sink(), self.clock)
        stock = [makePickle(), makePickle(msg="b")]
        merged = pickle.dumps({"msg": "%d", "args": (1,)}, 2)
        for sent in (stock, [*stock, merged], [*stock, b"x"], [merged]):
            self.intake.framesReceived(sent, "p")
        self.intake.datagramsReceived(stock, "p")
        found = [
            each.payloads if isinstance(each, Batch) else "none" for each in batches
        ]
        self.assertEqual(found, [stock, None, None, None, stock])

    def test_pressure(self) -> None:
        """
        The back-pressure of a sink reaches the input until there is room again: the
        payloads of a stream are taken, datagrams are counted as rejected, and senders
        over HTTP are told.
        """
        sink = BackpressureSink()
        intake = Intake(sink, self.clock)
        for _ in range(2):
            ready = intake.framesReceived([makePickle()], "p")
            assert ready is not None
            self.assertNoResult(ready)
        intake.datagramsReceived([makePickle(), makePickle()], "p")
        self.assertRaises(Backpressure, intake.formReceived, makeForm(), "p")
        self.assertRaises(Backpressure, intake.jsonReceived, b'{"msg": "x"}', "p")
        self.assertEqual(len(sink.records), 2)
        for via, count in [("udp", 2), ("http", 1), ("json", 1)]:
            self.assertEqual(intake.tallies[via].rejected, {"pressure": count})
        sink.release()
        intake.datagramsReceived([makePickle()], "p")
        intake.formReceived(makeForm(), "p")
        intake.jsonReceived(b'{"msg": "x"}', "p")
        self.assertEqual(len(sink.records), 5)

    def test_refused(self) -> None:
        """
        A batch that an output refuses is rejected, neither accepted nor remembered
        by its name; then there is back-pressure until the output is ready.
        """
        body = b'{"msg": "x"}\n{"msg": "y"}'
        sink = RefusingSink()
        intake = Intake(sink, self.clock)
        ready = sink.refuse()
        self.assertRaises(Backpressure, intake.jsonReceived, body, "p", "a")
        self.assertIsNone(intake.datagramsReceived([makePickle()], "p"))
        self.assertRaises(Backpressure, intake.formReceived, makeForm(), "p")
        ready.callback(None)
        for tally, count in [("json", 2), ("udp", 1), ("http", 1)]:
            found = intake.tallies[tally]
            self.assertEqual(found.rejected, {"pressure": count})
            self.assertEqual((found.received, found.accepted), (count, 0))
        ready = sink.refuse()
        self.assertIsNone(intake.datagramsReceived([makePickle(), b"x"], "p"))
        ready.callback(None)
        ready = sink.refuse()
        self.assertRaises(Backpressure, intake.formReceived, makeForm(), "p")
        ready.callback(None)
        self.assertEqual(sink.records, [])
        sink.refusal = None
        intake.jsonReceived(body, "p", "a")
        self.assertEqual(intake.batches.repeated, 0)
        self.assertEqual(len(sink.records), 2)
        self.assertEqual(
            intake.tallies["udp"].rejected, {"pressure": 2, "malformed": 1}
        )

    def test_largeAmongSmall(self) -> None:
        """
        A large record is kept whole among many small ones, and a small one may
        not grow because a large one came with it.
        """
        large = '{"msg": "' + "x" * 100_000 + '"}'
        args = ", ".join(['"y"'] * 50)
        greedy = '{"msg": "' + "%999s" * 50 + '", "args": [' + args + "]}"
        self.intake.jsonReceived(
            "\n".join(['{"msg": "small"}'] * 50 + [large, greedy]).encode(), "p"
        )
        small, *_, whole, kept = self.sink.records
        self.assertEqual(small.message, "small")
        self.assertEqual(len(whole.message), 100_000)
        self.assertIsNone(whole.repaired)
        self.assertEqual(kept.message, "%999s" * 50)
        self.assertEqual(kept.repaired, ["message"])

    def test_empty(self) -> None:
        """
        An empty array of JSON is no error, and no record.
        """
        self.assertIsNone(self.intake.jsonReceived(b"[]", "p"))
        self.assertEqual(self.intake.tallies["json"].received, 0)

    def test_batches(self) -> None:
        """
        A batch that was taken under its name is not taken again, nor counted;
        one that was rejected, or for which there was no room, may come again.
        """
        body = b'{"msg": "x"}\n{"msg": "y"}'
        self.intake.jsonReceived(body, "p", "a")
        self.intake.jsonReceived(body, "p", "a")
        self.intake.jsonReceived(body, "p", "b")
        self.intake.jsonReceived(body, "p")
        self.assertEqual(len(self.sink.records), 6)
        self.assertEqual(self.intake.tallies["json"].received, 6)
        self.assertEqual(self.intake.batches.repeated, 1)
        self.assertRaises(WireError, self.intake.jsonReceived, b"{", "p", "c")
        self.intake.jsonReceived(body, "p", "c")
        self.assertEqual(len(self.sink.records), 8)
        sink = BackpressureSink()
        intake = Intake(sink, self.clock)
        intake.jsonReceived(body, "p", "a")
        self.assertRaises(Backpressure, intake.jsonReceived, body, "p", "b")
        sink.release()
        intake.jsonReceived(body, "p", "b")
        self.assertEqual(len(sink.records), 4)

    def test_steps(self) -> None:
        """
        Several batches are made of JSON in steps at the same time, each is taken as a
        whole in its last step, and a batch that came twice is taken once.
        """
        body = b'{"msg": "x"}\n' * 100
        takings = [self.intake.jsonSteps(body, "p", "a") for _ in range(2)]
        steps = 0
        for each in takings:
            for _ in range(3):
                next(each)
                steps += 1
        self.assertEqual(self.sink.records, [])
        for each in takings:
            steps += len(list(each))
        self.assertGreaterEqual(steps, 10)
        self.assertEqual([len(batch) for batch in self.sink.batches], [100])
        self.assertEqual(self.intake.batches.repeated, 1)
        self.assertEqual(self.intake.tallies["json"].received, 100)

    def test_rejectedRequests(self) -> None:
        """
        A form or JSON that cannot be taken is counted and raised.
        """
        self.assertRaises(WireError, self.intake.formReceived, b"", "p")
        self.assertRaises(WireError, self.intake.jsonReceived, b"{", "p")
        self.assertEqual(self.intake.tallies["http"].received, 1)
        self.assertEqual(self.intake.tallies["json"].received, 1)
