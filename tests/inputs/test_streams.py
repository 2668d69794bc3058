"""
Tests for L{logrecv.inputs.streams}.
"""

from __future__ import annotations

from typing import Any

from twisted.application.service import IService
from twisted.internet.defer import Deferred, fail
from twisted.internet.endpoints import TCP4ServerEndpoint
from twisted.internet.error import CannotListenError, ConnectionDone
from twisted.internet.interfaces import INegotiated, ITransport
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import directlyProvides
from zope.interface.verify import verifyObject

from logrecv.counters import InputTally
from logrecv.inputs.limits.partial import DEADLINE
from logrecv.inputs.streams import DRAIN, QUIET, Connections, StreamInput


class Transport(StringTransport):
    """
    A transport that loses its connection when it is asked to.
    """

    aborted = False
    protocol: Any = None

    def loseConnection(self) -> None:
        """
        Lose the connection.
        """
        super().loseConnection()
        self.protocol.connectionLost(Failure(ConnectionDone()))

    def abortConnection(self) -> None:
        """
        Lose the connection at once.
        """
        self.aborted = True
        self.loseConnection()


class StreamsTestCase(SynchronousTestCase):
    """
    Has an input on a reactor in memory.
    """

    def setUp(self) -> None:
        """
        Make the input.
        """
        self.reactor = MemoryReactorClock()
        self.tally = InputTally("tcp")
        self.factory = Factory.forProtocol(Protocol)
        self.connections = Connections(self.factory, self.tally, self.reactor)
        self.endpoint: Any = TCP4ServerEndpoint(self.reactor, 9020)
        self.input = StreamInput(self.endpoint, self.connections)

    def connect(self) -> tuple[Any, Transport]:
        """
        Make a connection.
        """
        protocol = self.connections.buildProtocol(None)
        transport = Transport()
        transport.protocol = protocol
        protocol.makeConnection(transport)
        return protocol, transport

    def advance(self, seconds: float) -> None:
        """
        Let time pass, in small steps.
        """
        for _ in range(int(seconds / 0.01)):
            self.reactor.advance(0.01)


class ConnectionsTests(StreamsTestCase):
    """
    Tests for L{Connections}.
    """

    def test_counted(self) -> None:
        """
        Connections are counted while they are open.
        """
        first, _ = self.connect()
        self.connect()
        self.assertEqual(self.tally.connections, 2)
        first.connectionLost(Failure(ConnectionDone()))
        self.assertEqual(self.tally.connections, 1)

    def test_handshake(self) -> None:
        """
        A client that does not finish the TLS handshake in time is cut off and
        counted; one that does may be idle for ever.
        """
        for finishes in (True, False):
            protocol = self.connections.buildProtocol(None)
            transport = Transport()
            transport.protocol = protocol
            directlyProvides(transport, INegotiated, ITransport)
            protocol.makeConnection(transport)
            self.advance(DEADLINE - 1)
            self.assertFalse(transport.aborted)
            if finishes:
                protocol.handshakeCompleted()
            self.advance(2)
            self.assertEqual(transport.aborted, not finishes)
        self.assertEqual(self.tally.refused, {"handshake": 1})

    def test_drainIdle(self) -> None:
        """
        A connection on which nothing comes is closed as soon as that is sure.
        """
        _, transport = self.connect()
        drained = Deferred.fromCoroutine(self.connections.drain())
        self.assertFalse(transport.disconnecting)
        self.advance(2 * QUIET)
        self.successResultOf(drained)
        self.assertTrue(transport.disconnecting)
        self.assertFalse(transport.aborted)

    def test_drainBusy(self) -> None:
        """
        A connection is read while bytes come, and closed when they end.
        """
        protocol, transport = self.connect()
        drained = Deferred.fromCoroutine(self.connections.drain())
        for _ in range(20):
            self.advance(QUIET / 2)
            self.assertFalse(transport.disconnecting)
            protocol.dataReceived(b"x")
        self.advance(2 * QUIET)
        self.successResultOf(drained)

    def test_drainPaused(self) -> None:
        """
        A connection that is not read has not been read to the end.
        """
        protocol, transport = self.connect()
        protocol.pauseProducing()
        drained = Deferred.fromCoroutine(self.connections.drain())
        self.advance(10 * QUIET)
        self.assertNoResult(drained)
        protocol.resumeProducing()
        self.advance(2 * QUIET)
        self.successResultOf(drained)
        self.assertEqual(transport.producerState, "producing")

    def test_drainLimit(self) -> None:
        """
        A client that never ends is cut off when the time is over.
        """
        protocol, transport = self.connect()
        drained = Deferred.fromCoroutine(self.connections.drain())
        while not transport.disconnecting:
            protocol.dataReceived(b"x")
            self.advance(QUIET / 2)
        self.assertTrue(transport.aborted)
        self.assertGreaterEqual(self.reactor.seconds(), DRAIN)
        self.successResultOf(drained)


class StreamInputTests(StreamsTestCase):
    """
    Tests for L{StreamInput}.
    """

    def test_interface(self) -> None:
        """
        It is a service.
        """
        verifyObject(IService, self.input)

    def test_startAndStop(self) -> None:
        """
        It listens once, whether it is started with privileges first or not, and
        a stop closes the port before the connections.
        """
        self.input.privilegedStartService()
        self.input.startService()
        self.assertEqual(len(self.reactor.tcpServers), 1)
        _, transport = self.connect()
        stopped = self.input.stopService()
        self.assertNoResult(stopped)
        self.advance(1)
        self.successResultOf(stopped)
        self.assertTrue(transport.disconnecting)

    def test_startAlone(self) -> None:
        """
        C{twist} calls C{startService} only, and it listens all the same.
        """
        self.input.startService()
        self.assertEqual(len(self.reactor.tcpServers), 1)

    def test_taken(self) -> None:
        """
        A port that is taken is raised, not logged.
        """

        class Taken:
            """
            An endpoint that cannot listen.
            """

            def listen(self, factory: object) -> Deferred[Any]:
                """
                Fail.
                """
                return fail(CannotListenError("", 9020, OSError("taken")))

        service = StreamInput(Taken(), self.connections)  # type: ignore[arg-type]
        self.assertRaises(CannotListenError, service.startService)
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_failsLater(self) -> None:
        """
        Where an endpoint needs time to fail, that is logged.
        """
        listening: Deferred[Any] = Deferred()

        class Slow:
            """
            An endpoint that takes its time.
            """

            def listen(self, factory: object) -> Deferred[Any]:
                """
                Promise.
                """
                return listening

        service = StreamInput(Slow(), self.connections)  # type: ignore[arg-type]
        service.startService()
        listening.errback(CannotListenError("", 9020, OSError("taken")))
        self.assertEqual(len(self.flushLoggedErrors(CannotListenError)), 1)
        stopped = service.stopService()
        self.successResultOf(stopped)
