"""
Tests for L{logrecv.console.app}.
"""

from __future__ import annotations

from twisted.internet.address import UNIXAddress
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.web.server import Site

from logrecv.console.app import Console
from tests.console.case import ConsoleTestCase


class ConsoleTests(ConsoleTestCase):
    """
    Tests for L{Console}.
    """

    def test_health(self) -> None:
        """
        C{/healthz} says that the service is well.
        """
        self.assertEqual(self.get("/healthz"), (200, "ok\n"))

    def test_oddHost(self) -> None:
        """
        A Host header that is no name of a host is refused, and logs nothing.
        """
        for host in ["a" * 64 + ".", "a..b", "\xff"]:
            response = self.successResultOf(
                self.treq.get("http://localhost/healthz", headers={"host": host})
            )
            self.assertEqual(response.code, 400, host)

    def test_others(self) -> None:
        """
        A request for any other path is refused with one line of plain text.
        """
        for path, method, code in [
            ("/", "GET", 404),
            ("/healthz/", "GET", 404),
            ("/records", "POST", 404),
            ("/metrics", "POST", 405),
        ]:
            answered, text = self.get(path, method)
            self.assertEqual(answered, code, path)
            self.assertEqual(text.count("\n"), 1)
            self.assertNotIn("<", text)

    def test_noHost(self) -> None:
        """
        A client of a UNIX socket need not name a host.
        """
        site = Site(Console([], []).resource(), reactor=MemoryReactorClock())
        protocol = site.buildProtocol(None)
        address = UNIXAddress("/run/console")
        transport = StringTransport(hostAddress=address, peerAddress=address)
        protocol.makeConnection(transport)
        protocol.dataReceived(b"GET /healthz HTTP/1.0\r\n\r\n")
        self.assertIn(b" 200 ", transport.value()[:20])

    def test_oddPath(self) -> None:
        """
        A path that is no text is not found, and logs nothing.
        """
        self.assertEqual(self.get("/%ff")[0], 404)
        self.assertEqual(self.flushLoggedErrors(), [])
