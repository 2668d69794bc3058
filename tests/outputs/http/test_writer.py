"""
Tests for L{logrecv.outputs.http.writer}.
"""

from __future__ import annotations

from typing import Any

from attrs import define, field
from treq.testing import RequestTraversalAgent
from twisted.internet.defer import Deferred, fail
from twisted.internet.error import ConnectionRefusedError
from twisted.internet.task import Clock
from twisted.internet.testing import MemoryReactorClock
from twisted.logger import capturedLogs, formatEvent
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.client import HTTPConnectionPool, ResponseFailed
from twisted.web.http_headers import Headers
from twisted.web.iweb import IAgent
from twisted.web.resource import Resource
from zope.interface import implementer
from zope.interface.verify import verifyObject

from logrecv.backoff import Backoff, withoutJitter
from logrecv.counters import OutputTally, QuarantineTally
from logrecv.formats.json import encodeJSON
from logrecv.inputs.http.resource import RecordResource
from logrecv.intake import Intake
from logrecv.outputs.http.client import RESPONSE_TIMEOUT, HTTPClient
from logrecv.outputs.http.connection import BadAnswer
from logrecv.outputs.http.writer import HTTPWriter
from logrecv.outputs.queue.sink import QueuedSink
from logrecv.outputs.writers import IWriter
from logrecv.record import Origin
from logrecv.testing import MemorySink, makeRecord


class Receiver(Resource):
    """
    Gives the answers of the test, and remembers the requests.
    """

    isLeaf = True

    def __init__(self) -> None:
        super().__init__()
        self.answers: list[int | tuple[int, str]] = []
        self.refused: set[str] = set()
        self.requests: list[Any] = []
        self.bodies: list[tuple[str, bytes]] = []

    def render_POST(self, request: Any) -> bytes:
        body = request.content.read()
        name = request.getHeader(b"logrecv-batch").decode("ascii")
        self.requests.append(request)
        self.bodies.append((name, body))
        status: Any = self.answers.pop(0) if self.answers else 204
        if any(each.encode() in body for each in self.refused):
            status = 400
        if isinstance(status, tuple):
            status, retryAfter = status
            request.setHeader(b"retry-after", retryAfter.encode("ascii"))
        request.setResponseCode(status)
        return b"" if status == 204 else b"so it is\nand more"


@implementer(IAgent)
@define(eq=False)
class Network:
    """
    Leads requests to receivers by their port; there is nobody at the others.
    """

    agents: dict[int, RequestTraversalAgent] = field(factory=dict)
    silent: bool = False
    failure: Exception | None = None

    def request(self, method: Any, uri: bytes, *more: Any) -> Any:
        port = int(uri.split(b":")[2].partition(b"/")[0])
        if self.silent:
            return Deferred()
        if self.failure is not None:
            return fail(self.failure)
        if port not in self.agents:
            return fail(ConnectionRefusedError())
        return self.agents[port].request(method, uri, *more)


@define(eq=False)
class ListQuarantine:
    """
    A quarantine that can be looked into.
    """

    kept: list[tuple[bytes, str, Origin]] = field(factory=list)
    tally: QuarantineTally = field(factory=QuarantineTally)

    def keep(self, payload: bytes, reason: str, origin: Origin) -> None:
        self.kept.append((payload, reason, origin))


class WriterTestCase(SynchronousTestCase):
    """
    A sink that forwards, a network and a clock.
    """

    def setUp(self) -> None:
        self.clock = Clock()
        self.tally = OutputTally("1-forward")
        self.network = Network()
        self.receiver = Receiver()
        self.network.agents[1] = RequestTraversalAgent(self.receiver)
        self.quarantine = ListQuarantine()

    def makeSink(self, *ports: int) -> QueuedSink:
        pool = HTTPConnectionPool(MemoryReactorClock())
        client = HTTPClient(self.network, pool, self.clock, Headers({b"x": [b"y"]}))
        self.writer = HTTPWriter(
            client,
            [(f"h:{port}", b"http://h:%d/records" % port) for port in ports or (1,)],
            Backoff(chance=withoutJitter),
            self.clock,
            self.quarantine,
        )
        sink = QueuedSink(encodeJSON, self.writer, self.clock, self.tally)
        sink.start()
        return sink

    def messagesOf(self, receiver: Receiver) -> list[list[str]]:
        return [
            [line.split(b'"message":"')[1][:1].decode() for line in body.splitlines()]
            for _, body in receiver.bodies
        ]

    def assertTally(self, **expected: object) -> None:
        actual = {name: getattr(self.tally, name) for name in expected}
        self.assertEqual(actual, expected)


