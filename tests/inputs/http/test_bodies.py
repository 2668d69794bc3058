"""
Tests for L{logrecv.inputs.http.bodies}, and for how the HTTP input takes large bodies.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from logrecv.inputs.http.bodies import PIECE_SECONDS, LargeBodies
from logrecv.inputs.http.site import RecordSite
from logrecv.inputs.limits.fairness import PIECE_SIZE, FairScheduler
from logrecv.intake import Intake
from logrecv.testing import BackpressureSink, MemorySink


def turn(clock: Clock) -> None:
    """
    Let one turn of the reactor pass.
    """
    due = clock.getDelayedCalls()
    for call in due:
        function = call.func
        call.cancel()
        function()


class LargeBodiesTests(SynchronousTestCase):
    """
    Tests for L{LargeBodies}.
    """

    def setUp(self) -> None:
        """
        Give each turn of the reactor the time of one piece.
        """
        self.clock = Clock()
        self.scheduler = FairScheduler(self.clock, PIECE_SECONDS)
        self.bodies = LargeBodies(self.scheduler, self.clock)
        self.log: list[str] = []

    def steps(
        self, name: str, count: int, error: Exception | None = None
    ) -> Iterator[None]:
        """
        Make steps each of which takes the time of a piece.
        """
        for _ in range(count):
            self.log.append(name)
            self.clock.rightNow += PIECE_SECONDS
            yield
        if error is not None:
            raise error

    def test_later(self) -> None:
        """
        A body is taken in later turns, one piece in each, and its L{Deferred} fires
        at the end.
        """
        taken = self.bodies.take(self.steps("a", 3), "host")
        self.assertEqual(self.log, [])
        for count in (1, 2, 3):
            self.assertNoResult(taken)
            turn(self.clock)
            self.assertEqual(self.log, ["a"] * count)
        turn(self.clock)
        self.assertIsNone(self.successResultOf(taken))
        self.assertFalse(self.scheduler.isBusy)

    def test_hosts(self) -> None:
        """
        One body is taken at a time, and hosts take turns.
        """
        for name in ("a1", "a2", "a3", "b1", "c1"):
            self.bodies.take(self.steps(name, 2), name[0])
        while self.scheduler.isBusy:
            turn(self.clock)
        self.assertEqual(self.log[::2], ["a1", "b1", "c1", "a2", "a3"])
        self.assertEqual(self.log[::2], self.log[1::2])

    def test_failure(self) -> None:
        """
        A body that fails costs the others nothing.
        """
        first = self.bodies.take(self.steps("a", 1, ValueError()), "host")
        second = self.bodies.take(self.steps("b", 1), "host")
        while self.scheduler.isBusy:
            turn(self.clock)
        self.failureResultOf(first, ValueError)
        self.assertIsNone(self.successResultOf(second))

    def test_another(self) -> None:
        """
        The end of a body may bring another one.
        """
        ends: list[object] = []

        def more(result: object) -> None:
            ends.append(result)
            if len(ends) < 3:
                self.bodies.take(self.steps("b", 1), "host").addCallback(more)

        self.bodies.take(self.steps("a", 1), "host").addCallback(more)
        while self.scheduler.isBusy:
            turn(self.clock)
        self.assertEqual(self.log, ["a", "b", "b"])
        self.assertEqual(ends, [None] * 3)


class LargeJSONTests(SynchronousTestCase):
    """
    Tests for large bodies of JSON at the HTTP input.
    """

    def setUp(self) -> None:
        """
        Make a site.
        """
        self.reactor = MemoryReactorClock()
        self.sink = MemorySink()
        self.serve(self.sink)

    def serve(self, sink: Any) -> None:
        """
        Make a site that hands on to a sink.
        """
        self.intake = Intake(sink, self.reactor)
        self.site = RecordSite(self.intake, self.reactor)

    def post(self, body: bytes) -> tuple[Any, StringTransport]:
        """
        Send JSON on a new connection.
        """
        channel = self.site.buildProtocol(None)
        transport = StringTransport()
        channel.makeConnection(transport)
        channel.dataReceived(
            b"POST /records HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n"
            b"Content-Type: application/x-ndjson\r\n\r\n%s" % (len(body), body)
        )
        return channel, transport

    def body(self, count: int = 1000, end: bytes = b"") -> bytes:
        """
        Make a large body of records with arguments.
        """
        lines = [b'{"msg":"number %%d","args":[%d]}\n' % n for n in range(count)]
        self.assertGreater(sum(map(len, lines)), PIECE_SIZE)
        return b"".join(lines) + end

    def test_whole(self) -> None:
        """
        A large body is answered when all its records are taken, in one batch.  The
        client is not read meanwhile, and other clients are answered.
        """
        channel, transport = self.post(self.body())
        self.assertEqual(transport.value(), b"")
        self.assertEqual(transport.producerState, "paused")
        _, other = self.post(b'{"msg":"small"}')
        self.assertTrue(other.value().startswith(b"HTTP/1.1 204 "))
        self.assertEqual(len(self.sink.records), 1)
        self.reactor.advance(0)
        self.assertTrue(transport.value().startswith(b"HTTP/1.1 204 "))
        self.assertEqual(transport.producerState, "producing")
        messages = [record.message for record in self.sink.records[1:]]
        self.assertEqual(messages, [f"number {n}" for n in range(1000)])
        self.assertEqual([len(batch) for batch in self.sink.batches], [1, 1000])
        channel.dataReceived(b"GET /?msg=next HTTP/1.1\r\nHost: x\r\n\r\n")
        self.assertEqual(self.sink.records[-1].message, "next")

    def test_nothing(self) -> None:
        """
        If the last record cannot be taken, none is.
        """
        for end in (b"{}\n", b"{\n"):
            _, transport = self.post(self.body(end=end))
            self.reactor.advance(0)
            self.assertTrue(transport.value().startswith(b"HTTP/1.1 400 "))
        self.assertEqual(self.sink.records, [])
        tally = self.intake.tallies["json"]
        self.assertEqual((tally.received, tally.accepted), (1002, 0))

    def test_noRoom(self) -> None:
        """
        If there is no room any more when the records are made, the client is told.
        """
        sink = BackpressureSink()
        self.serve(sink)
        _, transport = self.post(self.body())
        self.post(b'{"msg":"small"}')
        self.reactor.advance(0)
        self.assertTrue(transport.value().startswith(b"HTTP/1.1 503 "))
        self.assertEqual(len(sink.records), 1)

    def test_gone(self) -> None:
        """
        A body that came whole is taken, even if its sender is gone.
        """
        channel, transport = self.post(self.body())
        channel.connectionLost(Failure(ConnectionDone()))
        self.reactor.advance(0)
        self.assertEqual(len(self.sink.records), 1000)
        self.assertEqual(transport.value(), b"")

    def test_abandoned(self) -> None:
        """
        A body that is not taken before the service stops is counted as rejected, and
        its sender is told to send the body again.
        """
        scheduler = FairScheduler(self.reactor)
        self.site = RecordSite(self.intake, self.reactor, scheduler=scheduler)
        transports = [self.post(self.body())[1] for _ in range(2)]
        scheduler.abandon()
        self.assertFalse(scheduler.isBusy)
        self.reactor.advance(0)
        for transport in transports:
            self.assertTrue(transport.value().startswith(b"HTTP/1.1 503 "))
        self.assertEqual(self.sink.records, [])
        tally = self.intake.tallies["json"]
        self.assertEqual((tally.received, tally.rejected), (2, {"pressure": 2}))
        self.intake.rejections.flush()
