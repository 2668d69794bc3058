"""
What a process shares with others that serve together with it, and its own part
of it: the workers of C{--workers}.
"""

from __future__ import annotations

import errno
import fcntl
import os
from contextlib import AbstractContextManager, nullcontext
from time import sleep
from types import TracebackType
from typing import Final

from attrs import define, field

#: Where the bytes begin that are locked, in the file that the processes share.
#: What is before them is L{logrecv.workers.balance.ConnectionCounts}'s.
LOCKS: Final = 4096

#: Seconds from an attempt to take a lock to the next, where the kernel sees a
#: deadlock.
_AGAIN: Final = 0.005


@define(eq=False)
class ProcessLock:
    """
    Keeps other processes out, as a context manager that is entered by one
    thread of each process.  The end of a process, however it comes, lets go.

    @ivar descriptor: A file that all the processes have inherited.
    @ivar position: The byte of it that is locked.
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
                # The kernel takes the threads of a process for one, and what two
                # of them wait for and hold for a circle.
                sleep(_AGAIN)
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
    A process's place among those that serve together with it.  Without
    arguments, that of one that serves alone.

    @ivar number: Its number, from 1 on.
    @ivar count: How many serve together.
    @ivar descriptor: A file that all of them have inherited; L{None} for a
        process that has no others beside it.
    @ivar directory: A directory that all of them use, until the last one ends.
    """

    number: int = 1
    count: int = 1
    descriptor: int | None = None
    directory: str = ""
    _locks: int = field(default=0, init=False)

    @property
    def isSingle(self) -> bool:
        """
        Whether there are no other processes.
        """
        return self.descriptor is None

    def lock(self) -> AbstractContextManager[None]:
        """
        Make a lock: the first that is made here is the same as the first that
        each of the others makes, and so on.
        """
        if self.descriptor is None:
            return nullcontext()
        self._locks += 1
        return ProcessLock(self.descriptor, LOCKS + self._locks)

    def portion(self, limit: int) -> int:
        """
        Give the part that this process has of a limit for all of them.
        """
        return -(-limit // self.count)

    def spool(self, directory: str) -> str:
        """
        Give the directory of its spool, which no two processes can share: for
        the first one, that which was named, so that one that serves alone finds
        what is there.
        """
        if self.number == 1:
            return directory
        return os.path.join(directory, spoolName(self.number))


#: What the directories begin with that the spools of further workers have.
_SPOOL: Final = "worker-"


def spoolName(number: int) -> str:
    """
    Name the directory of the spool of a worker, within that of the first one.
    """
    return f"{_SPOOL}{number}"


def spoolNumbers(directory: str) -> set[int]:
    """
    Find out which further workers have a spool within that of the first one.

    @param directory: That of the first one.
    @return: Their numbers.
    """
    try:
        names = os.listdir(directory)
    except OSError:
        return set()
    numbers = [name.removeprefix(_SPOOL) for name in names if name.startswith(_SPOOL)]
    return {int(n) for n in numbers if n.isascii() and n.isdigit() and len(n) < 4}
