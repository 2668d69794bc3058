"""
Whose turn it is to accept: workers wait at the same sockets, and the one that
happens to be awake would take connections that live for years.
"""

from __future__ import annotations

import mmap
from typing import Final

from attrs import define, field

from logrecv.group import LOCKS
from logrecv.inputs.limits.admission import Admission

#: Processes that there may be.
MOST: Final = 128

#: What the board says of a process that does not serve: more connections than
#: any can have.
ABSENT: Final = 2**31 - 1

#: Bytes of the file that is the board.
SIZE: Final = LOCKS


@define(eq=False)
class ConnectionCounts:
    """
    Tells how many connections each of the processes has.

    @ivar descriptor: A file of L{SIZE} bytes that all of them have inherited.
    """

    descriptor: int
    _counts: memoryview = field(init=False)

    @_counts.default
    def _map(self) -> memoryview:
        return memoryview(mmap.mmap(self.descriptor, SIZE)).cast("i")[:MOST]

    def clear(self) -> None:
        """
        Say that nobody serves.
        """
        for index in range(MOST):
            self._counts[index] = ABSENT

    def put(self, number: int, count: int) -> None:
        """
        Say how many connections a process has.

        @param number: Its number, from 1 on.
        @param count: L{ABSENT} if it does not serve.
        """
        self._counts[number - 1] = count

    def isAhead(self, number: int) -> bool:
        """
        Whether a process has more connections than another one, if it serves.
        """
        count = self._counts[number - 1]
        return count != ABSENT and count > min(self._counts)


@define(eq=False)
class Slot:
    """
    The place of one process on the board.

    @ivar board: The board.
    @ivar number: The number of the process.
    @ivar admission: Counts its connections.
    """

    board: ConnectionCounts
    number: int
    admission: Admission

    def enter(self) -> None:
        """
        Say from now on how many connections the process has.
        """
        self.board.put(self.number, 0)
        self.admission.announce = lambda count: self.board.put(self.number, count)

    def leave(self) -> None:
        """
        Say that the process accepts no more.
        """
        self.admission.announce = None
        self.board.put(self.number, ABSENT)
