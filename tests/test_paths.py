"""
Tests for L{logrecv.paths}.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from logrecv.paths import (
    makePrivateDirectory,
    makePrivateFile,
    openPrivate,
    removeIfPresent,
    syncDirectory,
    usableDirectory,
)


class PrivateTests(SynchronousTestCase):
    """
    Files and directories for their owner alone.
    """

    def setUp(self) -> None:
        self.path = self.mktemp()
        self.addCleanup(os.umask, os.umask(0))

    def mode(self) -> int:
        return stat.S_IMODE(os.stat(self.path).st_mode)

    def test_file(self) -> None:
        """
        A new file is for its owner; a file that is there stays as it is.
        """
        makePrivateFile(self.path)
        self.assertEqual(self.mode(), 0o600)
        Path(self.path).write_text("x")
        os.chmod(self.path, 0o604)
        makePrivateFile(self.path)
        self.assertEqual((self.mode(), Path(self.path).read_text()), (0o604, "x"))

    def test_opened(self) -> None:
        """
        A new file is for its owner, and programs that are started do not inherit
        the descriptor.
        """
        descriptor = openPrivate(self.path, os.O_WRONLY | os.O_CREAT)
        self.addCleanup(os.close, descriptor)
        self.assertEqual(self.mode(), 0o600)
        self.assertFalse(os.get_inheritable(descriptor))

    def test_directory(self) -> None:
        """
        A new directory is for its owner; a directory that is there stays as it
        is.
        """
        makePrivateDirectory(self.path)
        self.assertEqual(self.mode(), 0o700)
        os.chmod(self.path, 0o705)
        makePrivateDirectory(self.path)
        self.assertEqual(self.mode(), 0o705)

    def test_removed(self) -> None:
        """
        A file is removed, and no file is no error.
        """
        makePrivateFile(self.path)
        removeIfPresent(self.path)
        removeIfPresent(self.path)
        self.assertFalse(os.path.exists(self.path))

    def test_synced(self) -> None:
        """
        A directory is synced; no directory is an error.
        """
        self.assertRaises(FileNotFoundError, syncDirectory, self.path)
        os.mkdir(self.path)
        synced: list[int] = []
        self.patch(os, "fsync", lambda number: synced.append(os.fstat(number).st_ino))
        syncDirectory(self.path)
        self.assertEqual(synced, [os.stat(self.path).st_ino])


class UsableDirectoryTests(SynchronousTestCase):
    """
    Tests for L{usableDirectory}.
    """

    def test_usable(self) -> None:
        """
        A directory that is there can be used, and one that can be made; it is
        not made yet.
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
