"""
Thousands of connections, and the limits on them.
"""

from __future__ import annotations

import contextlib
import logging
import os
import select
import signal
import socket
import time
from collections.abc import Callable
from logging.handlers import SocketHandler

from tests.e2e.programs import Service, script
from tests.hostile import cases
from tests.hostile.witness import (
    MARGIN,
    WORST,
    HostileTestCase,
    Prober,
    forgetPeak,
    memory,
    raiseLimit,
    waitUntil,
)

#: Connections, half of which are slow.
MANY = 2000

#: Files that the service itself may have open beside connections.
FEW = 192


def connect(port: int, source: str = "127.0.0.1") -> socket.socket:
    """
    Connect from an address of this machine.
    """
    return socket.create_connection(("127.0.0.1", port), 30, (source, 0))


def isRefused(port: int, source: str = "127.0.0.1") -> bool:
    """
    Return C{True} if the service closes a connection from an address of this
    machine.
    """
    try:
        with connect(port, source) as client:
            client.settimeout(10)
            return client.recv(1) == b""
    except ConnectionResetError:
        return True
    except TimeoutError:
        return False


class PatientHandler(SocketHandler):
    """
    A handler that does not give up after a second, which a busy machine may
    take to let it connect.
    """

    def makeSocket(self, timeout: float = 30) -> socket.socket:
        """
        Connect.
        """
        return super().makeSocket(30)


class ConnectionsTestCase(HostileTestCase):
    """
    A test with many connections.
    """

    def many(
        self, count: int, make: Callable[[int], socket.socket]
    ) -> list[socket.socket]:
        """
        Make connections that the end of the test closes.
        """
        clients = []
        for number in range(count):
            client = make(number)
            self.addCleanup(client.close)
            clients.append(client)
        return clients

    def counted(self, service: Service, name: str) -> float:
        """
        Give one number of the metrics; 0 where it is not there.
        """
        return service.metrics().get(name, 0)

    def awaitCount(self, service: Service, name: str, count: float) -> None:
        """
        Wait for a number of the metrics.
        """
        waitUntil(
            lambda: self.counted(service, name) == count,
            lambda: f"{name} is {self.counted(service, name)}, not {count}",
        )

    def checkFiles(self, service: Service) -> None:
        """
        Make sure that the file of an output can be moved away and opened again.
        """
        path = self.directory / self.output
        path.rename(self.directory / "moved.jsonl")
        service.process.send_signal(signal.SIGHUP)
        waitUntil(path.exists, service.describe)
        handler = SocketHandler("127.0.0.1", service.port("tcp"))
        handler.handle(logging.makeLogRecord({"msg": "after", "name": "files"}))
        handler.close()
        waitUntil(
            lambda: "after" in [e["message"] for e in service.records(self.output)],
            service.describe,
        )

    def slow(self, service: Service, number: int) -> socket.socket:
        """
        Make a connection that is idle, half open, or in the middle of something.
        """
        client = connect(service.port(("tcp", "tcp", "http")[number % 3]))
        kind = number % 7
        with contextlib.suppress(OSError):
            if kind == 1:
                client.sendall(cases.frame(bytes(9000))[: 1 + number % 9000])
            elif kind == 2:
                client.sendall(b"GET /?msg=" + b"x" * (number % 9000))
            elif kind == 3:
                client.sendall(cases.form(b"msg=" + b"x" * 9000)[: 200 + number % 8000])
            elif kind == 4:
                client.shutdown(socket.SHUT_RD)
            elif kind == 5:
                client.sendall(b"\0\0")
            elif kind == 6:
                client.sendall(cases.frame(cases.record()))
        return client


