"""
Tests for L{logrecv.inputs.http.site}.
"""

from __future__ import annotations

from io import StringIO
from typing import Any

from treq.testing import StubTreq
from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.logger import globalLogPublisher
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from logrecv.inputs.http.site import RecordResource, RecordSite
from logrecv.inputs.limits.partial import DEADLINE
from logrecv.intake import Intake
from logrecv.testing import BackpressureSink, MemorySink, makeForm, makeLogRecord

FORM = {"content-type": "application/x-www-form-urlencoded"}
JSON = {"content-type": "application/json"}


def form(msg: str = "hello", *args: object, **extra: object) -> str:
    """
    Make what C{HTTPHandler} sends.
    """
    return makeForm(makeLogRecord(msg, *args, **extra)).decode("ascii")


class RecordResourceTests(SynchronousTestCase):
    """
    Tests for L{RecordResource}, wherever it is mounted.
    """

    def setUp(self) -> None:
        """
        Mount a resource.
        """
        self.sink = MemorySink()
        self.intake = Intake(self.sink, Clock())
        self.treq = StubTreq(RecordResource(self.intake, 2000))

    def ask(
        self,
        method: str,
        path: str,
        body: bytes | str = b"",
        headers: dict[str, str] | None = None,
    ) -> tuple[int, str]:
        """
        Send a request.

        @return: The status and the body of the response.
        """
        data = body.encode() if isinstance(body, str) else body
        response = self.successResultOf(
            self.treq.request(
                method,
                f"http://localhost{path}",
                data=data or None,
                headers=headers or {},
            )
        )
        return response.code, self.successResultOf(self.treq.text_content(response))

    def messages(self) -> list[str]:
        """
        The messages that were received.
        """
        return [record.message for record in self.sink.records]

    def test_get(self) -> None:
        """
        A form record by GET is taken and answered with 204, on every path.
        """
        paths = ["/", "/log", "/a/b/c/", "//x", "/records", "/%ff%00", "/healthz"]
        for path in paths:
            answer = self.ask("GET", f"{path}?{form('user %s', 'alice')}")
            self.assertEqual(answer, (204, ""), path)
        self.assertEqual(self.messages(), ["user alice"] * len(paths))
        [origin] = {record.received for record in self.sink.records}
        self.assertEqual(origin.via, "http")

    def test_post(self) -> None:
        """
        A form record by POST is taken on every path, C{/records} among them; a
        query beside it does not disturb it.
        """
        for path in ["/", "/log", "/records", "/?msg=no&name=other"]:
            self.assertEqual(self.ask("POST", path, form("yes"), FORM), (204, ""))
        self.assertEqual(self.messages(), ["yes"] * 4)

    def test_postWithCharset(self) -> None:
        """
        Parameters of the content type do not matter, nor does its absence.
        """
        charset = {"content-type": "Application/X-WWW-Form-Urlencoded; charset=utf-8"}
        self.assertEqual(self.ask("POST", "/", form("one"), charset)[0], 204)
        self.assertEqual(self.ask("POST", "/", form("two"))[0], 204)
        self.assertEqual(self.messages(), ["one", "two"])

    def test_notARecord(self) -> None:
        """
        A form without any attribute of a record gets a 400 that says so, and is
        counted.
        """
        for method, path, body in [("GET", "/?a=1", ""), ("POST", "/", "a=1")]:
            code, text = self.ask(method, path, body, FORM)
            self.assertEqual(code, 400)
            self.assertEqual(text.count("\n"), 1)
        tally = self.intake.tallies["http"]
        self.assertEqual(tally.rejected, {"not-a-record": 2})
        self.assertEqual(tally.received, 2)

    def test_json(self) -> None:
        """
        C{POST /records} takes an object, an array and JSON lines, in the form of
        the design or as attributes of a LogRecord.
        """
        for body, headers in [
            ('{"message": "a", "name": "x"}', JSON),
            ('[{"msg": "b %s", "args": ["c"]}, {"message": "d"}]', JSON),
            ('{"message": "e"}\n{"message": "f"}\n', {}),
            ('{"message": "g"}', {"content-type": "application/x-ndjson"}),
            ('{"message": "h"}', FORM),
        ]:
            self.assertEqual(self.ask("POST", "/records", body, headers), (204, ""))
        self.assertEqual(self.messages(), ["a", "b c", "d", "e", "f", "g", "h"])
        self.assertEqual(self.intake.tallies["json"].accepted, 7)
        self.assertEqual(self.sink.records[0].received.via, "json")

    def test_batches(self) -> None:
        """
        A batch that comes again under its name is answered as before, and not
        taken; a name that cannot be one is refused.
        """
        body = '{"message": "a"}'
        for name, code in [
            ("x-1/0", 204),
            ("x-1/0", 204),
            ("x-1/1", 204),
            ("a b", 400),
        ]:
            headers = {**JSON, "logrecv-batch": name}
            self.assertEqual(self.ask("POST", "/records", body, headers)[0], code)
        self.assertEqual(self.messages(), ["a", "a"])
        tally = self.intake.tallies["json"]
        self.assertEqual((tally.received, tally.rejected), (3, {"malformed": 1}))

    def test_jsonAllOrNothing(self) -> None:
        """
        If one record of a request cannot be taken, none is: the answer names it,
        and all are counted as rejected.
        """
        body = '[{"message": "a"}, {"nothing": 1}, {"message": "c"}]'
        code, text = self.ask("POST", "/records", body, JSON)
        self.assertEqual(code, 400)
        self.assertIn("nothing of this request was taken", text)
        self.assertEqual(text.count("\n"), 1)
        self.assertEqual(self.messages(), [])
        tally = self.intake.tallies["json"]
        self.assertEqual((tally.received, tally.rejected), (3, {"not-a-record": 3}))

    def test_malformedJSON(self) -> None:
        """
        What is no JSON gets a 400 of one line.
        """
        for body in ["", "{", "[1]", "nope", '{"message": "a"}\n{', "\xff"]:
            code, text = self.ask("POST", "/records", body, JSON)
            self.assertEqual(code, 400, body)
            self.assertEqual(text.count("\n"), 1, body)
        tally = self.intake.tallies["json"]
        self.assertEqual(tally.received, sum(tally.rejected.values()))

    def test_tooLong(self) -> None:
        """
        A body or query over the limit gets a 413, and is counted.
        """
        body = '{"message": "%s"}' % ("x" * 2000)
        self.assertEqual(self.ask("POST", "/records", body, JSON)[0], 413)
        self.assertEqual(self.ask("POST", "/", form("x" * 2000), FORM)[0], 413)
        self.assertEqual(self.ask("GET", "/?" + form("x" * 2000))[0], 413)
        self.assertEqual(self.intake.tallies["json"].rejected, {"too-long": 1})
        self.assertEqual(self.intake.tallies["http"].rejected, {"too-long": 2})

    def test_refusals(self) -> None:
        """
        Everything else gets its status and one line that says what is wrong.
        """
        for method, path, headers, code in [
            ("GET", "/nothing", {}, 404),
            ("HEAD", "/nothing", {}, 404),
            ("GET", "/records", {}, 405),
            ("PUT", "/records", JSON, 405),
            ("DELETE", "/", {}, 405),
            ("POST", "/", JSON, 415),
            ("POST", "/records", {"content-type": "image/png"}, 415),
            ("POST", "/records", {**JSON, "content-encoding": "gzip"}, 415),
            ("GET", "/", {"host": "\xff"}, 400),
            ("GET", "/", {"host": "a..b"}, 400),
            ("POST", "/records", {**JSON, "host": "x" * 64}, 400),
        ]:
            answered, text = self.ask(method, path, b"", headers)
            self.assertEqual(answered, code, (method, path))
            if method != "HEAD":
                self.assertEqual(text.count("\n"), 1)
                self.assertNotIn("<", text)
        self.assertEqual(self.messages(), [])
        self.assertEqual(self.flushLoggedErrors(), [])
        self.assertEqual(self.intake.tallies["http"].rejected, {"malformed": 1})
        self.assertEqual(self.intake.tallies["json"].rejected, {"malformed": 3})

    def test_pressure(self) -> None:
        """
        While an output is behind, who can be told is told when to come again.
        """
        sink = BackpressureSink()
        resource = RecordResource(Intake(sink, Clock()))
        self.treq = StubTreq(resource)
        self.assertEqual(self.ask("POST", "/", form(), FORM)[0], 204)
        for path, body, headers in [("/records", "{}", JSON), ("/", form(), FORM)]:
            response = self.successResultOf(
                self.treq.post(f"http://localhost{path}", data=body, headers=headers)
            )
            self.assertEqual(response.code, 503)
            self.assertEqual(response.headers.getRawHeaders("retry-after"), ["1"])
        sink.release()
        self.assertEqual(self.ask("POST", "/", form(), FORM)[0], 204)

    def test_page(self) -> None:
        """
        A person who opens the address sees what it is, and the configuration to
        copy, with the host as they know it; the host cannot inject markup.
        """
        code, text = self.ask("GET", "/")
        self.assertEqual(code, 200)
        self.assertIn('HTTPHandler("localhost", "/", method="POST")', text)
        code, text = self.ask("GET", "/", headers={"host": "<script>"})
        self.assertNotIn("<script>", text)


