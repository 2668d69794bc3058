"""
The format C{json}: one JSON object a line.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.json import Encoder

from logrecv.record import Record

_encoder = Encoder()


def encodeJSON(batch: Sequence[Record]) -> bytes:
    r"""
    Write a batch in the format C{json}.  The keys of an object are the fields of
    L{Record}, in their order.

        >>> encodeJSON([record])
        b'{"time":"2026-11-22T10:30:00.123000Z","created":1795343400.123,...}\n'
    """
    return _encoder.encode_lines(batch)


def encodeValue(value: object) -> str:
    """
    Write a single value as JSON text, without a line feed.

    @param value: Any value that msgspec can write as JSON.
    """
    return _encoder.encode(value).decode()
