"""
A stream of frames to payloads: a length of 4 bytes, big-endian, then as many
bytes.

Nothing is read twice: an unfinished frame grows in place and is cut when its
last byte is there.
"""

from __future__ import annotations

from typing import Final

#: Bytes of the length before each payload (C{SocketHandler.makePickle}).
PREFIX: Final = 4


def frame(payload: bytes) -> bytes:
    """
    Make a frame of a payload.
    """
    return len(payload).to_bytes(PREFIX, "big") + payload


class FrameDecoder:
    """
    Takes the bytes of one connection, in any pieces, and gives its payloads.

    A frame longer than the limit is passed over as its bytes arrive, none of
    them kept, and the stream goes on behind it.

    @ivar skipped: How many frames were longer than the limit.  A frame counts
        as soon as its length is known.
    """

    def __init__(self, maxLength: int) -> None:
        """
        @param maxLength: The longest payload given out, in bytes.
        """
        self.skipped = 0
        self._maxLength = maxLength
        #: The beginning of an unfinished frame.
        self._buffer = bytearray()
        #: Bytes of the frame that is being assembled, prefix included; 0 while
        #: its length is not known.
        self._wanted = 0
        #: Bytes of a frame that is too long that have yet to come.
        self._passing = 0

    @property
    def held(self) -> int:
        """
        Bytes of an unfinished frame that are kept.
        """
        return len(self._buffer)

    def discard(self) -> None:
        """
        Let go of an unfinished frame.  The stream cannot go on after this.
        """
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        """
        Take the next bytes of the stream.

        @return: The payloads that these bytes completed, in their order.
        """
        if self._passing:
            passed = min(self._passing, len(data))
            self._passing -= passed
            data = data[passed:]
        if not data:
            return []
        if self._buffer:
            self._buffer += data
            if len(self._buffer) < (self._wanted or PREFIX):
                return []
            data = bytes(self._buffer)
            self._buffer = bytearray()
            self._wanted = 0
        return self._split(data)

    def _split(self, data: bytes) -> list[bytes]:
        """
        Cut the frames out of bytes that begin with one, and keep the rest.
        """
        payloads: list[bytes] = []
        start = 0
        size = len(data)
        while size - start >= PREFIX:
            begin = start + PREFIX
            length = data[start]
            length = length << 8 | data[start + 1]
            length = length << 8 | data[start + 2]
            length = length << 8 | data[start + 3]
            end = begin + length
            if length > self._maxLength:
                self.skipped += 1
                if end > size:
                    self._passing = end - size
                    return payloads
            elif end > size:
                self._wanted = PREFIX + length
                break
            else:
                payloads.append(data[begin:end])
            start = end
        if start < size:
            self._buffer += data[start:]
        return payloads
