"""
Tests for L{logrecv.inputs.http.fast}.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.address import IPv4Address
from twisted.internet.defer import succeed
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.tcp import Connection as TCPConnection
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.protocols.policies import ProtocolWrapper, WrappingFactory
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from logrecv.counters import InputTally
from logrecv.inputs.http.auth import PasswordFile
from logrecv.inputs.http.site import IDLE_TIMEOUT, RecordSite
from logrecv.inputs.limits.fairness import FairScheduler
from logrecv.inputs.limits.partial import PARTIAL_TIMEOUT
from logrecv.inputs.streams import Connections
from logrecv.intake import Intake
from logrecv.testing import BackpressureSink, MemorySink
from tests.inputs.http.case import form
from tests.inputs.http.test_auth import line
from tests.selection import slow


def stock(body: bytes | str | None, target: str = "/", *fields: str) -> bytes:
    """
    Make a request as C{HTTPHandler} sends it.

    @param body: The body of a POST; L{None} for a GET.
    @param fields: Further header fields.
    """
    head = [
        f"{'GET' if body is None else 'POST'} {target} HTTP/1.1",
        "Host: logs.example:9022",
        "Accept-Encoding: identity",
    ]
    data = body.encode() if isinstance(body, str) else body or b""
    if body is not None:
        head.append("Content-type: application/x-www-form-urlencoded")
        head.append(f"Content-length: {len(data)}")
    return "\r\n".join([*head, *fields, "", ""]).encode() + data


class Client(StringTransport, TCPConnection):
    """
    A TCP connection.

    @ivar room: How many bytes can be sent at once; L{None} if the connection is
        lost, and nobody knows yet.
    @ivar sent: The bytes that were sent.
    @ivar ended: C{True} if the client was told that nothing follows.
    """

    TLS = False
    connected = 1

    def __init__(self, room: int | None = 10**6) -> None:
        StringTransport.__init__(self, peerAddress=IPv4Address("TCP", "10.0.0.1", 5000))
        self.room = room
        self.sent = b""
        self.ended = False

    def setTcpNoDelay(self, enabled: bool) -> None:
        """
        Fail as a lost connection does.
        """
        if not self.connected:
            raise AttributeError("socket")

    def loseWriteConnection(self) -> None:
        """
        End the answers.
        """
        self.ended = True

    def writeSomeData(self, data: bytes) -> int | Exception:
        """
        Send the bytes that there is room for.
        """
        if self.room is None:
            return ConnectionLost()
        now = data[: self.room]
        self.room -= len(now)
        self.sent += now
        return len(now)


class FastPathTestCase(SynchronousTestCase):
    """
    Has a site.
    """

    def setUp(self) -> None:
        """
        Make a site.
        """
        self.start(MemorySink())

    def start(self, sink: MemorySink) -> None:
        """
        Make a site.
        """
        self.reactor = MemoryReactorClock()
        self.sink = sink
        self.intake = Intake(sink, self.reactor)
        self.site = RecordSite(self.intake, self.reactor, 1000)

    def connect(self, room: int | None = 10**6) -> tuple[Any, Client]:
        """
        Make a connection.

        @param room: The number of bytes that can be sent at once, as for L{Client}.
        """
        protocol = self.site.buildProtocol(None)
        transport = Client(room)
        protocol.makeConnection(transport)
        return protocol, transport

    def outcome(self, *pieces: bytes) -> tuple[bytes, bool, list[Any], list[Any]]:
        """
        Send pieces on a new connection.

        @return: The response without its date, whether the connection was
            closed, the records, and the counts.
        """
        self.start(type(self.sink)())
        if isinstance(self.sink, BackpressureSink):
            self.sink.press()
            self.intake.formReceived(b"msg=before", "x")
        protocol, transport = self.connect()
        for piece in pieces:
            protocol.dataReceived(piece)
        response = transport.sent + transport.value()
        response = re.sub(rb"Date: [^\r]*", b"Date: then", response)
        counts = [
            (tally.received, tally.accepted, tally.rejected)
            for tally in self.intake.tallies.values()
        ]
        return response, transport.disconnecting, self.sink.records, counts


class HandlerRequestsTests(FastPathTestCase):
    """
    Tests for L{logrecv.inputs.http.fast.HandlerRequests}.
    """

    def rejected(self) -> dict[str, int]:
        """
        The counts of rejected requests.
        """
        tally = self.intake.tallies["http"]
        self.assertEqual(tally.received, tally.accepted + sum(tally.rejected.values()))
        return tally.rejected

    def test_fastPath(self) -> None:
        """
        Stock requests make no channel, nor anything that one makes.
        """
        self.site.protocol = None  # type: ignore[assignment]
        protocol, transport = self.connect()
        credentials = "Authorization: Basic YTpi"
        for request in [
            stock(form("first")),
            stock(form("second"), "/a/b.c", credentials),
            stock(None, f"/x/?{form('third')}"),
        ]:
            protocol.dataReceived(request)
        self.assertEqual(transport.sent.count(b"HTTP/1.1 204 No Content\r\n"), 3)
        self.assertEqual(
            [record.message for record in self.sink.records],
            ["first", "second", "third"],
        )
        received = self.sink.records[0].received
        self.assertEqual((received.via, received.peer), ("http", "10.0.0.1:5000"))

    @slow
    def test_asTheSlowPath(self) -> None:
        """
        A request that comes in one piece is answered, taken and counted as when it
        comes in two, in the middle of its head, which always takes the slow path.
        """
        short = stock(form())
        requests = [
            short,
            stock(None, f"/?{form('user %s', 'alice')}"),
            stock(None, "/records?msg=a"),
            stock(form(), "/", "Origin: http://elsewhere"),
            stock(form(), "/", "Sec-Fetch-Site: cross-site"),
            stock(None, "/?msg=a", "Sec-Fetch-Site: cross-site"),
            stock(None, "/?msg=a", "User-Agent: Mozilla/5.0"),
            stock("a=1"),
            stock(None, "/?a=1"),
            stock(""),
            stock(None, "/?"),
            stock(None, "/"),
            stock(b"msg=\xff%FF"),
            stock("msg=" + "x" * 996),
            stock("msg=" + "x" * 997),
            stock(None, "/?msg=" + "x" * 997),
            stock('{"message": "json"}', "/records"),
            stock(form(), "/records"),
            stock('{"message": "json"}', "/records/"),
            stock(form(), "/records/"),
            stock('{"message": "json"}', "//records"),
            stock(form(), "/?msg=other"),
            stock(form(), "/", "Connection: close"),
            stock(form(), "/", "Expect: 100-continue"),
            stock(form(), "/", "Transfer-Encoding: chunked"),
            stock(form(), "/", "Content-length: 3"),
            stock(None, "/?msg=a", "Content-length: 3"),
            stock(None, "/?msg=a", "Content-length: 3") + b"abc",
            stock(None, "/?msg=a;b"),
            stock(None, "/?msg=a b"),
            stock(form()).replace(b"HTTP/1.1", b"HTTP/1.0"),
            stock(form()).replace(b"length: ", b"length: +"),
            short * 2,
            short + stock(None, "/?msg=b"),
            stock(None, "/?msg=b") + short,
            short + b"\r\n",
            short[:-1],
        ]
        for sink in (MemorySink, BackpressureSink):
            self.sink = sink()
            for request in requests:
                expected = self.outcome(request[:20], request[20:])
                self.assertEqual(self.outcome(request), expected, request)
                head, end, rest = request.partition(b"\r\n\r\n")
                for at in range(4):
                    pieces = head + end + rest[:at], rest[at:]
                    found = self.outcome(*filter(None, pieces))
                    self.assertEqual(found, expected, pieces)

    def test_quiet(self) -> None:
        """
        A connection that is kept is closed when no further request has come for
        as long as the site allows.
        """
        protocol, transport = self.connect()
        self.reactor.advance(IDLE_TIMEOUT - 1)
        protocol.dataReceived(stock(form()))
        self.reactor.advance(IDLE_TIMEOUT - 1)
        self.assertFalse(transport.disconnecting)
        self.reactor.advance(1)
        self.assertTrue(transport.disconnecting)

    def test_twoPieces(self) -> None:
        """
        A form that comes behind its head, as C{HTTPHandler} sends it, takes the fast
        path too.
        """
        self.site.protocol = None  # type: ignore[assignment]
        protocol, transport = self.connect()
        for message in ("first", "second"):
            self.reactor.advance(IDLE_TIMEOUT - 1)
            head, end, body = stock(form(message)).partition(b"\r\n\r\n")
            protocol.dataReceived(head + end)
            self.reactor.advance(5)
            self.assertEqual(self.site.partials.held, len(head + end))
            protocol.dataReceived(body)
            self.assertEqual(self.site.partials.held, 0)
        self.assertEqual(transport.sent.count(b"HTTP/1.1 204 No Content\r\n"), 2)
        self.assertFalse(transport.disconnecting)
        messages = [record.message for record in self.sink.records]
        self.assertEqual(messages, ["first", "second"])

    def test_manyPieces(self) -> None:
        """
        A form that comes in many pieces takes the fast path too, and another request
        behind the form is taken.
        """
        request = stock(form("x" * 300))
        protocol, transport = self.connect()
        head = request.index(b"\r\n\r\n") + 4
        protocol.dataReceived(request[:head])
        for at in range(head, len(request) - 10, 10):
            protocol.dataReceived(request[at : at + 10])
            self.assertEqual(self.site.partials.held, at + 10)
        self.assertIsNone(transport.producer)
        protocol.dataReceived(request[at + 10 :] + request)
        self.assertEqual(len(self.sink.records), 2)
        self.assertEqual(self.site.partials.held, 0)
        self.reactor.advance(2)
        self.assertEqual(self.rejected(), {})

    def test_cutOff(self) -> None:
        """
        A form that does not come is counted: when its client goes, or when it has
        had its time, which begins with its head.
        """
        request = stock(form())
        head = request.index(b"\r\n\r\n") + 4
        protocol, _ = self.connect()
        protocol.dataReceived(request[:head])
        protocol.connectionLost(Failure(ConnectionDone()))
        self.assertEqual(self.rejected(), {"incomplete": 1})
        self.assertEqual(self.site.partials.held, 0)
        protocol, transport = self.connect()
        protocol.dataReceived(request[:head])
        self.reactor.pump([1.0] * int(PARTIAL_TIMEOUT - 1))
        protocol.dataReceived(request[head : head + 1])
        self.reactor.pump([1.0] * 2)
        self.assertTrue(transport.disconnecting)
        protocol.connectionLost(Failure(ConnectionDone()))
        self.assertEqual(self.rejected(), {"incomplete": 1, "too-slow": 1})
        self.reactor.advance(2)
        self.intake.rejections.flush()
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_longHeads(self) -> None:
        """
        A head may be as long as on the slow path.
        """
        for request, status in [
            (stock(form(), "/" + "a" * 60_000), b" 414 "),
            (stock(form(), "/", "Authorization: " + "a" * 60_000), b" 431 "),
            (stock(None, f"/{'a' * 60_000}?{form()}"), b" 414 "),
        ]:
            protocol, transport = self.connect()
            protocol.dataReceived(request)
            self.assertIn(status, transport.value()[:20])
        self.assertEqual(self.sink.records, [])

    def test_passwords(self) -> None:
        """
        No request takes the fast path where not everybody may send.
        """
        path = Path(self.mktemp())
        path.write_text(line("alice", "s3cret"))
        passwords = PasswordFile(str(path), lambda check: succeed(check()))
        self.site = RecordSite(self.intake, self.reactor, 1000, passwords=passwords)
        request = stock(form())
        head = request.index(b"\r\n\r\n") + 4
        for pieces in ([request], [request[:head], request[head:]]):
            protocol, transport = self.connect()
            for piece in pieces:
                protocol.dataReceived(piece)
            self.assertIn(b" 401 ", transport.value()[:20])
        self.assertEqual(self.sink.records, [])

    def test_gone(self) -> None:
        """
        Nothing is waited for when the client is gone, whichever path it took.
        """
        for sent in (b"", stock(form()), stock(form())[:-1], b"GET / HTTP/1.1\r\n\r\n"):
            self.start(MemorySink())
            protocol, _ = self.connect()
            if sent:
                protocol.dataReceived(sent)
            protocol.connectionLost(Failure(ConnectionDone()))
            self.reactor.advance(2)
            self.intake.rejections.flush()
            self.assertEqual(self.reactor.getDelayedCalls(), [], sent)

    def test_goneBefore(self) -> None:
        """
        The bytes of a client that is gone when its turn comes are taken, whichever
        path they take.
        """
        scheduler = FairScheduler(self.reactor, 0.005)
        connections = Connections(
            self.site, InputTally("http"), self.reactor, scheduler=scheduler
        )
        for number, sent in enumerate([stock(form()), stock(None, "/?msg=a;b")]):
            self.patch(scheduler, "_spent", 1.0)
            protocol = connections.buildProtocol(None)
            transport = Client()
            protocol.makeConnection(transport)
            protocol.dataReceived(sent)
            transport.connected = 0
            protocol.connectionLost(Failure(ConnectionDone()))
            self.assertEqual(len(self.sink.records), number)
            self.reactor.advance(0)
            self.assertEqual(len(self.sink.records), number + 1)
            self.assertEqual(transport.sent, b"")
        self.assertEqual(self.reactor.getDelayedCalls(), [])


class SendNowTests(FastPathTestCase):
    """
    Tests for sending answers at once.
    """

    def test_noRoom(self) -> None:
        """
        The rest of an answer for which there is no room is left to a channel, and so
        are all later requests: a client that does not read its answers is not
        answered any further.
        """
        protocol, transport = self.connect(room=4)
        protocol.dataReceived(stock(form()))
        self.assertEqual(transport.sent, b"HTTP")
        self.assertTrue(transport.value().startswith(b"/1.1 204 No Content"))
        channel: Any = transport.producer
        channel.pauseProducing()  # As a transport does that has enough.
        protocol.dataReceived(stock(form()))
        self.assertEqual(len(self.sink.records), 1)
        channel.resumeProducing()
        self.assertEqual(len(self.sink.records), 2)
        _, second, *more = transport.value().split(b"\r\n\r\n")
        self.assertTrue(second.startswith(b"HTTP/1.1 204 No Content"))
        self.assertEqual(more, [b""])

    def test_lost(self) -> None:
        """
        An answer that cannot be sent since the connection is lost is left to the
        reactor, which finds out.
        """
        protocol, transport = self.connect(room=None)
        protocol.dataReceived(stock(form()))
        self.assertEqual(transport.sent, b"")
        self.assertTrue(transport.value().startswith(b"HTTP/1.1 204 "))

    def test_encrypted(self) -> None:
        """
        No answer goes around a transport that encrypts.
        """
        protocol, transport = self.connect()
        transport.TLS = True
        protocol.dataReceived(stock(form()))
        self.assertEqual(transport.sent, b"")
        wrapper = ProtocolWrapper(WrappingFactory(Factory()), Protocol())
        wrapper.transport = transport = Client()
        protocol = self.site.buildProtocol(None)
        protocol.makeConnection(wrapper)
        protocol.dataReceived(stock(form()))
        self.assertEqual(transport.sent, b"")
        self.assertEqual(len(self.sink.records), 2)


class HandlerRequestsProperties(FastPathTestCase):
    """
    Properties of L{HandlerRequests}.
    """

    @given(
        st.lists(st.sampled_from(["a", "bb", None]), min_size=1, max_size=4),
        st.data(),
    )
    def test_anyPieces(self, messages: list[str | None], data: st.DataObject) -> None:
        """
        However requests come in pieces, each is taken once and in its order.
        """
        stream = b"".join(
            stock(None, "/?msg=get") if message is None else stock(f"msg={message}")
            for message in messages
        )
        cuts = data.draw(st.lists(st.integers(0, len(stream)), max_size=5))
        ends = [*sorted(cuts), len(stream)]
        pieces = [
            stream[start:end] for start, end in zip([0, *ends], ends, strict=False)
        ]
        response, closed, records, _ = self.outcome(*filter(None, pieces))
        self.assertEqual(
            [record.message for record in records],
            ["get" if message is None else message for message in messages],
        )
        self.assertEqual(response.count(b" 204 "), len(messages))
        self.assertFalse(closed)
