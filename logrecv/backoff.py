"""
The delays before something that failed is tried again.
"""

from __future__ import annotations

from collections.abc import Callable
from random import random
from typing import Final

from attrs import define, field

#: Seconds from the first failure to the next attempt at most, and between attempts at
#: most: the delay doubles with each failure.
FIRST_DELAY: Final = 0.5
MAX_DELAY: Final = 30.0

#: The number of times that a delay doubles at most, so that no power overflows.
_DOUBLINGS: Final = 100


def withoutJitter() -> float:
    """
    Take the place of a random number where delays are to be exact.
    """
    return 1.0


@define(eq=False)
class Backoff:
    """
    Exponential backoff with jitter: senders that were cut off together do not come
    back together.

        >>> backoff = Backoff(chance=withoutJitter)
        >>> [backoff.nextDelay() for failure in range(8)]
        [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0]
        >>> backoff.reset()
        >>> backoff.nextDelay()
        0.5

    @ivar first: Seconds from the first failure to the next attempt at most.
    @ivar most: Seconds between attempts at most.
    @ivar chance: Returns a random number from 0 to 1.
    """

    first: float = FIRST_DELAY
    most: float = MAX_DELAY
    chance: Callable[[], float] = random
    _failures: int = field(default=0, init=False)

    def reset(self) -> None:
        """
        Begin again with the first delay, after a success.
        """
        self._failures = 0

    def nextDelay(self) -> float:
        """
        Count a failure, and return the seconds to the next attempt.
        """
        self._failures += 1
        return self.delayAfter(self._failures)

    def delayAfter(self, failures: int) -> float:
        """
        Return the seconds to the next attempt after a number of failures in a row, for
        callers that count failures on their own, such as Twisted's C{ClientService}.

        @param failures: The number of failures, at least one.
        @return: Half of the delay, and up to as much again by chance.
        """
        delay = min(self.first * 2 ** min(failures - 1, _DOUBLINGS), self.most)
        return delay * (1 + self.chance()) / 2
