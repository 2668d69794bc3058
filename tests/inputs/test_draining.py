"""
Tests for L{logrecv.inputs.draining}.
"""

from __future__ import annotations

from twisted.internet.defer import Deferred

from logrecv.inputs.draining import INPUT_DRAIN_TIMEOUT, QUIET_TIMEOUT, drain
from tests.inputs.test_streams import StreamsTestCase


class DrainTests(StreamsTestCase):
    """
    Tests for L{drain}.
    """

    def test_idle(self) -> None:
        """
        A connection on which nothing comes is closed as soon as that is sure.
        """
        _, transport = self.connect()
        drained = Deferred.fromCoroutine(drain(self.connections))
        self.assertFalse(transport.disconnecting)
        self.advance(2 * QUIET_TIMEOUT)
        self.successResultOf(drained)
        self.assertTrue(transport.disconnecting)
        self.assertFalse(transport.aborted)

    def test_busy(self) -> None:
        """
        A connection is read while bytes come, and closed when they end.
        """
        protocol, transport = self.connect()
        drained = Deferred.fromCoroutine(drain(self.connections))
        for _ in range(20):
            self.advance(QUIET_TIMEOUT / 2)
            self.assertFalse(transport.disconnecting)
            protocol.dataReceived(b"x")
        self.advance(2 * QUIET_TIMEOUT)
        self.successResultOf(drained)

    def test_paused(self) -> None:
        """
        A connection that is not read has not been read to the end.
        """
        protocol, transport = self.connect()
        protocol.pauseProducing()
        drained = Deferred.fromCoroutine(drain(self.connections))
        self.advance(10 * QUIET_TIMEOUT)
        self.assertNoResult(drained)
        protocol.resumeProducing()
        self.advance(2 * QUIET_TIMEOUT)
        self.successResultOf(drained)
        self.assertEqual(transport.producerState, "producing")

    def test_timeout(self) -> None:
        """
        A client that never ends is cut off when the time is over.
        """
        protocol, transport = self.connect()
        drained = Deferred.fromCoroutine(drain(self.connections))
        while not transport.disconnecting:
            protocol.dataReceived(b"x")
            self.advance(QUIET_TIMEOUT / 2)
        self.assertTrue(transport.aborted)
        self.assertGreaterEqual(self.reactor.seconds(), INPUT_DRAIN_TIMEOUT)
        self.successResultOf(drained)
