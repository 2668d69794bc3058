"""
Times as ISO 8601.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import lru_cache
from typing import Final

_EPOCH: Final = datetime(1970, 1, 1)


def isoTime(created: float) -> str | None:
    """
    Write a time as ISO 8601::

        >>> isoTime(1795340750.25)
        '2026-11-22T09:45:50.250000Z'

    @param created: Seconds since the epoch.
    @return: The time in UTC, with microseconds and C{Z}; L{None} if the time is
        outside of the years 1 to 9999.
    """
    # More seconds than these years have; NaN fails as well.
    if not -1e12 < created < 1e12:
        return None
    second = created // 1
    # The difference is exact, as both are multiples of the same power of two.
    # The product is exact for any time with a fraction that is worth writing.
    exact = (created - second) * 1_000_000
    microsecond = int(exact)
    rest = exact - microsecond
    # A half is rounded to the even microsecond.
    if rest > 0.5 or (rest == 0.5 and microsecond % 2):
        microsecond += 1
    if microsecond == 1_000_000:
        second += 1
        microsecond = 0
    try:
        return f"{_isoSecond(second)}.{microsecond:06d}Z"
    except OverflowError:
        return None


# Many records come in one second, and the seconds nearly in order.
@lru_cache(maxsize=64)
def _isoSecond(second: float) -> str:
    return (_EPOCH + timedelta(seconds=second)).isoformat()
