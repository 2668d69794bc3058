"""
Encoded records on their way to a writer.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, TypeAlias

from attrs import frozen

#: Encoded records, and the number of the records.
EncodedPart: TypeAlias = tuple[bytes, int]

#: Records in one part, at most.  A receiver gets as many records twice, at most,
#: when its sender is killed.
PART_RECORDS: Final = 500


def totals(parts: Sequence[EncodedPart]) -> tuple[int, int]:
    """
    Add up the bytes and the records of some parts.

    @return: The bytes, and the records.
    """
    size = records = 0
    for data, count in parts:
        size += len(data)
        records += count
    return size, records


@frozen(eq=False)
class Chunk:
    """
    The encoded records of one write.

    @ivar id: The name of the chunk.  No other chunk has or will have the same.
    @ivar first: The number of the first of its parts.  Parts are numbered in the
        order in which they are taken.
    @ivar last: The number of its last part.
    @ivar count: The number of its records.
    @ivar data: The encoded records.
    """

    id: str
    first: int
    last: int
    count: int
    data: bytes
