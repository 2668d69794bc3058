"""
The lines in the log about clients that are rejected, with the running service.
"""

from __future__ import annotations

import contextlib
import socket
import struct

from logrecv.testing import makeFrame, makePickle
from tests.e2e.programs import Service
from tests.hostile.witness import HostileTestCase, waitUntil

#: The payloads of a flood, each of which is rejected.
_FLOOD = 2000


class RejectionLinesTests(HostileTestCase):
    """
    Tests for all inputs.
    """

    def send(self, service: Service, via: str, data: bytes, host: str) -> None:
        """
        Send bytes from an address of this machine, and close.
        """
        port = service.port(via)
        if via == "udp":
            with socket.socket(type=socket.SOCK_DGRAM) as client:
                client.bind((host, 0))
                client.sendto(data, ("127.0.0.1", port))
            return
        with socket.create_connection(("127.0.0.1", port), 10, (host, 0)) as client:
            client.sendall(data)
            with contextlib.suppress(OSError):
                client.shutdown(socket.SHUT_WR)
                client.recv(1000)

    def lines(self, service: Service) -> list[str]:
        """
        Return the lines about clients.
        """
        return [
            line.partition("] ")[2]
            for line in service.log.splitlines()
            if "logrecv.rejections" in line
        ]

    def awaitLines(self, service: Service, wanted: list[str]) -> None:
        """
        Wait for lines, each of which begins with one of some texts.
        """
        waitUntil(
            lambda: len(self.lines(service)) >= len(wanted),
            lambda: f"{self.lines(service)} are too few",
        )
        for line, begin in zip(self.lines(service), wanted, strict=True):
            self.assertTrue(line.startswith(begin), line)

    def test_looks(self) -> None:
        """
        Each input says what the bytes look like that it cannot take.
        """
        service = self.serveAll()
        tls = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(600)
        odd = makePickle()[:1] + b"q\0."
        wanted = []
        for number, (via, data, reason, look) in enumerate(
            [
                ("tcp", b"GET / HTTP/1.1\r\n\r\n", "too-long", "HTTP"),
                ("tcp", tls, "too-long", "TLS"),
                ("tcp", b"<34>1 2026-01-01 a", "too-long", "syslog"),
                ("udp", b"<34>1 2026-01-01 a", "incomplete", "syslog"),
                ("http", tls, "incomplete", "TLS"),
                ("http", makeFrame(msg="a"), "incomplete", "a SocketHandler"),
            ],
            start=1,
        ):
            host = f"127.0.0.{number}"
            self.send(service, via, data, host)
            wanted.append(
                f"rejected 1 payload from {host} over {via} ({reason}): "
                f"this looks like {look}; "
            )
            self.awaitLines(service, wanted)
        for via in ("tcp", "udp"):
            self.send(service, via, struct.pack(">L", len(odd)) + odd, "127.0.0.9")
            if via == "tcp":
                wanted.append(
                    "rejected 1 payload from 127.0.0.9 over tcp (not-a-record): "
                    "this is a pickle of something that is no record; "
                )
                self.awaitLines(service, wanted)
        self.checkQuiet(service)

    def test_flood(self) -> None:
        """
        A flood over all inputs makes a line for each host and reason, and a second
        line at the end.
        """
        service = self.serveAll()
        frames = struct.pack(">L", 3) + b"bad"
        self.send(service, "tcp", frames * _FLOOD, "127.0.0.2")
        for _ in range(_FLOOD):
            self.send(service, "udp", b"bad", "127.0.0.3")
        rejected = 'logrecv_rejected_total{reason="%s",via="%s"}'
        waitUntil(
            lambda: (
                service.metrics().get(rejected % ("malformed", "tcp")) == _FLOOD
                and service.metrics().get(rejected % ("incomplete", "udp"), 0) > 1
            ),
            lambda: str(service.metrics()),
        )
        self.assertEqual(len(self.lines(service)), 2)
        self.assertEqual(service.stop(), 0)
        counts = {}
        for line in self.lines(service):
            words = line.split()
            host = words[words.index("from") + 1]
            counts[host] = counts.get(host, 0) + int(words[1])
        self.assertEqual(counts["127.0.0.2"], _FLOOD)
        self.assertLess(len(self.lines(service)), 5)
