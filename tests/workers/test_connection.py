"""
Tests for L{logrecv.workers.connection}.
"""

from __future__ import annotations

import socket

from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase

from logrecv.workers.connection import SupervisorConnection
from logrecv.workers.messages import Ended, Logged, MessageBuffer
from logrecv.workers.totals import emptyReport


class SupervisorConnectionTests(SynchronousTestCase):
    """
    Tests for L{SupervisorConnection}.
    """

    def test_paused(self) -> None:
        """
        While the supervisor reads nothing, lines of the log and reports do not pile up.
        The lines are counted, and the last messages are sent in any case.
        """
        connection = SupervisorConnection(socket.socket())
        self.addCleanup(connection.connection.close)
        transport = StringTransport()
        connection.makeConnection(transport)
        self.assertIs(transport.producer, connection)
        connection.pauseProducing()
        for _ in range(5):
            connection.send(Logged("info", "logrecv", "text"))
        connection.send(emptyReport([], []))
        self.assertEqual(transport.value(), b"")
        connection.finish()
        connection.send(Ended(0))
        self.assertIsNone(transport.producer)
        told, ended = MessageBuffer().feed(transport.value())
        assert isinstance(told, Logged)
        self.assertTrue(told.text.startswith("5 lines of the log were lost"))
        self.assertIsInstance(ended, Ended)
