"""
Tests for L{logrecv.backoff}.
"""

from __future__ import annotations

import doctest

from twisted.trial.unittest import SynchronousTestCase

from logrecv import backoff as module
from logrecv.backoff import MAX_DELAY, Backoff, withoutJitter


class BackoffTests(SynchronousTestCase):
    """
    Tests for L{Backoff}.
    """

    def test_jitter(self) -> None:
        """
        A delay is between half and all of its greatest value.
        """
        self.assertEqual(Backoff(chance=lambda: 0.0).nextDelay(), 0.25)
        self.assertEqual(Backoff(chance=lambda: 1.0).nextDelay(), 0.5)
        for _ in range(100):
            self.assertTrue(0.25 <= Backoff().nextDelay() <= 0.5)

    def test_cap(self) -> None:
        """
        A delay doubles until it stops growing, and begins anew after a success.
        """
        backoff = Backoff(chance=withoutJitter)
        delays = [backoff.nextDelay() for _ in range(2000)]
        self.assertEqual(delays[:8], [0.5, 1, 2, 4, 8, 16, 30, 30])
        self.assertEqual(max(delays), MAX_DELAY)
        backoff.reset()
        self.assertEqual(backoff.nextDelay(), 0.5)

    def test_delayAfter(self) -> None:
        """
        A caller that counts failures on its own gets the same delays.
        """
        backoff = Backoff(1, 5, withoutJitter)
        delays = [backoff.delayAfter(failures) for failures in (1, 2, 3, 4, 10**6)]
        self.assertEqual(delays, [1, 2, 4, 5, 5])
        self.assertEqual(backoff.nextDelay(), 1)

    def test_examples(self) -> None:
        """
        The example gives the result that it shows.
        """
        results = doctest.testmod(module)
        self.assertEqual((results.failed, results.attempted), (0, 4))
