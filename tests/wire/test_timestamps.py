"""
Tests of L{logrecv.wire.timestamps}.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from logrecv.wire import timestamps
from logrecv.wire.timestamps import isoTime


class TimeTests(SynchronousTestCase):
    """
    Tests for L{isoTime}.
    """

    def test_rounding(self) -> None:
        """
        Microseconds are rounded, up into the next second if need be.
        """
        for created, time in (
            (0.0000004, "1970-01-01T00:00:00.000000Z"),
            (0.0000006, "1970-01-01T00:00:00.000001Z"),
            (59.9999999, "1970-01-01T00:01:00.000000Z"),
            (-0.0000001, "1970-01-01T00:00:00.000000Z"),
            (1e9 + 0.5, "2001-09-09T01:46:40.500000Z"),
        ):
            self.assertEqual(isoTime(created), time)

    def test_none(self) -> None:
        """
        A time that no calendar has gives L{None}.
        """
        for created in (float("nan"), float("inf"), 1e18, -1e18, 253402300799.9999999):
            self.assertIsNone(isoTime(created))

    @settings(max_examples=200, derandomize=True)
    @given(st.floats(-6e10, 2.5e11) | st.floats(1.7e9, 1.9e9) | st.floats(-2, 2))
    def test_asDatetimes(self, created: float) -> None:
        """
        The time is the one that C{datetime} gives, to the microsecond.
        """
        moment = datetime(1970, 1, 1) + timedelta(seconds=created)
        self.assertEqual(
            isoTime(created), moment.isoformat(timespec="microseconds") + "Z"
        )

    def test_halves(self) -> None:
        """
        A half is rounded to the even microsecond.
        """
        self.assertEqual(isoTime(2.0**-7), "1970-01-01T00:00:00.007812Z")
        self.assertEqual(isoTime(3 * 2.0**-7), "1970-01-01T00:00:00.023438Z")

    def test_nothingGrows(self) -> None:
        """
        The cache of seconds is bounded.
        """
        for second in range(1000):
            isoTime(float(second))
        self.assertLessEqual(timestamps._isoSecond.cache_info().currsize, 64)
