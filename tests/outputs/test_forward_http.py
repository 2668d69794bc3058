"""
Tests for L{logrecv.outputs.forward_http} and what it is made of.
"""

from __future__ import annotations

import os
from base64 import b64encode
from pathlib import Path
from typing import Any

from attrs import define, field
from treq.testing import RequestTraversalAgent
from twisted.internet.defer import Deferred, fail
from twisted.internet.error import ConnectionRefusedError
from twisted.internet.task import Clock
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SkipTest, SynchronousTestCase
from twisted.web.client import HTTPConnectionPool
from twisted.web.http_headers import Headers
from twisted.web.iweb import IAgent
from twisted.web.resource import Resource
from zope.interface import implementer
from zope.interface.verify import verifyObject

from logrecv.backoff import LONGEST, MAX_DELAY, Backoff
from logrecv.counters import OutputTally, QuarantineTally
from logrecv.descriptions import Description, DescriptionError
from logrecv.formats.json import encodeJSON
from logrecv.inputs.http.site import RecordResource
from logrecv.intake import Intake
from logrecv.outputs.factory import OutputContext, StandardOutput
from logrecv.outputs.forward import parseForward
from logrecv.outputs.http.client import RESPONSE_TIMEOUT, HTTPClient
from logrecv.outputs.http.writer import BATCH_SIZE, HTTPWriter
from logrecv.outputs.queue.sink import QueuedSink
from logrecv.outputs.writers import IWriter
from logrecv.record import Origin
from logrecv.testing import MemorySink, makeRecord


