"""
Tests for L{logrecv.outputs.files.rotation}.
"""

from __future__ import annotations

import errno
import os
import time
from calendar import timegm
from pathlib import Path

from attrs import define, field
from twisted.internet.task import Clock
from twisted.logger import LogEvent, formatEvent, globalLogPublisher
from twisted.python.monkey import MonkeyPatcher
from twisted.trial.unittest import SynchronousTestCase

from logrecv.outputs.files.rotation import (
    LONGEST_WAIT,
    RETRY_DELAY,
    SHORTEST_WAIT,
    BySize,
    ByTime,
    Rotated,
    Schedule,
    ScheduledRotation,
    collide,
    findRotated,
    keepAll,
    keepCount,
    keepDays,
    nextDay,
    nextHour,
    takeKeep,
    takeSchedule,
)
from logrecv.outputs.files.writer import FileWriter


def utc(text: str) -> float:
    """
    Convert a time in UTC to seconds since the epoch.
    """
    return float(timegm(time.strptime(text, "%Y-%m-%d %H:%M:%S")))


class TurnTests(SynchronousTestCase):
    """
    L{nextHour} and L{nextDay}.
    """

    def use(self, zone: str) -> None:
        """
        Be in a time zone, given as POSIX rules.
        """
        before = os.environ.get("TZ")

        def restore() -> None:
            os.environ.pop("TZ", None)
            if before is not None:
                os.environ["TZ"] = before
            time.tzset()

        self.addCleanup(restore)
        os.environ["TZ"] = zone
        time.tzset()

    def test_hour(self) -> None:
        """
        An hour ends an hour after it began.
        """
        self.use("UTC0")
        end = utc("2026-11-22 11:00:00")
        for moment in ("10:00:00", "10:00:01", "10:59:59"):
            self.assertEqual(nextHour(utc(f"2026-11-22 {moment}") + 0.5), end)
        self.assertEqual(nextHour(end), end + 3600)

    def test_hourOfZone(self) -> None:
        """
        Hours begin when they do on the wall: in India at half past.
        """
        self.use("IST-5:30")
        self.assertEqual(
            nextHour(utc("2026-11-22 10:10:00")), utc("2026-11-22 10:30:00")
        )

    def test_hourTwice(self) -> None:
        """
        The hour that comes twice when summer time ends is two hours.
        """
        self.use("CET-1CEST,M3.5.0,M10.5.0/3")
        self.assertEqual(
            nextHour(utc("2026-10-25 00:30:00")), utc("2026-10-25 01:00:00")
        )
        self.assertEqual(
            nextHour(utc("2026-10-25 01:30:00")), utc("2026-10-25 02:00:00")
        )

    def test_day(self) -> None:
        """
        Days begin at midnight of local time, after months and years too.
        """
        self.use("CET-1CEST,M3.5.0,M10.5.0/3")
        for moment, turn in [
            ("2026-11-22 22:59:59", "2026-11-22 23:00:00"),
            ("2026-11-22 23:00:00", "2026-11-23 23:00:00"),
            ("2026-12-31 12:00:00", "2026-12-31 23:00:00"),
            ("2026-07-31 12:00:00", "2026-07-31 22:00:00"),
            ("2026-10-24 22:00:00", "2026-10-25 23:00:00"),
        ]:
            self.assertEqual(nextDay(utc(moment)), utc(turn), moment)

    def test_noMidnight(self) -> None:
        """
        Where summer time begins at midnight, that day begins an hour later.
        """
        self.use("CST5CDT,M3.2.0/0,M11.1.0/1")
        turn = utc("2026-03-08 05:00:00")
        for moment in ("2026-03-07 12:00:00", "2026-03-08 04:30:00"):
            self.assertEqual(nextDay(utc(moment)), turn)
        self.assertEqual(nextDay(turn), utc("2026-03-09 04:00:00"))

    def test_alwaysLater(self) -> None:
        """
        A turn is always in the future, at every quarter of an hour of a year:
        otherwise a file would be rotated with every record.
        """
        self.use("CST5CDT,M3.2.0/0,M11.1.0/1")
        begin = int(utc("2026-01-01 00:00:00"))
        for moment in range(begin, begin + 366 * 86400, 900):
            self.assertTrue(0 < nextHour(moment) - moment <= 3600, moment)
            self.assertTrue(0 < nextDay(moment) - moment <= 25 * 3600, moment)


