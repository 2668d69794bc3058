"""
Tests for L{logrecv.outputs.files.schedule}.
"""

from __future__ import annotations

import doctest
import os
import time
from calendar import timegm

from twisted.trial.unittest import SynchronousTestCase

from logrecv.outputs.files import schedule
from logrecv.outputs.files.schedule import (
    NEVER,
    Schedule,
    nextDay,
    nextHour,
    scheduleFromText,
)
from tests.selection import slow


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

    @slow
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
    L{scheduleFromText} and the schedules that it gives.
    """

    def test_size(self) -> None:
        """
        A size leaves room up to it, for as long as it takes.
        """
        made = scheduleFromText("100M")
        self.assertEqual(made, Schedule(size=100 << 20))
        self.assertEqual(made.remaining(0), 100 << 20)
        self.assertEqual(made.remaining((100 << 20) - 1), 1)
        self.assertEqual(made.remaining(200 << 20), 0)
        self.assertEqual(made.deadline(7.0), float("inf"))

    def test_time(self) -> None:
        """
        A turn leaves room for all that comes until then.
        """
        for text, turn in [("hourly", nextHour), ("daily", nextDay)]:
            made = scheduleFromText(text)
            self.assertEqual(made, Schedule(turn=turn))
            self.assertGreater(made.remaining(1 << 40), 1 << 40)
            self.assertEqual(made.deadline(1e9), turn(1e9))

    def test_refused(self) -> None:
        """
        Any other text, or a size that somebody forgot the unit of, is refused.
        """
        for text in ("", "weekly", "100", "4095", "-1M", "1T", "1.5M", "٣M"):
            error = self.assertRaises(ValueError, scheduleFromText, text)
            self.assertIn("such as 100M", str(error))

    def test_example(self) -> None:
        """
        The example in the documentation is right.
        """
        self.assertEqual(doctest.testmod(schedule), (0, 2))

    def test_never(self) -> None:
        """
        Without a schedule a file is never full.
        """
        self.assertEqual(NEVER, Schedule())
        self.assertGreater(NEVER.remaining(1 << 40), 1 << 40)
        self.assertEqual(NEVER.deadline(1e9), float("inf"))
