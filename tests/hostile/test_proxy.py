"""
The PROXY header, with the running service.
"""

from __future__ import annotations

import contextlib
import socket
import struct

from logrecv.testing import makeFrame
from tests.e2e.programs import Service
from tests.hostile.witness import HostileTestCase, waitUntil

#: Seconds in which the service hangs up on a client that it refuses.
_PATIENCE = 10

_SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"

#: The hosts that may send.  The proxy, 127.0.0.1, is none of them.
_ALLOWED = "192.0.2.0/24"


def versionTwo(source: str, command: int = 0x21) -> bytes:
    """
    Make a header of version 2.
    """
    addresses = socket.inet_aton(source) + socket.inet_aton("192.0.2.9")
    body = addresses + struct.pack("!HH", 1234, 9020)
    return _SIGNATURE + struct.pack("!BBH", command, 0x11, len(body)) + body


def versionOne(source: str) -> bytes:
    """
    Make a header of version 1.
    """
    return b"PROXY TCP4 %s 192.0.2.9 1234 9020\r\n" % source.encode("ascii")


class ProxyTests(HostileTestCase):
    """
    Tests for C{haproxy:} with C{--allow}.
    """

    def setUp(self) -> None:
        """
        Start a service behind a proxy.
        """
        super().setUp()
        proxied = "haproxy:tcp:0:interface=127.0.0.1"
        self.service: Service = self.serve(
            f"--tcp={proxied}",
            f"--http={proxied}",
            "--console=tcp:0:interface=127.0.0.1",
            f"--allow={_ALLOWED}",
            "--max-connections-per-peer=2",
        )

    def connect(self, via: str = "tcp") -> socket.socket:
        """
        Connect as the proxy does.
        """
        address = ("127.0.0.1", self.service.port(via))
        client = socket.create_connection(address, _PATIENCE)
        self.addCleanup(client.close)
        return client

    def isClosed(self, client: socket.socket) -> bool:
        """
        Return C{True} if the service closes a connection, without an answer.
        """
        with contextlib.suppress(ConnectionResetError):
            return client.recv(1) == b""
        return True

    def awaitRefused(self, via: str, reason: str, count: int) -> None:
        """
        Wait until so many connections were refused.
        """
        name = f'logrecv_refused_total{{reason="{reason}",via="{via}"}}'
        waitUntil(
            lambda: self.service.metrics().get(name) == count,
            lambda: f"{name} is not {count}: {self.service.metrics()}",
        )

    def test_client(self) -> None:
        """
        The client decides whether the connection is taken, and the proxy does not.
        """
        for number, header in enumerate([versionOne, versionTwo]):
            client = self.connect()
            client.sendall(header("192.0.2.7") + makeFrame(msg=f"frame {number}"))
            client = self.connect("http")
            request = b"GET /?msg=form%d HTTP/1.1\r\nHost: x\r\n\r\n" % number
            client.sendall(header("192.0.2.8") + request)
            self.assertEqual(client.recv(12), b"HTTP/1.1 204")
        records = self.service.awaitRecords(4)
        peers = {each["received"]["peer"] for each in records}
        self.assertEqual(peers, {"192.0.2.7:1234", "192.0.2.8:1234"})
        for count, header in enumerate([versionOne, versionTwo], start=1):
            for via in ("tcp", "http"):
                client = self.connect(via)
                client.sendall(header("198.51.100.1"))
                self.assertTrue(self.isClosed(client))
                self.awaitRefused(via, "not-allowed", count)

    def test_byteByByte(self) -> None:
        """
        A header may come in pieces.
        """
        for number, header in enumerate([versionOne, versionTwo]):
            client = self.connect()
            for byte in header("192.0.2.7") + makeFrame(msg=f"frame {number}"):
                client.sendall(bytes([byte]))
        self.assertEqual(len(self.service.awaitRecords(2)), 2)

    def test_noClient(self) -> None:
        """
        A header that names no client stands for the proxy, which may not send.
        """
        unknown = b"PROXY UNKNOWN\r\n"
        for count, header in enumerate(
            [unknown, versionTwo("192.0.2.7", 0x20)], start=1
        ):
            client = self.connect()
            client.sendall(header + makeFrame(msg="health"))
            self.assertTrue(self.isClosed(client))
            self.awaitRefused("tcp", "not-allowed", count)

    def test_perClient(self) -> None:
        """
        The limit for the connections of a host is that of the client, which counts
        as soon as the header is there.
        """
        for number in range(3):
            for _ in range(2):
                self.connect().sendall(versionOne(f"192.0.2.{number}"))
        waitUntil(
            lambda: self.service.metrics()['logrecv_connections{via="tcp"}'] == 6,
            lambda: str(self.service.metrics()),
        )
        client = self.connect()
        client.sendall(versionOne("192.0.2.1"))
        self.assertTrue(self.isClosed(client))
        self.awaitRefused("tcp", "too-many-from-peer", 1)

    def test_wrong(self) -> None:
        """
        A connection without a right header is closed and counted.  A connection that
        ends without a byte is not counted: load balancers look that way if the
        service is there.
        """
        frame = makeFrame(msg="a")
        wrong = [
            frame,
            b"GET / HTTP/1.1\r\n\r\n",
            b"PROXY TCP4 192.0.2.7 192.0.2.9 1234\r\n",
            b"PROXY TCP4 192.0.2.700 192.0.2.9 1234 9020\r\n",
            b"PROXY TCP4 \xff 192.0.2.9 1234 9020\r\n",
            b"PROXY TCP4 192.0.2.7 192.0.2.9 x 9020\r\n",
            b"PROXY TCP6 192.0.2.7 192.0.2.9 1234 9020\r\n",
            b"PROXY UDP4 192.0.2.7 192.0.2.9 1234 9020\r\n",
            b"PROXY TCP4 " + 100 * b"1",
            _SIGNATURE + b"\x31\x11\0\x0c" + 12 * b"\0",
            _SIGNATURE + b"\x22\x11\0\x0c" + 12 * b"\0",
            _SIGNATURE + b"\x21\x77\0\x0c" + 12 * b"\0",
            _SIGNATURE + b"\x21\x11\0\x0b" + 11 * b"\0",
            _SIGNATURE + b"\x21\x11\xff\xff" + 12 * b"\0",
        ]
        for count, data in enumerate(wrong, start=1):
            client = self.connect()
            client.sendall(data)
            self.assertTrue(self.isClosed(client), data)
            self.awaitRefused("tcp", "proxy-header", count)
        self.connect().close()
        for cut in (versionOne("192.0.2.7")[:-1], versionTwo("192.0.2.7")[:-1]):
            with self.connect() as client:
                client.sendall(cut)
        self.awaitRefused("tcp", "proxy-header", len(wrong) + 2)
        self.assertEqual(self.service.metrics()['logrecv_received_total{via="tcp"}'], 0)
        self.checkQuiet(self.service)