class ScheduleTests(SynchronousTestCase):
    """
    L{takeSchedule} and what it gives.
    """

    def test_size(self) -> None:
        """
        A size leaves room up to it, for as long as it takes.
        """
        schedule = takeSchedule("100M")
        self.assertEqual(schedule, BySize(100 << 20))
        self.assertEqual(schedule.remaining(0), 100 << 20)
        self.assertEqual(schedule.remaining((100 << 20) - 1), 1)
        self.assertEqual(schedule.remaining(200 << 20), 0)
        self.assertEqual(schedule.deadline(7.0), float("inf"))

    def test_time(self) -> None:
        """
        A turn leaves room for all that comes until then.
        """
        for text, turn in [("hourly", nextHour), ("daily", nextDay)]:
            schedule = takeSchedule(text)
            self.assertEqual(schedule, ByTime(turn))
            self.assertGreater(schedule.remaining(1 << 40), 1 << 40)
            self.assertEqual(schedule.deadline(1e9), turn(1e9))

    def test_refused(self) -> None:
        """
        What is neither, or a size that somebody forgot the unit of, is refused.
        """
        for text in ("", "weekly", "100", "4095", "-1M", "1T", "1.5M", "٣M"):
            error = self.assertRaises(ValueError, takeSchedule, text)
            self.assertIn("such as 100M", str(error))


class NameTests(SynchronousTestCase):
    """
    What files are called when they were moved away.
    """

    def test_make(self) -> None:
        """
        The name has the time of the last record, in UTC, to the millisecond.
        """
        stamp = int(utc("2026-11-22 10:00:00")) * 1000 + 7
        self.assertEqual(
            Rotated.make("app.log", stamp).name, "app.log.20261122T100000.007Z"
        )

    def test_sortable(self) -> None:
        """
        The order of the names is that of the times.
        """
        names = [
            Rotated.make("a", stamp).name for stamp in range(0, 10**13, 10**10 + 1)
        ]
        self.assertEqual(sorted(names), names)

    def test_roundTrip(self) -> None:
        """
        A name is taken apart into what it was made of, compressed or not.
        """
        rotated = Rotated.make("app.log", 1764000000123)
        self.assertEqual(Rotated.fromName(rotated.name), rotated)
        for suffix in (".gz", ".zst"):
            name = rotated.name + suffix
            self.assertEqual(
                Rotated.fromName(name), Rotated(name, "app.log", rotated.stamp, suffix)
            )
            self.assertEqual(
                Rotated.fromName(name + ".tmp"),
                Rotated(name + ".tmp", "app.log", rotated.stamp, suffix, True),
            )

    def test_foreign(self) -> None:
        """
        Whatever differs in the least is not ours.
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
            self.assertIsNone(Rotated.fromName(name), name)

    def test_find(self) -> None:
        """
        Only files of the very name are found, oldest first: not those of
        another name, no directories and no links.
        """
        directory = Path(self.mktemp())
        directory.mkdir()
        first, second, third, fourth = (
            Rotated.make("app.log", stamp).name for stamp in (1000, 2000, 3000, 4000)
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
        rotated = Rotated.make("/logs/app.log", 1000).name
        self.assertTrue(collide("/logs/app.log", rotated))
        self.assertTrue(collide(f"{rotated}.gz.tmp", "/logs/app.log"))
        self.assertFalse(collide("/logs/app.log", "/logs/app.log.1"))
        self.assertFalse(collide("/other/app.log", rotated))
        self.assertFalse(collide(rotated, rotated))


class KeepTests(SynchronousTestCase):
    """
    L{takeKeep} and what it gives.
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
        What is older than so many days is not kept, however few there are.
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
        self.assertEqual(list(takeKeep("1")([1, 2], 1e9)), [1])
        self.assertEqual(list(takeKeep("1d")([1, 86400_000], 86401.0)), [1])

    def test_refused(self) -> None:
        """
        What is neither is refused.
        """
        for text in ("", "0", "0d", "-1", "d", "7dd", "7w", "1.5d", "٣", "all"):
            error = self.assertRaises(ValueError, takeKeep, text)
            self.assertIn("such as 14d", str(error))
        error = self.assertRaises(ValueError, takeKeep, "9" * 10 + "d")
        self.assertIn("more than anybody", str(error))


