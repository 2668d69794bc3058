"""
The running service that forwards to receivers that are hostile.
"""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Sequence

import trustme

from logrecv.testing import makeFrame
from tests.e2e.programs import Service, freePort, waitUntil
from tests.hostile.receiver import BODIES, HEADS, SLOW, HostileReceiver
from tests.hostile.witness import (
    GROWTH,
    HostileTestCase,
    forgetPeak,
    memory,
)

#: Bytes that a receiver gets rid of in one connection at most: the buffers of both
#: kernels have some megabytes.
_BUFFERS = 16 * 1024 * 1024


class ReceiversTests(HostileTestCase):
    """
    Tests with receivers of L{tests.hostile.receiver}.
    """

    def setUp(self) -> None:
        super().setUp()
        self.authority = trustme.CA()
        self.authority.cert_pem.write_to_path(str(self.directory / "ca.pem"))

    def receive(
        self,
        answer: Callable[[], Iterator[bytes]],
        waits: bool = True,
        context: ssl.SSLContext | None = None,
        path: str | None = None,
    ) -> HostileReceiver:
        """
        Start a receiver.
        """
        receiver = HostileReceiver(answer, waits=waits, context=context, path=path)
        self.addCleanup(receiver.end)
        return receiver

    def forward(self, *outputs: str, options: Sequence[str] = ()) -> Service:
        """
        Start a service with some outputs and with a file, and send it three records;
        the file has them.
        """
        service = self.serve(
            "--tcp=tcp:0:interface=127.0.0.1",
            "--console=tcp:0:interface=127.0.0.1",
            f"--output=file:{self.directory / self.output}",
            *(f"--output=forward:{output}" for output in outputs),
            *options,
        )
        forgetPeak(service.process)
        self.before = memory(service.process)
        self.send(service, 3)
        service.awaitRecords(3, self.output)
        return service

    def send(self, service: Service, count: int, msg: str = "x") -> None:
        """
        Send records.
        """
        with socket.create_connection(("127.0.0.1", service.port("tcp"))) as client:
            client.sendall(b"".join([makeFrame(msg=msg)] * count))

    def outcome(self, service: Service, kind: str) -> list[float]:
        """
        Give a counter of every output but the file.
        """
        start = f'logrecv_output_{kind}{{output="'
        return [
            value
            for name, value in service.metrics().items()
            if name.startswith(start) and "-forward" in name
        ]

    def checkHarmless(self, service: Service, outputs: int) -> None:
        """
        Make sure that memory has hardly grown and that the log is short.

        @param outputs: The outputs that may each have a line in the log.
        """
        grown = memory(service.process) - self.before
        lines = service.log.splitlines()
        self.report(f"grew by {grown / 2**20:.1f} MiB; {len(lines)} lines of log")
        self.assertLess(grown, GROWTH)
        self.assertNotIn("Traceback", service.log)
        self.assertNotIn("Unhandled", service.log)
        self.assertNotIn("object at 0x", service.log)
        self.assertNotIn("\x1b", service.log)
        self.assertNotIn("twisted.web", service.log)
        about = [line for line in lines if "-forward" in line]
        self.assertLessEqual(len(about), outputs, service.log[-4000:])
        self.assertTrue(all(len(line) < 300 for line in about), about)

    def test_endlessHeads(self) -> None:
        """
        Answers that do not begin, over HTTP and HTTPS: memory hardly grows, the log
        has a line for each receiver, each is tried again, and no record is lost.
        """
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self.authority.issue_cert("127.0.0.1").configure_cert(context)
        plain = [self.receive(answer) for answer in HEADS.values()]
        secure = [
            self.receive(HEADS[name], context=context)
            for name in ("headers", "continue", "garbage")
        ]
        ca = f"ca={self.directory / 'ca.pem'}"
        outputs = [f"http:127.0.0.1:{each.port}" for each in plain]
        outputs += [f"https:127.0.0.1:{each.port}:{ca}" for each in secure]
        service = self.forward(*outputs)
        for receiver in (*plain, *secure):
            service.waitFor(lambda each=receiver: each.connections >= 3)
        self.assertEqual(self.outcome(service, "queued"), [3] * len(outputs))
        self.assertEqual(self.outcome(service, "delivered_total"), [0] * len(outputs))
        self.checkHarmless(service, len(outputs))
        for receiver in (*plain, *secure):
            self.assertLess(receiver.sent, receiver.connections * _BUFFERS)
        self.assertEqual(service.log.count("cannot write"), len(outputs))
        for problem in (
            "the answer has more than 16384 bytes before its body; records wait",
            "the answer is not HTTP: \\x1b[2J; records wait",
            "the answer is not HTTP: HTTP/1.1 two OK; records wait",
        ):
            self.assertIn(problem, service.log)

    def test_endlessBodies(self) -> None:
        """
        Answers that do not end: the status is the answer, records are delivered once,
        and the connection is closed.
        """
        receivers = [self.receive(answer) for answer in BODIES.values()]
        outputs = [f"http:127.0.0.1:{each.port}" for each in receivers]
        service = self.forward(*outputs)
        service.waitFor(
            lambda: self.outcome(service, "delivered_total") == [3] * len(outputs)
        )
        self.assertEqual(self.outcome(service, "queued"), [0] * len(outputs))
        self.checkHarmless(service, 0)
        for receiver in receivers:
            self.assertLess(receiver.sent, receiver.connections * _BUFFERS)
        self.assertEqual(service.stop(), 0)
        self.assertIn("nothing was lost", service.log)

    def test_slow(self) -> None:
        """
        Receivers that say nothing, or too little, or that never finish the handshake
        of TLS: the other outputs and the console do not wait for them.
        """
        receivers = [self.receive(answer) for answer in SLOW.values()]
        outputs = [f"http:127.0.0.1:{each.port}" for each in receivers]
        mute = self.receive(SLOW["silence"])
        outputs.append(f"https:127.0.0.1:{mute.port}:ca={self.directory / 'ca.pem'}")
        outputs.append(f"tls:127.0.0.1:{mute.port}")
        service = self.forward(*outputs)
        self.send(service, 1000)
        service.awaitRecords(1003, self.output)
        waitUntil(lambda: mute.connections >= 2, "no connections")
        self.checkHarmless(service, 0)
        self.checkBooks(service)

    def test_neverReads(self) -> None:
        """
        A receiver that takes every batch and reads none: its connections hold no more
        than the batch at hand.
        """

        def takeAll() -> Iterator[bytes]:
            while True:
                yield b"HTTP/1.1 204 No Content\r\n\r\n"
                if pause.wait(0.002):
                    return

        pause = threading.Event()
        self.addCleanup(pause.set)
        receiver = HostileReceiver(takeAll, reads=False)
        self.addCleanup(receiver.end)
        service = self.forward(f"http:127.0.0.1:{receiver.port}:full=pause:queue=2M")
        for _ in range(15):
            self.send(service, 400, "x" * 20_000)
        service.waitFor(lambda: self.outcome(service, "queued") == [0])
        # Sent were 114 MiB.
        self.assertGreater(receiver.connections, 2)
        self.checkHarmless(service, 0)

    def test_talkative(self) -> None:
        """
        Receivers of frames that send without end, over TCP and over a UNIX socket, are
        read slowly, and get their records.
        """
        answer = HEADS["garbage"]
        path = str(self.directory / "socket")
        receivers = [
            self.receive(answer, waits=False),
            self.receive(answer, waits=False, path=path),
        ]
        outputs = [f"tcp:127.0.0.1:{receivers[0].port}", f"unix:{path}"]
        service = self.forward(*outputs)
        service.waitFor(lambda: all(each.sent for each in receivers))
        self.send(service, 10_000)
        service.waitFor(
            lambda: self.outcome(service, "delivered_total") == [10_003] * 2
        )
        size = 10_000 * len(makeFrame(msg="x"))
        service.waitFor(lambda: all(each.read > size // 2 for each in receivers))
        for receiver in receivers:
            self.assertEqual(receiver.connections, 1)
            self.assertLess(receiver.sent, _BUFFERS)
        self.checkHarmless(service, 1)
        self.assertEqual(service.stop(), 0)
        self.assertNotIn("Traceback", service.log)

    def test_stopUnreachable(self) -> None:
        """
        A stop while nobody listens prints no traceback, and attempts to connect leave
        nothing in the log that an operator does not understand.
        """
        port = freePort()
        service = self.forward(
            f"tcp:127.0.0.1:{port}", f"http:127.0.0.1:{port}", options=["--drain=1"]
        )
        service.waitFor(lambda: service.log.count("cannot write") == 2)
        self.assertEqual(service.stop(), 1)
        self.assertIn(
            "6 records were lost since the start: 3 of 2-forward (stopped), 3 of",
            service.log,
        )
        for noise in ("Traceback", "object at 0x", "factory", "Scheduling"):
            self.assertNotIn(noise, service.log)
