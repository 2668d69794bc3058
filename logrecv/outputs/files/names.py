"""
The names of rotated files: how a file is called once it was moved away.
"""

from __future__ import annotations

import os
import re
from datetime import UTC, datetime
from typing import Final

from attrs import frozen

#: The ending of the name of a file while it is being compressed.
PARTIAL: Final = ".tmp"

_NAME_PATTERN: Final = re.compile(
    r"(?P<base>.+)\.(?P<second>[0-9]{8}T[0-9]{6})\.(?P<millisecond>[0-9]{3})Z"
    rf"(?P<suffix>\.gz|\.zst|)(?P<partial>{re.escape(PARTIAL)}|)",
    re.DOTALL,
)

#: The seconds in a name, for C{strftime}.
_SECOND_FORMAT: Final = "%Y%m%dT%H%M%S"


@frozen
class RotatedFile:
    """
    A file that was moved away.

        >>> RotatedFile.make("app.log", 1764000000123).name
        'app.log.20251124T160000.123Z'

    @ivar name: The name of the file now, without a directory.
    @ivar base: The name that the file had before.
    @ivar stamp: The time of the last write to the file, in milliseconds since
        the epoch, or a little later where another file has that time: no two
        files of a base have the same stamp.
    @ivar suffix: The suffix of the compression: C{".gz"}, C{".zst"} or C{""}.
    @ivar partial: C{True} if the compression is not finished.
    """

    name: str
    base: str
    stamp: int
    suffix: str = ""
    partial: bool = False

    @classmethod
    def make(cls, base: str, stamp: int) -> RotatedFile:
        """
        Make a name.  The time in the name is UTC: local time comes twice when
        summer time ends.
        """
        seconds, milliseconds = divmod(stamp, 1000)
        second = datetime.fromtimestamp(seconds, UTC).strftime(_SECOND_FORMAT)
        return cls(f"{base}.{second}.{milliseconds:03d}Z", base, stamp)

    @classmethod
    def fromName(cls, name: str) -> RotatedFile | None:
        """
        Take a name apart.

        @return: L{None} for a name that neither L{make} nor compression gives.
        """
        match = _NAME_PATTERN.fullmatch(name)
        if match is None or (match["partial"] and not match["suffix"]):
            return None
        try:
            second = datetime.strptime(match["second"], _SECOND_FORMAT)
        except ValueError:
            return None
        seconds = int(second.replace(tzinfo=UTC).timestamp())
        return cls(
            name,
            match["base"],
            seconds * 1000 + int(match["millisecond"]),
            match["suffix"],
            bool(match["partial"]),
        )


#: Bytes by which the longest name of a rotated file exceeds the file's own name.
LONGEST_ADDITION_SIZE: Final = len(RotatedFile.make("", 0).name + ".zst" + PARTIAL)


def findRotated(directory: str, base: str) -> list[RotatedFile]:
    """
    Find the files that were moved away from a name, oldest first.

    @param directory: The directory to search.
    @param base: The name of the file that is rotated.
    @raise OSError: The directory cannot be read.
    """
    with os.scandir(directory) as entries:
        found = [
            rotated
            for entry in entries
            if entry.name.startswith(base)
            and (rotated := RotatedFile.fromName(entry.name)) is not None
            and rotated.base == base
            and entry.is_file(follow_symlinks=False)
        ]
    return sorted(found, key=lambda rotated: (rotated.stamp, rotated.name))


def collide(path: str, other: str) -> bool:
    """
    Return C{True} if one of two paths is a name that files of the other path
    are moved away to.
    """
    for first, second in ((path, other), (other, path)):
        directory, name = os.path.split(first)
        rotated = RotatedFile.fromName(name)
        if rotated and os.path.join(directory, rotated.base) == second:
            return True
    return False
