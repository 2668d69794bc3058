"""
Tests for L{logrecv.outputs.files.compression}.  The tests of the archive compress
files.
"""

from __future__ import annotations

import sys

import zstandard
from twisted.trial.unittest import SynchronousTestCase

from logrecv.outputs.files.compression import compressionFromText


class CompressionFromTextTests(SynchronousTestCase):
    """
    L{compressionFromText}.
    """

    def test_refused(self) -> None:
        """
        An unknown way is refused, and so is one whose package is missing.
        """
        error = self.assertRaises(ValueError, compressionFromText, "xz")
        self.assertEqual(str(error), "must be one of gzip, zstd")
        self.addCleanup(sys.modules.__setitem__, "zstandard", zstandard)
        sys.modules["zstandard"] = None  # type: ignore[assignment]
        error = self.assertRaises(ValueError, compressionFromText, "zstd")
        self.assertIn("pip install logrecv[zstd]", str(error))
        compressionFromText("gzip")