class ManyTests(ConnectionsTestCase):
    """
    Tests with as many connections as there are allowed, or more.
    """

    def test_many(self) -> None:
        """
        With 2,000 connections half of which are slow, idle or half open, every
        healthy one is served, the service answers, its files open, and memory
        does not grow by more than some kilobytes for each.
        """
        if not raiseLimit(MANY + 2 * FEW):
            self.skipTest("not enough files may be open here")
        service = self.serveAll()
        forgetPeak(service.process)
        before = memory(service.process)
        self.many(MANY // 2, lambda number: self.slow(service, number))
        handlers = [
            PatientHandler("127.0.0.1", service.port("tcp")) for _ in range(MANY // 2)
        ]
        for handler in handlers:
            self.addCleanup(handler.close)
        with Prober(service.port("console")) as prober:
            for number in range(3):
                for source, handler in enumerate(handlers):
                    handler.handle(
                        logging.makeLogRecord(
                            {"msg": f"number {number}", "name": f"source.{source}"}
                        )
                    )
        wanted = [f"number {number}" for number in range(3)]

        def received() -> dict[str, list[str]]:
            found: dict[str, list[str]] = {}
            for each in service.records(self.output):
                found.setdefault(each.get("name", ""), []).append(each["message"])
            found.pop("", None)
            return found

        waitUntil(
            lambda: sum(map(len, received().values())) >= 3 * len(handlers),
            lambda: f"{sum(map(len, received().values()))}\n{service.metrics()}",
        )
        self.assertEqual(
            received(), {f"source.{source}": wanted for source in range(len(handlers))}
        )
        self.assertGreater(
            service.metrics()['logrecv_connections{via="tcp"}'], len(handlers)
        )
        self.checkFiles(service)
        grown = memory(service.process) - before
        self.report(f"{prober}; memory grew by {grown / 2**20:.1f} MiB at the peak")
        self.assertLess(grown, 64 * 1024 * MANY)
        self.assertEqual(prober.failures, [])
        self.assertLess(max(prober.times), WORST * MARGIN)
        self.checkBooks(service)
        self.checkQuiet(service)
        self.assertEqual(service.stop(), 0)

    def test_fewFiles(self) -> None:
        """
        Where the system lets the process open few files, it takes as many fewer
        connections: its own files open while clients fight for the rest.
        """
        self._count += 1
        service = Service(
            [
                "sh",
                "-c",
                'ulimit -n 256; exec "$@"',
                "sh",
                script("logrecv"),
                "--tcp=tcp:0:interface=127.0.0.1",
                "--console=tcp:0:interface=127.0.0.1",
                f"--output=file:{self.directory / self.output}",
            ],
            self.directory,
        )
        self.addCleanup(service.kill)
        service.awaitListening({"tcp": 1, "console": 1})
        taken = 256 - FEW

        def make(number: int) -> socket.socket:
            try:
                return connect(service.port("tcp"), f"127.0.0.{2 + number % 9}")
            except ConnectionResetError:
                return socket.socket()

        self.many(400, make)
        self.awaitCount(service, 'logrecv_connections{via="tcp"}', taken)
        refused = 'logrecv_refused_total{reason="too-many",via="tcp"}'
        self.awaitCount(service, refused, 400 - taken)
        path = self.directory / self.output
        path.rename(self.directory / "moved.jsonl")
        service.process.send_signal(signal.SIGHUP)
        waitUntil(path.exists, service.describe)
        self.assertLess(len(os.listdir(f"/proc/{service.process.pid}/fd")), 256)
        self.checkQuiet(service)

    def test_flood(self) -> None:
        """
        Connections that come and go by the thousand leave nothing behind.
        """
        service = self.serveAll()
        files = f"/proc/{service.process.pid}/fd"
        before = len(os.listdir(files))
        with Prober(service.port("console")) as prober:
            for number in range(3000):
                with (
                    contextlib.suppress(OSError),
                    connect(service.port("tcp")) as client,
                ):
                    if number % 2:
                        client.sendall(b"\0\0\0\7half")
        self.awaitCount(service, 'logrecv_connections{via="tcp"}', 0)
        rejected = 'logrecv_rejected_total{reason="incomplete",via="tcp"}'
        self.awaitCount(service, rejected, 1500)
        waitUntil(lambda: len(os.listdir(files)) <= before + 2, "files are left open")
        self.report(prober)
        self.checkQuiet(service)


class FloodTests(ConnectionsTestCase):
    """
    Tests with hosts that send as much as they can.
    """

    def test_floods(self) -> None:
        """
        While one host floods the inputs with what takes longest, over many
        connections, another one's records all arrive and the service answers.
        """
        service = self.serveAll(loggers="healthy.*")
        floods = [
            ("tcp", cases.frame(cases.doubled(3, 5)) * 500),
            ("tcp", cases.frame(cases.record()) * 2000),
            ("tcp", bytes(65536)),
            ("http", cases.request(b"GET /?msg=a") * 1500),
        ]
        flooding: dict[socket.socket, bytes] = {}
        for number in range(40):
            via, data = floods[number % len(floods)]
            client = connect(service.port(via), "127.0.0.9")
            self.addCleanup(client.close)
            client.setblocking(False)
            flooding[client] = data
        with self.healthy(service), Prober(service.port("console")) as prober:
            end = time.monotonic() + 4
            while time.monotonic() < end:
                _, ready, _ = select.select([], flooding, [], 0.01)
                for client in ready:
                    data = flooding[client]
                    flooding[client] = data[client.send(data) :] or data
                time.sleep(0.001)
            for client in flooding:
                client.close()
        self.report(prober)
        self.assertEqual(prober.failures, [])
        self.assertLess(max(prober.times), WORST * MARGIN)
        self.checkBooks(service)
        self.checkQuiet(service)


class LimitTests(ConnectionsTestCase):
    """
    Tests for C{--max-connections}, C{--max-connections-per-peer} and
    C{--allow}.
    """

    def test_total(self) -> None:
        """
        More connections than there may be are closed at once and counted; when
        one ends there is room again.
        """
        service = self.serveAll("--max-connections=10", "--max-connections-per-peer=10")
        clients = self.many(
            10,
            lambda number: connect(
                service.port(("tcp", "http")[number % 2]), f"127.0.0.{number + 2}"
            ),
        )
        self.awaitCount(service, 'logrecv_connections{via="tcp"}', 5)
        self.awaitCount(service, 'logrecv_connections{via="http"}', 5)
        for via in ("tcp", "http"):
            self.assertTrue(isRefused(service.port(via)))
            self.awaitCount(
                service, f'logrecv_refused_total{{reason="too-many",via="{via}"}}', 1
            )
        clients[0].close()
        self.awaitCount(service, 'logrecv_connections{via="tcp"}', 4)
        with self.healthy(service, ["tcp"]):
            time.sleep(0.3)
        self.checkQuiet(service)

    def test_perPeer(self) -> None:
        """
        A host that has as many connections as it may have gets no more; others
        notice nothing.
        """
        service = self.serveAll("--max-connections=100", "--max-connections-per-peer=5")
        self.many(5, lambda number: connect(service.port("tcp"), "127.0.0.9"))
        self.awaitCount(service, 'logrecv_connections{via="tcp"}', 5)
        for _ in range(20):
            self.assertTrue(isRefused(service.port("http"), "127.0.0.9"))
        self.awaitCount(
            service, 'logrecv_refused_total{reason="too-many-from-peer",via="http"}', 20
        )
        with self.healthy(service):
            time.sleep(0.3)
        self.checkQuiet(service)

    def test_allow(self) -> None:
        """
        Only the networks that are allowed may send, over each of the inputs.
        """
        service = self.serveAll("--allow=127.0.0.1/32", "--allow=127.0.1.0/24")
        for via in ("tcp", "http"):
            self.assertTrue(isRefused(service.port(via), "127.0.0.2"))
            with connect(service.port(via), "127.0.1.77") as client:
                client.settimeout(0.3)
                self.assertRaises(TimeoutError, client.recv, 1)
            self.awaitCount(
                service, f'logrecv_refused_total{{reason="not-allowed",via="{via}"}}', 1
            )
        with socket.socket(type=socket.SOCK_DGRAM) as client:
            client.bind(("127.0.0.2", 0))
            client.sendto(
                cases.frame(cases.record()), ("127.0.0.1", service.port("udp"))
            )
        self.awaitCount(
            service, 'logrecv_rejected_total{reason="not-allowed",via="udp"}', 1
        )
        with self.healthy(service):
            time.sleep(0.3)
        self.checkBooks(service)
        self.checkQuiet(service)
