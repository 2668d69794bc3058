"""
Tests for L{logrecv.outputs.http.client}.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from logrecv.outputs.http.client import MAX_RETRY_AFTER_DELAY, secondsToWait


class SecondsToWaitTests(SynchronousTestCase):
    """
    Tests for L{secondsToWait}.
    """

    def test_retryAfter(self) -> None:
        """
        Seconds and dates are understood, within reason.
        """
        for text, seconds in [
            ("3", 3),
            (" 4 ", 4),
            ("Sun, 06 Nov 1994 08:49:37 GMT", 7),
            ("Sun, 06 Nov 1994 08:49:37 -0000", 7),
            ("Sun, 06 Nov 1990 08:49:37 GMT", 0),
            ("9999999999999999999", MAX_RETRY_AFTER_DELAY),
            ("Sun, 06 Nov 2094 08:49:37 GMT", MAX_RETRY_AFTER_DELAY),
            ("soon", 0),
            ("-5", 0),
            ("", 0),
        ]:
            self.assertEqual(secondsToWait(text, 784111770), seconds, text)
