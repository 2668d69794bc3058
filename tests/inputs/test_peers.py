"""
Tests for L{logrecv.inputs.peers}.
"""

from __future__ import annotations

from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase

from logrecv.inputs.peers import peerName, senderName


class PeerNameTests(SynchronousTestCase):
    """
    Tests for L{peerName} and L{senderName}.
    """

    def test_names(self) -> None:
        """
        A client on the network is its host and port; one of a UNIX socket is
        the path of the socket, however odd its bytes.
        """
        here = UNIXAddress("/run/log.sock")
        for peer, host, name in [
            (IPv4Address("TCP", "10.0.0.1", 5000), None, "10.0.0.1:5000"),
            (IPv6Address("TCP", "::1", 5000), None, "[::1]:5000"),
            (UNIXAddress(None), here, "/run/log.sock"),
            (UNIXAddress("/run/client"), here, "/run/client"),
            (UNIXAddress(None), UNIXAddress(b"/run/\xff"), "/run/\\udcff"),
            (object(), object(), "unknown"),
        ]:
            self.assertEqual(peerName(peer, host), name)

    def test_ofTransports(self) -> None:
        """
        The client at the other end of a transport has the same name, and the address
        of this end is asked for only where it makes a difference.
        """
        for peer, host, name in [
            (IPv4Address("TCP", "10.0.0.1", 5000), None, "10.0.0.1:5000"),
            (IPv6Address("TCP", "::1", 5000), None, "[::1]:5000"),
            (UNIXAddress(None), UNIXAddress("/run/log.sock"), "/run/log.sock"),
        ]:
            transport = StringTransport(host, peer)
            if host is None:
                transport.getHost = None  # type: ignore[method-assign,assignment]
            self.assertEqual(senderName(transport), name)
