"""
Rotation: when a file is moved away for a new one, what it is called then, and
how long it is kept.
"""

from __future__ import annotations

import math
import os
import re
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import ClassVar, Final, Protocol, TypeAlias

from attrs import define, field, frozen
from twisted.logger import Logger

from logrecv.descriptions import sizeInBytes

#: More bytes than any file has.
UNLIMITED: Final = sys.maxsize

#: Bytes of the smallest C{rotate=}: somebody who writes less has forgotten the
#: unit.
SMALLEST: Final = 4096

#: Seconds from a rotation that failed to the next attempt.
RETRY_DELAY: Final = 10.0

#: Seconds between two looks at whether a quiet file is to be rotated.
SHORTEST_WAIT: Final = 1.0

#: Seconds after which the time is looked at again at the latest, since somebody
#: may set the clock.
LONGEST_WAIT: Final = 60.0

#: What the name of a file ends in while it is being compressed.
PARTIAL: Final = ".tmp"

_ROTATED: Final = re.compile(
    r"(?P<base>.+)\.(?P<second>[0-9]{8}T[0-9]{6})\.(?P<millisecond>[0-9]{3})Z"
    rf"(?P<suffix>\.gz|\.zst|)(?P<partial>{re.escape(PARTIAL)}|)",
    re.DOTALL,
)

_SECOND: Final = "%Y%m%dT%H%M%S"


class Schedule(Protocol):
    """
    When a file is full.
    """

    def remaining(self, size: int) -> int:
        """
        How many bytes may yet be appended.

        @param size: Bytes that the file has.
        """

    def deadline(self, since: float) -> float:
        """
        When the file has to be moved away, however small it is.

        @param since: When it was begun, or last written to, in seconds since
            the epoch.
        """


@frozen
class BySize:
    """
    A file is full at a size.

    @ivar limit: Bytes.
    """

    limit: int

    def remaining(self, size: int) -> int:
        """
        See L{Schedule.remaining}.
        """
        return max(self.limit - size, 0)

    def deadline(self, since: float) -> float:
        """
        See L{Schedule.deadline}.
        """
        return math.inf


@frozen
class ByTime:
    """
    A file is full at a turn of the local time.

    @ivar turn: Gives the first turn after a time, both in seconds since the
        epoch.
    """

    turn: Callable[[float], float]

    def remaining(self, size: int) -> int:
        """
        See L{Schedule.remaining}.
        """
        return UNLIMITED

    def deadline(self, since: float) -> float:
        """
        See L{Schedule.deadline}.
        """
        return self.turn(since)


def nextHour(moment: float) -> float:
    """
    When the next hour of local time begins.
    """
    local = time.localtime(moment)
    return math.floor(moment) - local.tm_min * 60 - local.tm_sec + 3600.0


def nextDay(moment: float) -> float:
    """
    When the next day of local time begins.
    """
    local = time.localtime(moment)
    midnight = (local.tm_year, local.tm_mon, local.tm_mday + 1, 0, 0, 0, 0, 0, -1)
    turn = time.mktime(midnight)
    # Where summer time begins at midnight there is none, and mktime may give
    # the hour before.
    return nextHour(turn) if time.localtime(turn).tm_mday == local.tm_mday else turn


def takeSchedule(text: str) -> Schedule:
    """
    Convert C{rotate=}.

    @raise ValueError: It is neither a word that is known nor a size.
    """
    if text in _TURNS:
        return ByTime(_TURNS[text])
    try:
        size = sizeInBytes(text)
    except ValueError:
        size = 0
    if size < SMALLEST:
        raise ValueError("it is hourly, daily or a size from 4K on, such as 100M")
    return BySize(size)


_TURNS: Final = {"hourly": nextHour, "daily": nextDay}