class WriterTests(WriterTestCase):
    """
    L{HTTPWriter}.
    """

    def test_posted(self) -> None:
        """
        A batch is posted as JSON lines, with its name, and is delivered when it
        is answered.
        """
        sink = self.makeSink()
        verifyObject(IWriter, self.writer)
        batch = [makeRecord("a"), makeRecord("b")]
        sink.deliver(batch)
        [request] = self.receiver.requests
        self.assertEqual(request.uri, b"/records")
        self.assertEqual(request.getHeader(b"content-type"), b"application/x-ndjson")
        self.assertEqual(request.getHeader(b"x"), b"y")
        self.assertEqual(self.receiver.bodies[0][1], encodeJSON(batch))
        self.assertTally(queued=0, delivered=2)
        sink.deliver(batch)
        names = {name for name, _ in self.receiver.bodies}
        self.assertEqual(len(names), 2)

    def test_retried(self) -> None:
        """
        A batch that is not taken is sent again under the same name, with delays that
        grow; the failure is logged once.
        """
        for status in (500, 503, 401, 403, 404, 405, 415, 302):
            self.receiver.answers.append(status)
        sink = self.makeSink()
        sink.deliver([makeRecord("a")])
        self.assertTally(queued=1, delivered=0)
        delays = []
        while self.receiver.answers:
            [call] = self.clock.getDelayedCalls()
            delays.append(call.getTime() - self.clock.seconds())
            self.clock.advance(delays[-1])
        self.assertEqual(delays, [0.5, 1, 2, 4, 8, 16, 30])
        self.clock.advance(30)
        self.assertTally(queued=0, delivered=1)
        self.assertEqual(len({name for name, _ in self.receiver.bodies}), 1)

    def test_retryAfter(self) -> None:
        """
        A receiver can say when to come again.
        """
        self.receiver.answers.append((503, "7"))
        self.makeSink().deliver([makeRecord("a")])
        self.clock.advance(6.9)
        self.assertTally(delivered=0)
        self.clock.advance(0.2)
        self.assertTally(delivered=1)

    def test_retryAfterSooner(self) -> None:
        """
        A receiver that asks for less than the delay is tried again after the delay.
        """
        self.receiver.answers.append((503, "0"))
        self.makeSink().deliver([makeRecord("a")])
        self.clock.advance(0.4)
        self.assertTally(delivered=0)
        self.clock.advance(0.1)
        self.assertTally(delivered=1)

    def test_noAnswer(self) -> None:
        """
        A receiver that does not answer is like a receiver that is not there.
        """
        self.network.silent = True
        self.makeSink().deliver([makeRecord("a")])
        self.network.silent = False
        self.clock.advance(RESPONSE_TIMEOUT)
        self.assertTally(delivered=0)
        self.clock.advance(0.5)
        self.assertTally(delivered=1)

    def test_badAnswer(self) -> None:
        """
        A receiver that breaks a limit is like a receiver that is not there; the log
        has one line about it, of a limited length.
        """
        problem = ResponseFailed([Failure(BadAnswer("too much: \x1b" + "x" * 9999))])
        self.network.failure = problem
        sink = self.makeSink()
        with capturedLogs() as events:
            sink.deliver([makeRecord("a")])
            self.clock.advance(0.5)
            self.network.failure = None
            self.assertTally(queued=1, delivered=0)
            self.clock.advance(1)
        self.assertTally(queued=0, delivered=1)
        failed, _ = [formatEvent(event) for event in events]
        self.assertIn("cannot write: h:1: too much: \\x1bxxx", failed)
        self.assertLess(len(failed), 400)

    def test_failover(self) -> None:
        """
        The next receiver is tried at once, and stays the present receiver; there is a
        delay when no receiver takes the batch.
        """
        other = Receiver()
        self.network.agents[3] = RequestTraversalAgent(other)
        sink = self.makeSink(1, 2, 3)
        sink.deliver([makeRecord("a")])
        self.receiver.answers.append(500)
        sink.deliver([makeRecord("b")])
        sink.deliver([makeRecord("c")])
        self.assertEqual(self.messagesOf(self.receiver), [["a"], ["b"]])
        self.assertEqual(self.messagesOf(other), [["b"], ["c"]])
        other.answers.append(500)
        self.receiver.answers.append(500)
        sink.deliver([makeRecord("d")])
        self.assertTally(queued=1, delivered=3)
        self.clock.advance(0.5)
        self.assertTally(queued=0, delivered=4)

    def test_divided(self) -> None:
        """
        A batch that is refused is divided, each time in the same way; records
        that are refused alone are set aside and counted.
        """
        self.receiver.refused = {"bad"}
        sink = self.makeSink()
        batch = [makeRecord(text) for text in ("a", "bad", "c", "d", "e")]
        sink.deliver(batch)
        name = self.receiver.bodies[0][0]
        self.assertEqual(
            [each.removeprefix(name) for each, _ in self.receiver.bodies],
            ["", "/0", "/0/0", "/0/1", "/1"],
        )
        self.assertEqual(
            self.messagesOf(self.receiver),
            [["a", "b", "c", "d", "e"], ["a", "b"], ["a"], ["b"], ["c", "d", "e"]],
        )
        self.assertTally(queued=0, delivered=4, dropped={"refused": 1})
        [(payload, reason, origin)] = self.quarantine.kept
        self.assertEqual((payload, reason), (encodeJSON(batch[1:2]), "refused"))
        now = "1970-01-01T00:00:00.000000Z"
        self.assertEqual((origin.at, origin.via, origin.peer), (now, "json", "h:1"))

    def test_tooLarge(self) -> None:
        """
        A batch that is too large is divided, too.
        """
        self.receiver.answers = [413]
        self.makeSink().deliver([makeRecord("a"), makeRecord("b")])
        self.assertEqual(self.messagesOf(self.receiver), [["a", "b"], ["a"], ["b"]])
        self.assertTally(delivered=2)

    def test_dividedAndDown(self) -> None:
        """
        The part of a batch that was taken is not sent again when the rest fails.
        """
        self.receiver.answers = [400, 204, 500]
        self.makeSink().deliver([makeRecord("a"), makeRecord("b")])
        self.assertTally(queued=2, delivered=0)
        self.clock.advance(0.5)
        self.assertEqual(
            self.messagesOf(self.receiver), [["a", "b"], ["a"], ["b"], ["b"]]
        )
        self.assertTally(queued=0, delivered=2)

    def test_stop(self) -> None:
        """
        A sink that is stopped waits for nobody.
        """
        sink = self.makeSink(7)
        sink.deliver([makeRecord("a")])
        self.successResultOf(sink.stop())
        self.assertTally(queued=0, dropped={"stopped": 1})

    def test_stopUnanswered(self) -> None:
        """
        Nor does it leave a request behind.
        """
        self.network.silent = True
        sink = self.makeSink()
        sink.deliver([makeRecord("a")])
        stopped = sink.stop()
        self.clock.advance(4)
        self.successResultOf(stopped)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_toAnother(self) -> None:
        """
        Another logrecv has the same records, but for the hop; and takes a batch
        once, however often it comes.
        """
        sink = MemorySink()
        intake = Intake(sink, self.clock)
        self.network.agents[1] = RequestTraversalAgent(RecordResource(intake))
        batch = [makeRecord("a", extra={"received": 1, "name": [None]})]
        self.makeSink().deliver(batch)
        [record] = sink.records
        assert record.hops is not None
        [hop] = record.hops
        self.assertEqual((hop.at, hop.via), ("1970-01-01T00:00:00.000000Z", "json"))
        record.hops = None
        self.assertEqual(record, batch[0])
        self.assertTally(delivered=1)
