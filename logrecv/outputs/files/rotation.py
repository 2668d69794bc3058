"""
Rotation: moving a file away and putting a new one in its place.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable
from typing import ClassVar, Final

from attrs import define, field
from twisted.logger import Logger

from logrecv.outputs.files.archive import Archive
from logrecv.outputs.files.names import RotatedFile, findRotated
from logrecv.outputs.files.schedule import NEVER, UNLIMITED_SIZE, Schedule

#: Seconds from a rotation that failed to the next attempt.
ROTATION_RETRY_DELAY: Final = 10.0

#: Seconds between two checks of a quiet file, at least.
MIN_CHECK_DELAY: Final = 1.0

#: Seconds between two checks of a quiet file, at most, since somebody may set
#: the clock.
MAX_CHECK_DELAY: Final = 60.0


@define(eq=False)
class Rotation:
    """
    Moves a file away when its schedule says so.  All methods but L{start} are
    called in the writer's thread.

    A file that cannot be moved away goes on growing: the failure is logged once,
    and rotation is tried again later.

    @ivar path: The absolute path of the file; no symbolic link, if the file is
        rotated.
    @ivar schedule: Tells when the file is full.
    @ivar archive: Compresses and removes the files that were moved away.
    @ivar clock: Returns the time, in seconds since the epoch.
    @ivar shared: C{True} if other processes rotate the file, too.
    @ivar moving: Called before the file is moved away, with its status and its new
        name, without a directory.
    """

    _log: ClassVar[Logger] = Logger()

    path: str
    schedule: Schedule = NEVER
    archive: Archive | None = None
    clock: Callable[[], float] = time.time
    shared: bool = False
    moving: Callable[[os.stat_result, str], None] = lambda status, name: None
    _deadline: float = field(default=math.inf, init=False)
    #: The time of the next attempt after a rotation that failed; C{None} unless
    #: the last rotation failed.
    _retryAt: float | None = field(default=None, init=False)

    def start(self) -> None:
        """
        Start the archive.
        """
        if self.archive is not None:
            self.archive.start()

    def begin(self, status: os.stat_result) -> None:
        """
        Take note that another file is written to from now on.
        """
        now = self.clock()
        # The time of the file may be in the future, beyond all calendars.
        since = min(status.st_mtime, now) if status.st_size else now
        self._deadline = self.schedule.deadline(since)

    def remaining(self, size: int) -> int:
        """
        Return the number of bytes that may yet be appended to the file; 0 for a
        file that has to be rotated now.

        @param size: Bytes that the file has.
        """
        now = self.clock()
        # A clock that was set back must not put the attempt off for as long.
        if (
            self._retryAt is not None
            and 0 < self._retryAt - now <= ROTATION_RETRY_DELAY
        ):
            return UNLIMITED_SIZE
        if now < self._deadline:
            return self.schedule.remaining(size)
        if size:
            return 0
        self._deadline = self.schedule.deadline(now)
        return self.schedule.remaining(size)

    def wasReplaced(self, descriptor: int) -> bool:
        """
        Return C{True} if another process has moved the file away.

        @param descriptor: The descriptor of the file.
        """
        if not self.shared:
            return False
        try:
            return not os.path.samestat(os.stat(self.path), os.fstat(descriptor))
        except FileNotFoundError:
            return True

    def rotate(self, status: os.stat_result, create: Callable[[], int]) -> int | None:
        """
        Move the file away and put a new file in its place.

        @param status: The status of the file.
        @param create: Opens the file at the path, and makes a new one if there
            is none.
        @return: The descriptor of the new file; L{None} if there is no new file
            and writing has to go on in the old file.
        @raise OSError: There is no new file, and nothing may be written to the
            old file either.
        """
        try:
            target = self._moveAway(status)
        except (OSError, ValueError) as error:
            self._fail(error)
            return None
        try:
            descriptor = create()
        except OSError as error:
            self._fail(error)
            if target is not None:
                # If this fails too, nobody may write to the file under its new
                # name, where it may be compressed at any moment.
                if os.path.lexists(self.path):
                    # It is another service's file.
                    raise
                os.rename(target, self.path)
            return None
        self._retryAt = None
        if self.archive is not None:
            self.archive.cleanUp()
        return descriptor

    def checkDelay(self) -> float | None:
        """
        Return the seconds after which L{remaining} is to be asked though there
        is nothing to write; L{None} for never.
        """
        if self._deadline == math.inf:
            return None
        due = max(self._deadline, self._retryAt or 0.0)
        return min(max(due - self.clock(), MIN_CHECK_DELAY), MAX_CHECK_DELAY)

    def stop(self) -> None:
        """
        Stop the archive, soon.
        """
        if self.archive is not None:
            self.archive.stop()

    def _moveAway(self, status: os.stat_result) -> str | None:
        """
        Move the file away.

        @return: The new path of the file; L{None} if another process has moved
            the file already.
        """
        try:
            current = os.stat(self.path)
        except FileNotFoundError:
            return None
        if not os.path.samestat(current, status):
            return None
        directory, base = os.path.split(self.path)
        stamp = min(status.st_mtime_ns // 1_000_000, int(self.clock() * 1000))
        earlier = findRotated(directory, base)
        if earlier:
            # Even if the clock was set back, the order of the names is the order
            # of the records.
            stamp = max(stamp, earlier[-1].stamp + 1)
        name = RotatedFile.make(base, stamp).name
        target = os.path.join(directory, name)
        self.moving(status, name)
        os.rename(self.path, target)
        return target

    def _fail(self, error: Exception) -> None:
        if self._retryAt is None:
            self._log.error(
                "cannot rotate {path}: {error}; the file goes on growing",
                path=self.path,
                error=error,
            )
        self._retryAt = self.clock() + ROTATION_RETRY_DELAY
