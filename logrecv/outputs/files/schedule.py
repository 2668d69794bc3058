"""
Schedules of rotation: the size or the time at which a file is moved away.
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable
from typing import Final

from attrs import frozen

from logrecv.descriptions import sizeInBytes

#: Bytes: more than any file has.
UNLIMITED_SIZE: Final = sys.maxsize

#: Bytes of the smallest C{rotate=}: somebody who writes less has forgotten the
#: unit.
SMALLEST_ROTATE_SIZE: Final = 4096


def never(moment: float) -> float:
    """
    Return infinity: there is no next turn.
    """
    return math.inf


def nextHour(moment: float) -> float:
    """
    Return the time at which the next hour of local time begins.
    """
    local = time.localtime(moment)
    return math.floor(moment) - local.tm_min * 60 - local.tm_sec + 3600.0


def nextDay(moment: float) -> float:
    """
    Return the time at which the next day of local time begins.
    """
    local = time.localtime(moment)
    midnight = (local.tm_year, local.tm_mon, local.tm_mday + 1, 0, 0, 0, 0, 0, -1)
    turn = time.mktime(midnight)
    # A day on which summer time begins at midnight has no midnight, and mktime
    # may give the hour before.
    return nextHour(turn) if time.localtime(turn).tm_mday == local.tm_mday else turn


@frozen
class Schedule:
    """
    The size and the time at which a file is full.  Without arguments, a file
    never is.

        >>> Schedule(size=100).remaining(30)
        70
        >>> Schedule(size=100).deadline(0.0)
        inf

    @ivar size: Bytes that a file holds.
    @ivar turn: Returns the first turn of local time after a time, both in
        seconds since the epoch.
    """

    size: int = UNLIMITED_SIZE
    turn: Callable[[float], float] = never

    def remaining(self, size: int) -> int:
        """
        Return the number of bytes that may yet be appended.

        @param size: Bytes that the file has.
        """
        return max(self.size - size, 0)

    def deadline(self, since: float) -> float:
        """
        Return the time at which the file has to be moved away, however small
        the file is, in seconds since the epoch.

        @param since: The time at which the file was begun, or last written to,
            in seconds since the epoch.
        """
        return self.turn(since)


#: The schedule of a file that stays where it is.
NEVER: Final = Schedule()

_TURNS: Final = {"hourly": nextHour, "daily": nextDay}


def scheduleFromText(text: str) -> Schedule:
    """
    Convert C{rotate=}: C{hourly}, C{daily}, or a size such as C{100M}.

    @raise ValueError: The text is none of them.
    """
    if text in _TURNS:
        return Schedule(turn=_TURNS[text])
    try:
        size = sizeInBytes(text)
    except ValueError:
        size = 0
    if size < SMALLEST_ROTATE_SIZE:
        raise ValueError("it is hourly, daily or a size from 4K on, such as 100M")
    return Schedule(size=size)
