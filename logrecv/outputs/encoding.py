"""
Batches to bytes: once for all outputs that write the same.
"""

from __future__ import annotations

from collections.abc import Sequence

from attrs import define, field
from twisted.python.failure import Failure

from logrecv.formats.text import Format
from logrecv.outputs.chunk import PART_RECORDS, EncodedPart
from logrecv.record import Record


@define(eq=False)
class Encoded:
    """
    An encoded batch.

    @ivar parts: Its parts.
    @ivar unencodable: How many of its records have no form in this format.
    @ivar failure: Why one of them has not; L{None} where all have.
    """

    parts: list[EncodedPart] = field(factory=list)
    unencodable: int = 0
    failure: Failure | None = None


@define(eq=False)
class BatchEncoder:
    """
    Makes bytes of batches.  What it has made of a batch it gives to each of
    those who share it, one after the other, and then forgets it.

    @ivar encode: The format.
    @ivar size: Bytes that a part has at most, if it is not a single record.
    @ivar users: How many share it.
    """

    encode: Format
    size: int
    users: int = 1
    _batch: Sequence[Record] | None = field(default=None, init=False)
    _encoded: Encoded = field(factory=Encoded, init=False)
    #: How many have yet to get what was made of the batch.
    _awaited: int = field(default=0, init=False)

    def make(self, batch: Sequence[Record]) -> Encoded:
        """
        Encode a batch.

        @param batch: The batch, which nobody changes.
        """
        if self.users == 1:
            return self._make(batch)
        if batch is not self._batch:
            self._batch, self._encoded = batch, self._make(batch)
            self._awaited = self.users
        encoded = self._encoded
        self._awaited -= 1
        if self._awaited <= 0:
            self._batch, self._encoded = None, Encoded()
        return encoded

    def _make(self, batch: Sequence[Record]) -> Encoded:
        encoded = Encoded()
        if len(batch) <= PART_RECORDS:
            # As it is: it may be more than a sequence.
            self._add(batch, encoded)
            return encoded
        for start in range(0, len(batch), PART_RECORDS):
            self._add(batch[start : start + PART_RECORDS], encoded)
        return encoded

    def _add(self, batch: Sequence[Record], encoded: Encoded) -> None:
        """
        Encode a part of a batch: as several where a record cannot be encoded,
        which costs the others nothing, or where it is too much.
        """
        try:
            data = self.encode(batch)
        except Exception:
            if len(batch) == 1:
                encoded.unencodable += 1
                encoded.failure = encoded.failure or Failure()
                return
        else:
            if len(data) <= self.size or len(batch) == 1:
                encoded.parts.append((data, len(batch)))
                return
        middle = len(batch) // 2
        self._add(batch[:middle], encoded)
        self._add(batch[middle:], encoded)


@define(eq=False)
class Encoders:
    """
    Gives the same L{BatchEncoder} to all that write the same.
    """

    _encoders: dict[tuple[Format, int], BatchEncoder] = field(factory=dict, init=False)

    def get(self, encode: Format, size: int) -> BatchEncoder:
        """
        Give an encoder to one more that shares it.

        @param encode: The format.
        @param size: Bytes that a part has at most, if it is not a single record.
        """
        encoder = self._encoders.get((encode, size))
        if encoder is None:
            self._encoders[encode, size] = encoder = BatchEncoder(encode, size)
        else:
            encoder.users += 1
        return encoder
