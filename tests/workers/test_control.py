"""
Tests for L{logrecv.workers.messages}.
"""

from __future__ import annotations

import socket

from twisted.trial.unittest import SynchronousTestCase

from logrecv.workers.messages import ControlProtocol, Serve, Stop, encodeMessage


class LineTests(SynchronousTestCase):
    """
    Tests for L{ControlProtocol}, where there is no reactor yet.
    """

    def test_read(self) -> None:
        """
        Messages are waited for, until the other end is gone.
        """
        ours, theirs = socket.socketpair()
        with ours:
            line = ControlProtocol(ours)
            with theirs:
                theirs.sendall(encodeMessage(Serve()) + encodeMessage(Stop()))
                self.assertEqual(line.read(), [Serve(), Stop()])
                theirs.sendall(encodeMessage(Stop())[:5])
                self.assertEqual(line.read(), [])
            self.assertRaises(EOFError, line.read)

    def test_send(self) -> None:
        """
        What is sent is read at the other end; to tell one that is gone something
        is no error.
        """
        ours, theirs = map(ControlProtocol, socket.socketpair())
        with ours.connection:
            with theirs.connection:
                ours.send(Serve())
                self.assertEqual(theirs.read(), [Serve()])
            ours.send(Stop())
