"""
Tests for L{logrecv.inputs.endpoints}.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from trustme import CA
from twisted.internet.endpoints import TCP4ServerEndpoint, UNIXServerEndpoint
from twisted.internet.protocol import Factory
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase

from logrecv.descriptions import DescriptionError
from logrecv.inputs.endpoints import parseStreamAddress


class ParseStreamAddressTests(SynchronousTestCase):
    """
    Tests for L{parseStreamAddress}.
    """

    def test_stockKinds(self) -> None:
        """
        The descriptions of Twisted give its endpoints.
        """
        reactor = MemoryReactorClock()
        for text, kind in [
            ("tcp:9020", TCP4ServerEndpoint),
            ("tcp:port=9020:interface=127.0.0.1", TCP4ServerEndpoint),
            ("tcp:0", TCP4ServerEndpoint),
            (r"unix:/tmp/a\:b.sock:mode=600", UNIXServerEndpoint),
        ]:
            address = parseStreamAddress(reactor, text)
            self.assertIsInstance(address.endpoint, kind, text)
            self.assertFalse(address.encrypted)

    def test_haproxy(self) -> None:
        """
        Behind C{haproxy:} comes the description of where to listen, which is used as
        without C{haproxy:}.
        """
        reactor = MemoryReactorClock()
        address = parseStreamAddress(reactor, "haproxy:tcp:9020:interface=127.0.0.1")
        address.endpoint.listen(Factory())
        port, _, backlog, interface = reactor.tcpServers[0]
        self.assertEqual((port, backlog, interface), (9020, 4096, "127.0.0.1"))
        self.assertFalse(address.encrypted)
        self.assertTrue(address.proxied)
        self.assertFalse(parseStreamAddress(reactor, "tcp:9020").proxied)
        for wrong in ("haproxy:", "haproxy:tcp", "haproxy:9020", "haproxy:udp:1"):
            self.assertRaises(DescriptionError, parseStreamAddress, reactor, wrong)

    def test_tls(self) -> None:
        """
        C{tls:} takes a directory of certificates and the number of a port.
        """
        directory = Path(self.mktemp())
        directory.mkdir()
        certificate = CA().issue_cert("localhost")
        chain = [certificate.private_key_pem, *certificate.cert_chain_pems]
        pem = b"".join(each.bytes() for each in chain)
        (directory / "localhost.pem").write_bytes(pem)
        reactor = MemoryReactorClock()
        address = parseStreamAddress(reactor, f"tls:{directory}:9020")
        self.assertTrue(address.encrypted)
        address.endpoint.listen(Factory())
        port, _, _, backlog, interface = reactor.sslServers[0]
        self.assertEqual((port, backlog, interface), (9020, 4096, "::"))
        error = self.assertRaises(
            DescriptionError, parseStreamAddress, reactor, f"tls:{directory}:tcp\\:1"
        )
        self.assertIn("write tls:DIRECTORY[:PORT]", str(error))

    def test_unixMode(self) -> None:
        """
        A UNIX socket is for its owner and group, unless more is said.
        """
        reactor = MemoryReactorClock()
        for text, mode in [("unix:/x", 0o660), ("unix:/x:mode=666", 0o666)]:
            endpoint: Any = parseStreamAddress(reactor, text).endpoint
            self.assertEqual(endpoint._mode, mode)

    def test_backlog(self) -> None:
        """
        More connections than Twisted lets may wait, unless a number is given.
        """
        reactor = MemoryReactorClock()
        for text, backlog in [
            ("tcp:0", 4096),
            ("tcp6:0", 4096),
            ("unix:/x", 4096),
            ("tcp:0:backlog=7", 7),
        ]:
            endpoint: Any = parseStreamAddress(reactor, text).endpoint
            self.assertEqual(endpoint._backlog, backlog, text)

    def test_errors(self) -> None:
        """
        A description that cannot be used is refused with one line that says what is
        wrong and what would be right.
        """
        reactor = MemoryReactorClock()
        for text, wrong, right in [
            ("tcp:99999", "'99999'", "0 to 65535"),
            ("tcp:-1", "'-1'", "0 to 65535"),
            ("tcp:http", "'http'", "tcp:PORT"),
            ("tcp:", "PORT is missing", "tcp:PORT"),
            ("tcp", "PORT is missing", "tcp:PORT"),
            ("tcp:port=x", "port=x", "0 to 65535"),
            ("tcp:9020:colour=red", "colour", "tcp:PORT"),
            ("tcp:9020:interface=127.0.0.1:extra:more:parts", "", "tcp:PORT"),
            ("ssl:9020:privateKey=/nowhere", "nowhere", "ssl:PORT"),
            ("mtls:9020", "key", "mtls:PORT"),
            ("mtls:x:key=k:cert=c:ca=a", "'x'", "mtls:PORT"),
            ("mtls:1:key=/k:cert=/c:ca=/a", "/c", "mtls:PORT"),
            ("udp:9021", "datagrams", "--udp"),
            ("unixgram:/tmp/x", "datagrams", "--udp"),
            ("9020", "no kind", "tcp:9020"),
            ("carrier:9020", "'carrier'", "tcp"),
            ("", "no kind", "KIND:"),
            ("systemd:domain=INET:index=none", "none", "systemd:"),
            ("tcp:9020\\", "backslash", "\\\\"),
        ]:
            error = self.assertRaises(
                DescriptionError, parseStreamAddress, reactor, text
            )
            self.assertIn(wrong, str(error), text)
            self.assertIn(right, str(error), text)
            self.assertNotIn("\n", str(error), text)
