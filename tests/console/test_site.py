"""
Tests for L{logrecv.console.site}.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionDone
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from logrecv.console.app import Console
from logrecv.console.site import ConsoleConnections, ConsoleSite


class ConsoleSiteTests(SynchronousTestCase):
    """
    Tests for L{ConsoleSite} and L{ConsoleConnections}.
    """

    def setUp(self) -> None:
        """
        Make connections of which eight may be open.
        """
        self.reactor = MemoryReactorClock()
        site = ConsoleSite(Console([], []).resource(), self.reactor)
        self.tally = site.tally
        self.connections = ConsoleConnections(site, self.reactor, 8)

    def connect(self) -> tuple[Any, StringTransport]:
        """
        Connect.
        """
        peer = IPv4Address("TCP", "127.0.0.1", 5)
        protocol = self.connections.buildProtocol(peer)
        transport = StringTransport(peerAddress=peer)
        protocol.makeConnection(transport)
        return protocol, transport

    def test_answer(self) -> None:
        """
        A request is answered, and its connection closed.
        """
        protocol, transport = self.connect()
        request = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
        protocol.dataReceived(request * 3)
        self.assertEqual(transport.value().count(b"HTTP/1.1 200 "), 1)
        self.assertIn(b"\r\nConnection: close\r\n", transport.value())
        self.assertTrue(transport.disconnecting)

    def test_bodies(self) -> None:
        """
        A large body is refused before it is read, and so is a long path.
        """
        for request in [
            b"POST /metrics HTTP/1.1\r\nContent-Length: 1000000\r\n\r\n",
            b"GET /" + b"/" * 9000,
        ]:
            protocol, transport = self.connect()
            protocol.dataReceived(request)
            self.assertRegex(transport.value(), rb"^HTTP/1\.1 41[34] ")
        self.assertEqual(self.tally.refused, {"too-long": 2})

    def test_room(self) -> None:
        """
        A new connection takes the place of the oldest one that has sent nothing, and
        otherwise of the oldest one.
        """
        first, begun = self.connect()
        first.dataReceived(b"GET /heal")
        others = [self.connect() for _ in range(3)]
        self.connect()
        self.assertFalse(begun.disconnecting)
        closed = [transport.disconnecting for _, transport in others]
        self.assertEqual(closed, [True, False, False])
        for protocol, transport in others:
            if not transport.disconnecting:
                protocol.dataReceived(b"G")
        for protocol in list(self.connections.protocols):
            protocol.reads = 1
        self.connect()
        self.assertTrue(begun.disconnecting)
        self.assertEqual(self.tally.refused, {"too-many": 2})

    def test_most(self) -> None:
        """
        No more connections are open than there may be, while old ones are closing.
        """
        made = [self.connect() for _ in range(20)]
        self.assertEqual(self.tally.connections, 8)
        for protocol, transport in made[:8]:
            if transport.disconnecting:
                protocol.connectionLost(Failure(ConnectionDone()))
        self.assertFalse(self.connect()[1].disconnecting)
        self.assertLessEqual(self.tally.connections, 8)
