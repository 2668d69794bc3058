"""
Tests for L{logrecv.inputs.listening}.
"""

from __future__ import annotations

from typing import Any

from twisted.application.service import IService
from twisted.internet.defer import Deferred, fail
from twisted.internet.endpoints import TCP4ServerEndpoint
from twisted.internet.error import CannotListenError
from zope.interface.verify import verifyObject

from logrecv.inputs.listening import StreamInput
from tests.inputs.test_streams import StreamsTestCase


class StreamInputTests(StreamsTestCase):
    """
    Tests for L{StreamInput}.
    """

    def setUp(self) -> None:
        """
        Make an input.
        """
        super().setUp()
        endpoint: Any = TCP4ServerEndpoint(self.reactor, 9020)
        self.input = StreamInput(endpoint, self.connections)

    def test_interface(self) -> None:
        """
        An input is a service.
        """
        verifyObject(IService, self.input)

    def test_startAndStop(self) -> None:
        """
        An input listens once, started with privileges first or not, and
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
        C{twist} calls C{startService} only, and the input listens all the same.
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
        for _ in range(2):
            self.assertRaises(CannotListenError, service.startService)
        self.assertEqual(self.flushLoggedErrors(), [])
        self.successResultOf(service.stopService())

    def test_failsLater(self) -> None:
        """
        An endpoint that needs time to fail has its error logged.
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

    def test_stopsEarly(self) -> None:
        """
        A stop while an endpoint still takes its time cancels that.
        """
        cancelled: list[Deferred[Any]] = []

        class Slow:
            """
            An endpoint that takes its time.
            """

            def listen(self, factory: object) -> Deferred[Any]:
                """
                Promise.
                """
                return Deferred(cancelled.append)

        service = StreamInput(Slow(), self.connections)  # type: ignore[arg-type]
        service.startService()
        self.successResultOf(service.stopService())
        self.assertEqual(len(cancelled), 1)
        self.assertFalse(service.running)

    def test_startsAgain(self) -> None:
        """
        An input that has stopped can listen again.
        """
        for count in (1, 2):
            self.input.startService()
            self.assertEqual(len(self.reactor.tcpServers), count)
            self.assertIsNotNone(self.input.port)
            stopped = self.input.stopService()
            self.advance(1)
            self.successResultOf(stopped)
            self.assertIsNone(self.input.port)

    def test_neverStarted(self) -> None:
        """
        An input that was never started stops at once.
        """
        self.successResultOf(self.input.stopService())
