"""
Tests for L{logrecv.wire.forms.request}.
"""

from __future__ import annotations

import doctest
import http.client
import logging.handlers
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from logrecv.testing import makeForm, makeLogRecord
from logrecv.wire.forms import request
from logrecv.wire.forms.request import StockRequest, parseRequest

HEAD = b"POST /log HTTP/1.1\r\nHost: x\r\n"
TYPE = b"Content-type: application/x-www-form-urlencoded\r\n"


class Kept(http.client.HTTPConnection):
    """
    A connection that keeps all bytes it is to send.

    @ivar sent: The bytes, a call each.
    """

    def __init__(self) -> None:
        super().__init__("logs.example", 9022)
        self.sent: list[bytes] = []

    def send(self, data: Any) -> None:
        """
        Keep bytes.
        """
        self.sent.append(bytes(data))

    def getresponse(self) -> Any:
        """
        Give no answer, which the handler would ignore.
        """


class Handler(logging.handlers.HTTPHandler):
    """
    The stock handler, on a connection that keeps all bytes.
    """

    def getConnection(self, host: str, secure: bool) -> http.client.HTTPConnection:
        """
        Make a connection.
        """
        self.connection = Kept()
        return self.connection


class ParseRequestTests(SynchronousTestCase):
    """
    Tests for L{parseRequest}.
    """

    def sent(self, method: str, url: str, **keywords: Any) -> list[bytes]:
        """
        Emit a record with a stock handler.

        @return: The pieces that the handler sends.
        """
        handler = Handler("logs.example:9022", url, method, **keywords)
        handler.emit(makeLogRecord("hello %s", "alice"))
        return handler.connection.sent

    def test_post(self) -> None:
        """
        The form of a POST is found, be it there or on its way.
        """
        form = makeForm(makeLogRecord("hello %s", "alice"))
        for keywords in ({}, {"credentials": ("alice", "s3cret")}):
            data = b"".join(self.sent("POST", "/a/b.c", **keywords))
            found = parseRequest(data)
            assert found is not None
            self.assertEqual(found.path, b"/a/b.c")
            self.assertEqual(len(found.form), found.length)
            self.assertTrue(found.form.startswith(form[: form.index(b"&created")]))
            for missing in (1, found.length):
                self.assertEqual(
                    parseRequest(data[:-missing]),
                    found._replace(form=found.form[:-missing]),
                )
            self.assertIsNone(parseRequest(data[: -found.length - 1]))

    def test_get(self) -> None:
        """
        The form in the query of a GET is found, once all of the request is there.
        """
        data = b"".join(self.sent("GET", "/log"))
        found = parseRequest(data)
        assert found is not None
        self.assertIsNone(found.path)
        self.assertEqual(len(found.form), found.length)
        self.assertIn(b"msg=hello+%25s&args=", found.form)
        self.assertIsNone(parseRequest(data[:-1]))

    def test_others(self) -> None:
        """
        Any other request is left to others, and so are two.
        """
        length = b"Content-length: 5\r\n"
        whole = HEAD + TYPE + length + b"\r\nmsg=a"
        self.assertEqual(parseRequest(whole), StockRequest(b"msg=a", 5, b"/log"))
        for data in [
            b"",
            b"\r\n" + whole,
            whole + whole,
            whole.replace(b"1.1", b"1.0"),
            whole.replace(b"POST", b"PUT"),
            whole.replace(b"/log", b"/log?msg=b"),
            whole.replace(b"/log", b"/%61"),
            whole.replace(b"length: 5", b"length: +5"),
            whole.replace(b"length: 5", b"length: 1234567890"),
            whole.replace(TYPE, TYPE + b"Expect: 100-continue\r\n"),
            whole.replace(TYPE, b""),
            whole.replace(length, b""),
            whole.replace(length, length * 2),
            whole.replace(b"Host: x", b"Host: " + b"x" * 5000),
            b"GET / HTTP/1.1\r\n\r\n",
            b"GET /? HTTP/1.1\r\n\r\n",
            b"GET /?msg=a;b HTTP/1.1\r\n\r\n",
            b"GET /?msg=a HTTP/1.1\r\n" + TYPE + length + b"\r\nmsg=a",
            b"GET /?msg=a HTTP/1.1\r\n\r\nGET",
        ]:
            self.assertIsNone(parseRequest(data), data)

    def test_example(self) -> None:
        """
        The example of L{parseRequest} runs.
        """
        self.assertEqual(doctest.testmod(request), (0, 1))
