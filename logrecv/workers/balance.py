"""
The fair division of connections among workers, and the files that workers share for it.

All workers wait at the same sockets.  Without a division, the worker that happens to be
awake would accept most connections, which live for years.
"""

from __future__ import annotations

import mmap
import shutil
import tempfile
from typing import IO, Final

from attrs import define, field, frozen

from logrecv.group import LOCKS_POSITION, MAX_WORKERS
from logrecv.inputs.limits.admission import Admission

#: The number of connections that stands for a worker that does not accept: more
#: connections than any worker can have.
ABSENT: Final = 2**31 - 1

#: The size of the file that holds the numbers of connections, in bytes.
COUNTS_SIZE: Final = LOCKS_POSITION


@define(eq=False)
class ConnectionCounts:
    """
    The numbers of connections of all workers, in memory that the workers share.

    @ivar descriptor: The descriptor of a file of L{COUNTS_SIZE} bytes that all workers
        have inherited.
    """

    descriptor: int
    _counts: memoryview = field(init=False)

    @_counts.default
    def _map(self) -> memoryview:
        memory = mmap.mmap(self.descriptor, COUNTS_SIZE)
        return memoryview(memory).cast("i")[:MAX_WORKERS]

    def clear(self) -> None:
        """
        Set all workers to L{ABSENT}.
        """
        for index in range(MAX_WORKERS):
            self._counts[index] = ABSENT

    def put(self, number: int, count: int) -> None:
        """
        Set the number of connections of a worker.

        @param number: The number of the worker, from 1 on.
        @param count: The number of its connections; L{ABSENT} if it does not accept.
        """
        self._counts[number - 1] = count

    def isAhead(self, number: int) -> bool:
        """
        Return C{True} if a worker accepts, and has more connections than another
        worker.
        """
        count = self._counts[number - 1]
        return count != ABSENT and count > min(self._counts)


@define(eq=False)
class Slot:
    """
    The place of one worker in the L{ConnectionCounts}.

    @ivar counts: The numbers of connections of all workers.
    @ivar number: The number of the worker.
    @ivar admission: Counts the connections of the worker.
    """

    counts: ConnectionCounts
    number: int
    admission: Admission

    def enter(self) -> None:
        """
        Publish the number of connections from now on.
        """
        self.counts.put(self.number, 0)
        self.admission.announce = lambda count: self.counts.put(self.number, count)

    def leave(self) -> None:
        """
        Publish that the worker accepts no more connections.
        """
        self.admission.announce = None
        self.counts.put(self.number, ABSENT)


@frozen(eq=False)
class SharedFiles:
    """
    The files that all workers of a supervisor use.

    @ivar file: A file that the workers inherit, with their L{ConnectionCounts} and
        their locks.
    @ivar counts: The numbers of connections in this file.
    @ivar directory: The path of a directory.
    """

    file: IO[bytes]
    counts: ConnectionCounts
    directory: str

    @classmethod
    def make(cls) -> SharedFiles:
        """
        Make the files.

        @raise OSError: A file cannot be made.
        """
        file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115
        file.truncate(COUNTS_SIZE)
        counts = ConnectionCounts(file.fileno())
        counts.clear()
        return cls(file, counts, tempfile.mkdtemp(prefix="logrecv-"))

    def remove(self) -> None:
        """
        Remove the files.
        """
        self.file.close()
        shutil.rmtree(self.directory, ignore_errors=True)
