"""
Retention of rotated files: the files that are removed because there are newer
ones, or because they are old.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final, TypeAlias

#: Chooses the files to remove.  The arguments are the stamps of all files in
#: ascending order, in milliseconds since the epoch, and the time now, in seconds
#: since the epoch; the result is some of the stamps.
Retention: TypeAlias = Callable[[Sequence[int], float], Iterable[int]]

#: Seconds of a day.
_DAY: Final = 86400

#: Digits of the largest number that C{keep=} takes.  With more of them, the first
#: day that is kept would be before there was time.
_MAX_DIGITS: Final = 9


def keepAll(stamps: Sequence[int], now: float) -> Iterable[int]:
    """
    Keep all files.
    """
    return ()


def keepCount(count: int) -> Retention:
    """
    Keep the newest files.

    @param count: How many files to keep.
    """

    def surplus(stamps: Sequence[int], now: float) -> Iterable[int]:
        return stamps[: max(len(stamps) - count, 0)]

    return surplus


def keepDays(days: int) -> Retention:
    """
    Keep the files that were written to in the last days.

    @param days: How many times 24 hours.
    """

    def surplus(stamps: Sequence[int], now: float) -> Iterable[int]:
        oldest = (now - days * _DAY) * 1000
        return [stamp for stamp in stamps if stamp < oldest]

    return surplus


def retentionFromText(text: str) -> Retention:
    """
    Convert C{keep=}: C{10} for ten files, C{14d} for the files of 14 days.

    @raise ValueError: The text is neither a number of files nor one of days.
    """
    number = text.removesuffix("d")
    if not (number.isascii() and number.isdigit() and int(number[:_MAX_DIGITS]) > 0):
        raise ValueError("it is a number of files, such as 10, or of days, such as 14d")
    if len(number) > _MAX_DIGITS:
        raise ValueError("it is more than anybody can keep")
    return keepCount(int(number)) if number == text else keepDays(int(number))
