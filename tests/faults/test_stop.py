"""
Stopping with clients that are sending: what had been sent arrives.
"""

from __future__ import annotations

import contextlib
import math
import os
import signal
import socket
import sys
import threading
import time
from collections import Counter

from logrecv.testing import makeFrame
from tests.e2e.programs import ProgramTestCase

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
        for client in clients:
            client.start()
        # Whatever the kernel takes now is on its way when the signal comes.
        time.sleep(0.05)
        service.process.send_signal(signal.SIGSTOP)
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
