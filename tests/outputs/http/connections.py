"""
A connection to a receiver, for tests.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.internet.protocol import Protocol, connectionDone
from twisted.internet.task import Clock
from twisted.internet.testing import EventLoggingObserver, StringTransport
from twisted.logger import globalLogPublisher
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.client import Request, ResponseFailed
from twisted.web.http_headers import Headers
from twisted.web.iweb import IBodyProducer
from zope.interface.verify import verifyObject

from logrecv.outputs.http.connection import BadAnswer, Body, ConnectionFactory

TAKEN = b"HTTP/1.1 204 No Content\r\n\r\n"
HEAD = b"HTTP/1.1 200 OK\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"


class Transport(StringTransport):
    """
    A transport of a receiver that may read nothing, and may not agree to a close.

    @ivar isFull: C{True} if the transport holds bytes that the receiver has not read.
    """

    isFull = False

    def write(self, data: bytes) -> None:
        super().write(data)
        if self.isFull and self.producer is not None:
            self.producer.pauseProducing()


class Reader(Protocol):
    """
    Reads the body of an answer.
    """

    def __init__(self) -> None:
        self.size = 0
        self.ended = False

    def dataReceived(self, data: bytes) -> None:
        self.size += len(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.ended = True


class ConnectionTestCase(SynchronousTestCase):
    """
    A connection, and a record of all events that were logged.
    """

    def setUp(self) -> None:
        self.clock = Clock()
        self.idle: list[Any] = []
        self.logged = EventLoggingObserver.createWithCleanup(self, globalLogPublisher)
        self.connect()

    def connect(self) -> None:
        self.transport = Transport()
        factory = ConnectionFactory(self.clock, self.idle.append, "a test")
        self.connection = factory.buildProtocol(None)
        self.connection.makeConnection(self.transport)

    def post(self, data: bytes = b"records") -> Deferred[Any]:
        body = Body(data)
        verifyObject(IBodyProducer, body)
        headers = Headers({b"host": [b"h"]})
        return self.connection.request(Request(b"POST", b"/", headers, body, True))

    def read(self, response: Any) -> Reader:
        reader = Reader()
        response.deliverBody(reader)
        return reader

    def lose(self) -> None:
        """
        End the connection, as a transport does that was aborted.
        """
        self.assertTrue(self.transport.disconnected)
        self.connection.connectionLost(Failure(ConnectionDone()))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def assertBad(self, posted: Deferred[Any], problem: str) -> None:
        """
        Check that a request has failed because of its answer, and that the connection
        is gone.
        """
        failure = self.failureResultOf(posted, ResponseFailed)
        [reason] = failure.value.reasons
        reason.trap(BadAnswer)
        self.assertIn(problem, str(reason.value))
        self.lose()
        self.assertEqual(self.idle, [])
        self.assertEqual(list(self.logged), [])
