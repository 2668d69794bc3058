"""
Tests for L{logrecv.rejections}.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.task import Clock
from twisted.logger import formatEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from logrecv import reasons
from logrecv.rejections import (
    LINE_DELAY,
    MAX_OTHERS,
    MAX_PAIRS,
    Rejections,
    hostIn,
)


class RejectionsTests(SynchronousTestCase):
    """
    Tests for L{Rejections}.
    """

    def setUp(self) -> None:
        """
        Keep the lines.
        """
        self.clock = Clock()
        self.rejections = Rejections(self.clock)
        events: list[Any] = []
        globalLogPublisher.addObserver(events.append)
        self.addCleanup(globalLogPublisher.removeObserver, events.append)
        self.events = events

    def lines(self) -> list[str]:
        """
        Return the lines since the last call.
        """
        lines = [formatEvent(event) for event in self.events]
        self.events.clear()
        return lines

    def test_first(self) -> None:
        """
        The first payload and the first connection are logged at once: who, why, what it
        looks like and what to do.
        """
        sample = b"GET / HTTP/1.1\r\n"
        self.rejections.rejected("tcp", "too-long", "192.0.2.7", sample)
        self.rejections.refused("http", "not-allowed", "192.0.2.7")
        self.rejections.rejected("udp", "malformed", "192.0.2.8", b"\x1b[2J\n", 3)
        self.rejections.refused("tcp", "handshake", "::1", detail="OpenSSL says 'x'")
        self.assertEqual(
            self.lines(),
            [
                "rejected 1 payload from 192.0.2.7 over tcp (too-long): this looks like"
                " HTTP; clients of HTTP need an address of --http",
                "refused 1 connection from 192.0.2.7 over http (not-allowed): --allow"
                " names no network with this host",
                "rejected 3 payloads from 192.0.2.8 over udp (malformed): it begins"
                " with b'\\x1b[2J\\n'; send records with the handlers of Python's"
                " logging, or JSON over HTTP",
                "refused 1 connection from ::1 over tcp (handshake): OpenSSL says 'x';"
                " the client must speak TLS, trust this certificate, and show its own"
                " to mtls:",
            ],
        )

    def test_oncePerMinute(self) -> None:
        """
        The next line about the same host and reason comes after a minute, if there is
        something to say, and has the number since the last line.  A host that was quiet
        is new again.
        """
        for _ in range(100):
            self.rejections.rejected("tcp", "malformed", "a", b"one")
        self.assertEqual(len(self.lines()), 1)
        self.clock.advance(LINE_DELAY - 1)
        self.rejections.rejected("udp", "malformed", "a", b"two", 5)
        self.assertEqual(self.lines(), [])
        self.clock.advance(1)
        (line,) = self.lines()
        self.assertIn("rejected 104 more payloads from a over tcp (malformed)", line)
        self.rejections.rejected("udp", "malformed", "a", b"three", 2)
        self.assertEqual(self.lines(), [])
        self.clock.advance(LINE_DELAY)
        (line,) = self.lines()
        self.assertIn("rejected 2 more payloads from a over udp", line)
        self.assertIn("b'three'", line)
        self.clock.advance(LINE_DELAY)
        self.assertEqual((self.lines(), self.clock.getDelayedCalls()), ([], []))
        self.rejections.rejected("tcp", "malformed", "a", b"four")
        self.assertIn("rejected 1 payload from a", self.lines()[0])

    def test_eachReason(self) -> None:
        """
        Each reason has a line, and advice.
        """
        given = [
            value
            for name, value in vars(reasons).items()
            if name.isupper() and isinstance(value, str)
        ]
        for reason in given[: given.index(reasons.PROXY_HEADER) + 1]:
            self.rejections.rejected("tcp", reason, "a")
            (line,) = self.lines()
            self.assertIn(f"({reason}): ", line)
            self.assertGreater(len(line.partition("): ")[2]), 10, line)

    def test_pickle(self) -> None:
        """
        A pickle that is no record is named as such.
        """
        for via in ("tcp", "udp"):
            self.rejections.rejected(via, "not-a-record", via, b"]q\0.")
            self.assertIn("this is a pickle of something that is", self.lines()[0])
        self.rejections.rejected("json", "not-a-record", "json", b"[1]")
        self.assertNotIn("pickle", self.lines()[0])

    def test_manyHosts(self) -> None:
        """
        Hosts beyond a number share a line a minute, with the number of these hosts and
        of their payloads; neither the memory nor the lines grow with the hosts.
        """
        for host in range(MAX_PAIRS + 10):
            self.rejections.rejected("udp", "malformed", str(host), b"x")
        self.rejections.refused("tcp", "too-many", "0")
        self.rejections.refused("tcp", "too-many", "1")
        self.assertEqual(len(self.lines()), MAX_PAIRS)
        self.clock.advance(LINE_DELAY)
        self.assertEqual(
            self.lines(),
            ["and 12 other hosts: rejected 10 (malformed), refused 2 (too-many)"],
        )
        for host in range(20 * MAX_OTHERS):
            self.rejections.rejected("udp", "malformed", str(host), b"x")
        self.assertEqual(len(self.lines()), MAX_PAIRS)
        self.assertEqual(len(self.rejections._otherHosts), MAX_OTHERS)
        self.clock.advance(LINE_DELAY)
        (line,) = self.lines()
        count = 20 * MAX_OTHERS - MAX_PAIRS
        self.assertEqual(
            line,
            f"and at least {MAX_OTHERS} other hosts: rejected {count} (malformed)",
        )
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_flush(self) -> None:
        """
        At the end the lines are written that wait, and nothing is left to do.
        """
        for _ in range(3):
            self.rejections.rejected("tcp", "malformed", "a")
        for host in range(MAX_PAIRS):
            self.rejections.rejected("tcp", "malformed", str(host))
        self.lines()
        self.rejections.flush()
        first, last = self.lines()
        self.assertIn("rejected 2 more payloads", first)
        self.assertIn("and 1 other hosts", last)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.rejections.flush()
        self.assertEqual(self.lines(), [])

    def test_printable(self) -> None:
        """
        A line is short and of printable ASCII characters, whatever a client chooses.
        """
        evil = "/tmp/\n\x1b[31m\u202e{x}" + "é" * 5000
        self.rejections.rejected("udp", "malformed", evil, bytes(range(256)) * 5000)
        (line,) = self.lines()
        self.assertTrue(line.isascii() and line.isprintable(), line)
        self.assertLess(len(line), 1000)


class HostInTests(SynchronousTestCase):
    """
    Tests for L{hostIn}.
    """

    def test_hosts(self) -> None:
        """
        The port goes, and so do the brackets of IPv6.
        """
        for peer, host in [
            ("192.0.2.7:5000", "192.0.2.7"),
            ("[2001:db8::1]:5000", "2001:db8::1"),
            ("/run/logrecv/socket", "/run/logrecv/socket"),
            ("/run/a:b", "/run/a:b"),
            ("unknown", "unknown"),
            ("", ""),
        ]:
            self.assertEqual(hostIn(peer), host)
