"""
The processes that serve together, the workers of C{--workers}: their locks, and
the division of limits and spools among them.
"""

from __future__ import annotations

import errno
import fcntl
import os
from contextlib import AbstractContextManager, nullcontext
from secrets import randbelow
from time import sleep
from types import TracebackType
from typing import Final
from zlib import crc32

from attrs import define, field

#: The largest number of processes in a group.  Few machines have more cores.
MAX_WORKERS: Final = 128

#: The position, in the file that all processes of a group share, from which on single
#: bytes are locked.  L{logrecv.workers.balance.ConnectionCounts} uses the bytes before.
LOCKS_POSITION: Final = 4096

#: The largest number of a group: see L{logrecv.outputs.files.claim.MAX_SERVICE}.
_MAX_ID: Final = (1 << 30) - 1

#: Seconds between two attempts to take a lock, where the kernel sees a deadlock.
_LOCK_RETRY_DELAY: Final = 0.005


@define(eq=False)
class ProcessLock:
    """
    A lock between processes, as a context manager.  Only one thread of each process
    may enter the lock.  The kernel releases the lock when its process ends, even if
    the process is killed.

    @ivar descriptor: The descriptor of a file that all processes have inherited.
    @ivar position: The position of the byte that is locked in this file.
    """

    descriptor: int
    position: int

    def __enter__(self) -> None:
        while True:
            try:
                fcntl.lockf(self.descriptor, fcntl.LOCK_EX, 1, self.position)
            except OSError as error:
                if error.errno != errno.EDEADLK:
                    raise
                # The kernel does not tell the threads of a process apart.  Two
                # threads that hold and await different locks look like a circle.
                sleep(_LOCK_RETRY_DELAY)
            else:
                return

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        fcntl.lockf(self.descriptor, fcntl.LOCK_UN, 1, self.position)


@define(eq=False)
class WorkerGroup:
    """
    The group of processes that serve together, seen from one of them.  Without
    arguments, the group of a process that serves alone::

        >>> WorkerGroup().portion(100)
        100
        >>> WorkerGroup(number=2, count=4, descriptor=5).portion(100)
        25

    @ivar number: The number of this process in the group, from 1 on.
    @ivar count: The number of processes in the group.
    @ivar descriptor: The descriptor of a file that all processes of the group have
        inherited; L{None} for a process that serves alone.
    @ivar directory: The path of a directory that all processes of the group may use.
        It is removed when the last of them ends.
    """

    number: int = 1
    count: int = 1
    descriptor: int | None = None
    directory: str = ""
    _locks: int = field(default=0, init=False)
    _random: int = field(factory=lambda: 1 + randbelow(_MAX_ID), init=False)

    @property
    def id(self) -> int:
        """
        A number from 1 to 2^30 - 1 that the processes of this group share, and no
        other group has, as good as certainly.
        """
        if self.descriptor is None:
            return self._random
        return 1 + crc32(self.directory.encode("utf-8", "surrogateescape")) % _MAX_ID

    @property
    def isSingle(self) -> bool:
        """
        C{True} if this process serves alone.
        """
        return self.descriptor is None

    def lock(self) -> AbstractContextManager[None]:
        """
        Make the next lock of the group.  The n-th lock that this process makes is the
        same lock as the n-th that each other process makes, so all of them have to
        make their locks in the same order.
        """
        if self.descriptor is None:
            return nullcontext()
        self._locks += 1
        return ProcessLock(self.descriptor, LOCKS_POSITION + self._locks)

    def portion(self, limit: int) -> int:
        """
        Divide a limit of the whole group.

        @param limit: The limit for all processes together.
        @return: The limit for this process, rounded up.
        """
        return -(-limit // self.count)

    def spool(self, directory: str) -> str:
        """
        Choose the directory for the spool of this process, since two processes cannot
        share a spool.  The first process takes the directory of the description, so
        a process that serves alone later finds the records there.

        @param directory: The directory of the description.
        """
        if self.number == 1:
            return directory
        return os.path.join(directory, spoolName(self.number))


#: The beginning of the names of directories for the spools of further workers.
_SPOOL_PREFIX: Final = "worker-"


def spoolName(number: int) -> str:
    """
    Name the directory for the spool of a further worker, inside the directory of the
    first worker's spool.

    @param number: The number of the worker, from 2 on.
    """
    return f"{_SPOOL_PREFIX}{number}"


def spoolNumbers(directory: str) -> set[int]:
    """
    Find the further workers that have a spool inside the directory of the first
    worker's spool.

    @param directory: The directory of the first worker's spool.
    @return: The numbers of these workers.
    """
    try:
        names = os.listdir(directory)
    except OSError:
        return set()
    numbers = [
        name.removeprefix(_SPOOL_PREFIX)
        for name in names
        if name.startswith(_SPOOL_PREFIX)
    ]
    return {int(n) for n in numbers if n.isascii() and n.isdigit() and len(n) < 4}
