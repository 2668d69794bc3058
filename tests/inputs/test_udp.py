"""
Tests for L{logrecv.inputs.udp}.
"""

from __future__ import annotations

import socket
from typing import Any

from twisted.internet import reactor
from twisted.internet.address import UNIXAddress
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock, deferLater
from twisted.trial.unittest import SynchronousTestCase, TestCase

from logrecv.inputs.limits.admission import Admission, network
from logrecv.inputs.udp import RecordDatagramProtocol
from logrecv.intake import Intake
from logrecv.testing import MemorySink, makeDatagram


class FakeTransport:
    """
    The transport of a UNIX socket.
    """

    def getHost(self) -> UNIXAddress:
        """
        The address of the socket.
        """
        return UNIXAddress("/run/log.sock")


class RecordDatagramProtocolTests(SynchronousTestCase):
    """
    Tests for L{RecordDatagramProtocol}.
    """

    def setUp(self) -> None:
        """
        Make a protocol.
        """
        self.clock = Clock()
        self.sink = MemorySink()
        self.intake = Intake(self.sink, self.clock)
        self.protocol = RecordDatagramProtocol(self.intake, 2000)
        self.protocol.transport = FakeTransport()  # type: ignore[assignment]

    def receive(self, data: bytes, address: Any = ("10.0.0.1", 5000)) -> None:
        """
        Receive a datagram.
        """
        self.protocol.datagramReceived(data, address)

    def test_oneBatchARead(self) -> None:
        """
        The datagrams of one client that one read brought are one batch.
        """
        one, two = ("10.0.0.1", 5000), ("10.0.0.2", 5000)
        self.protocol.datagramsReceived(
            [
                (makeDatagram(msg="a"), one),
                (makeDatagram(msg="c"), two),
                (makeDatagram(msg="b"), one),
            ]
        )
        self.receive(makeDatagram(msg="d"))
        batches = [[r.message for r in batch] for batch in self.sink.batches]
        self.assertEqual(batches, [["a", "b"], ["c"], ["d"]])

    def test_peers(self) -> None:
        """
        The peer is the client's address, or the path of the socket where the
        client has none.
        """
        for address, name in [
            (("10.0.0.1", 5000), "10.0.0.1:5000"),
            (("::1", 5000, 0, 0), "[::1]:5000"),
            (b"/run/client\xff", "/run/client\\udcff"),
            ("/run/client", "/run/client"),
            (None, "/run/log.sock"),
            ("", "/run/log.sock"),
        ]:
            self.receive(makeDatagram(), address)
            received = self.sink.records[-1].received
            self.assertEqual((received.via, received.peer), ("udp", name))

    def test_lengths(self) -> None:
        """
        The prefix and the length of the payload must agree: else the datagram
        is rejected for what is wrong with it, and the others live.
        """
        for data, reason in [
            (b"", "incomplete"),
            (b"\0", "incomplete"),
            (b"\0\0\0\1", "incomplete"),
            (b"\0\0\0\1ab", "malformed"),
            (b"\0\0\0\0", "malformed"),
            (b"\xff" * 8, "incomplete"),
            (makeDatagram(msg="x" * 2000), "too-long"),
        ]:
            before = dict(self.intake.tallies["udp"].rejected)
            self.receive(data)
            self.receive(makeDatagram(msg="fine"))
            after = self.intake.tallies["udp"].rejected
            self.assertEqual(after[reason], before.get(reason, 0) + 1, data[:20])
        tally = self.intake.tallies["udp"]
        self.assertEqual(tally.accepted, len(self.sink.records))
        self.assertEqual(tally.received, tally.accepted + sum(tally.rejected.values()))

    def test_notAllowed(self) -> None:
        """
        A datagram of a host that may not send is counted and goes no further.
        """
        admission = Admission([network("10.0.0.0/8")])
        self.protocol = RecordDatagramProtocol(self.intake, admission=admission)
        self.receive(makeDatagram(msg="good"), ("10.1.2.3", 5000))
        self.receive(makeDatagram(msg="bad"), ("11.1.2.3", 5000))
        self.assertEqual([r.message for r in self.sink.records], ["good"])
        self.assertEqual(self.intake.tallies["udp"].rejected, {"not-allowed": 1})


class PlainPortTests(TestCase):
    """
    Tests for L{RecordDatagramProtocol} on a port of Twisted's own.
    """

    def test_listenUDP(self) -> Deferred[None]:
        """
        C{reactor.listenUDP} is enough: records arrive with their sender, up to the
        longest datagram, and nothing is answered.
        """
        sink = MemorySink()
        plain: Any = reactor
        port = plain.listenUDP(
            0,
            RecordDatagramProtocol(Intake(sink, plain)),
            interface="127.0.0.1",
            maxPacketSize=65535,
        )
        self.addCleanup(port.stopListening)
        client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.addCleanup(client.close)
        client.setblocking(False)
        client.bind(("127.0.0.1", 0))
        overhead = len(makeDatagram(msg="x" * 60000)) - 60000
        texts = ["a", "x" * (65507 - overhead)]
        for text in texts:
            client.sendto(makeDatagram(msg=text), port.socket.getsockname())

        async def run() -> None:
            while len(sink.records) < 2:
                await deferLater(plain, 0.01)
            self.assertEqual([r.message for r in sink.records], texts)
            peer = f"127.0.0.1:{client.getsockname()[1]}"
            self.assertEqual({r.received.peer for r in sink.records}, {peer})
            self.assertRaises(BlockingIOError, client.recv, 1)

        return Deferred.fromCoroutine(run())
