"""
Tests for L{logrecv.paths}.
"""

from __future__ import annotations

import os
from pathlib import Path

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from logrecv.paths import usableDirectory


class UsableDirectoryTests(SynchronousTestCase):
    """
    Tests for L{usableDirectory}.
    """

    def test_usable(self) -> None:
        """
        A directory that exists can be used, and a directory that can be made; the check
        does not make it.
        """
        directory = self.mktemp()
        self.assertEqual(usableDirectory(directory), os.path.abspath(directory))
        self.assertFalse(os.path.exists(directory))
        os.mkdir(directory)
        self.assertEqual(usableDirectory(directory), os.path.abspath(directory))

    def test_unusable(self) -> None:
        """
        Where it is sure that nothing can be written, the error says why.
        """
        file = self.mktemp()
        Path(file).touch()
        for text, expected in [
            ("", "give the path"),
            (file, "not a directory"),
            (f"{file}/x", "no directory"),
            ("/nowhere/at/all", "no directory /nowhere/at"),
        ]:
            error = self.assertRaises(ValueError, usableDirectory, text)
            self.assertIn(expected, str(error))

    def test_notAllowed(self) -> None:
        """
        A directory that may not be written to cannot be used, nor can one be
        made in it.
        """
        if os.geteuid() == 0:
            raise SkipTest("root may write everywhere")
        directory = self.mktemp()
        os.mkdir(directory, 0o500)
        for text in (directory, f"{directory}/x"):
            error = self.assertRaises(ValueError, usableDirectory, text)
            self.assertIn("may be made in", str(error))
