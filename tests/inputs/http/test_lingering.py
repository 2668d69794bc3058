"""
Tests for L{logrecv.inputs.http.lingering}.
"""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase

from logrecv.inputs.http.lingering import (
    LINGER_SIZE,
    LINGER_TIMEOUT,
    DiscardPace,
    Lingering,
)


class LingeringTests(SynchronousTestCase):
    """
    Tests for L{Lingering} and L{DiscardPace}.
    """

    def setUp(self) -> None:
        """
        Make a pace.
        """
        self.clock = Clock()
        self.clock.advance(1000)
        self.pace = DiscardPace(self.clock)

    def start(self) -> tuple[Lingering, StringTransport]:
        """
        Refuse a client.
        """
        transport = StringTransport()
        lingering = Lingering(transport, self.pace)
        lingering.start()
        return lingering, transport

    def test_size(self) -> None:
        """
        A client that sends too much is cut off, and no timer is left.
        """
        lingering, transport = self.start()
        lingering.discard(bytes(LINGER_SIZE))
        self.assertFalse(transport.disconnecting)
        lingering.discard(b"x")
        self.assertTrue(transport.disconnecting)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_timeout(self) -> None:
        """
        A client that does not close its connection is cut off in time.
        """
        _, transport = self.start()
        self.clock.advance(LINGER_TIMEOUT - 0.1)
        self.assertFalse(transport.disconnecting)
        self.clock.advance(0.1)
        self.assertTrue(transport.disconnecting)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_lost(self) -> None:
        """
        When the connection is lost no timer is left.
        """
        lingering, _ = self.start()
        self.start()[0].discard(bytes(LINGER_SIZE))
        lingering.discard(bytes(LINGER_SIZE))
        lingering.stop()
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)

    def test_pace(self) -> None:
        """
        A single client is read as fast as it sends.  When many clients send, each is
        paused, and all together are read at one pace.
        """
        lingering, transport = self.start()
        lingering.discard(bytes(LINGER_SIZE // 2))
        self.assertEqual(transport.producerState, "producing")
        clients = [self.start() for _ in range(20)]
        read = 0
        paused = 0
        for _ in range(100):
            for lingering, transport in clients:
                if transport.producerState == "paused":
                    paused += 1
                else:
                    lingering.discard(bytes(65536))
                    read += 65536
            self.clock.advance(0.01)
        self.assertGreater(paused, 0)
        self.assertLess(read, 48 * 1024 * 1024)
        self.assertGreater(read, 24 * 1024 * 1024)
