"""
Tests for L{logrecv.outputs.http.client}.
"""

from __future__ import annotations

import socket
import ssl
from typing import Any

import trustme
from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults, inlineCallbacks
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import deferLater
from twisted.trial.unittest import SynchronousTestCase, TestCase
from twisted.web.client import ResponseFailed
from twisted.web.http_headers import Headers

from logrecv.outputs.http import client, connection
from logrecv.outputs.http.client import (
    MAX_RETRY_AFTER_DELAY,
    HTTPClient,
    Response,
    secondsToWait,
)
from logrecv.outputs.http.connection import BadAnswer
from logrecv.outputs.http.tls import TLSPolicy
from tests.hostile.receiver import HostileReceiver
from tests.selection import slow


class SecondsToWaitTests(SynchronousTestCase):
    """
    Tests for L{secondsToWait}.
    """

    def test_retryAfter(self) -> None:
        """
        Seconds and dates are understood, within reason.
        """
        for text, seconds in [
            ("3", 3),
            (" 4 ", 4),
            ("Sun, 06 Nov 1994 08:49:37 GMT", 7),
            ("Sun, 06 Nov 1994 08:49:37 -0000", 7),
            ("Sun, 06 Nov 1990 08:49:37 GMT", 0),
            ("9999999999999999999", MAX_RETRY_AFTER_DELAY),
            ("Sun, 06 Nov 2094 08:49:37 GMT", MAX_RETRY_AFTER_DELAY),
            ("soon", 0),
            ("-5", 0),
            ("", 0),
            ("Sun, 06 Nov 99999999999 08:49:37 GMT", 0),
            ("Sun, 06 Nov 1994 08:49:37 -99999999999", 0),
            ("Sun, 06 Nov 1994 99999999999:49:37 GMT", 0),
            ("Jan 9999 99999999999999 08.49 0", 0),
            ("9" * 10_000, MAX_RETRY_AFTER_DELAY),
            ("\u00ff\x00", 0),
        ]:
            self.assertEqual(secondsToWait(text, 784111770), seconds, text)


class Receiver(Protocol):
    """
    Sends the same answer to each request, as soon as some of the request is there.
    """

    factory: ReceiverFactory
    transport: Any

    def connectionMade(self) -> None:
        self.factory.connections.append(self)
        if self.factory.isDeaf:
            self.transport.pauseProducing()
            self.transport.write(self.factory.answer)

    def dataReceived(self, data: bytes) -> None:
        if b"POST " in data:
            self.transport.write(self.factory.answer)

    def connectionLost(self, reason: object = None) -> None:
        self.factory.connections.remove(self)


class ReceiverFactory(Factory):
    """
    Makes receivers.

    @ivar connections: The open connections.
    @ivar isDeaf: C{True} if the receivers read nothing.
    """

    noisy = False
    protocol = Receiver

    def __init__(self, answer: bytes, isDeaf: bool = False) -> None:
        self.answer = answer
        self.isDeaf = isDeaf
        self.connections: list[Receiver] = []


