"""
Times as people and machines read them.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import lru_cache
from typing import Final

_EPOCH: Final = datetime(1970, 1, 1)


def isoTime(created: float) -> str | None:
    """
    Write a time as people and machines read it.

    @param created: Seconds since the epoch.
    @return: ISO 8601, UTC, microseconds, C{Z}; L{None} if the time is outside
        of the years 1 to 9999.
    """
    # More than there are in these years, and nothing that is no number.
    if not -1e12 < created < 1e12:
        return None
    second = created // 1
    # Exact, as both are multiples of the same power of two; and so is the
    # product, for any time with a fraction that is worth writing.
    exact = (created - second) * 1_000_000
    microsecond = int(exact)
    rest = exact - microsecond
    # To the even one of two that are as near.
    if rest > 0.5 or (rest == 0.5 and microsecond % 2):
        microsecond += 1
    if microsecond == 1_000_000:
        second += 1
        microsecond = 0
    try:
        return f"{_isoSecond(second)}.{microsecond:06d}Z"
    except OverflowError:
        return None


# Records come many a second, and nearly in order.
@lru_cache(maxsize=64)
def _isoSecond(second: float) -> str:
    return (_EPOCH + timedelta(seconds=second)).isoformat()
