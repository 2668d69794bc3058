"""
Tests for L{logrecv.outputs.files.names}.
"""

from __future__ import annotations

import doctest
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from logrecv.outputs.files import names
from logrecv.outputs.files.names import RotatedFile, collide, findRotated
from tests.outputs.files.test_schedule import utc


class NameTests(SynchronousTestCase):
    """
    The names of files that were moved away.
    """

    def test_make(self) -> None:
        """
        The name has the time of the last record, in UTC, to the millisecond.
        """
        stamp = int(utc("2026-11-22 10:00:00")) * 1000 + 7
        self.assertEqual(
            RotatedFile.make("app.log", stamp).name, "app.log.20261122T100000.007Z"
        )

    def test_example(self) -> None:
        """
        The example in the documentation is right.
        """
        self.assertEqual(doctest.testmod(names), (0, 1))

    def test_sortable(self) -> None:
        """
        The order of the names is that of the times.
        """
        inOrder = [
            RotatedFile.make("a", stamp).name for stamp in range(0, 10**13, 10**10 + 1)
        ]
        self.assertEqual(sorted(inOrder), inOrder)

    def test_roundTrip(self) -> None:
        """
        A name is taken apart into what it was made of, compressed or not.
        """
        rotated = RotatedFile.make("app.log", 1764000000123)
        self.assertEqual(RotatedFile.fromName(rotated.name), rotated)
        for suffix in (".gz", ".zst"):
            name = rotated.name + suffix
            self.assertEqual(
                RotatedFile.fromName(name),
                RotatedFile(name, "app.log", rotated.stamp, suffix),
            )
            self.assertEqual(
                RotatedFile.fromName(name + ".tmp"),
                RotatedFile(name + ".tmp", "app.log", rotated.stamp, suffix, True),
            )

    def test_foreign(self) -> None:
        """
        A name that differs in the least is not the name of a rotated file.
        """
        for name in (
            "app.log",
            "app.log.1",
            "app.log.20261122",
            "app.log.20261122T100000Z",
            "app.log.20261122T100000.00Z",
            "app.log.20261122T100000.0000Z",
            "app.log.20261122T100000.000z",
            "app.log.20261322T100000.000Z",
            "app.log.20261122T250000.000Z",
            "app.log.20261122T100000.000Z.bz2",
            "app.log.20261122T100000.000Z.gz.bak",
            "app.log.20261122T100000.000Z.tmp",
            "app.log.20261122T100000.000Z\n",
            "app.log.٢0261122T100000.000Z",
            ".20261122T100000.000Z",
            "app.log20261122T100000.000Z",
        ):
            self.assertIsNone(RotatedFile.fromName(name), name)

    def test_find(self) -> None:
        """
        Only files of the very name are found, oldest first: not those of
        another name, no directories and no links.
        """
        directory = Path(self.mktemp())
        directory.mkdir()
        first, second, third, fourth = (
            RotatedFile.make("app.log", stamp).name
            for stamp in (1000, 2000, 3000, 4000)
        )
        (directory / second).touch()
        (directory / f"{first}.gz").touch()
        (directory / third).mkdir()
        (directory / fourth).symlink_to(directory / second)
        for name in ("app.log", f"old-{first}", f"app.log.{first}", "app.log.1"):
            (directory / name).touch()
        found = findRotated(str(directory), "app.log")
        self.assertEqual([each.name for each in found], [f"{first}.gz", second])

    def test_collide(self) -> None:
        """
        Two paths collide where one is a rotated file of the other.
        """
        rotated = RotatedFile.make("/logs/app.log", 1000).name
        self.assertTrue(collide("/logs/app.log", rotated))
        self.assertTrue(collide(f"{rotated}.gz.tmp", "/logs/app.log"))
        self.assertFalse(collide("/logs/app.log", "/logs/app.log.1"))
        self.assertFalse(collide("/other/app.log", rotated))
        self.assertFalse(collide(rotated, rotated))
