"""
The rows of a spool's database, each with a checksum of its own.
"""

from __future__ import annotations

from typing import NamedTuple
from zlib import crc32


class CorruptSpool(Exception):
    """
    The file of a spool does not hold the bytes that were written.
    """


class Row(NamedTuple):
    """
    A part of a queue, as it is stored.

    @ivar number: The number of the part, counted as parts come.
    @ivar gone: The number of the newest part that was no longer held when this
        part came.
    @ivar records: The number of the records.
    @ivar checksum: The CRC-32 of the other values.
    @ivar data: The records, encoded.
    """

    number: int
    gone: int
    records: int
    checksum: int
    data: bytes

    @classmethod
    def make(cls, number: int, gone: int, records: int, data: bytes) -> Row:
        """
        Make a row with its checksum.
        """
        checksum = crc32(data, crc32(b"%d %d %d" % (number, gone, records)))
        return cls(number, gone, records, checksum, data)

    @property
    def isWhole(self) -> bool:
        """
        C{True} if the row is as it was made.
        """
        try:
            return self == Row.make(self.number, self.gone, self.records, self.data)
        except TypeError:
            return False


class InFlight(NamedTuple):
    """
    The name of the chunk that was sent last, as it is stored.

    @ivar first: The number of the first part of the chunk.
    @ivar last: The number of the last part of the chunk.
    @ivar checksum: The CRC-32 of the other values.
    @ivar id: The name of the chunk.
    """

    first: int
    last: int
    checksum: int
    id: str

    @classmethod
    def make(cls, first: int, last: int, id: str) -> InFlight:
        """
        Make a row with its checksum.
        """
        return cls(first, last, crc32(b"%d %d %s" % (first, last, id.encode())), id)

    @property
    def isWhole(self) -> bool:
        """
        C{True} if the row is as it was made.
        """
        try:
            return self == InFlight.make(self.first, self.last, self.id)
        except (AttributeError, TypeError):
            return False
