"""
Syncing of a file, so that its data survive a power cut.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from typing import ClassVar, Final

from attrs import define, field
from twisted.logger import Logger

from logrecv.paths import syncDirectory

#: C{sync=}: seconds that data may stay unsynced.  C{interval} is half of the
#: 100 ms that are promised, since a thread may wake up late.  While a file is
#: synced nothing is written, so a slow disk puts no more at risk.
SYNC_DELAYS: Final = {"none": math.inf, "interval": 0.05, "always": 0.0}


@define(eq=False)
class FileSync:
    """
    Knows when a file is to be synced, and syncs it.

    @ivar path: The absolute path of the file.
    @ivar delay: Seconds that data may stay unsynced: 0 for syncing before the
        write returns, infinite for no syncing at all.
    @ivar clock: Returns the time, in seconds.
    @ivar isNameUnsynced: C{True} if the name of the file may not survive a power
        cut.
    """

    _log: ClassVar[Logger] = Logger()

    path: str
    delay: float
    clock: Callable[[], float]
    isNameUnsynced: bool = field(default=False, init=False)
    #: The time at which the oldest unsynced byte was written, or at which the
    #: last sync failed; C{None} if everything is synced.
    _unsyncedSince: float | None = field(default=None, init=False)
    _failureReported: bool = field(default=False, init=False)

    @property
    def isPending(self) -> bool:
        """
        C{True} if the file holds data that have to be synced at some time.
        """
        return self._unsyncedSince is not None

    def writeBegins(self) -> None:
        """
        Take note that data are about to be written.
        """
        if self._unsyncedSince is None and self.delay < math.inf:
            self._unsyncedSince = self.clock()

    def isDue(self) -> bool:
        """
        Return C{True} if the file has to be synced now.
        """
        if self._unsyncedSince is None:
            return False
        # A clock that was set back makes the sync due, too.
        return not 0 <= self.clock() - self._unsyncedSince < self.delay

    def checkDelay(self) -> float | None:
        """
        Return the seconds until the file has to be synced though nothing is
        written; L{None} for never.
        """
        if self._unsyncedSince is None or self.delay <= 0:
            return None
        return max(self._unsyncedSince + self.delay - self.clock(), 0.0)

    def sync(self, descriptor: int) -> None:
        """
        Make sure that everything that was written survives a power cut.

        @param descriptor: The descriptor of the file.
        @raise OSError: The disk cannot promise that.
        """
        # After a failure, too: the next attempt waits for its time.
        self._unsyncedSince = self.clock()
        os.fsync(descriptor)
        if self.isNameUnsynced:
            syncDirectory(os.path.dirname(self.path))
            self.isNameUnsynced = False
        self._unsyncedSince = None
        self._failureReported = False

    def abandon(self) -> None:
        """
        Forget data that were not synced: their file is about to be closed.
        """
        self._unsyncedSince = None

    def report(self, error: OSError) -> None:
        """
        Log that syncing failed, once until it succeeds.
        """
        if not self._failureReported:
            self._failureReported = True
            self._log.error(
                "cannot sync {path}: {error}; the last records may not survive a "
                "power cut",
                path=self.path,
                error=error,
            )
