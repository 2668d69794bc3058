"""
Tests of L{logrecv.wire.datetimes}.
"""

from __future__ import annotations

import datetime
import uuid

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from logrecv.wire.pickled.placeholders import Call, Global
from tests.wire.samples import FormsTestCase, Zone, converted, sent, shown


def moment(*zone: object) -> Call:
    """
    Make the placeholder of a datetime.
    """
    return Call(
        Global("datetime", "datetime"),
        (b"\x07\xea\x0b\x16\x0a\x1e\x00\x01\xe2\x40", *zone),
    )


class DatetimesTests(FormsTestCase):
    """
    Tests for dates, times and durations.
    """

    def test_times(self) -> None:
        """
        Dates and times become ISO 8601, durations seconds.
        """
        east = datetime.timezone(datetime.timedelta(hours=5, minutes=30), "IST")
        self.assertForms(
            {
                "datetime": (
                    datetime.datetime(2026, 11, 22, 10, 30, 0, 123456),
                    "2026-11-22T10:30:00.123456",
                ),
                "UTC": (
                    datetime.datetime(2026, 11, 22, tzinfo=datetime.UTC),
                    "2026-11-22T00:00:00+00:00",
                ),
                "zone": (
                    datetime.datetime(2026, 11, 22, tzinfo=east),
                    "2026-11-22T00:00:00+05:30",
                ),
                "date": (datetime.date(1, 2, 3), "0001-02-03"),
                "time": (datetime.time(1, 2, 3, 4), "01:02:03.000004"),
                "time and zone": (datetime.time(1, tzinfo=east), "01:00:00+05:30"),
                "timedelta": (
                    datetime.timedelta(days=-1, microseconds=5),
                    -86399.999995,
                ),
            }
        )

    def test_fold(self) -> None:
        """
        The bit that says which of two equal times is meant is not taken for a
        part of the month or the hour.
        """
        late = datetime.datetime(2026, 10, 25, 2, 30, fold=1)
        self.assertEqual(converted(sent(late, 4)), "2026-10-25T02:30:00")
        self.assertEqual(converted(sent(late.time(), 4)), "02:30:00")

    def test_namedZone(self) -> None:
        """
        A zone of which the wire has the key alone is given by its key: we do
        not look up what a client names.
        """
        owner = Global("zoneinfo", "ZoneInfo")
        for function in (
            Call(Global("__builtin__", "getattr"), (owner, "_unpickle")),
            Global("zoneinfo", "ZoneInfo._unpickle"),
        ):
            zone = Call(function, ("Europe/Berlin", True))
            self.assertEqual(
                converted(moment(zone)), "2026-11-22T10:30:00.123456[Europe/Berlin]"
            )

    def test_thirdPartyZones(self) -> None:
        """
        The zones of pytz and dateutil are understood where the wire has their
        offset.
        """
        local = "2026-11-22T10:30:00.123456"
        hour = Call(Global("datetime", "timedelta"), (0, 3600, 0))
        base = Global("datetime", "tzinfo")
        rebuilt = Global("copy_reg", "_reconstructor")
        tzutc = Call(rebuilt, (Global("dateutil.tz.tz", "tzutc"), base, None))
        tzoffset = Call(rebuilt, (Global("dateutil.tz.tz", "tzoffset"), base, None))
        tzoffset.state = {"_name": "x", "_offset": hour}
        berlin = ("Europe/Berlin", 3600, 0, "CET")
        for zone, suffix in (
            (Call(Global("pytz", "_UTC"), ()), "+00:00"),
            (Call(Global("pytz", "_p"), berlin), "+01:00"),
            (Call(Global("pytz", "_p"), ("Etc/GMT+1",)), "[Etc/GMT+1]"),
            (tzutc, "+00:00"),
            (tzoffset, "+01:00"),
        ):
            self.assertEqual(converted(moment(zone)), local + suffix)

    def test_unknownZone(self) -> None:
        """
        A time in a zone of a class that we do not know keeps both its local
        time and the zone as sent.
        """
        self.assertEqual(
            converted(sent(datetime.datetime(2026, 7, 1, tzinfo=Zone()))),
            {
                "$class": "datetime.datetime",
                "args": ["2026-07-01T00:00:00", shown("Zone")],
                "state": {},
            },
        )


class AnyTimeTests(SynchronousTestCase):
    """
    Tests with generated times.
    """

    @settings(max_examples=100, derandomize=True)
    @given(st.datetimes(), st.dates(), st.times(), st.timedeltas(), st.uuids())
    def test_stockClasses(
        self,
        moment: datetime.datetime,
        day: datetime.date,
        clock: datetime.time,
        span: datetime.timedelta,
        identifier: uuid.UUID,
    ) -> None:
        """
        Instances of the standard library's classes become the text that the
        classes make of them.
        """
        self.assertEqual(
            converted(sent([moment, day, clock, span, identifier])),
            [
                moment.isoformat(),
                day.isoformat(),
                clock.isoformat(),
                span.total_seconds(),
                str(identifier),
            ],
        )
