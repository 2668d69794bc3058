"""
How long to wait before something that failed is tried again.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC
from email.utils import parsedate_to_datetime
from random import random
from typing import Final

from attrs import define, field
from twisted.internet.interfaces import IReactorTime

#: Seconds to the second attempt at most, and between attempts at most: doubled
#: each time.
FIRST_DELAY: Final = 0.5
MAX_DELAY: Final = 30.0

#: Seconds that a server can make us wait at most.
LONGEST: Final = 300.0

#: Times that a delay is doubled, at most.
_DOUBLINGS: Final = 10


@define(eq=False)
class Backoff:
    """
    Exponential backoff with jitter: senders that were cut off together do not
    come back together.

    @ivar clock: Tells how far away a date is.
    @ivar chance: Gives numbers from 0 to 1 by chance.
    """

    clock: IReactorTime
    chance: Callable[[], float] = random
    _failures: int = field(default=0, init=False)

    def reset(self) -> None:
        """
        Begin anew.
        """
        self._failures = 0

    def nextDelay(self, retryAfter: str | None = None) -> float:
        """
        Tell when to try again.

        @param retryAfter: What the server wants: a number of seconds, or a
            date, as C{Retry-After} has it.
        @return: Seconds: half of the current delay and up to as much again by
            chance, but no less than the server wants.
        """
        delay = min(FIRST_DELAY * 2 ** min(self._failures, _DOUBLINGS), MAX_DELAY)
        self._failures += 1
        wanted = 0.0 if retryAfter is None else self._seconds(retryAfter)
        return max(delay * (1 + self.chance()) / 2, min(wanted, LONGEST))

    def _seconds(self, text: str) -> float:
        text = text.strip()
        if text.isascii() and text.isdigit():
            return float(text[:10])
        try:
            date = parsedate_to_datetime(text)
        except ValueError:
            return 0.0
        if date.tzinfo is None:
            date = date.replace(tzinfo=UTC)
        return date.timestamp() - self.clock.seconds()