@frozen
class Rotated:
    """
    A file that was moved away.

    @ivar name: Its name, without a directory.
    @ivar base: The name that it had before.
    @ivar stamp: When it was last written to, in milliseconds since the epoch,
        or a little later where that was taken: no two of a base have the same.
    @ivar suffix: How it is compressed: C{".gz"}, C{".zst"} or C{""}.
    @ivar partial: Whether its compression is not finished.
    """

    name: str
    base: str
    stamp: int
    suffix: str = ""
    partial: bool = False

    @classmethod
    def make(cls, base: str, stamp: int) -> Rotated:
        """
        Make a name.  The time in it is UTC: local time comes twice when summer
        time ends.
        """
        seconds, milliseconds = divmod(stamp, 1000)
        second = datetime.fromtimestamp(seconds, UTC).strftime(_SECOND)
        return cls(f"{base}.{second}.{milliseconds:03d}Z", base, stamp)

    @classmethod
    def fromName(cls, name: str) -> Rotated | None:
        """
        Take a name apart.

        @return: L{None} where L{make} and compression would not give it.
        """
        match = _ROTATED.fullmatch(name)
        if match is None or (match["partial"] and not match["suffix"]):
            return None
        try:
            second = datetime.strptime(match["second"], _SECOND).replace(tzinfo=UTC)
        except ValueError:
            return None
        return cls(
            name,
            match["base"],
            int(second.timestamp()) * 1000 + int(match["millisecond"]),
            match["suffix"],
            bool(match["partial"]),
        )


#: Bytes that the longest name of a rotated file has more than the file's own.
LONGEST_ADDITION: Final = len(Rotated.make("", 0).name) + len(".zst") + len(PARTIAL)


def findRotated(directory: str, base: str) -> list[Rotated]:
    """
    Find what a file was moved away to, oldest first.

    @param directory: Where to look.
    @param base: The name of the file.
    @raise OSError: The directory cannot be read.
    """
    with os.scandir(directory) as entries:
        found = [
            rotated
            for entry in entries
            if entry.name.startswith(base)
            and (rotated := Rotated.fromName(entry.name)) is not None
            and rotated.base == base
            and entry.is_file(follow_symlinks=False)
        ]
    return sorted(found, key=lambda rotated: (rotated.stamp, rotated.name))


def collide(path: str, other: str) -> bool:
    """
    Whether one of two paths is what files of the other one are moved away to.
    """
    for first, second in ((path, other), (other, path)):
        directory, name = os.path.split(first)
        rotated = Rotated.fromName(name)
        if rotated and os.path.join(directory, rotated.base) == second:
            return True
    return False


#: Chooses which of some files to remove: given their stamps in ascending order
#: and the time in seconds since the epoch.
Retention: TypeAlias = Callable[[Sequence[int], float], Iterable[int]]


def keepAll(stamps: Sequence[int], now: float) -> Iterable[int]:
    """
    Remove nothing.
    """
    return ()


def keepCount(count: int) -> Retention:
    """
    Keep so many files.
    """

    def surplus(stamps: Sequence[int], now: float) -> Iterable[int]:
        return stamps[: max(len(stamps) - count, 0)]

    return surplus


def keepDays(days: int) -> Retention:
    """
    Keep files that were written to in the last so many times 24 hours.
    """

    def surplus(stamps: Sequence[int], now: float) -> Iterable[int]:
        return [stamp for stamp in stamps if stamp < (now - days * 86400) * 1000]

    return surplus


def takeKeep(text: str) -> Retention:
    """
    Convert C{keep=}.

    @raise ValueError: It is neither a number of files nor one of days.
    """
    number = text.removesuffix("d")
    # More days than nine digits would be before there was time.
    if not (number.isascii() and number.isdigit() and int(number[:9]) > 0):
        raise ValueError("it is a number of files, such as 10, or of days, such as 14d")
    if len(number) > 9:
        raise ValueError("it is more than anybody can keep")
    return keepCount(int(number)) if number == text else keepDays(int(number))


class Rotation(Protocol):
    """
    What a writer asks about rotation.  All but L{start} is called in the
    writer's thread.
    """

    def start(self) -> None:
        """
        Get ready.
        """

    def begin(self, status: os.stat_result) -> None:
        """
        Take note that from now on another file is written to.
        """

    def remaining(self, size: int) -> int:
        """
        How many bytes may yet be appended to the file; 0 where it is to be
        rotated now.

        @param size: Bytes that the file has.
        """

    def wasReplaced(self, descriptor: int) -> bool:
        """
        Whether another process has moved the file away.

        @param descriptor: That of the file.
        """

    def rotate(self, status: os.stat_result, create: Callable[[], int]) -> int | None:
        """
        Move the file away and put a new one in its place.

        @param status: The status of the file.
        @param create: Opens the file at the path, and makes it where there is
            none.
        @return: The descriptor of the new file; L{None} where there is none and
            writing has to go on in the old one.
        @raise OSError: There is no new file, and nothing may be written to the
            old one either.
        """

    def wait(self) -> float | None:
        """
        Seconds after which L{remaining} is to be asked though there is nothing to
        write; L{None} for never.
        """

    def stop(self) -> None:
        """
        Let go of everything, soon.
        """


