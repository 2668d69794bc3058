"""
Tests for L{logrecv.inputs.http.site}.
"""

from __future__ import annotations

from io import StringIO

from logrecv.inputs.limits.partial import PARTIAL_TIMEOUT
from tests.inputs.http.case import SiteTestCase, form


class RecordSiteTests(SiteTestCase):
    """
    Tests for L{RecordSite}.
    """

    def test_longestGet(self) -> None:
        """
        A GET as long as the largest record is taken.
        """
        query = form("")
        query += "&pad=" + "x" * (1000 - len(query) - 5)
        response, _ = self.send(
            b"GET /?%s HTTP/1.1\r\nHost: x\r\n\r\n" % query.encode()
        )
        self.assertIn(b" 204 ", response)
        self.assertEqual(len(self.sink.records), 1)

    def test_manyOnOneConnection(self) -> None:
        """
        A connection that is kept takes one record after the other, each with a
        deadline of its own.
        """
        channel, transport = self.connect()
        body = form("again").encode()
        for _ in range(5):
            channel.dataReceived(self.post(len(body)) + body)
            self.reactor.advance(PARTIAL_TIMEOUT - 1)
        self.assertEqual(transport.value().count(b" 204 "), 5)
        self.assertFalse(transport.disconnecting)
        self.assertEqual(len(self.sink.records), 5)

    def test_noAccessLog(self) -> None:
        """
        The record is not written to a log of requests.
        """
        log = StringIO()
        self.site.startFactory()
        self.site.logFile = log  # type: ignore[assignment]
        self.send(b"GET /?%s HTTP/1.1\r\nHost: x\r\n\r\n" % form().encode())
        self.assertEqual(log.getvalue(), "")
        self.site.stopFactory()
