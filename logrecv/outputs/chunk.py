"""
Encoded records on their way from a batch to a writer: parts, which go into a
queue, and chunks, which come out of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, TypeAlias

from attrs import define, frozen
from twisted.python.failure import Failure

from logrecv.batch import Batch
from logrecv.formats import Format

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


@define(eq=False)
class Encoded:
    """
    The parts of an encoded batch.

    @ivar parts: The parts.
    @ivar unencodable: The number of records that the format cannot encode.
    @ivar failure: The reason for the first of these; C{None} if there is none.
    """

    parts: list[EncodedPart]
    unencodable: int = 0
    failure: Failure | None = None

    @classmethod
    def fromBatch(cls, batch: Batch, encode: Format, size: int) -> Encoded:
        """
        Encode a batch.  A record that the format cannot encode costs the others
        nothing.

        @param size: Bytes in one part, at most, unless it is a single record.
        """
        encoded = cls([])
        if len(batch) <= PART_RECORDS:
            encoded._add(batch, encode, size)
            return encoded
        for start in range(0, len(batch), PART_RECORDS):
            part = batch.part(start, min(start + PART_RECORDS, len(batch)))
            encoded._add(part, encode, size)
        return encoded

    def _add(self, batch: Batch, encode: Format, size: int) -> None:
        """
        Encode a batch as one part, and where that cannot be, by halves.
        """
        count = len(batch)
        try:
            data = batch.encode(encode)
        except Exception:
            if count == 1:
                self.unencodable += 1
                self.failure = self.failure or Failure()
                return
        else:
            if len(data) <= size or count == 1:
                self.parts.append((data, count))
                return
        middle = count // 2
        self._add(batch.part(0, middle), encode, size)
        self._add(batch.part(middle, count), encode, size)
