"""
Tests for L{logrecv.outputs.files.positions}.
"""

from __future__ import annotations

import os
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from logrecv.outputs.files.positions import Position, Positions


class PositionsTests(SynchronousTestCase):
    """
    L{Positions}.
    """

    def setUp(self) -> None:
        self.path = self.mktemp()
        self.file = Path(self.mktemp())
        self.file.write_bytes(b"12345")

    @property
    def status(self) -> os.stat_result:
        """
        The status of the file that is written to.
        """
        return self.file.stat()

    def make(self, number: int = 1) -> Positions:
        positions = Positions(self.path, number)
        positions.open()
        self.addCleanup(positions.close)
        return positions

    def test_noted(self) -> None:
        """
        The next process finds the last position, and a position is private.
        """
        positions = self.make()
        self.assertIsNone(positions.last())
        positions.note("a" * 100, 7, self.status)
        positions.note("b", 8, self.status)
        found = self.make().last()
        assert found is not None
        self.assertEqual((found.chunk, found.done, found.offset), ("b", 8, 5))
        self.assertEqual((found.end, found.name), (None, ""))
        self.assertTrue(found.isIn(self.status))
        self.assertEqual(os.stat(self.path).st_mode & 0o077, 0)

    def test_damaged(self) -> None:
        """
        A position that is not whole is none.
        """
        self.make().note("a", 0, self.status)
        data = Path(self.path).read_bytes()
        for damaged in (data[:20], data.replace(b'"a"', b'"b"'), b"zz", b"\0" * 50):
            Path(self.path).write_bytes(damaged)
            self.assertIsNone(self.make().last())
        self.assertIsNone(Position.decode(b"00000000 \n"))

    def test_endOthers(self) -> None:
        """
        The first process that goes on in a file notes where the part of each other
        process ends; its own part has no end yet.
        """
        first, second = self.make(1), self.make(2)
        first.note("a", 0, self.status)
        second.note("b", 0, self.status)
        second.endOthers(self.status)
        self.file.write_bytes(b"1234567")
        second.endOthers(self.status)
        for positions, end in ((first, 5), (second, None)):
            found = positions.last()
            assert found is not None
            self.assertEqual(found.end, end)

    def test_rename(self) -> None:
        """
        The new name of a file is noted for all processes that wrote to it last.
        """
        first, second, third = map(self.make, (1, 2, 3))
        other = Path(self.mktemp())
        other.touch()
        first.note("a", 0, self.status)
        second.note("b", 0, other.stat())
        third.note("c", 0, self.status)
        third.rename(self.status, "x" * 100 + "\udcff" * 155)
        names = []
        for positions in (first, second, third):
            found = positions.last()
            assert found is not None
            names.append(len(found.name))
        self.assertEqual(names, [255, 0, 255])

    def test_noRoom(self) -> None:
        """
        A disk that takes no position is no error.
        """
        positions = self.make()
        positions.note("a", 0, self.status)
        positions.path = "/dev/full"
        positions.close()
        positions._descriptor = os.open("/dev/full", os.O_RDWR)
        positions.note("b", 0, self.status)
