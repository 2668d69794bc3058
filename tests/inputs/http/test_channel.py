"""
Tests for L{logrecv.inputs.http.channel}.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.error import ConnectionDone
from twisted.logger import globalLogPublisher
from twisted.python.failure import Failure

from logrecv.inputs.http.lingering import LINGER_SIZE, LINGER_TIMEOUT
from logrecv.inputs.http.site import RecordSite
from logrecv.inputs.limits.partial import PARTIAL_TIMEOUT
from tests.inputs.http.case import SiteTestCase, form
from tests.inputs.http.test_fast import Client


class BoundedChannelTests(SiteTestCase):
    """
    Tests for L{BoundedChannel}: the limits that hold before a resource is asked.
    """

    def test_endlessLine(self) -> None:
        """
        A request line without end is answered with 414, counted, and cut off.
        """
        response, closed = self.send(b"GET /?msg=" + b"x" * 20000)
        self.assertIn(b" 414 ", response)
        self.assertTrue(closed)
        self.assertEqual(self.rejected(), {"too-long": 1})

    def test_longPath(self) -> None:
        """
        A path that is too long is answered with 414 before it is taken apart, and
        before its line has ended.  A query may be as long as a record.
        """
        slashes = b"/" * 1000
        for data in [
            b"GET /%s?msg=a HTTP/1.1\r\n\r\n" % (slashes * 9),
            b"POST %s HTTP/1.1\r\n" % (slashes * 9),
            b"GET %s" % (slashes * 9),
        ]:
            channel, transport = self.connect()
            for start in range(0, len(data), 1000):
                channel.dataReceived(data[start : start + 1000])
            self.assertTrue(transport.value().startswith(b"HTTP/1.1 414 "))
            self.assertEqual(transport.value().count(b" 414 "), 1)
            channel.connectionLost(Failure(ConnectionDone()))
        self.assertEqual(self.rejected(), {"too-long": 3})
        self.assertEqual(self.site.partials.held, 0)
        self.site = RecordSite(self.intake, self.reactor, 20000)
        for path in [slashes * 8, b"/"]:
            query = b"msg=" + b"x" * 10000
            data = b"GET %s?%s HTTP/1.1\r\nHost: x\r\n\r\n" % (path, query)
            for step in (len(data), 999):
                channel, transport = self.connect()
                for start in range(0, len(data), step):
                    channel.dataReceived(data[start : start + step])
                self.assertIn(b" 204 ", transport.value())
        self.assertEqual(len(self.sink.records), 4)

    def test_malformed(self) -> None:
        """
        A request that is no HTTP is answered with 400 and counted.
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
        for _ in range(int(PARTIAL_TIMEOUT)):
            self.assertFalse(transport.disconnecting)
            channel.dataReceived(b"x")
            self.reactor.advance(1)
        self.assertTrue(transport.disconnecting)

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
        The beginning of the head of a request counts as unfinished, its whole
        lines too, and no longer when the request is complete.
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
        self.reactor.advance(PARTIAL_TIMEOUT - 1)
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
        self.reactor.pump([1.0] * int(PARTIAL_TIMEOUT + 2))
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

    def test_slowClients(self) -> None:
        """
        A client that is late is counted as such, and Twisted has nothing to say about
        it in the log.
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
        namespaces = {event["log_namespace"] for event in events}
        self.assertEqual(namespaces, {"logrecv.rejections.Rejections"})

    def test_linger(self) -> None:
        """
        Of a client that was refused some bytes are read and thrown away, for some
        seconds, so that the client reads why.  Then the connection is closed.
        """
        refused = [
            self.post(5000),
            b"GET /" + b"x" * 9000,
            b"nonsense\r\n",
            b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n",
        ]
        for data in refused:
            channel, transport = self.connect()
            channel.dataReceived(data)
            for _ in range(LINGER_SIZE // 65536):
                channel.dataReceived(bytes(65536))
            self.assertFalse(transport.disconnecting, data[:60])
            channel.dataReceived(b"x")
            self.assertTrue(transport.disconnecting)
            channel, transport = self.connect()
            channel.dataReceived(data)
            self.reactor.advance(LINGER_TIMEOUT - 1)
            channel.dataReceived(b"x")
            self.assertFalse(transport.disconnecting)
            self.reactor.advance(1)
            self.assertTrue(transport.disconnecting)
            self.assertEqual(transport.value().count(b"HTTP/1.1"), 1)
            self.assertEqual(self.site.partials.held, 0)
        self.assertEqual(self.rejected(), {"too-long": 4, "malformed": 4})

    def test_endOfAnswers(self) -> None:
        """
        A client that was refused is told at once that nothing follows the answer.
        """
        channel = self.site.buildChannel(None)
        transport = Client()
        channel.makeConnection(transport)
        channel.dataReceived(self.post(5000))
        self.assertTrue(transport.ended)
        self.assertFalse(transport.disconnecting)

    def test_onePage(self) -> None:
        """
        A page ends its connection: a client that asks for pages again and again
        costs no more than its connections.
        """
        response, closed = self.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * 50)
        self.assertEqual(response.count(b" 200 "), 1)
        self.assertTrue(closed)

    def test_lateAfterTheEnd(self) -> None:
        """
        A connection whose request was refused, and that cannot be closed since the
        client does not read the answer, is aborted in time; the request is not
        counted again.
        """
        channel, transport = self.connect()
        transport.loseConnection = lambda: None  # type: ignore[method-assign]
        channel.dataReceived(b"GET /?msg=" + b"x" * 20000)
        self.assertEqual(self.rejected(), {"too-long": 1})
        self.reactor.pump([1.0] * 61)
        self.assertTrue(transport.disconnected)
        self.assertEqual(self.rejected(), {"too-long": 1})