class Receiver(Resource):
    """
    Answers as it is told, and remembers what it was sent.
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

    def request(self, method: Any, uri: bytes, *more: Any) -> Any:
        port = int(uri.split(b":")[2].partition(b"/")[0])
        if self.silent:
            return Deferred()
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
            Backoff(self.clock, lambda: 1.0),
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
        What is not taken is sent again under the same name, with delays that
        grow; it is said once.
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

    def test_noAnswer(self) -> None:
        """
        A receiver that does not answer is like one that is not there.
        """
        self.network.silent = True
        self.makeSink().deliver([makeRecord("a")])
        self.network.silent = False
        self.clock.advance(RESPONSE_TIMEOUT)
        self.assertTally(delivered=0)
        self.clock.advance(0.5)
        self.assertTally(delivered=1)

    def test_failover(self) -> None:
        """
        The next receiver is tried at once, and stays the one that is sent to;
        there is a delay when none takes it.
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
        self.assertEqual((origin.via, origin.peer), ("json", "h:1"))

    def test_tooLarge(self) -> None:
        """
        So is one that is too large.
        """
        self.receiver.answers = [413]
        self.makeSink().deliver([makeRecord("a"), makeRecord("b")])
        self.assertEqual(self.messagesOf(self.receiver), [["a", "b"], ["a"], ["b"]])
        self.assertTally(delivered=2)

    def test_dividedAndDown(self) -> None:
        """
        What was taken of a batch is not sent again where the rest fails.
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


class PatienceTests(SynchronousTestCase):
    """
    L{Backoff}.
    """

    def test_jitter(self) -> None:
        """
        A delay is between half and all of what it could be.
        """
        clock = Clock()
        self.assertEqual(Backoff(clock, lambda: 0.0).nextDelay(), 0.25)
        self.assertEqual(Backoff(clock, lambda: 1.0).nextDelay(), 0.5)

    def test_cap(self) -> None:
        """
        It stops growing, and begins anew after a success.
        """
        backoff = Backoff(Clock(), lambda: 1.0)
        delays = [backoff.nextDelay() for _ in range(2000)]
        self.assertEqual(max(delays), MAX_DELAY)
        backoff.reset()
        self.assertEqual(backoff.nextDelay(), 0.5)

    def test_retryAfter(self) -> None:
        """
        Seconds and dates are understood, within reason.
        """
        clock = Clock()
        clock.advance(784111770)
        backoff = Backoff(clock, lambda: 0.0)
        for text, delay in [
            ("3", 3),
            (" 4 ", 4),
            ("Sun, 06 Nov 1994 08:49:37 GMT", 7),
            ("Sun, 06 Nov 1994 08:49:37 -0000", 7),
            ("Sun, 06 Nov 1990 08:49:37 GMT", 0.25),
            ("9999999999999999999", LONGEST),
            ("soon", 0.25),
            ("-5", 0.25),
            ("", 0.25),
        ]:
            backoff.reset()
            self.assertEqual(backoff.nextDelay(text), delay, text)


class ParseTests(SynchronousTestCase):
    """
    Descriptions of C{forward:http} and C{forward:https}.
    """

    def parse(self, text: str) -> QueuedSink:
        stream = open(os.devnull, "wb")  # noqa: SIM115
        self.addCleanup(stream.close)
        context = OutputContext(
            MemoryReactorClock(),
            OutputTally("1-forward"),
            StandardOutput(stream, False),
        )
        description = Description.fromText(text)
        sink = parseForward(description, context)
        assert isinstance(sink, QueuedSink)
        self.assertIsInstance(sink.writer, HTTPWriter)
        description.finish()
        return sink

    def urls(self, text: str) -> list[bytes]:
        writer: Any = self.parse(text).writer
        return [url for _, url in writer.urls]

    def test_urls(self) -> None:
        """
        There is a URL for each pair of host and port.
        """
        self.assertEqual(self.urls("forward:http:h:80"), [b"http://h:80/records"])
        self.assertEqual(
            self.urls("forward:http:h:80:\\:\\:1:81:path=/a/b"),
            [b"http://h:80/a/b", b"http://[::1]:81/a/b"],
        )
        sink = self.parse("forward:http:h:80")
        self.assertEqual((sink.writeSize, sink.writeCount), (BATCH_SIZE, 500))

    def test_credentials(self) -> None:
        """
        A user is named, and the password is in a file.
        """
        file = Path(self.mktemp())
        file.write_bytes(b"s:cr\xc3\xa9t\n")
        writer: Any = self.parse(
            f"forward:http:h:80:user=me:password-file={file}"
        ).writer
        [value] = writer.client.headers.getRawHeaders(b"authorization")
        self.assertEqual(value, b"Basic " + b64encode(b"me:s:cr\xc3\xa9t"))

    def test_tls(self) -> None:
        """
        C{https} has a URL of its own, and takes files.
        """
        try:
            import trustme
        except ImportError:
            raise SkipTest("trustme is not installed") from None
        ca = trustme.CA()
        ca.cert_pem.write_to_path(authorities := self.mktemp())
        own = ca.issue_cert("client")
        own.private_key_pem.write_to_path(key := self.mktemp())
        ca.issue_cert("other").private_key_pem.write_to_path(other := self.mktemp())
        own.cert_chain_pems[0].write_to_path(cert := self.mktemp())
        text = f"forward:https:h:443:ca={authorities}:cert={cert}:key={key}"
        self.assertEqual(self.urls(text), [b"https://h:443/records"])
        self.assertEqual(self.urls("forward:https:h:1"), [b"https://h:1/records"])
        for text, message in [
            (f"forward:https:h:1:ca={key}", "has no certificate in it"),
            (f"forward:https:h:1:cert={cert}", "cert= and key= go together"),
            (f"forward:https:h:1:cert={key}:key={cert}", "has no certificate"),
            (f"forward:https:h:1:cert={cert}:key={other}", "is no use"),
        ]:
            error = self.assertRaises(DescriptionError, self.parse, text)
            self.assertIn(message, str(error))
            self.assertNotIn("\n", str(error))

    def test_refused(self) -> None:
        """
        What cannot be used is refused in one line.
        """
        for text, message in [
            ("forward:http", "write forward:http:HOST:PORT"),
            ("forward:http:h", "write forward:http:HOST:PORT"),
            ("forward:http:h:80:i", "write forward:http:HOST:PORT"),
            ("forward:https:h:", "write forward:https:HOST:PORT"),
            ("forward:http:h:http", "a port is a number"),
            ("forward:http:a b:80", "a host is a name or an address"),
            ("forward:http:h:80:path=x", "a path begins with a slash"),
            ("forward:http:h:80:user=x", "user= and password-file= go together"),
            ("forward:http:h:80:password-file=/no", "it cannot be read"),
            ("forward:http:h:80:ca=/no", "ca=/no: it cannot be read"),
            ("forward:http:h:80:ca=/etc/passwd", "are for forward:https"),
            ("forward:http:h:80:timeout=5", "timeout= is not a keyword of forward"),
        ]:
            error = self.assertRaises(DescriptionError, self.parse, text)
            self.assertIn(message, str(error))
            self.assertNotIn("\n", str(error))
