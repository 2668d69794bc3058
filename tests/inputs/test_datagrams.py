"""
Tests for L{logrecv.inputs.datagrams}.
"""

from __future__ import annotations

import os
import socket
from tempfile import mkdtemp
from typing import Any

from twisted.application.service import IService
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.trial.unittest import SynchronousTestCase, TestCase
from zope.interface.verify import verifyObject

from logrecv.descriptions import DescriptionError
from logrecv.inputs.datagrams import (
    DatagramInput,
    UDPAddress,
    UnixAddress,
    parseAddress,
)
from logrecv.inputs.udp import RecordDatagramProtocol
from logrecv.intake import Intake
from logrecv.testing import MemorySink, makeDatagram
from tests.selection import slow


class ParseAddressTests(SynchronousTestCase):
    """
    Tests for L{parseAddress}.
    """

    def test_addresses(self) -> None:
        """
        Both kinds are understood.
        """
        udp = parseAddress(r"udp:9021:interface=\:\:1")
        assert isinstance(udp, UDPAddress)
        self.assertEqual((udp.port, udp.interface), (9021, "::1"))
        unix = parseAddress(r"unixgram:/run/a\:b:mode=600")
        assert isinstance(unix, UnixAddress)
        self.assertEqual((unix.path, unix.mode), ("/run/a:b", 0o600))
        private = parseAddress("unixgram:relative")
        assert isinstance(private, UnixAddress)
        self.assertEqual(private.path, os.path.abspath("relative"))
        self.assertEqual(private.mode, 0o660)

    def test_errors(self) -> None:
        """
        A description that cannot be used is refused in one line.
        """
        for text, expected in [
            ("udp", "PORT is missing"),
            ("udp:", "PORT is missing"),
            ("udp:x", "0 to 65535"),
            ("udp:1:2", "one part too many"),
            ("udp:1:interface=localhost", "IP address"),
            ("udp:1:mode=660", "mode= is not a keyword"),
            ("unixgram", "PATH is missing"),
            ("unixgram:/x:mode=rw", "octal"),
            ("unixgram:/x:mode=8", "octal"),
            ("unixgram:/x:interface=::1", "interface"),
            ("tcp:1", "no datagrams"),
        ]:
            error = self.assertRaises(DescriptionError, parseAddress, text)
            self.assertIn(expected, str(error), text)
            self.assertNotIn("\n", str(error))


class DatagramInputTests(TestCase):
    """
    Tests for L{DatagramInput}, on real sockets.
    """

    def setUp(self) -> None:
        """
        Make an intake.
        """
        self.sink = MemorySink()
        self.intake = Intake(self.sink, reactor)  # type: ignore[arg-type]

    def start(self, address: UDPAddress | UnixAddress) -> DatagramInput:
        """
        Listen.
        """
        protocol = RecordDatagramProtocol(self.intake)
        service = DatagramInput(reactor, address, protocol)
        verifyObject(IService, service)
        service.privilegedStartService()
        service.startService()
        self.addCleanup(service.stopService)
        return service

    def sendTo(self, address: Any, family: int, *datagrams: bytes) -> None:
        """
        Send datagrams, and see that nothing is answered.
        """
        client = socket.socket(family, socket.SOCK_DGRAM)
        self.addCleanup(client.close)
        client.setblocking(False)
        for datagram in datagrams:
            client.sendto(datagram, address)
        self.client = client

    async def waitFor(self, count: int) -> None:
        """
        Wait for records.
        """
        while len(self.sink.records) < count:
            await deferLater(reactor, 0.01)  # type: ignore[arg-type]

    @slow
    def test_udp(self) -> Deferred[None]:
        """
        Datagrams up to the largest that UDP can carry arrive whole, and nothing
        is ever answered.
        """

        async def run() -> None:
            service = self.start(UDPAddress(0, "127.0.0.1"))
            port = service.port.getHost().port
            overhead = len(makeDatagram(msg="x" * 60000)) - 60000
            largest = makeDatagram(msg="x" * (65507 - overhead))
            self.assertEqual(len(largest), 65507)
            self.sendTo(
                ("127.0.0.1", port),
                socket.AF_INET,
                *(b"", b"?", b"\0\0\0\1?", makeDatagram(msg="small"), largest),
            )
            await self.waitFor(2)
            lengths = [len(record.message) for record in self.sink.records]
            self.assertEqual(lengths, [5, 65507 - overhead])
            self.assertRaises(BlockingIOError, self.client.recv, 1)

        return Deferred.fromCoroutine(run())

    @slow
    def test_receiveBuffer(self) -> Deferred[None]:
        """
        A receive buffer larger than the usual one is asked for, and the size that the
        kernel gave is known.
        """

        async def run() -> None:
            plain = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self.addCleanup(plain.close)
            option = socket.SOL_SOCKET, socket.SO_RCVBUF
            service = self.start(UDPAddress(0, "127.0.0.1"))
            given = service.port.socket.getsockopt(*option)
            self.assertGreaterEqual(given, plain.getsockopt(*option))

        return Deferred.fromCoroutine(run())

    @slow
    def test_stopReadsWhatWasSent(self) -> Deferred[None]:
        """
        Datagrams that clients had sent before the stop are taken.
        """

        async def run() -> None:
            service = self.start(UDPAddress(0, "127.0.0.1"))
            address = ("127.0.0.1", service.port.getHost().port)
            self.sendTo(address, socket.AF_INET, *[makeDatagram()] * 100)
            await service.stopService()
            self.assertEqual(len(self.sink.records), 100)

        return Deferred.fromCoroutine(run())

    @slow
    def test_unix(self) -> Deferred[None]:
        """
        A UNIX socket takes datagrams with its permissions, replaces a socket
        that nobody listens to any more, and is gone after the stop.
        """

        async def run() -> None:
            directory = mkdtemp(prefix="logrecv")
            path = os.path.join(directory, "log.sock")
            self.addCleanup(os.rmdir, directory)
            stale = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            stale.bind(path)
            stale.close()
            service = self.start(UnixAddress(path, 0o600))
            self.assertEqual(os.stat(path).st_mode & 0o777, 0o600)
            self.sendTo(path, socket.AF_UNIX, makeDatagram(msg="y" * 100_000))
            await self.waitFor(1)
            self.assertEqual(self.sink.records[0].received.peer, path)
            await service.stopService()
            self.assertFalse(os.path.exists(path))

        return Deferred.fromCoroutine(run())