class RecordSiteTests(SynchronousTestCase):
    """
    Tests for L{RecordSite}: what holds before a resource is asked.
    """

    def setUp(self) -> None:
        """
        Make a site.
        """
        self.reactor = MemoryReactorClock()
        self.sink = MemorySink()
        self.intake = Intake(self.sink, self.reactor)
        self.site = RecordSite(self.intake, self.reactor, 1000)

    def connect(self) -> tuple[Any, StringTransport]:
        """
        Make a connection.
        """
        channel = self.site.buildProtocol(None)
        transport = StringTransport()
        channel.makeConnection(transport)
        return channel, transport

    def connectChannel(self) -> tuple[Any, StringTransport]:
        """
        Make a connection that goes the long way from the beginning.
        """
        channel = self.site.buildChannel(None)
        transport = StringTransport()
        channel.makeConnection(transport)
        return channel, transport

    def send(self, data: bytes) -> tuple[bytes, bool]:
        """
        Send bytes on a new connection.

        @return: The response, and whether the connection was closed.
        """
        channel, transport = self.connect()
        channel.dataReceived(data)
        return transport.value(), transport.disconnecting

    def rejected(self, via: str = "http") -> dict[str, int]:
        """
        What was rejected.
        """
        tally = self.intake.tallies[via]
        self.assertEqual(tally.received, tally.accepted + sum(tally.rejected.values()))
        return tally.rejected

    def post(self, length: int, path: bytes = b"/") -> bytes:
        """
        Make the head of a POST.
        """
        return (
            b"POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n"
            b"Content-Type: application/x-www-form-urlencoded\r\n\r\n" % (path, length)
        )

    def test_longestGet(self) -> None:
        """
        A GET as long as the largest record is taken.
        """
        query = form("")
        query += "&pad=" + "x" * (1000 - len(query) - 5)
        response, _ = self.send(
            b"GET /?%s HTTP/1.1\r\nHost: x\r\n\r\n" % query.encode()
        )
        self.assertIn(b" 204 ", response)
        self.assertEqual(len(self.sink.records), 1)

    def test_endlessLine(self) -> None:
        """
        A request line without end is answered with 414, counted, and cut off.
        """
        response, closed = self.send(b"GET /?msg=" + b"x" * 20000)
        self.assertIn(b" 414 ", response)
        self.assertTrue(closed)
        self.assertEqual(self.rejected(), {"too-long": 1})

    def test_tooLongBeforeTheBody(self) -> None:
        """
        A body that says it is too long is answered with 413 before any of it
        has come; none of it is kept.
        """
        channel, transport = self.connect()
        channel.dataReceived(self.post(5000, b"/records"))
        self.assertIn(b" 413 ", transport.value())
        self.assertEqual(self.rejected("json"), {"too-long": 1})
        channel.dataReceived(b"x" * 4999)
        self.assertFalse(transport.disconnecting)
        channel.dataReceived(b"x")
        self.assertTrue(transport.disconnecting)
        self.assertEqual(self.rejected("json"), {"too-long": 1})

    def test_chunkedTooLong(self) -> None:
        """
        A chunked body is refused as soon as it is too long.
        """
        channel, transport = self.connect()
        channel.dataReceived(
            b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        for _ in range(5):
            channel.dataReceived(b"100\r\n" + b"x" * 256 + b"\r\n")
        self.assertIn(b" 413 ", transport.value())
        self.assertEqual(transport.value().count(b"HTTP/1.1"), 1)
        self.assertEqual(self.rejected(), {"too-long": 1})

    def test_chunked(self) -> None:
        """
        A chunked body within the limit is taken.
        """
        body = form("chunked").encode()
        response, _ = self.send(
            b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
            b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
        )
        self.assertIn(b" 204 ", response)
        self.assertEqual(self.sink.records[0].message, "chunked")

    def test_malformed(self) -> None:
        """
        What is no HTTP is answered with 400 and counted.
        """
        for data in [
            b"hello\r\n\r\n",
            b"POST / HTTP/1.1\r\nContent-Length: -5\r\n\r\n",
            b"POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n",
            b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 200 + b"\r\n",
        ]:
            response, closed = self.send(data)
            self.assertIn(b" 400 ", response, data[:60])
            self.assertTrue(closed)
        self.assertEqual(self.rejected(), {"malformed": 4})

    def test_cutOff(self) -> None:
        """
        A request that ends early is counted as incomplete.
        """
        channel, _ = self.connect()
        channel.dataReceived(self.post(100) + b"name=x")
        channel.connectionLost(Failure(ConnectionDone()))
        self.assertEqual(self.rejected(), {"incomplete": 1})

    def test_slow(self) -> None:
        """
        A request has to be complete within its deadline, however often a byte
        of it comes.
        """
        channel, transport = self.connect()
        channel.dataReceived(self.post(100))
        for _ in range(int(DEADLINE)):
            self.assertFalse(transport.disconnecting)
            channel.dataReceived(b"x")
            self.reactor.advance(1)
        self.assertTrue(transport.disconnecting)

    def test_manyOnOneConnection(self) -> None:
        """
        A connection that is kept takes one record after the other, each with a
        deadline of its own.
        """
        channel, transport = self.connect()
        body = form("again").encode()
        for _ in range(5):
            channel.dataReceived(self.post(len(body)) + body)
            self.reactor.advance(DEADLINE - 1)
        self.assertEqual(transport.value().count(b" 204 "), 5)
        self.assertFalse(transport.disconnecting)
        self.assertEqual(len(self.sink.records), 5)

    def test_digits(self) -> None:
        """
        A Content-Length of more digits than Python reads is malformed.
        """
        head = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %s\r\n\r\n"
        response, closed = self.send(head % (b"9" * 5000))
        self.assertIn(b" 400 ", response)
        self.assertTrue(closed)
        self.assertEqual(self.rejected(), {"malformed": 1})

    def test_countedOnce(self) -> None:
        """
        A request that was refused is counted once, whatever comes after it.
        """
        for data in [
            b"nonsense\r\n",
            b"GET /?a HTTP/1.1\r\nno colon\r\nnone here\r\nnor here\r\n\r\n",
            b"GET /?" + b"x" * 20000,
            b"GET / HTTP/1.1\r\na: " + b"x" * 20000 + b"\r\n",
            self.post(5000) + b"x" * 100,
            b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n",
            self.post(100),
        ]:
            before = self.intake.tallies["http"].received
            channel, _ = self.connect()
            channel.dataReceived(data)
            channel.dataReceived(b"more\r\n")
            channel.connectionLost(Failure(ConnectionDone()))
            self.rejected()
            received = self.intake.tallies["http"].received
            self.assertEqual(received - before, 1, data[:60])
            self.assertEqual(self.site.partials.held, 0)

    def test_headers(self) -> None:
        """
        Headers are limited for themselves: a long query leaves no more room
        for them, nor do they have the room of a record.
        """
        for headers in [
            b"a: %s\r\n" % (b"x" * 17000),
            b"a: %s\r\n" % (b"x" * 900) * 20,
        ]:
            response, closed = self.send(b"GET /?msg=x HTTP/1.1\r\n" + headers)
            self.assertIn(b" 431 ", response)
            self.assertTrue(closed)
        self.assertEqual(self.rejected(), {"too-long": 2})

    def test_foldedHeaders(self) -> None:
        """
        A header that goes on in a second line is malformed, as RFC 9112 has it:
        to put many together would take time in the square of their number.
        """
        response, _ = self.send(b"GET /?msg=x HTTP/1.1\r\na: b\r\n c\r\n\r\n")
        self.assertIn(b" 400 ", response)
        self.assertEqual(self.rejected(), {"malformed": 1})

    def test_heldHead(self) -> None:
        """
        What has come of the head of a request counts as unfinished, its whole
        lines too; and nothing does when the request is complete.
        """
        channel, _ = self.connect()
        head = b"GET /?msg=%s HTTP/1.1\r\na: b\r\nc: " % (b"x" * 800)
        channel.dataReceived(head)
        self.assertEqual(self.site.partials.held, len(head) - 4)
        channel.dataReceived(b"d\r\n\r\n")
        self.assertEqual(self.site.partials.held, 0)
        self.assertEqual(len(self.sink.records), 1)

    def test_dribbled(self) -> None:
        """
        A request is taken whatever the pieces are that it comes in.
        """
        body = form("piecemeal").encode()
        get = b"GET /?%s HTTP/1.1\r\nHost: x\r\n\r\n" % body
        stream = get + b"\r\n" + self.post(len(body)) + body + get
        for size in range(1, 40):
            channel, transport = self.connect()
            for start in range(0, len(stream), size):
                channel.dataReceived(stream[start : start + size])
            self.assertEqual(transport.value().count(b" 204 "), 3, size)
            self.assertEqual(self.site.partials.held, 0)
        self.assertEqual(len(self.sink.records), 3 * 39)

    def test_idle(self) -> None:
        """
        The deadline of a request ends with the request: a connection that is
        quiet after it has not failed at anything.
        """
        channel, transport = self.connect()
        body = form().encode()
        head = self.post(len(body))
        channel.dataReceived(head[:20])
        channel.dataReceived(head[20:] + body)
        self.reactor.advance(DEADLINE - 1)
        channel.dataReceived(head[:20])
        self.reactor.pump([1.0] * 5)
        self.assertFalse(transport.disconnecting)
        channel.dataReceived(head[20:] + body)
        self.assertEqual(transport.value().count(b" 204 "), 2)
        self.assertEqual(self.rejected(), {})

    def test_answersNotRead(self) -> None:
        """
        Of a client that does not read its answers no more requests are handled
        than there is room for; it is closed when it has done so for too long,
        and goes on where it was when it reads them.
        """
        channel, transport = self.connectChannel()
        request = b"GET /?msg=a HTTP/1.1\r\nHost: x\r\n\r\n"
        channel.pauseProducing()  # As a transport does that has enough.
        channel.dataReceived(request * 3)
        self.assertEqual(len(self.sink.records), 0)
        channel.resumeProducing()
        self.assertEqual(len(self.sink.records), 3)
        channel.pauseProducing()
        channel.dataReceived(request * 3)
        self.reactor.pump([1.0] * int(DEADLINE + 2))
        self.assertEqual(len(self.sink.records), 3)
        self.assertTrue(transport.disconnecting)
        self.assertEqual(self.rejected(), {"too-slow": 1})

    def test_answersStop(self) -> None:
        """
        Requests that came in one read are not handled past the point where the
        transport has enough of their answers.
        """
        channel, transport = self.connectChannel()
        write = transport.writeSequence

        def full(data: list[bytes]) -> None:
            write(data)
            channel.pauseProducing()

        transport.writeSequence = full  # type: ignore[method-assign]
        body = form().encode()
        channel.dataReceived((self.post(len(body)) + body) * 5)
        for count in range(1, 6):
            self.assertEqual(len(self.sink.records), count)
            self.assertEqual(transport.producerState, "paused")
            channel.resumeProducing()
        self.assertEqual(transport.producerState, "producing")

    def test_expectTooLong(self) -> None:
        """
        A client that asks before it sends a body that is too long is told not
        to, and not told to go on.
        """
        response, closed = self.send(
            b"POST / HTTP/1.1\r\nContent-Length: 5000\r\nExpect: 100-continue\r\n\r\n"
        )
        self.assertIn(b" 413 ", response)
        self.assertNotIn(b" 100 ", response)
        self.assertTrue(closed)
        self.assertEqual(self.rejected(), {"too-long": 1})

    def test_slowClientsAreNotLogged(self) -> None:
        """
        A client that is late is counted as such, and not written to the log.
        """
        events: list[dict[str, Any]] = []
        globalLogPublisher.addObserver(events.append)
        self.addCleanup(globalLogPublisher.removeObserver, events.append)
        for beginning in [b"GET /?a HTTP/1.1\r\n", b"GET ", self.post(5000), b""]:
            channel, transport = self.connect()
            channel.dataReceived(beginning)
            self.reactor.pump([1.0] * 61)
            self.assertTrue(transport.disconnecting, beginning)
        self.assertEqual(self.rejected(), {"too-slow": 2, "too-long": 1})
        self.assertEqual(events, [])

    def test_manyFields(self) -> None:
        """
        The query of a request is not taken apart but by us, and not at
        semicolons.
        """
        self.send(b"GET /?msg=a;levelno=50&name=b HTTP/1.1\r\nHost: x\r\n\r\n")
        self.assertEqual(self.sink.records[0].message, "a;levelno=50")

    def test_onePage(self) -> None:
        """
        A page ends its connection: whoever asks for it again and again on one
        costs no more than it takes to connect.
        """
        response, closed = self.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * 50)
        self.assertEqual(response.count(b" 200 "), 1)
        self.assertTrue(closed)

    def test_noAccessLog(self) -> None:
        """
        The record is not written to a log of requests.
        """
        log = StringIO()
        self.site.startFactory()
        self.site.logFile = log  # type: ignore[assignment]
        self.send(b"GET /?%s HTTP/1.1\r\nHost: x\r\n\r\n" % form().encode())
        self.assertEqual(log.getvalue(), "")
        self.site.stopFactory()
