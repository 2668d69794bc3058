"""
A batch of records, with the bytes that were made of it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import compress

from logrecv.formats import Format
from logrecv.record import Record


class Batch(list[Record]):
    """
    The records of one read from a client, in the order in which they came.

    A batch remembers its encodings, so that a format is applied once, however
    many outputs use the format::

        >>> from logrecv.batch import Batch
        >>> from logrecv.testing import makeRecord
        >>> batch = Batch([makeRecord("a"), makeRecord("b")])
        >>> def messages(batch):
        ...     print("encoding")
        ...     return " ".join(record.message for record in batch).encode()
        >>> batch.encode(messages)
        encoding
        b'a b'
        >>> batch.encode(messages)
        b'a b'

    The encodings live as long as the batch.  A sink that keeps records for long
    keeps them in a list of its own.  Nobody changes a batch after
    L{logrecv.interfaces.IRecordSink.deliver} was called with it.

    @ivar payloads: The pickles that the records came as, in the same order, if
        each of them can be sent on as it is: plain data, as stock handlers write
        it, with nothing merged or repaired.  C{None} otherwise.
    """

    # Defaults in the class instead of a constructor: half of the time, for a batch
    # of one record a twentieth of the way from the socket to the queue.
    payloads: Sequence[bytes] | None = None
    _encodings: dict[Format, bytes] | None = None
    _parts: dict[tuple[int, int], Batch] | None = None

    @classmethod
    def of(cls, records: Sequence[Record]) -> Batch:
        """
        Return the records as a batch: unchanged if they are a batch already.
        """
        return records if isinstance(records, Batch) else cls(records)

    def encode(self, encode: Format) -> bytes:
        """
        Encode the batch, or return the bytes of an earlier call.

        @param encode: The format.
        @raise Exception: The format raised it.  It is not remembered.
        """
        encodings = self._encodings
        if encodings is None:
            encodings = self._encodings = {}
        data = encodings.get(encode)
        if data is None:
            data = encodings[encode] = encode(self)
        return data

    def part(self, start: int, stop: int) -> Batch:
        """
        Return some records in a row, with their payloads, as a batch.  The batch
        remembers its parts too.

        @param start: The index of the first record.
        @param stop: The index after the last record.
        """
        if self._parts is None:
            self._parts = {}
        part = self._parts.get((start, stop))
        if part is None:
            part = self._parts[start, stop] = Batch(self[start:stop])
            if self.payloads is not None:
                part.payloads = self.payloads[start:stop]
        return part

    def select(self, condition: Callable[[Record], bool]) -> Batch:
        """
        Return the records that meet a condition, with their payloads: the batch
        itself if all of them do.
        """
        selectors = list(map(condition, self))
        if all(selectors):
            return self
        selected = Batch(compress(self, selectors))
        if self.payloads is not None:
            selected.payloads = list(compress(self.payloads, selectors))
        return selected
