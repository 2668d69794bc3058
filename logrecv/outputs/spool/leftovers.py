"""
Parts that a spool no longer holds and that are still in its file.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial as bind

from attrs import define, field

from logrecv.outputs.queue.store import StoreFull
from logrecv.outputs.spool.database import SpoolFile


@define(eq=False)
class LeftOvers:
    """
    The parts that were taken back while the disk had no room to delete them.  If the
    process is killed before there is room, the parts come back.

    @ivar attempt: Does something with the file of the spool.
    """

    attempt: Callable[[Callable[[SpoolFile], None]], None]
    _ranges: list[range] = field(factory=list, init=False)

    def delete(self, first: int, last: int) -> bool:
        """
        Delete the parts with the numbers from C{first} to C{last}, or remember to do
        so.

        @return: C{True} if the parts are deleted.
        """
        self._ranges.append(range(first, last + 1))
        self.deleteAll()
        return not self._ranges

    def deleteAll(self) -> None:
        """
        Delete all the parts, if there is room now.
        """
        while self._ranges:
            numbers = self._ranges[0]
            try:
                self.attempt(bind(SpoolFile.delete, first=numbers[0], last=numbers[-1]))
            except StoreFull:
                break
            del self._ranges[0]

    def clear(self) -> None:
        """
        Forget the parts: there is a new file without them.
        """
        self._ranges.clear()

    def __contains__(self, number: object) -> bool:
        return any(number in numbers for numbers in self._ranges)
