"""
Tests for L{logrecv.outputs.files.rotation}.
"""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable
from pathlib import Path

from attrs import define, field
from twisted.internet.task import Clock
from twisted.logger import LogEvent, formatEvent, globalLogPublisher
from twisted.python.monkey import MonkeyPatcher
from twisted.trial.unittest import SynchronousTestCase

from logrecv.outputs.files.archive import Archive
from logrecv.outputs.files.rotation import (
    MAX_CHECK_DELAY,
    MIN_CHECK_DELAY,
    ROTATION_RETRY_DELAY,
    Rotation,
)
from logrecv.outputs.files.schedule import Schedule
from logrecv.outputs.files.writer import FileWriter
from tests.outputs.files.test_schedule import utc


@define(eq=False)
class CountingArchive(Archive):
    """
    An archive without a thread, that notes what it is asked for.
    """

    directory: str = ""
    base: str = ""
    clock: Callable[[], float] = time.time
    asked: list[str] = field(factory=list, init=False)

    def start(self) -> None:
        self.asked.append("start")

    def cleanUp(self) -> None:
        self.asked.append("cleanUp")

    def stop(self) -> None:
        self.asked.append("stop")


class RotationTests(SynchronousTestCase):
    """
    L{Rotation}, with the writer that asks it.
    """

    def setUp(self) -> None:
        self.directory = Path(os.path.abspath(self.mktemp()))
        self.directory.mkdir()
        self.path = self.directory / "app.log"
        self.clock = Clock()
        self.clock.advance(utc("2026-11-22 10:30:00"))
        self.archive = CountingArchive()
        self.events: list[LogEvent] = []
        globalLogPublisher.addObserver(self.events.append)
        self.addCleanup(globalLogPublisher.removeObserver, self.events.append)

    def open(self, schedule: Schedule) -> FileWriter:
        rotation = Rotation(str(self.path), schedule, self.archive, self.clock.seconds)
        writer = FileWriter(str(self.path), rotation=rotation)
        writer.open()
        self.addCleanup(writer.close)
        return writer

    def hourly(self) -> FileWriter:
        return self.open(Schedule(turn=lambda moment: moment // 3600 * 3600 + 3600))

    def write(self, writer: FileWriter, text: str) -> None:
        """
        Write a line at the time of the clock.
        """
        writer.write(f"{text}\n".encode("ascii"))
        now = self.clock.seconds()
        os.utime(self.path, (now, now))

    def rotated(self) -> dict[str, str]:
        """
        The contents of the files that were moved away, by the end of their names.
        """
        return {
            path.name.removeprefix("app.log."): path.read_text()
            for path in sorted(self.directory.iterdir())
            if path != self.path
        }

    def block(self) -> MonkeyPatcher:
        """
        Let nothing be moved, until that is restored.
        """

        def refuse(source: str, target: str) -> None:
            raise OSError(errno.EACCES, "not allowed")

        return self.patch(os, "rename", refuse)

    def test_size(self) -> None:
        """
        A file that is full is moved away, and the archive hears of it.
        """
        writer = self.open(Schedule(size=4))
        self.write(writer, "a")
        self.write(writer, "b")
        self.assertIsNone(writer.rotation.checkDelay())
        self.assertEqual(self.archive.asked, ["start"])
        self.write(writer, "c")
        self.assertEqual(self.archive.asked, ["start", "cleanUp"])
        self.assertEqual(self.rotated(), {"20261122T103000.000Z": "a\nb\n"})
        self.assertEqual(self.path.read_text(), "c\n")

    def test_sameMillisecond(self) -> None:
        """
        No file is ever overwritten: where a name is taken, compressed or not,
        the next one is used.
        """
        (self.directory / "app.log.20261122T103000.000Z.gz").write_text("old")
        writer = self.open(Schedule(size=2))
        for text in "abc":
            self.write(writer, text)
        self.assertEqual(
            self.rotated(),
            {
                "20261122T103000.000Z.gz": "old",
                "20261122T103000.001Z": "a\n",
                "20261122T103000.002Z": "b\n",
            },
        )

    def test_clockSetBack(self) -> None:
        """
        The names are in the order of the records, though the clock is not: the
        newest records must not be taken for the oldest.
        """
        writer = self.open(Schedule(size=2))
        self.write(writer, "a")
        self.write(writer, "b")
        self.clock.rightNow -= 3600
        self.write(writer, "c")
        self.write(writer, "d")
        self.assertEqual(list(self.rotated().values()), ["a\n", "b\n", "c\n"])

    def test_turn(self) -> None:
        """
        At the turn of the hour the next record goes to a new file.  The name of
        the old one is the time of its last record.
        """
        writer = self.hourly()
        self.write(writer, "a")
        self.clock.advance(1799)
        self.write(writer, "b")
        self.assertEqual(self.rotated(), {})
        self.clock.advance(1)
        self.write(writer, "c")
        self.assertEqual(self.rotated(), {"20261122T105959.000Z": "a\nb\n"})

    def test_quietFile(self) -> None:
        """
        At the turn of the hour the file is moved away though nothing is
        written, but only once, and not while it is empty.
        """
        writer = self.hourly()
        self.write(writer, "a")
        self.assertEqual(writer.housekeeping(), MAX_CHECK_DELAY)
        self.clock.advance(1800 - 5)
        self.assertEqual(writer.housekeeping(), 5.0)
        self.clock.advance(5)
        writer.housekeeping()
        for _ in range(48):
            self.clock.advance(1800)
            writer.housekeeping()
        self.assertEqual(self.rotated(), {"20261122T103000.000Z": "a\n"})

    def test_restarted(self) -> None:
        """
        A file from before the turn is moved away after a restart, and one from
        after it is not.
        """
        self.path.write_text("a\n")
        for age, rotated in [(1799, {}), (1801, {"20261122T095959.000Z": "a\n"})]:
            written = self.clock.seconds() - age
            os.utime(self.path, (written, written))
            writer = self.hourly()
            writer.housekeeping()
            self.assertEqual(self.rotated(), rotated)

    def test_otherClock(self) -> None:
        """
        Where the file system's clock is behind, one turn is one rotation.
        """
        writer = self.hourly()
        self.write(writer, "a")
        self.clock.advance(1800)
        for text in "bcd":
            writer.write(f"{text}\n".encode("ascii"))
            os.utime(self.path, (self.clock.seconds() - 5,) * 2)
        self.assertEqual(list(self.rotated().values()), ["a\n"])

    def test_future(self) -> None:
        """
        A file from the future is one of now; where another one took the last
        name that there is, no record waits.
        """
        self.path.write_text("a\n")
        os.utime(self.path, (1 << 33, 1 << 33))
        writer = self.hourly()
        self.clock.advance(1800)
        writer.write(b"b\n")
        self.assertEqual(self.rotated(), {"20261122T110000.000Z": "a\n"})
        (self.directory / "app.log.99991231T235959.999Z").touch()
        self.clock.advance(3600)
        writer.write(b"c\n")
        self.assertEqual(self.path.read_text(), "b\nc\n")
        self.assertEqual(len(self.events), 1)

    def test_cannotMove(self) -> None:
        """
        A file that cannot be moved away goes on growing: no record waits.  That
        is reported once, and tried again later.
        """
        writer = self.open(Schedule(size=2))
        patch = self.block()
        for text in "abc":
            self.write(writer, text)
        self.clock.advance(ROTATION_RETRY_DELAY)
        self.write(writer, "d")
        patch.restore()
        self.assertEqual(self.path.read_text(), "a\nb\nc\nd\n")
        self.assertEqual(len(self.events), 1)
        self.assertIn(
            "not allowed; the file goes on growing", formatEvent(self.events[0])
        )
        self.write(writer, "e")
        self.assertEqual(self.rotated(), {})
        self.clock.advance(ROTATION_RETRY_DELAY)
        self.write(writer, "f")
        self.assertEqual(list(self.rotated().values()), ["a\nb\nc\nd\ne\n"])
        self.assertEqual(self.path.read_text(), "f\n")

    def test_notPermitted(self) -> None:
        """
        The same where the directory may not be written to, for real.
        """
        writer = self.open(Schedule(size=2))
        self.addCleanup(self.directory.chmod, 0o755)
        self.directory.chmod(0o555)
        user = os.geteuid()
        if user == 0:
            os.seteuid(65534)
        try:
            for text in "ab":
                writer.write(f"{text}\n".encode("ascii"))
        finally:
            os.seteuid(user)
        self.assertEqual(self.path.read_text(), "a\nb\n")
        self.assertEqual(len(self.events), 1)
        self.assertIn("Permission denied", formatEvent(self.events[0]))

    def test_cannotMoveQuietFile(self) -> None:
        """
        For a quiet file, too, it is tried again only later.
        """
        writer = self.hourly()
        self.write(writer, "a")
        self.clock.advance(1800)
        self.block()
        self.assertEqual(writer.housekeeping(), ROTATION_RETRY_DELAY)
        self.clock.advance(ROTATION_RETRY_DELAY - 0.5)
        self.assertEqual(writer.housekeeping(), MIN_CHECK_DELAY)

    def test_cannotMake(self) -> None:
        """
        Where no new file can be made, the old one is put back.
        """
        writer = self.open(Schedule(size=2))
        self.write(writer, "a")

        def refuse(writer: FileWriter) -> int:
            raise OSError(errno.ENOSPC, "no room")

        patch = self.patch(FileWriter, "_open", refuse)
        self.write(writer, "b")
        self.assertEqual(self.path.read_text(), "a\nb\n")
        self.assertEqual(self.rotated(), {})
        self.assertIn("no room", formatEvent(self.events[0]))
        patch.restore()
        self.clock.advance(ROTATION_RETRY_DELAY)
        self.write(writer, "c")
        self.assertEqual(list(self.rotated().values()), ["a\nb\n"])

    def test_movedByOthers(self) -> None:
        """
        Where somebody has moved the file, or put another in its place, that one
        is left alone, and writing goes on in it or in a new one.
        """
        writer = self.open(Schedule(size=2))
        self.write(writer, "a")
        self.path.rename(self.directory / "app.log.moved")
        self.write(writer, "b")
        self.assertEqual(self.rotated(), {"moved": "a\n"})
        self.assertEqual(self.path.read_text(), "b\n")
        self.path.rename(self.directory / "app.log.again")
        self.path.write_text("")
        self.write(writer, "c")
        self.assertEqual(self.rotated(), {"moved": "a\n", "again": "b\n"})
        self.assertEqual(self.path.read_text(), "c\n")

    def test_movedAndGone(self) -> None:
        """
        The same where no new file can be made: writing goes on in the old one.
        """
        writer = self.open(Schedule(size=2))
        self.write(writer, "a")
        moved = self.directory / "app.log.moved"
        self.path.rename(moved)
        self.path.mkdir()
        writer.write(b"b\n")
        self.assertEqual(moved.read_text(), "a\nb\n")
        self.assertEqual(len(self.events), 1)

    def test_stopped(self) -> None:
        """
        The archive ends with the writer, but not when the file is opened again.
        """
        writer = self.open(Schedule(size=2))
        writer.reopen()
        self.assertEqual(self.archive.asked, ["start"])
        writer.close()
        self.assertEqual(self.archive.asked, ["start", "stop"])
