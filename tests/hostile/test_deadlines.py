"""
Input that clients have begun and not finished, over real connections.
"""

from __future__ import annotations

from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, TCP4ServerEndpoint
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.task import deferLater
from twisted.python.failure import Failure
from twisted.trial.unittest import TestCase

from logrecv.inputs.http.site import RecordSite
from logrecv.inputs.limits.partial import PartialInputs
from logrecv.inputs.listening import StreamInput
from logrecv.inputs.streams import Connections
from logrecv.inputs.tcp import RecordFactory
from logrecv.intake import Intake
from logrecv.testing import MemorySink, makeFrame
from tests.e2e.programs import PATIENCE
from tests.hostile import cases

_reactor: Any = reactor


class _Client(Protocol):
    """
    Keeps what comes, and tells when its connection is lost.
    """

    def __init__(self) -> None:
        self.received = b""
        self.lost: Deferred[None] = Deferred()
        self.isLost = False

    def dataReceived(self, data: bytes) -> None:
        self.received += data

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.isLost = True
        self.lost.callback(None)


class DeadlineTests(TestCase):
    """
    Tests with a deadline of half a second, and room for 100,000 bytes.
    """

    timeout = 30

    def setUp(self) -> None:
        """
        Listen.
        """
        self.sink = MemorySink()
        self.intake = Intake(self.sink, _reactor)
        self.partials = PartialInputs(_reactor, limit=100_000, deadline=0.5)
        self.clients: list[_Client] = []
        self.inputs = {}
        for via, factory in (
            ("tcp", RecordFactory(self.intake, 1048576, self.partials)),
            ("http", RecordSite(self.intake, _reactor, 1048576, self.partials)),
        ):
            endpoint = TCP4ServerEndpoint(_reactor, 0, interface="127.0.0.1")
            connections = Connections(
                factory,
                self.intake.tallies[via],
                _reactor,
                rejections=self.intake.rejections,
            )
            self.inputs[via] = StreamInput(endpoint, connections)
            self.inputs[via].startService()

    async def tearDown(self) -> None:
        """
        Stop.
        """
        for client in self.clients:
            if not client.isLost:
                client.transport.abortConnection()
                await client.lost
        for each in self.inputs.values():
            await each.stopService()
        if self.partials._sweeping is not None:
            self.partials._sweeping.cancel()

    async def connect(self, via: str, data: bytes = b"") -> Any:
        """
        Connect, and send.
        """
        port = self.inputs[via].port.getHost().port
        client = await TCP4ClientEndpoint(_reactor, "127.0.0.1", port).connect(
            Factory.forProtocol(_Client)
        )
        self.clients.append(client)
        client.transport.write(data)
        return client

    async def test_late(self) -> None:
        """
        A frame or request that is not finished in time is counted once and its
        connection closed, however often a byte of it comes; a connection that
        is idle, or has been since its last record, stays.
        """
        idle = [await self.connect(via) for via in ("tcp", "http")]
        quiet = await self.connect("tcp", makeFrame(msg="quiet"))
        late = [
            await self.connect("tcp", makeFrame()[:9]),
            await self.connect("tcp", b"\0"),
            await self.connect("http", b"GET /?msg"),
            await self.connect("http", b"GET /?msg=a HTTP/1.1\r\nHost: x\r\n"),
            await self.connect("http", cases.form(b"msg=" + b"x" * 99)[:-1]),
        ]
        for _ in range(25):
            for client in late:
                if not client.isLost:
                    client.transport.write(b"x" if client is late[0] else b"")
            await deferLater(_reactor, 0.1)
        self.assertEqual([client.isLost for client in late], [True] * len(late))
        self.assertEqual([client.isLost for client in [*idle, quiet]], [False] * 3)
        self.assertEqual(self.intake.tallies["tcp"].rejected, {"too-slow": 2})
        self.assertEqual(self.intake.tallies["http"].rejected, {"too-slow": 3})
        self.assertEqual(self.partials.held, 0)
        quiet.transport.write(makeFrame(msg="awake"))
        await deferLater(_reactor, 0.1)
        self.assertEqual(
            [each.message for each in self.sink.records], ["quiet", "awake"]
        )

    async def test_refusedBody(self) -> None:
        """
        A body that was refused is not read for ever.
        """
        client = await self.connect(
            "http", cases.request(b"POST /", b"Content-Length: 99999999")
        )
        for _ in range(30):
            client.transport.write(b"x" * 1000)
            await deferLater(_reactor, 0.1)
            if client.isLost:
                break
        self.assertTrue(client.isLost)
        self.assertIn(b" 413 ", client.received)
        self.assertEqual(self.intake.tallies["http"].rejected, {"too-long": 1})

    async def test_overload(self) -> None:
        """
        When more is unfinished than there is room for, those go who hold most;
        a client with a record of ordinary size under way is not one of them.
        """
        small = await self.connect("tcp", makeFrame(msg="small")[:-1])
        middle = await self.connect("tcp", cases.frame(bytes(500_000))[:30_000])
        large = await self.connect("http", b"GET /?msg=" + b"x" * 60_000)
        await deferLater(_reactor, 0.1)
        self.assertFalse(large.isLost)
        middle.transport.write(bytes(20_000))
        await large.lost
        self.assertFalse(middle.isLost)
        small.transport.write(makeFrame(msg="small")[-1:])
        await deferLater(_reactor, 0.1)
        self.assertEqual(self.sink.records[0].message, "small")
        self.assertEqual(self.intake.tallies["http"].rejected, {"overload": 1})
        self.assertEqual(self.intake.tallies["tcp"].rejected, {})

    async def test_unreadAnswers(self) -> None:
        """
        A client that sends request after request and never reads an answer
        makes the service hold no more than a little, and is closed.
        """
        client = await self.connect("http")
        client.transport.pauseProducing()
        request = cases.request(b"GET /nothing")
        client.transport.write(request * 40_000)
        await deferLater(_reactor, 0.3)
        self.assertLess(self.partials.held, 100_001)
        (connection,) = self.inputs["http"].connections.protocols
        written = connection.transport
        self.assertLess(len(written.dataBuffer) + written._tempDataLen, 1 << 20)
        end = _reactor.seconds() + PATIENCE
        while self.inputs["http"].connections.protocols:
            self.assertLess(_reactor.seconds(), end, "it is not closed")
            await deferLater(_reactor, 0.1)
