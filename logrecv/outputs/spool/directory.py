"""
The directory of a spool, which one process uses at a time.
"""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress
from typing import Final

from attrs import define, field

from logrecv.outputs.spool.database import INDEX_SUFFIX, LOG_SUFFIX
from logrecv.paths import makePrivateDirectory, openPrivate

#: The names in the directory.
FILE: Final = "spool.sqlite"
_LOCK_FILE: Final = "lock"


@define(eq=False)
class SpoolDirectory:
    """
    A directory, and a lock that keeps other processes out.  The end of the process,
    however it comes, releases the lock.

    @ivar path: The absolute path of the directory.
    """

    path: str
    _lock: int | None = field(default=None, init=False)

    @property
    def file(self) -> str:
        """
        The path of the database.
        """
        return os.path.join(self.path, FILE)

    def open(self) -> None:
        """
        Make the directory, if there is none, and take the lock.

        @raise OSError: The directory cannot be made or used, or another process
            uses it.
        """
        # The directory of another worker is within that of the first worker,
        # which may not be there yet.
        makePrivateDirectory(os.path.dirname(self.path))
        makePrivateDirectory(self.path)
        lock = openPrivate(os.path.join(self.path, _LOCK_FILE), os.O_RDWR | os.O_CREAT)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(lock)
            if isinstance(error, BlockingIOError):
                raise OSError(
                    f"another process uses the spool {self.path}; give each its own"
                ) from None
            raise
        self._lock = lock

    def close(self) -> None:
        """
        Release the lock.
        """
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def removeEmptied(directory: str) -> None:
    """
    Remove a spool that holds nothing and that nobody uses.  Damaged files that
    were set aside in its directory stay.
    """
    for name in (FILE, FILE + LOG_SUFFIX, FILE + INDEX_SUFFIX, _LOCK_FILE):
        with suppress(OSError):
            os.unlink(os.path.join(directory, name))
    with suppress(OSError):
        os.rmdir(directory)
