"""
Frames: a payload with its length before it, in 4 bytes, big-endian.

The decoder reads nothing twice: an unfinished frame grows in place, and is cut out
when its last byte is there.
"""

from __future__ import annotations

from typing import Final

#: The bytes of the length before each payload (C{SocketHandler.makePickle}).
PREFIX: Final = 4


def frame(payload: bytes) -> bytes:
    """
    Make a frame of a payload.
    """
    return len(payload).to_bytes(PREFIX, "big") + payload


class FrameDecoder:
    """
    A decoder of one stream: takes bytes in any pieces, and gives payloads::

        decoder = FrameDecoder(1 << 20)
        decoder.feed(frame(b"one") + frame(b"two")[:3])  # [b"one"]
        decoder.feed(frame(b"two")[3:])  # [b"two"]

    The decoder skips a frame that is longer than the limit.  It keeps no byte of
    such a frame, and the stream goes on behind the frame.

    @ivar maxLength: The limit: the length of the longest payload, in bytes.
    @ivar skipped: The frames longer than the limit that began in the bytes of the
        last L{feed}: for each frame, the number of payloads of that feed before the
        frame, and the length of its payload.
    """

    def __init__(self, maxLength: int) -> None:
        """
        @param maxLength: The limit: the length of the longest payload, in bytes.
        """
        self.maxLength = maxLength
        self.skipped: list[tuple[int, int]] = []
        #: The beginning of an unfinished frame.
        self._buffer = bytearray()
        #: The size of the unfinished frame with its prefix, in bytes; 0 while the
        #: length is not known.
        self._wanted = 0
        #: The bytes that have yet to come of a frame that is too long.
        self._passing = 0

    @property
    def held(self) -> int:
        """
        The bytes that are kept of an unfinished frame, as a number.
        """
        return len(self._buffer)

    def discard(self) -> None:
        """
        Drop an unfinished frame.  The stream cannot go on after this.
        """
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        """
        Take the next bytes of the stream.

        @return: The payloads that these bytes complete, in their order.
        """
        if self.skipped:
            self.skipped = []
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
            if length > self.maxLength:
                self.skipped.append((len(payloads), length))
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
