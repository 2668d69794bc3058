"""
The capacity of a queue.
"""

from __future__ import annotations

from typing import Final

from attrs import frozen

from logrecv.descriptions import Description, choice, sizeInBytes
from logrecv.group import WorkerGroup

#: Bytes of encoded records that an output holds at most, unless C{queue=} says
#: otherwise (16M).
DEFAULT_LIMIT: Final = 16 * 1024 * 1024


@frozen
class Capacity:
    """
    The size of a queue, and the behaviour of the queue when it is full.

    @ivar limit: Bytes of encoded records in the queue, at most.  The chunk that
        is being written counts too.
    @ivar pauses: C{True} to make clients wait when the queue is full, C{False}
        to drop the oldest records.
    @ivar reserve: Bytes of encoded records that are held in memory, at most,
        while a spool has no room for them and clients are made to wait.
    """

    limit: int = DEFAULT_LIMIT
    pauses: bool = False
    reserve: int = DEFAULT_LIMIT

    @classmethod
    def take(cls, description: Description, full: str, group: WorkerGroup) -> Capacity:
        """
        Take the keywords C{queue=} and C{full=} of a description.

        @param full: The default of C{full=}: C{"drop"} or C{"pause"}.
        @param group: The processes that share the limit.
        @raise DescriptionError: The value of a keyword cannot be used.
        """
        limit = description.takeKeyword("queue", sizeInBytes, DEFAULT_LIMIT)
        chosen = description.takeKeyword("full", choice(["drop", "pause"]), full)
        return cls(group.portion(limit), chosen == "pause")
