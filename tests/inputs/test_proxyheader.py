"""
Tests for L{logrecv.inputs.proxyheader}.
"""

from __future__ import annotations

import struct
from typing import Final

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.trial.unittest import SynchronousTestCase

from logrecv.inputs.proxyheader import (
    HEADER_SIZE,
    ProxyHeader,
    ProxyHeaderError,
    parseProxyHeader,
)

SIGNATURE: Final = b"\r\n\r\n\0\r\nQUIT\n"


def binary(body: bytes, command: int = 0x21, kind: int = 0x11) -> bytes:
    """
    Make a header of version 2.
    """
    return SIGNATURE + struct.pack("!BBH", command, kind, len(body)) + body


FOUR: Final = bytes([192, 0, 2, 7, 192, 0, 2, 9]) + struct.pack("!HH", 1234, 9020)

#: Right headers, each with the addresses in it.
RIGHT: Final = [
    (
        b"PROXY TCP4 192.0.2.7 192.0.2.9 1234 9020\r\n",
        IPv4Address("TCP", "192.0.2.7", 1234),
        IPv4Address("TCP", "192.0.2.9", 9020),
    ),
    (
        b"PROXY TCP6 2001:DB8::0007 2001:db8::9 1234 65535\r\n",
        IPv6Address("TCP", "2001:db8::7", 1234),
        IPv6Address("TCP", "2001:db8::9", 65535),
    ),
    (b"PROXY UNKNOWN\r\n", None, None),
    (b"PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n", None, None),
    (
        binary(FOUR),
        IPv4Address("TCP", "192.0.2.7", 1234),
        IPv4Address("TCP", "192.0.2.9", 9020),
    ),
    (
        binary(FOUR + b"\x04\x00\x01x"),
        IPv4Address("TCP", "192.0.2.7", 1234),
        IPv4Address("TCP", "192.0.2.9", 9020),
    ),
    (
        binary(bytes(15) + b"\1" + bytes(15) + b"\2" + FOUR[8:], kind=0x21),
        IPv6Address("TCP", "::1", 1234),
        IPv6Address("TCP", "::2", 9020),
    ),
    (
        binary(b"/from".ljust(108, b"\0") + b"/to".ljust(108, b"\0"), kind=0x31),
        UNIXAddress(b"/from"),
        UNIXAddress(b"/to"),
    ),
    (binary(FOUR, command=0x20), None, None),
    (binary(b"", kind=0x00), None, None),
]

#: Bytes that no header begins with.
WRONG: Final = [
    b"GET / HTTP/1.1\r\n",
    b"PROXX",
    b"PROXY\r\n",
    b"PROXY \r\n",
    b"PROXY TCP4\r\n",
    b"PROXY TCP4 192.0.2.7 192.0.2.9 1234\r\n",
    b"PROXY TCP4 192.0.2.7 192.0.2.9 1234 9020 1\r\n",
    b"PROXY TCP4  192.0.2.7 192.0.2.9 1234 9020\r\n",
    b"PROXY TCP4 192.0.2.256 192.0.2.9 1234 9020\r\n",
    b"PROXY TCP4 192.0.2.7 192.0.2.9 1234 65536\r\n",
    b"PROXY TCP4 192.0.2.7 192.0.2.9 -1 9020\r\n",
    b"PROXY TCP4 192.0.2.7 192.0.2.9 1234 \xb2\r\n",
    b"PROXY TCP4 ::1 ::2 1234 9020\r\n",
    b"PROXY TCP6 192.0.2.7 192.0.2.9 1234 9020\r\n",
    b"PROXY TCP6 fe80::1%eth0 ::2 1234 9020\r\n",
    b"PROXY UDP4 192.0.2.7 192.0.2.9 1234 9020\r\n",
    b"PROXY UNKNOWN " + 92 * b"x" + b"\r\n",
    binary(FOUR, command=0x11),
    binary(FOUR, command=0x22),
    binary(FOUR[:-1]),
    binary(FOUR, kind=0x12),
    binary(FOUR, kind=0x21),
    binary(FOUR, kind=0xFF),
    binary(bytes(HEADER_SIZE)),
]


class ParseProxyHeaderTests(SynchronousTestCase):
    """
    Tests for L{parseProxyHeader}.
    """

    def test_right(self) -> None:
        """
        Each form of a header gives the addresses in it, whatever comes behind it.
        """
        for data, source, destination in RIGHT:
            wanted = ProxyHeader(len(data), source, destination)
            self.assertEqual(parseProxyHeader(data), wanted, data)
            self.assertEqual(parseProxyHeader(data + b"\r\nrest"), wanted, data)

    def test_partial(self) -> None:
        """
        A header that has not come whole needs more bytes.
        """
        for data, *_ in RIGHT:
            for size in range(len(data)):
                self.assertIsNone(parseProxyHeader(data[:size]), data[:size])

    def test_wrong(self) -> None:
        """
        Bytes that no header begins with are an error.
        """
        for data in WRONG:
            self.assertRaises(ProxyHeaderError, parseProxyHeader, data)

    @given(
        st.sampled_from([b"", b"PROXY ", b"PROXY TCP4 ", SIGNATURE, SIGNATURE + b"!"]),
        st.binary(max_size=2 * HEADER_SIZE),
    )
    def test_bounded(self, begin: bytes, rest: bytes) -> None:
        """
        Any bytes are a header, the beginning of a header, or the one error; and no
        more bytes are needed than a header may have.
        """
        data = begin + rest
        try:
            header = parseProxyHeader(data)
        except ProxyHeaderError:
            return
        if header is None:
            self.assertLess(len(data), HEADER_SIZE)
        else:
            self.assertLessEqual(header.size, min(len(data), HEADER_SIZE))
