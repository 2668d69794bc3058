"""
Tests for L{logrecv.replay.senders}, by replays in which something goes wrong.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Thread

from twisted.trial.unittest import SynchronousTestCase

from tests.replay.entries import makeEntry, replay, unusedPort, writeEntries


@contextmanager
def answering(answer: Callable[[socket.socket], None], count: int) -> Iterator[str]:
    """
    Listen, and let a function answer so many connections.

    @return: The address.
    """

    def serve() -> None:
        for _ in range(count):
            connection, _ = listening.accept()
            with connection:
                answer(connection)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = Thread(target=serve, daemon=True)
        thread.start()
        yield f"127.0.0.1:{listening.getsockname()[1]}"
        thread.join(10)


class FailureTests(SynchronousTestCase):
    """
    Tests for L{Replay} where something goes wrong.
    """

    def setUp(self) -> None:
        """
        Name a file.
        """
        self.path = self.mktemp()

    def test_nobodyListens(self) -> None:
        """
        Where nobody listens that is said once for each way, and everything that
        was to go there counts as failed.
        """
        entries = [makeEntry(via, b"x") for via in ("tcp", "udp", "http", "json")] * 3  # type: ignore[arg-type]
        writeEntries(self.path, *entries)
        to = unusedPort()
        status, report, errors = replay(
            f"--tcp={to}", f"--udp={to}", f"--http={to}", self.path
        )
        self.assertEqual(status, 1)
        self.assertEqual(errors.count(f"cannot send to {to}: "), 4)
        self.assertEqual(errors.count("\n"), 4)
        for via in ("tcp", "udp", "http", "json"):
            self.assertIn(f"{via}: 0 sent to {to}, 3 failed\n", report)

    def test_oneDatagram(self) -> None:
        """
        That nobody listens is noticed for a single datagram too.
        """
        writeEntries(self.path, makeEntry("udp", b"x"))
        status, report, _ = replay(f"--udp={unusedPort()}", self.path)
        self.assertEqual(status, 1)
        self.assertIn("udp: 0 sent", report)

    def test_datagramTooLong(self) -> None:
        """
        A datagram of a UNIX socket may be too long for one of the network; the
        others are sent.
        """
        writeEntries(
            self.path, makeEntry("udp", bytes(100_000)), makeEntry("udp", b"next")
        )
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
            receiver.bind(("127.0.0.1", 0))
            to = f"127.0.0.1:{receiver.getsockname()[1]}"
            status, report, errors = replay(f"--udp={to}", self.path)
            self.assertEqual(receiver.recv(100), b"\x00\x00\x00\x04next")
        self.assertEqual(status, 1)
        self.assertIn(f"{self.path}:1: too long", errors)
        self.assertIn("1 sent", report)

    def test_connectionBroken(self) -> None:
        """
        When the connection breaks nobody knows which payloads have arrived: all of them
        count as failed.
        """

        def answer(connection: socket.socket) -> None:
            """
            Read a little, then reset the connection.
            """
            connection.recv(1)

        writeEntries(self.path, *[makeEntry("tcp", bytes(1000))] * 3)
        with answering(answer, 1) as to:
            status, report, errors = replay(f"--tcp={to}", self.path)
        self.assertEqual(status, 1)
        self.assertIn("tcp: 0 sent", report)
        self.assertIn("3 failed", report)
        self.assertIn("cannot send to ", errors)

    def test_noHTTP(self) -> None:
        """
        A request that is answered with something else, or not at all, counts as
        failed; the next one is sent.
        """

        def answer(connection: socket.socket) -> None:
            """
            Give the next answer of the test.
            """
            while not connection.recv(65536).endswith(b"end"):
                pass
            connection.sendall(answers.pop(0))

        answers = [b"", b"SSH-2.0\r\n", b"HTTP/1.1 204 No Content\r\n\r\n"]
        writeEntries(self.path, *[makeEntry("json", b"end")] * 3)
        with answering(answer, 3) as to:
            status, report, errors = replay(f"--http={to}", self.path)
        self.assertEqual(status, 1)
        self.assertIn(f"json: 1 sent to {to}, 2 failed\n", report)
        self.assertEqual(errors.count("no answer"), 2)
