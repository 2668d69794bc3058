"""
Tests for L{logrecv.outputs.files.claim}.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from logrecv.outputs.files.claim import MAX_SERVICE, FileTaken, claim
from logrecv.outputs.files.rotation import Rotation
from logrecv.outputs.files.schedule import Schedule
from logrecv.outputs.files.writer import FileWriter
from tests.faults.accounts import filesOf


class ClaimTests(SynchronousTestCase):
    """
    One service writes to a file.
    """

    def setUp(self) -> None:
        if not hasattr(fcntl, "F_OFD_SETLK"):
            raise SkipTest("this system has no locks of open files")
        self.path = os.path.abspath(self.mktemp())

    def open(self, path: str | None = None) -> int:
        return os.open(path or self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def claim(self, service: int) -> int:
        """
        Claim the file as a process of a service does.
        """
        descriptor = self.open()
        claim(descriptor, self.path, service)
        return descriptor

    def test_taken(self) -> None:
        """
        Another service is refused, on either side, and told which process has the
        file; its descriptor is closed.
        """
        self.claim(1000)
        for service in (1, 999, 1001, MAX_SERVICE):
            descriptor = self.open()
            error = self.assertRaises(FileTaken, claim, descriptor, self.path, service)
            self.assertIn(f"process {os.getpid()};", str(error))
            self.assertRaises(OSError, os.fstat, descriptor)

    def test_shared(self) -> None:
        """
        The processes of one service share a file, and may open it again.
        """
        first = self.claim(MAX_SERVICE)
        second = self.claim(MAX_SERVICE)
        os.close(first)
        self.assertRaises(FileTaken, self.claim, 5)
        os.close(second)
        self.claim(5)

    def test_otherLocks(self) -> None:
        """
        The lock of another program is no claim.
        """
        other = os.open(self.path, os.O_RDWR | os.O_CREAT)
        fcntl.flock(other, fcntl.LOCK_EX)
        self.claim(5)

    def test_devices(self) -> None:
        """
        Any number of services write to a device.
        """
        for service in (1, 2):
            claim(self.open("/dev/null"), "/dev/null", service)

    def writer(self, service: int, rotate: int = 1000) -> FileWriter:
        rotation = Rotation(self.path, Schedule(rotate))
        writer = FileWriter(self.path, rotation=rotation, service=service)
        writer.open()
        self.addCleanup(writer.close)
        return writer

    def test_rotated(self) -> None:
        """
        The claim is to the new file after a rotation.
        """
        writer = self.writer(1, 4)
        writer.write(b"one\ntwo\n")
        self.assertRaises(FileTaken, self.writer, 2)
        writer.close()
        self.writer(2)

    def test_betweenRotation(self) -> None:
        """
        A service that has taken the path in the middle of a rotation, or after the
        file was moved away, keeps it: the other writes nothing there until it is
        gone, and does not move the file of the other.
        """
        writer = self.writer(1, 4)
        writer.write(b"one\n")
        others: list[FileWriter] = []
        create = FileWriter._open

        def openLate(opening: FileWriter) -> int:
            if opening is writer and not others:
                others.append(self.writer(2))
            return create(opening)

        self.patch(FileWriter, "_open", openLate)
        for _ in range(2):
            self.assertRaises(OSError, writer.write, b"two\n")
        others[0].write(b"other\n")
        found = [path.read_bytes() for path in filesOf(Path(self.path))]
        self.assertEqual(found, [b"one\n", b"other\n"])
        others[0].close()
        writer.write(b"two\n")
        found = [path.read_bytes() for path in filesOf(Path(self.path))]
        self.assertEqual(found, [b"one\n", b"other\ntwo\n"])

    def test_reopened(self) -> None:
        """
        A file that another service has taken is not opened again: the service goes
        on in the file that was moved away.
        """
        writer = self.writer(1)
        writer.write(b"one\n")
        os.rename(self.path, f"{self.path}.1")
        other = self.writer(2)
        writer.reopen()
        writer.write(b"two\n")
        other.write(b"other\n")
        self.assertEqual(Path(f"{self.path}.1").read_bytes(), b"one\ntwo\n")
        self.assertEqual(Path(self.path).read_bytes(), b"other\n")
