"""
Guesses about bytes of which no record can be made, for a person who reads the log.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from attrs import frozen

#: The bytes that are looked at.
SAMPLE_SIZE: Final = 32

#: The bytes that are shown where there is no guess.
_SHOWN_SIZE: Final = 16


@frozen
class _Look:
    """
    A protocol that comes to the wrong address.

    @ivar pattern: The way in which its bytes begin.
    @ivar name: Its name.
    @ivar advice: The thing to do about it.
    @ivar vias: The ways in where it is wrong.
    """

    pattern: re.Pattern[bytes]
    name: str
    advice: str
    vias: Sequence[str] = ("tcp", "udp", "http", "json")


_LOOKS: Final = (
    _Look(
        re.compile(rb"\x16\x03[\x00-\x04]"),
        "TLS",
        "give the address TLS (ssl:, tls:, mtls:), or the client none",
    ),
    _Look(
        re.compile(rb"(GET|PUT|PRI) |(POST|HEAD|OPTI|PATC|DELE|CONN|TRAC)"),
        "HTTP",
        "clients of HTTP need an address of --http",
        ("tcp", "udp"),
    ),
    _Look(
        re.compile(rb"PROXY |\r\n\r\n\x00\r\nQUIT\n"),
        "the header of a proxy",
        "write haproxy: before the address if a proxy is to connect",
    ),
    _Look(
        re.compile(rb"(\d{1,6} )?<\d{1,3}>"),
        "syslog",
        "logrecv takes records of Python's logging, or JSON over HTTP",
    ),
    _Look(
        re.compile(rb"\x00[\x00-\x0f]..[\x80}(]", re.DOTALL),
        "a SocketHandler",
        "it needs an address of --tcp",
        ("http", "json"),
    ),
    _Look(
        re.compile(rb"(....)?\s*[{\[]\s*[\"{\]}]", re.DOTALL),
        "JSON",
        "post JSON to /records of an address of --http",
        ("tcp", "udp", "http"),
    ),
    _Look(
        re.compile(rb"(....)?[\w.]+=[\w.%+-]*&", re.DOTALL),
        "a form of an HTTPHandler",
        "it needs an address of --http",
        ("tcp", "udp"),
    ),
)


def guess(sample: bytes, via: str) -> tuple[str, str]:
    r"""
    Guess which program has sent some bytes::

        >>> guess(b"GET / HTTP/1.1\r\n", "tcp")
        ('this looks like HTTP', 'clients of HTTP need an address of --http')
        >>> guess(b"\x1b[2J", "tcp")
        ("it begins with b'\\x1b[2J'", '')

    @param sample: The first of the bytes; more than L{SAMPLE_SIZE} are not looked at.
    @param via: The way in: see L{logrecv.counters.InputTally}.
    @return: The guess, and the thing to do about it.  Both are of printable ASCII
        characters, and short; both are empty if there are no bytes.
    """
    sample = bytes(sample[:SAMPLE_SIZE])
    for look in _LOOKS:
        if via in look.vias and look.pattern.match(sample):
            return f"this looks like {look.name}", look.advice
    if not sample:
        return "", ""
    return f"it begins with {sample[:_SHOWN_SIZE]!r}", ""
