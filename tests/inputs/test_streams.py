"""
Tests for L{logrecv.inputs.streams}.
"""

from __future__ import annotations

from typing import Any

from OpenSSL import SSL
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import INegotiated, ITransport
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import directlyProvides

from logrecv.counters import InputTally
from logrecv.inputs.limits.partial import PARTIAL_TIMEOUT
from logrecv.inputs.streams import Connections
from tests.selection import slow


class Transport(StringTransport):
    """
    A transport that loses its connection when it is asked to.
    """

    aborted = False
    protocol: Any = None
    getHandle: Any = None

    def loseConnection(self) -> None:
        """
        Lose the connection.
        """
        super().loseConnection()
        self.protocol.connectionLost(Failure(ConnectionDone()))

    def abortConnection(self) -> None:
        """
        Lose the connection at once.
        """
        self.aborted = True
        self.loseConnection()


class StreamsTestCase(SynchronousTestCase):
    """
    Has the connections of an input on a reactor in memory.
    """

    def setUp(self) -> None:
        """
        Make the connections.
        """
        self.reactor = MemoryReactorClock()
        self.tally = InputTally("tcp")
        self.factory = Factory.forProtocol(Protocol)
        self.connections = Connections(self.factory, self.tally, self.reactor)

    def connect(self) -> tuple[Any, Transport]:
        """
        Make a connection.
        """
        protocol = self.connections.buildProtocol(None)
        transport = Transport()
        transport.protocol = protocol
        protocol.makeConnection(transport)
        return protocol, transport

    def advance(self, seconds: float) -> None:
        """
        Let time pass, in small steps.
        """
        for _ in range(int(seconds / 0.01)):
            self.reactor.advance(0.01)


class ConnectionsTests(StreamsTestCase):
    """
    Tests for L{Connections}.
    """

    def test_counted(self) -> None:
        """
        Connections are counted while they are open.
        """
        first, _ = self.connect()
        self.connect()
        self.assertEqual(self.tally.connections, 2)
        first.connectionLost(Failure(ConnectionDone()))
        self.assertEqual(self.tally.connections, 1)

    @slow
    def test_handshake(self) -> None:
        """
        A client that does not finish the TLS handshake in time is cut off and
        counted; one that does may be idle for ever.
        """
        for finishes in (True, False):
            protocol = self.connections.buildProtocol(None)
            transport = Transport()
            transport.protocol = protocol
            directlyProvides(transport, INegotiated, ITransport)
            handle = SSL.Connection(SSL.Context(SSL.TLS_SERVER_METHOD))
            transport.getHandle = lambda handle=handle: handle
            protocol.makeConnection(transport)
            self.advance(PARTIAL_TIMEOUT - 1)
            self.assertFalse(transport.aborted)
            if finishes:
                protocol.handshakeCompleted()
            self.advance(2)
            self.assertEqual(transport.aborted, not finishes)
        self.assertEqual(self.tally.refused, {"handshake": 1})