class NoRotation:
    """
    The file stays where it is.
    """

    def start(self) -> None:
        """
        See L{Rotation.start}.
        """

    def begin(self, status: os.stat_result) -> None:
        """
        See L{Rotation.begin}.
        """

    def remaining(self, size: int) -> int:
        """
        See L{Rotation.remaining}.
        """
        return UNLIMITED

    def wasReplaced(self, descriptor: int) -> bool:
        """
        See L{Rotation.wasReplaced}.
        """
        return False

    def rotate(self, status: os.stat_result, create: Callable[[], int]) -> int | None:
        """
        See L{Rotation.rotate}.
        """
        return None

    def wait(self) -> float | None:
        """
        See L{Rotation.wait}.
        """
        return None

    def stop(self) -> None:
        """
        See L{Rotation.stop}.
        """


class Archive(Protocol):
    """
    Looks after the files that were moved away.
    """

    def start(self) -> None:
        """
        Begin, with what was left undone before.
        """

    def cleanUp(self) -> None:
        """
        Do soon, in a thread of its own, what is to be done with files that
        were moved away.
        """

    def stop(self) -> None:
        """
        End soon, whatever is left undone.
        """


@define(eq=False)
class ScheduledRotation:
    """
    Moves a file away when its schedule says so.

    Where that cannot be, the file goes on growing: it is reported once and
    tried again later.

    @ivar path: The absolute path of the file, no symbolic link.
    @ivar schedule: Says when.
    @ivar archive: Looks after what was moved away.
    @ivar clock: Gives the time, in seconds since the epoch.
    @ivar shared: Whether other processes rotate the file, too.
    """

    _log: ClassVar[Logger] = Logger()

    path: str
    schedule: Schedule
    archive: Archive
    clock: Callable[[], float]
    shared: bool = False
    _deadline: float = field(default=math.inf, init=False)
    #: When to try again after a rotation that failed; None while none has.
    _again: float | None = field(default=None, init=False)

    def start(self) -> None:
        """
        See L{Rotation.start}.
        """
        self.archive.start()

    def begin(self, status: os.stat_result) -> None:
        """
        See L{Rotation.begin}.
        """
        now = self.clock()
        # A file may be from the future, where nobody can tell what day it is.
        since = min(status.st_mtime, now) if status.st_size else now
        self._deadline = self.schedule.deadline(since)

    def remaining(self, size: int) -> int:
        """
        See L{Rotation.remaining}.
        """
        now = self.clock()
        # A clock that was set back must not put it off for as long.
        if self._again is not None and 0 < self._again - now <= RETRY_DELAY:
            return UNLIMITED
        if now < self._deadline:
            return self.schedule.remaining(size)
        if size:
            return 0
        self._deadline = self.schedule.deadline(now)
        return self.schedule.remaining(size)

    def wasReplaced(self, descriptor: int) -> bool:
        """
        See L{Rotation.wasReplaced}.
        """
        if not self.shared:
            return False
        try:
            return not os.path.samestat(os.stat(self.path), os.fstat(descriptor))
        except FileNotFoundError:
            return True

    def rotate(self, status: os.stat_result, create: Callable[[], int]) -> int | None:
        """
        See L{Rotation.rotate}.
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
            if target is None:
                return None
            # Where even this fails, nobody may write to what may be compressed.
            os.rename(target, self.path)
            return None
        self._again = None
        self.archive.cleanUp()
        return descriptor

    def wait(self) -> float | None:
        """
        See L{Rotation.wait}.
        """
        if self._deadline == math.inf:
            return None
        due = max(self._deadline, self._again or 0.0)
        return min(max(due - self.clock(), SHORTEST_WAIT), LONGEST_WAIT)

    def stop(self) -> None:
        """
        See L{Rotation.stop}.
        """
        self.archive.stop()

    def _moveAway(self, status: os.stat_result) -> str | None:
        """
        Move the file away.

        @return: The path that it has now; L{None} where somebody else has moved
            it already.
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
            # Also where the clock was set back: the order of the names is the
            # order of the records.
            stamp = max(stamp, earlier[-1].stamp + 1)
        target = os.path.join(directory, Rotated.make(base, stamp).name)
        os.rename(self.path, target)
        return target

    def _fail(self, error: Exception) -> None:
        if self._again is None:
            self._log.error(
                "cannot rotate {path}: {error}; it goes on growing",
                path=self.path,
                error=error,
            )
        self._again = self.clock() + RETRY_DELAY
