"""
Records and settings for the tests of the formats.
"""

from __future__ import annotations

import os
import re
import time
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from logrecv.record import Origin, Record

ORIGIN = Origin("2026-11-22T10:30:01.000000Z", "tcp", "192.0.2.7:51234")

#: 2026-11-22T10:30:00.123 UTC.
CREATED = 1795343400.123

TRACEBACK = """\
Traceback (most recent call last):
  File "/srv/app/jobs.py", line 41, in execute
    return 1 / 0
ZeroDivisionError: division by zero"""

#: Characters that terminals and readers must not get from a client: controls, line
#: breaks, bidirectional controls and characters that are drawn as nothing.
UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u034f\u061c\u180e\u200b\u200e\u200f\u2028-\u202e"
    "\u2060-\u206f\u3164\ufeff\ufff9-\ufffb\U000e0000-\U000e0fff]"
)

#: Text that has harmful characters more often than by chance.
NASTY = st.text(
    st.one_of(
        st.characters(codec="utf-8"),
        st.sampled_from(
            "\x00\x07\x08\t\n\v\f\r\x1b\x1c\x1d\x1e\x7f\x85\x9b\xa0\u061c\u200b\u200d"
            "\u200e\u2028\u2029\u202e\u2066\u3164\ufe0f\ufeff\U000e0041\\ |1a\u00e9"
        ),
    ),
    max_size=12,
)

MAYBE = st.none() | NASTY

RECORDS = st.builds(
    Record,
    time=st.just("2026-11-22T10:30:00.123000Z"),
    created=st.none() | st.floats(0, 4e9),
    msecs=st.none() | st.floats(allow_nan=False, allow_infinity=False),
    name=MAYBE,
    levelname=MAYBE,
    levelno=st.none() | st.integers(-(2**63), 2**63 - 1),
    message=NASTY,
    filename=MAYBE,
    lineno=st.none() | st.integers(-5, 5),
    process=st.none() | st.integers(-5, 5),
    processName=MAYBE,
    threadName=MAYBE,
    taskName=MAYBE,
    exc_text=MAYBE,
    stack_info=MAYBE,
    extra=st.none()
    | st.dictionaries(NASTY, NASTY | st.lists(NASTY, max_size=2), max_size=2),
    received=st.builds(
        Origin,
        at=st.just(ORIGIN.at),
        via=st.sampled_from(["tcp", "udp", "http", "json"]),
        peer=NASTY,
    ),
)

quickly = settings(max_examples=150, derandomize=True, database=None)


def makeRecord(**attributes: Any) -> Record:
    """
    Make a record as a stock handler would send it.
    """
    stock: dict[str, Any] = {
        "time": "2026-11-22T10:30:00.123000Z",
        "created": CREATED,
        "msecs": 123.0,
        "relativeCreated": 15.5,
        "name": "app.jobs",
        "levelname": "INFO",
        "levelno": 20,
        "message": "done",
        "pathname": "/srv/app/jobs.py",
        "filename": "jobs.py",
        "module": "jobs",
        "lineno": 41,
        "funcName": "execute",
        "process": 4242,
        "processName": "MainProcess",
        "thread": 140737,
        "threadName": "MainThread",
        "received": ORIGIN,
    }
    return Record(**{**stock, **attributes})


class InZoneTestCase(SynchronousTestCase):
    """
    Tests that run in a time zone of their own.
    """

    def setUp(self) -> None:
        """
        Set a time zone that is never UTC.
        """
        before = os.environ.get("TZ")

        def restore() -> None:
            if before is None:
                del os.environ["TZ"]
            else:
                os.environ["TZ"] = before
            time.tzset()

        self.addCleanup(restore)
        os.environ["TZ"] = "XXX-05:30"
        time.tzset()
