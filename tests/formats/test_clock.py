"""
Tests for L{logrecv.formats.clock}.
"""

from __future__ import annotations

import logging
from typing import Any

from logrecv.formats.clock import LocalClock
from tests.formats.records import CREATED, InZoneTestCase, makeRecord


class LocalClockTests(InZoneTestCase):
    """
    Tests for L{LocalClock}.
    """

    def test_everyInstant(self) -> None:
        """
        The time is the C{asctime} of C{logging.Formatter} across seconds, in any
        order.
        """
        formatter = logging.Formatter("%(asctime)s")
        clock = LocalClock("%Y-%m-%d %H:%M:%S,")
        for created in (0.0, -0.25, CREATED, CREATED + 0.5, CREATED + 0.9, 0.0):
            stock = logging.makeLogRecord({"created": created})
            stock.msecs = float(int(created % 1 * 1000))
            record = makeRecord(created=created, msecs=stock.msecs)
            self.assertEqual(clock.timeOf(record), formatter.format(stock))

    def test_unusualTime(self) -> None:
        """
        Impossible milliseconds are taken from the time.  Without a time of creation
        the time of the JSON form is told.  A time that no calendar has stays as in
        the JSON form.
        """
        clock = LocalClock("%Y-%m-%d %H:%M:%S,")

        def told(**attributes: Any) -> str:
            return clock.timeOf(makeRecord(**attributes))

        shown = "2026-11-22 16:00:00,123"
        self.assertEqual(told(msecs=7e9), shown)
        self.assertEqual(told(msecs=None), shown)
        almost = told(msecs=None, created=CREATED + 0.8769999)
        self.assertEqual(almost, "2026-11-22 16:00:00,999")
        self.assertEqual(told(created=None), shown)
        for created in (1e300, float("nan"), float("inf"), 1e17):
            self.assertEqual(told(created=created), "2026-11-22T10:30:00.123000Z")
