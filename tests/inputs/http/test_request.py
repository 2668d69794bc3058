"""
Tests for L{logrecv.inputs.http.request}.
"""

from __future__ import annotations

from tests.inputs.http.case import SiteTestCase, form


class BoundedRequestTests(SiteTestCase):
    """
    Tests for L{BoundedRequest}.
    """

    def test_tooLongBeforeTheBody(self) -> None:
        """
        A body that says it is too long is answered with 413 before any of it
        has come; none of it is kept.
        """
        channel, transport = self.connect()
        channel.dataReceived(self.post(5000, b"/records"))
        self.assertIn(b" 413 ", transport.value())
        self.assertEqual(self.rejected("json"), {"too-long": 1})
        channel.dataReceived(b"x" * 5000)
        self.assertFalse(transport.disconnecting)
        self.assertEqual(self.site.partials.held, 0)
        self.assertEqual(self.rejected("json"), {"too-long": 1})

    def test_chunkedTooLong(self) -> None:
        """
        A chunked body is refused as soon as it is too long.
        """
        channel, transport = self.connect()
        channel.dataReceived(
            b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        for _ in range(5):
            channel.dataReceived(b"100\r\n" + b"x" * 256 + b"\r\n")
        self.assertIn(b" 413 ", transport.value())
        self.assertEqual(transport.value().count(b"HTTP/1.1"), 1)
        self.assertEqual(self.rejected(), {"too-long": 1})

    def test_chunked(self) -> None:
        """
        A chunked body within the limit is taken.
        """
        body = form("chunked").encode()
        response, _ = self.send(
            b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
            b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
        )
        self.assertIn(b" 204 ", response)
        self.assertEqual(self.sink.records[0].message, "chunked")

    def test_manyFields(self) -> None:
        """
        The query of a request is not taken apart but by us, and not at
        semicolons.
        """
        self.send(b"GET /?msg=a;levelno=50&name=b HTTP/1.1\r\nHost: x\r\n\r\n")
        self.assertEqual(self.sink.records[0].message, "a;levelno=50")

    def test_expectTooLong(self) -> None:
        """
        A client that asks before it sends a body that is too long is told not
        to, and not told to go on.
        """
        response, closed = self.send(
            b"POST / HTTP/1.1\r\nContent-Length: 5000\r\nExpect: 100-continue\r\n\r\n"
        )
        self.assertIn(b" 413 ", response)
        self.assertNotIn(b" 100 ", response)
        self.assertTrue(closed)
        self.assertEqual(self.rejected(), {"too-long": 1})
