"""
Tests for L{logrecv.hangup}.
"""

from __future__ import annotations

import os
import signal

from twisted.trial.unittest import SynchronousTestCase

from logrecv import hangup


class HangUpTests(SynchronousTestCase):
    """
    Tests for L{hangup.hold} and L{hangup.release}.
    """

    def setUp(self) -> None:
        """
        Restore the handler of the signal at the end.
        """
        before = signal.getsignal(signal.SIGHUP)
        self.addCleanup(signal.signal, signal.SIGHUP, before)
        self.calls: list[int] = []

    def test_held(self) -> None:
        """
        Signals that came before count as one, and each later signal counts.
        """
        hangup.hold()
        for _ in range(3):
            os.kill(os.getpid(), signal.SIGHUP)
        hangup.release(lambda: self.calls.append(1))
        self.assertEqual(self.calls, [1])
        os.kill(os.getpid(), signal.SIGHUP)
        self.assertEqual(self.calls, [1, 1])

    def test_none(self) -> None:
        """
        Without a signal, nothing is called.
        """
        hangup.hold()
        hangup.release(lambda: self.calls.append(1))
        self.assertEqual(self.calls, [])
