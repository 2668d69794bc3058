"""
Stopping with clients that are sending: what had been sent arrives.
"""

from __future__ import annotations

import contextlib
import math
import os
import re
import signal
import socket
import sys
import threading
import time
from collections import Counter

from logrecv.testing import makeFrame
from tests.e2e.programs import ProgramTestCase, Service, waitUntil

SOAK = bool(os.environ.get("LOGRECV_SOAK"))

#: How often the whole is done, and with how many clients.
ROUNDS = 20 if SOAK else 3
CLIENTS = 20


class Client(threading.Thread):
    """
    Sends frames as fast as they are taken, until there are enough or its
    connection ends.

    @ivar sent: Frames that the kernel has taken whole.
    """

    def __init__(self, name: str, port: int, enough: float) -> None:
        """
        @param port: Where to send.
        @param enough: How many frames to send.
        """
        super().__init__(name=name, daemon=True)
        self.connection = socket.create_connection(("127.0.0.1", port))
        self.frame = makeFrame(msg="x" * 200, name=name)
        self.sent = 0
        self.enough = enough

    def run(self) -> None:
        """
        Send.
        """
        with contextlib.suppress(OSError):
            while self.sent < self.enough:
                self.connection.sendall(self.frame)
                self.sent += 1


class StopTests(ProgramTestCase):
    """
    Tests for the stop of a service under load.
    """

    def test_everythingSentBefore(self) -> None:
        """
        Every complete frame that was sent before SIGTERM is in the file, though
        thousands were on their way.
        """
        for number in range(ROUNDS):
            self.stopOnce(f"records{number}.jsonl")

    def stopOnce(self, name: str) -> None:
        """
        Stop a service that clients are sending to.
        """
        service = self.serve(
            *("--tcp=tcp:0:interface=127.0.0.1", f"--output=file:{name}"),
            "--drain=60",
        )
        port = service.port("tcp")
        clients = [Client(f"client{n}", port, 1000) for n in range(CLIENTS)]
        half = CLIENTS // 2
        for client in clients[:half]:
            client.start()
        time.sleep(0.05)
        service.process.send_signal(signal.SIGSTOP)
        # The bytes that the kernel takes now are on their way when the signal comes.
        for client in clients[half:]:
            client.start()
        time.sleep(0.3)
        before = {client.name: client.sent for client in clients}
        begun = len(service.records(name))
        service.process.send_signal(signal.SIGTERM)
        service.process.send_signal(signal.SIGCONT)
        time.sleep(0.05)
        for client in clients:
            with contextlib.suppress(OSError):
                client.connection.shutdown(socket.SHUT_WR)
        status = service.end()
        received = Counter(record["name"] for record in service.records(name))
        underWay = sum(before.values()) - begun
        print(
            f"stop: {sum(before.values())} frames sent, {underWay} of them on their "
            f"way at SIGTERM, {received.total()} received",
            file=sys.stderr,
        )
        for client in clients:
            self.assertGreaterEqual(received[client.name], before[client.name])
            client.connection.close()
        self.assertGreater(underWay, 1000)
        self.assertEqual(status, 0, service.describe())
        self.assertIn("nothing was lost", service.err)

    def test_secondSignal(self) -> None:
        """
        A client that never ends is read until the time is over, or a second
        signal comes, which ends the waiting at once.
        """
        service = self.serve(
            *("--tcp=tcp:0:interface=127.0.0.1", "--output=file:records.jsonl"),
            "--drain=60",
        )
        client = Client("endless", service.port("tcp"), math.inf)
        client.start()
        time.sleep(0.2)
        service.process.send_signal(signal.SIGTERM)
        time.sleep(0.5)
        self.assertIsNone(service.process.poll())
        begun = time.monotonic()
        service.stop(signal.SIGTERM)
        self.assertLess(time.monotonic() - begun, 20)
        client.connection.close()


class AccountTests(ProgramTestCase):
    """
    Tests for the last line of the log, and for the status.
    """

    TCP = "--tcp=tcp:0:interface=127.0.0.1"

    def sendAll(self, service: Service, count: int) -> Client:
        """
        Send some records, and wait until the service has read them.
        """
        client = Client("client", service.port("tcp"), count)
        client.start()
        client.join()
        accepted = 'logrecv_accepted_total{via="tcp"}'
        service.waitFor(lambda: service.metrics().get(accepted) == count)
        self.addCleanup(client.connection.close)
        return client

    def test_hurriedInTime(self) -> None:
        """
        A second signal costs no record that can be written at once, and prints no
        traceback.
        """
        for workers in (1, 2):
            name = f"records{workers}.jsonl"
            service = self.serve(
                *(self.TCP, "--console=tcp:0:interface=127.0.0.1"),
                *(f"--output=file:{name}", f"--workers={workers}", "--drain=60"),
            )
            ready = "its decoder is" if workers == 1 else "workers serve"
            service.waitFor(lambda each=service, text=ready: text in each.err)
            endless = Client("endless", service.port("tcp"), math.inf)
            endless.start()
            waitUntil(lambda each=endless: each.sent > 100, "nothing is sent")
            service.process.send_signal(signal.SIGTERM)
            time.sleep(0.5)
            self.assertEqual(service.stop(), 0, service.describe())
            self.assertIn("stopped; nothing was lost", service.err)
            self.assertNotIn("Traceback", service.err)
            endless.connection.close()

    def test_hurriedTooLate(self) -> None:
        """
        Records in a write that does not end in time are said to be lost as "up to" so
        many.
        """
        read, write = os.pipe()
        self.addCleanup(os.close, read)
        console = "--console=tcp:0:interface=127.0.0.1"
        service = self.serve(self.TCP, console, "--drain=60", stdout=write)
        os.close(write)
        self.sendAll(service, 3000)
        service.process.send_signal(signal.SIGTERM)
        time.sleep(0.5)
        self.assertEqual(service.stop(), 1, service.describe())
        told = re.search(
            r"stopped; up to (\d+) records were lost since the start: "
            r"up to (\d+) of 1-stdout \(stopped\)",
            service.err,
        )
        assert told is not None, service.err
        self.assertEqual(told[1], told[2])
        with os.fdopen(os.dup(read), "rb") as reader:
            written = reader.read().count(b"\n")
        # The others in this write were cut off.
        self.assertGreater(written + int(told[1]), 3000)
        self.assertGreater(3000, written)
        self.assertNotIn("Traceback", service.err)

    def test_lostBefore(self) -> None:
        """
        Records that were lost long before the stop count, too, also if a worker lost
        them.
        """
        for workers in (1, 2):
            self.loseBefore(workers)

    def loseBefore(self, workers: int) -> None:
        """
        Lose records of one of two outputs, and stop.
        """
        service = self.serve(
            *(self.TCP, "--console=tcp:0:interface=127.0.0.1"),
            *("--output=file:/dev/full:queue=16K:full=drop", "--output=file:out"),
            *(f"--workers={workers}", "--drain=1"),
        )
        self.sendAll(service, 1000)
        dropped = service.metrics()[
            'logrecv_output_dropped_total{output="1-file",reason="queue-full"}'
        ]
        self.assertGreater(dropped, 500)
        self.assertEqual(service.stop(), 1, service.describe())
        log = service.err
        self.assertIn("stopped; 1000 records were lost since the start: ", log)
        self.assertIn(f"{dropped:.0f} of 1-file (queue-full)", log)
        self.assertIn(f"{1000 - dropped:.0f} of 1-file (stopped)", log)
        self.assertNotIn("2-file (", log)
