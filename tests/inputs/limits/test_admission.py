"""
Tests for L{logrecv.inputs.limits.admission}, and for the connections that it decides
about.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.error import ConnectionDone
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from logrecv.counters import InputTally
from logrecv.inputs.limits.admission import Admission, hostOf, network
from logrecv.inputs.streams import Connections


class AdmissionTests(SynchronousTestCase):
    """
    Tests for L{Admission}.
    """

    def test_network(self) -> None:
        """
        CIDR notation and single addresses are understood; anything else is
        refused with what would be right.
        """
        self.assertEqual(str(network("10.0.0.0/8")), "10.0.0.0/8")
        self.assertEqual(str(network("::1")), "::1/128")
        for text in ["10.0.0.1/8", "localhost", "", "10.0.0.0/33"]:
            error = self.assertRaises(ValueError, network, text)
            self.assertIn("write 10.0.0.0/8", str(error))

    def test_hosts(self) -> None:
        """
        Clients are told apart by host; clients of a UNIX socket have none.
        """
        self.assertEqual(hostOf(IPv4Address("TCP", "1.2.3.4", 5)), "1.2.3.4")
        self.assertEqual(hostOf(IPv6Address("TCP", "::1", 5)), "::1")
        self.assertIsNone(hostOf(UNIXAddress("/x")))

    def test_allows(self) -> None:
        """
        With networks, only hosts in these networks may send, in whatever notation the
        socket gives their address.  Clients of a UNIX socket always may.
        """
        admission = Admission([network("10.0.0.0/8"), network("2001:db8::/32")])
        for host, allowed in [
            ("10.255.0.1", True),
            ("11.0.0.1", False),
            ("2001:db8::5", True),
            ("2001:db9::5", False),
            ("::ffff:10.0.0.1", True),
            ("::ffff:11.0.0.1", False),
            ("fe80::1%eth0", False),
            (None, True),
        ]:
            self.assertIs(admission.allows(host), allowed, host)
        self.assertTrue(Admission().allows("11.0.0.1"))

    def test_total(self) -> None:
        """
        There are no more connections than there may be, until one is closed.
        """
        admission = Admission(maxConnections=2)
        admission.enter("a")
        admission.enter(None)
        self.assertEqual(admission.refusal("b"), "too-many")
        admission.leave("a")
        self.assertIsNone(admission.refusal("b"))

    def test_perPeer(self) -> None:
        """
        A host has no more connections than a host may have.  Other hosts are served,
        and so are the clients of UNIX sockets.
        """
        admission = Admission(maxPerPeer=2)
        for host in ["1.1.1.1", "1.1.1.1", None, None, None]:
            self.assertIsNone(admission.refusal(host))
            admission.enter(host)
        self.assertEqual(admission.refusal("1.1.1.1"), "too-many-from-peer")
        self.assertIsNone(admission.refusal("1.1.1.2"))
        self.assertIsNone(admission.refusal(None))
        admission.leave("1.1.1.1")
        self.assertIsNone(admission.refusal("1.1.1.1"))

    def test_forgets(self) -> None:
        """
        Nothing is kept of hosts that have gone.
        """
        admission = Admission()
        for number in range(100):
            admission.enter(str(number))
            admission.leave(str(number))
        self.assertEqual(admission._perPeer, {})


class ConnectionsTests(SynchronousTestCase):
    """
    Tests for how L{Connections} heeds an L{Admission}.
    """

    def setUp(self) -> None:
        """
        Make connections that only one network may make.
        """
        self.tally = InputTally("tcp")
        self.admission = Admission([network("10.0.0.0/8")], 3, 2)
        self.received: list[bytes] = []
        received = self.received

        class Receiver(Protocol):
            """
            Keeps the bytes that it gets.
            """

            def dataReceived(self, data: bytes) -> None:
                """
                Keep.
                """
                received.append(data)

        self.connections = Connections(
            Factory.forProtocol(Receiver), self.tally, Clock(), self.admission
        )

    def connect(self, host: str) -> tuple[Any, StringTransport]:
        """
        Connect from a host.
        """
        peer = IPv4Address("TCP", host, 5)
        protocol = self.connections.buildProtocol(peer)
        transport = StringTransport(peerAddress=peer)
        protocol.makeConnection(transport)
        return protocol, transport

    def test_refused(self) -> None:
        """
        A connection that is refused is closed at once, and is counted for its
        reason.
        """
        self.assertTrue(self.connect("11.0.0.1")[1].disconnected)
        first, _ = self.connect("10.0.0.1")
        self.connect("10.0.0.1")
        self.assertTrue(self.connect("10.0.0.1")[1].disconnected)
        self.connect("10.0.0.2")
        self.assertTrue(self.connect("10.0.0.3")[1].disconnected)
        self.assertEqual(
            self.tally.refused,
            {"not-allowed": 1, "too-many-from-peer": 1, "too-many": 1},
        )
        self.assertEqual(self.tally.connections, 3)
        first.connectionLost(Failure(ConnectionDone()))
        self.assertFalse(self.connect("10.0.0.3")[1].disconnected)

    def test_behindProxy(self) -> None:
        """
        Behind a proxy the client counts, as soon as it is known.  A client that may
        not send is cut off before anything of it is read.
        """
        for host, allowed in [("10.9.9.9", True), ("11.9.9.9", False)]:
            protocol, transport = self.connect("10.0.0.1")
            transport.peerAddr = IPv4Address("TCP", host, 5)
            protocol.dataReceived(b"x")
            protocol.dataReceived(b"y")
            self.assertEqual(transport.disconnected, not allowed)
            self.assertEqual(self.received, [b"x", b"y"] if allowed else [])
            self.assertEqual(protocol.host, host)
            protocol.connectionLost(Failure(ConnectionDone()))
            self.received.clear()
        self.assertEqual(self.admission._perPeer, {})
        self.assertEqual(self.tally.refused, {"not-allowed": 1})
