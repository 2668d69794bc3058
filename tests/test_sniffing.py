"""
Tests for L{logrecv.sniffing}.
"""

from __future__ import annotations

import doctest
import json

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from logrecv import sniffing
from logrecv.sniffing import guess
from logrecv.testing import makeDatagram, makeForm, makeFrame, makePickle


class GuessTests(SynchronousTestCase):
    """
    Tests for L{guess}.
    """

    def test_known(self) -> None:
        """
        Programs that come to the wrong address are known by their first bytes.
        """
        document = json.dumps({"msg": "a"}).encode()
        form = makeForm(msg="a")
        tls = b"\x16\x03\x01\x02\x00\x01"
        for sample, via, wanted in [
            (b"GET / HTTP/1.1\r\n", "tcp", "HTTP"),
            (b"POST", "udp", "HTTP"),
            (tls, "tcp", "TLS"),
            (tls, "http", "TLS"),
            (b"PROXY TCP4 192.0.2.7", "tcp", "the header of a proxy"),
            (b"\r\n\r\n\0\r\nQUIT\n!", "http", "the header of a proxy"),
            (b"<34>1 2026-01-01T00:00:00Z host", "udp", "syslog"),
            (b"<165>Aug 24 05:34:00 host", "tcp", "syslog"),
            (b"180 <34>1 2026-01-01", "tcp", "syslog"),
            (makeFrame(msg="a"), "http", "a SocketHandler"),
            (document, "tcp", "JSON"),
            (b"\0\0\1\0" + document, "udp", "JSON"),
            (b"[]", "http", "JSON"),
            (form, "tcp", "a form of an HTTPHandler"),
        ]:
            look, advice = guess(sample, via)
            self.assertEqual(look, f"this looks like {wanted}", sample)
            self.assertNotEqual(advice, "")

    def test_right(self) -> None:
        """
        Nothing looks wrong that comes to the right address.
        """
        for sample, via in [
            (makeFrame(msg="a"), "tcp"),
            (makePickle(msg="a"), "tcp"),
            (makeDatagram(msg="a"), "udp"),
            (b"GET /?msg=a HTTP/1.1\r\n", "http"),
            (b"POST /records HTTP/1.1\r\n", "json"),
            (makeForm(msg="a"), "http"),
            (b'{"msg": "a"}', "json"),
        ]:
            self.assertStartsWith(guess(sample, via)[0], "it begins with b", sample)

    def assertStartsWith(self, text: str, start: str, sample: bytes) -> None:
        """
        Assert that a text begins in one way.
        """
        self.assertEqual(text[: len(start)], start, sample)

    def test_example(self) -> None:
        """
        The example in the docstring is right.
        """
        self.assertEqual(doctest.testmod(sniffing), (0, 2))

    @given(st.binary(max_size=100), st.sampled_from(["tcp", "udp", "http", "json"]))
    def test_any(self, sample: bytes, via: str) -> None:
        """
        Any bytes give a short guess of printable ASCII characters.
        """
        for text in guess(sample, via):
            self.assertTrue(text.isascii())
            self.assertTrue(text.isprintable())
            self.assertLess(len(text), 100)
