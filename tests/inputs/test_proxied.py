"""
Tests for L{logrecv.inputs.proxied}.
"""

from __future__ import annotations

from ipaddress import ip_network
from typing import Any

from twisted.internet.address import IPv4Address, UNIXAddress
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.internet.protocol import Factory
from twisted.internet.testing import AccumulatingProtocol, MemoryReactorClock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from logrecv.counters import InputTally
from logrecv.inputs.draining import drain
from logrecv.inputs.limits.admission import Admission
from logrecv.inputs.limits.partial import PARTIAL_TIMEOUT
from logrecv.inputs.proxied import ProxiedConnections
from tests.inputs.test_streams import Transport

_PROXY = IPv4Address("TCP", "198.51.100.1", 5000)
_HEADER = b"PROXY TCP4 192.0.2.%d 192.0.2.9 1234 9020\r\n"


class ProxiedConnectionsTests(SynchronousTestCase):
    """
    Tests for L{ProxiedConnections}.
    """

    def setUp(self) -> None:
        """
        Make the connections of an input that takes one network, which the proxy is not
        in.
        """
        self.reactor = MemoryReactorClock()
        self.tally = InputTally("tcp")
        self.admission = Admission([ip_network("192.0.2.0/24")], maxPerPeer=2)
        factory = Factory.forProtocol(AccumulatingProtocol)
        factory.protocolConnectionMade = None  # type: ignore[attr-defined]
        self.connections = ProxiedConnections(
            factory, self.tally, self.reactor, self.admission
        )

    def connect(self, address: Any = _PROXY) -> Transport:
        """
        Connect as the proxy does.
        """
        connection = self.connections.buildProtocol(address)
        transport = Transport(peerAddress=address)
        transport.protocol = connection
        connection.makeConnection(transport)
        return transport

    def test_client(self) -> None:
        """
        The header is the connection's, and the bytes behind the header are the
        client's.
        """
        transport = self.connect()
        for byte in _HEADER % 7 + b"records":
            transport.protocol.dataReceived(bytes([byte]))
        connection = transport.protocol
        self.assertEqual(connection.getPeer(), IPv4Address("TCP", "192.0.2.7", 1234))
        self.assertEqual(connection.getHost(), IPv4Address("TCP", "192.0.2.9", 9020))
        self.assertEqual(connection.wrappedProtocol.data, b"records")
        self.assertEqual(connection.host, "192.0.2.7")

    def test_perClient(self) -> None:
        """
        Connections count for the client from the header on, even if the client sends
        nothing, and for nobody before.
        """
        idle = [self.connect() for _ in range(5)]
        for transport in idle[:3]:
            transport.protocol.dataReceived(_HEADER % 7)
        self.assertEqual([each.aborted for each in idle], [0, 0, 1, 0, 0])
        self.assertEqual(self.tally.refused, {"too-many-from-peer": 1})
        for transport in idle[3:]:
            transport.protocol.dataReceived(_HEADER % 8)
        self.assertEqual(self.tally.connections, 4)
        for transport in (*idle[:2], *idle[3:]):
            transport.loseConnection()
        self.assertEqual(self.tally.connections, 0)
        self.admission.maxConnections = self.admission.maxPerPeer = 1
        self.assertIsNone(self.admission.refusal("192.0.2.7"))

    def test_notAllowed(self) -> None:
        """
        The client has to be in a network that is allowed; so does the proxy where
        it names no client.
        """
        for number, header in enumerate([b"PROXY UNKNOWN\r\n", _HEADER % 0], start=1):
            transport = self.connect()
            header = header.replace(b"192.0.2.0", b"203.0.113.1")
            transport.protocol.dataReceived(header + b"records")
            self.assertTrue(transport.aborted)
            self.assertEqual(self.tally.refused, {"not-allowed": number})

    def test_unix(self) -> None:
        """
        A proxy that connects over a UNIX socket may speak for itself.
        """
        transport = self.connect(UNIXAddress(b"/run/proxy"))
        transport.protocol.dataReceived(b"PROXY UNKNOWN\r\nrecords")
        self.assertEqual(transport.protocol.wrappedProtocol.data, b"records")

    def test_tooMany(self) -> None:
        """
        Connections without a header count for the limit of all connections.
        """
        self.admission.maxConnections = 1
        self.connect()
        self.assertTrue(self.connect().aborted)
        self.assertEqual(self.tally.refused, {"too-many": 1})

    def test_late(self) -> None:
        """
        The header has to come in time.  Afterwards the client may be idle.
        """
        late, idle = self.connect(), self.connect()
        idle.protocol.dataReceived(_HEADER % 7)
        late.protocol.dataReceived(b"PROXY")
        self.reactor.advance(PARTIAL_TIMEOUT - 1)
        self.assertFalse(late.aborted)
        self.reactor.advance(2)
        self.assertTrue(late.aborted)
        self.assertFalse(idle.aborted)
        self.assertEqual(self.tally.refused, {"proxy-header": 1})

    def test_cutOff(self) -> None:
        """
        A header that is cut off is counted, and a connection without a byte is not.
        """
        for sent in (b"", b"PROXY"):
            transport = self.connect()
            transport.protocol.dataReceived(sent)
            transport.protocol.connectionLost(Failure(ConnectionDone()))
        self.assertEqual(self.tally.refused, {"proxy-header": 1})

    def test_wrong(self) -> None:
        """
        A connection that begins otherwise is refused once, and hands on nothing.
        """
        transport = self.connect()
        protocol = transport.protocol.wrappedProtocol
        transport.protocol.dataReceived(b"GET / HTTP/1.1\r\n")
        transport.protocol.dataReceived(_HEADER % 7 + b"records")
        self.assertTrue(transport.aborted)
        self.assertEqual(protocol.data, b"")
        self.assertEqual(self.tally.refused, {"proxy-header": 1})

    def test_drain(self) -> None:
        """
        A header that is not whole holds up no stop.
        """
        self.connect().protocol.dataReceived(b"PROXY")
        drained = Deferred.fromCoroutine(drain(self.connections))
        for _ in range(20):
            self.reactor.advance(0.025)
        self.successResultOf(drained)
        self.assertEqual(self.tally.connections, 0)