class PostTests(TestCase):
    """
    L{HTTPClient} with receivers on loopback.
    """

    def serve(self, answer: bytes, isDeaf: bool = False) -> ReceiverFactory:
        self.receivers = ReceiverFactory(answer, isDeaf)
        listen: Any = reactor
        port = listen.listenTCP(0, self.receivers, interface="127.0.0.1")
        self.url = b"http://127.0.0.1:%d/records" % port.getHost().port
        self.client = HTTPClient.make(reactor, None, None)

        async def end() -> None:
            await self.client.close()
            await port.stopListening()
            await self.gone()

        self.addCleanup(lambda: Deferred.fromCoroutine(end()))
        return self.receivers

    async def gone(self) -> None:
        """
        Wait until all connections are gone.
        """
        while self.receivers.connections:
            for each in self.receivers.connections:
                # Somebody who reads nothing does not see the end either.
                each.transport.resumeProducing()
            await deferLater(reactor, 0.01)

    def post(self, body: bytes = b"records") -> Deferred[Response]:
        return self.client.post(self.url, Headers(), body)

    @inlineCallbacks
    def test_answered(self) -> Any:
        """
        The first line of an answer is shown, escaped; one connection serves them all.
        """
        text = b"\x1b[2Jno\xff\nmore"
        receivers = self.serve(
            b"HTTP/1.1 503 No\r\nRetry-After: 5\r\nContent-Length: 12\r\n\r\n" + text
        )
        for _ in range(3):
            answer = yield self.post()
            self.assertEqual(answer, Response(503, "\\x1b[2Jno\ufffd", 5.0))
        self.assertEqual(len(receivers.connections), 1)

    @inlineCallbacks
    def test_strangeRetryAfter(self) -> Any:
        """
        A delay that is none does not spoil the answer.
        """
        receivers = self.serve(b"")
        for delay in (b"\xff\xfe", b"Sun, 06 Nov 99999999999 08:49:37 GMT", b"-1"):
            head = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nRetry-After: "
            receivers.answer = head + delay + b"\r\n\r\n"
            answer = yield self.post()
            self.assertEqual(answer, Response(200, "", 0.0))

    @inlineCallbacks
    def test_endlessHead(self) -> Any:
        """
        A receiver whose answer does not begin is left.
        """
        self.serve(b"HTTP/1.1 200 OK\r\n" + b"X-Many: of them\r\n" * 100_000)
        failed = yield self.assertFailure(self.post(), ResponseFailed)
        failed.reasons[0].trap(BadAnswer)
        yield Deferred.fromCoroutine(self.gone())

    @inlineCallbacks
    def test_endlessBody(self) -> Any:
        """
        A receiver whose answer does not end has answered.
        """
        self.serve(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 1_000_000)
        answer = yield self.post()
        self.assertEqual((answer.status, answer.text), (200, "x" * 300))
        yield Deferred.fromCoroutine(self.gone())

    @slow
    @inlineCallbacks
    def test_slowBody(self) -> Any:
        """
        So has a receiver whose answer takes too long.
        """
        self.patch(connection, "BODY_TIMEOUT", 0.05)
        self.serve(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nx")
        answer = yield self.post()
        self.assertEqual((answer.status, answer.text), (200, "x"))
        yield Deferred.fromCoroutine(self.gone())

    @slow
    @inlineCallbacks
    def test_noAnswer(self) -> Any:
        """
        A receiver that says nothing, or not enough, is left after a while.
        """
        self.patch(client, "RESPONSE_TIMEOUT", 0.05)
        receivers = self.serve(b"")
        for answer in (b"", b"HTTP/1.1 200 OK\r\nX: y\r\n", b"HTTP/1.1 100 C\r\n\r\n"):
            receivers.answer = answer
            failed = yield self.assertFailure(self.post(), TimeoutError)
            self.assertEqual(str(failed), "no answer within 0 s")
            yield Deferred.fromCoroutine(self.gone())

    @slow
    @inlineCallbacks
    def test_notRead(self) -> Any:
        """
        A receiver that answers and reads nothing gets a new connection for each
        request, and the old ones are not kept.
        """
        receivers = self.serve(b"HTTP/1.1 204 No Content\r\n\r\n", isDeaf=True)
        made = set()
        # More than the kernel takes.
        body = b"x" * 16_000_000
        for _ in range(4):
            answer = yield self.post(body)
            self.assertEqual(answer.status, 204)
            made.update(receivers.connections)
        self.assertEqual(len(made), 4)

    @slow
    @inlineCallbacks
    def test_stopInBody(self) -> Any:
        """
        A request can be cancelled while the body of its answer is on its way.
        """
        self.patch(connection, "BODY_TIMEOUT", 0.05)
        self.serve(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nx")
        posted = [self.post() for _ in range(2)]
        while len(self.receivers.connections) < 2:
            yield deferLater(reactor, 0.01)
        yield deferLater(reactor, 0.01)
        for each in posted:
            each.cancel()
        yield gatherResults(posted, consumeErrors=True).addErrback(lambda failed: None)
        yield Deferred.fromCoroutine(self.gone())


class SecureTests(TestCase):
    """
    L{HTTPClient} with receivers that break the rules of TLS.
    """

    def setUp(self) -> None:
        ca = trustme.CA()
        ca.cert_pem.write_to_path(path := self.mktemp())
        self.context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        ca.issue_cert("127.0.0.1").configure_cert(self.context)
        self.patch(connection, "IDLE_TIMEOUT", 0.05)
        self.patch(connection, "CLOSE_TIMEOUT", 0.05)
        self.client = HTTPClient.make(
            reactor, TLSPolicy.fromFiles(path, None, None), None
        )

    def post(self, port: int) -> Deferred[Response]:
        return self.client.post(b"https://127.0.0.1:%d/" % port, Headers(), b"records")

    @slow
    @inlineCallbacks
    def test_noHandshake(self) -> Any:
        """
        A receiver that never finishes the handshake is one that does not answer.
        """
        self.patch(client, "RESPONSE_TIMEOUT", 0.1)
        with socket.create_server(("127.0.0.1", 0)) as receiver:
            yield self.assertFailure(self.post(receiver.getsockname()[1]), TimeoutError)
            yield deferLater(reactor, 0)

    @slow
    @inlineCallbacks
    def test_noEnd(self) -> Any:
        """
        A connection ends even if the receiver does not agree to its end.
        """
        receiver = HostileReceiver(
            lambda: iter([b"HTTP/1.1 204 No Content\r\n\r\n"]), context=self.context
        )
        self.addCleanup(receiver.end)
        pool: Any = self.client.pool
        answer = yield self.post(receiver.port)
        self.assertEqual(answer.status, 204)
        [[idle]] = pool._connections.values()
        yield idle.abort()
        yield self.client.close()
        answer = yield self.post(receiver.port)
        [[idle]] = pool._connections.values()
        while idle.state != "CONNECTION_LOST":
            yield deferLater(reactor, 0.01)
        yield self.client.close()
