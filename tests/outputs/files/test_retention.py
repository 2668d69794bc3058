"""
Tests for L{logrecv.outputs.files.retention}.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from logrecv.outputs.files.retention import (
    keepAll,
    keepCount,
    keepDays,
    retentionFromText,
)


class KeepTests(SynchronousTestCase):
    """
    L{retentionFromText} and the retentions that it gives.
    """

    def test_all(self) -> None:
        """
        Without C{keep=} all is kept.
        """
        self.assertEqual(list(keepAll([1, 2, 3], 1e9)), [])

    def test_count(self) -> None:
        """
        The newest so many are kept.
        """
        keep = keepCount(2)
        self.assertEqual(list(keep([1, 2, 3, 4], 0.0)), [1, 2])
        self.assertEqual(list(keep([1, 2], 0.0)), [])
        self.assertEqual(list(keep([], 0.0)), [])

    def test_days(self) -> None:
        """
        Files older than so many days are not kept, however few there are.
        """
        keep = keepDays(2)
        now = 10 * 86400.0
        stamps = [day * 86400_000 for day in (1, 7, 8, 9)]
        self.assertEqual(list(keep(stamps, now)), stamps[:2])
        self.assertEqual(list(keep(stamps, 100 * 86400.0)), stamps)

    def test_take(self) -> None:
        """
        A number is one of files, and with a C{d} one of days.
        """
        self.assertEqual(list(retentionFromText("1")([1, 2], 1e9)), [1])
        self.assertEqual(list(retentionFromText("1d")([1, 86400_000], 86401.0)), [1])

    def test_refused(self) -> None:
        """
        Any other text is refused.
        """
        for text in ("", "0", "0d", "-1", "d", "7dd", "7w", "1.5d", "٣", "all"):
            error = self.assertRaises(ValueError, retentionFromText, text)
            self.assertIn("such as 14d", str(error))
        error = self.assertRaises(ValueError, retentionFromText, "9" * 10 + "d")
        self.assertIn("more than anybody", str(error))
