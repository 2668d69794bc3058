"""
Clients of the HTTP input that are refused while they send.
"""

from __future__ import annotations

import logging
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from logging.handlers import HTTPHandler

from logrecv.inputs.http.lingering import LINGER_SIZE
from tests.hostile import cases
from tests.hostile.witness import HostileTestCase

#: A body that is too long by mistake.
_LONG = 5 * 1024 * 1024

#: Bytes that two kernels hold for a connection, at the most.
_BUFFERS = 12 * 1024 * 1024


class RefusedTests(HostileTestCase):
    """
    Tests with bodies that are too long.
    """

    def test_answersAreSeen(self) -> None:
        """
        C{http.client} and C{HTTPHandler} send a body of several times the limit to
        its end, also over a slow link, and read the answer.
        """
        service = self.serveAll()
        port = service.port("http")

        def slowly() -> Iterator[bytes]:
            for _ in range(20):
                time.sleep(0.05)
                yield b"x" * (_LONG // 20)

        length = {"content-length": str(_LONG)}
        for body in (b"x" * _LONG, slowly()):
            client = HTTPConnection("127.0.0.1", port, timeout=30)
            client.request("POST", "/", body, length)
            answer = client.getresponse()
            self.assertEqual(answer.status, 413)
            self.assertIn(b"send less at once", answer.read())
            client.close()
        handler = HTTPHandler(f"127.0.0.1:{port}", "/", method="POST")
        failures: list[logging.LogRecord] = []
        handler.handleError = failures.append  # type: ignore[method-assign]
        handler.handle(logging.makeLogRecord({"msg": "x" * _LONG}))
        self.assertEqual(failures, [])
        rejected = service.metrics()[
            'logrecv_rejected_total{reason="too-long",via="http"}'
        ]
        self.assertEqual(rejected, 3)
        self.checkQuiet(service)

    def test_flood(self) -> None:
        """
        Clients that send on and on after they were refused are cut off; the answer
        is there for them to read.
        """
        service = self.serveAll()
        heads = [
            cases.request(b"POST /", b"Content-Length: 999999999999"),
            cases.request(b"POST /records", b"Transfer-Encoding: chunked")
            + b"%x\r\n" % (1 << 40),
            b"POST / HTTP/1.1\r\nno header\r\n\r\n",
            b"GET /" + b"/" * 9000,
        ]

        def flood(head: bytes) -> tuple[int, bytes]:
            sent, answer = 0, b""
            with socket.create_connection(
                ("127.0.0.1", service.port("http")), 30
            ) as client:
                try:
                    client.sendall(head)
                    while sent < 1 << 30:
                        sent += client.send(bytes(65536))
                except OSError:
                    answer = client.recv(4096)
            return sent, answer

        with self.healthy(service, ["http"]), ThreadPoolExecutor(8) as threads:
            floods = list(threads.map(flood, heads * 4))
            time.sleep(0.3)
        for sent, answer in floods:
            self.assertLess(sent, LINGER_SIZE + _BUFFERS)
            self.assertRegex(answer, rb"^HTTP/1\.1 4")
        self.checkBooks(service)
        self.checkQuiet(service)