@define(eq=False)
class CountingArchive:
    """
    Counts what it is asked for.
    """

    asked: list[str] = field(factory=list)

    def start(self) -> None:
        self.asked.append("start")

    def cleanUp(self) -> None:
        self.asked.append("tidy")

    def stop(self) -> None:
        self.asked.append("stop")


class ScheduledRotationTests(SynchronousTestCase):
    """
    L{ScheduledRotation}, with the writer that asks it.
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
        rotation = ScheduledRotation(
            str(self.path), schedule, self.archive, self.clock.seconds
        )
        writer = FileWriter(str(self.path), rotation=rotation)
        writer.open()
        self.addCleanup(writer.close)
        return writer

    def hourly(self) -> FileWriter:
        return self.open(ByTime(lambda moment: moment // 3600 * 3600 + 3600))

    def write(self, writer: FileWriter, text: str) -> None:
        """
        Write a line at the time of the clock.
        """
        writer.write(f"{text}\n".encode("ascii"))
        now = self.clock.seconds()
        os.utime(self.path, (now, now))

    def rotated(self) -> dict[str, str]:
        """
        What is in the files that were moved away, by the end of their names.
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
        writer = self.open(BySize(4))
        self.write(writer, "a")
        self.write(writer, "b")
        self.assertIsNone(writer.rotation.wait())
        self.assertEqual(self.archive.asked, ["start"])
        self.write(writer, "c")
        self.assertEqual(self.archive.asked, ["start", "tidy"])
        self.assertEqual(self.rotated(), {"20261122T103000.000Z": "a\nb\n"})
        self.assertEqual(self.path.read_text(), "c\n")

    def test_sameMillisecond(self) -> None:
        """
        No file is ever overwritten: where a name is taken, compressed or not,
        the next one is used.
        """
        (self.directory / "app.log.20261122T103000.000Z.gz").write_text("old")
        writer = self.open(BySize(2))
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
        writer = self.open(BySize(2))
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
        self.assertEqual(writer.housekeeping(), LONGEST_WAIT)
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
        writer = self.open(BySize(2))
        patch = self.block()
        for text in "abc":
            self.write(writer, text)
        self.clock.advance(RETRY_DELAY)
        self.write(writer, "d")
        patch.restore()
        self.assertEqual(self.path.read_text(), "a\nb\nc\nd\n")
        self.assertEqual(len(self.events), 1)
        self.assertIn("not allowed; it goes on growing", formatEvent(self.events[0]))
        self.write(writer, "e")
        self.assertEqual(self.rotated(), {})
        self.clock.advance(RETRY_DELAY)
        self.write(writer, "f")
        self.assertEqual(list(self.rotated().values()), ["a\nb\nc\nd\ne\n"])
        self.assertEqual(self.path.read_text(), "f\n")

    def test_notPermitted(self) -> None:
        """
        The same where the directory may not be written to, for real.
        """
        writer = self.open(BySize(2))
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
        self.assertEqual(writer.housekeeping(), RETRY_DELAY)
        self.clock.advance(RETRY_DELAY - 0.5)
        self.assertEqual(writer.housekeeping(), SHORTEST_WAIT)

    def test_cannotMake(self) -> None:
        """
        Where no new file can be made, the old one is put back.
        """
        writer = self.open(BySize(2))
        self.write(writer, "a")

        def refuse(writer: FileWriter) -> int:
            raise OSError(errno.ENOSPC, "no room")

        patch = self.patch(FileWriter, "_open", refuse)
        self.write(writer, "b")
        self.assertEqual(self.path.read_text(), "a\nb\n")
        self.assertEqual(self.rotated(), {})
        self.assertIn("no room", formatEvent(self.events[0]))
        patch.restore()
        self.clock.advance(RETRY_DELAY)
        self.write(writer, "c")
        self.assertEqual(list(self.rotated().values()), ["a\nb\n"])

    def test_movedByOthers(self) -> None:
        """
        Where somebody has moved the file, or put another in its place, that one
        is left alone, and writing goes on in it or in a new one.
        """
        writer = self.open(BySize(2))
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
        writer = self.open(BySize(2))
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
        writer = self.open(BySize(2))
        writer.reopen()
        self.assertEqual(self.archive.asked, ["start"])
        writer.close()
        self.assertEqual(self.archive.asked, ["start", "stop"])
