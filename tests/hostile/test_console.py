"""
The console under attack, and the files that the service may open.
"""

from __future__ import annotations

import contextlib
import os
import socket
import time

from tests.e2e.programs import Service, script
from tests.hostile.test_connections import ConnectionsTestCase, connect
from tests.hostile.witness import Prober

#: The files that the service may open.
_FILES = 256


class ConsoleTests(ConnectionsTestCase):
    """
    Tests with a process that may open few files.
    """

    def serveFew(self) -> Service:
        """
        Start a service with all inputs and the console, where few files may be open.
        """
        self._count += 1
        service = Service(
            [
                "sh",
                "-c",
                f'ulimit -n {_FILES}; exec "$@"',
                "sh",
                script("logrecv"),
                "--tcp=tcp:0:interface=127.0.0.1",
                "--http=tcp:0:interface=127.0.0.1",
                "--udp=udp:0:interface=127.0.0.1",
                "--console=tcp:0:interface=127.0.0.1",
                f"--output=file:{self.directory / self.output}",
            ],
            self.directory,
        )
        self.addCleanup(service.kill)
        service.awaitListening({"tcp": 1, "http": 1, "udp": 1, "console": 1})
        return service

    def files(self, service: Service) -> list[str]:
        """
        List the files that the service has open.
        """
        directory = f"/proc/{service.process.pid}/fd"
        found = []
        for name in os.listdir(directory):
            with contextlib.suppress(OSError):
                found.append(os.readlink(f"{directory}/{name}"))
        return found

    def attempt(self, port: int) -> socket.socket:
        """
        Connect, also where the connection is closed at once.
        """
        try:
            return connect(port)
        except OSError:
            return socket.socket()

    def test_connections(self) -> None:
        """
        Connections to the console that stay take no files of the inputs, nor does any
        of them keep away those who ask how the service is.
        """
        service = self.serveFew()
        with self.healthy(service), Prober(service.port("console")) as prober:
            self.many(300, lambda number: self.attempt(service.port("console")))
            time.sleep(0.3)
        self.report(prober)
        self.assertEqual(prober.failures, [])
        for _ in range(20):
            self.assertEqual(service.get("/healthz"), "ok\n")
        self.assertLess(len(self.files(service)), _FILES / 2)
        self.checkFiles(service)
        self.assertGreater(
            self.counted(
                service, 'logrecv_refused_total{reason="too-many",via="console"}'
            ),
            200,
        )
        self.checkBooks(service)
        self.checkQuiet(service)

    def test_everywhere(self) -> None:
        """
        Connections to all ports at once leave files for the outputs and the console.
        """
        service = self.serveFew()
        ports = [service.port(via) for via in ("tcp", "http", "console")]
        self.many(600, lambda number: self.attempt(ports[number % 3]))
        self.assertEqual(service.get("/healthz"), "ok\n")
        self.assertLess(len(self.files(service)), _FILES - 32)
        (self.directory / self.output).rename(self.directory / "moved.jsonl")
        service.process.send_signal(1)
        service.waitFor((self.directory / self.output).exists)
        self.assertNotIn("EMFILE", service.log)
        self.checkQuiet(service)

    def test_bodies(self) -> None:
        """
        A body is refused by the console, and makes no file.
        """
        service = self.serveFew()
        for head, code in [
            (b"Content-Length: 99999999", b" 413 "),
            (b"Transfer-Encoding: chunked", b" 413 "),
            (b"Content-Length: 0", b" 405 "),
        ]:
            with connect(service.port("console")) as client:
                head = b"POST /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\n%s\r\n\r\n" % head
                client.sendall(head)
                if code == b" 413 ":
                    client.sendall(b"186a0\r\n" + bytes(100_000) + b"\r\n")
                client.settimeout(30)
                self.assertIn(code, client.recv(4096))
                names = " ".join(self.files(service))
                self.assertNotIn("deleted", names)
        self.assertEqual(service.get("/healthz"), "ok\n")
        self.checkQuiet(service)
