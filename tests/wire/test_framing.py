"""
Tests for L{logrecv.wire.framing}.
"""

from __future__ import annotations

import tracemalloc

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from logrecv.wire.framing import FrameDecoder
from tests.selection import slow


def frame(payload: bytes) -> bytes:
    """
    Make a frame, as C{SocketHandler.makePickle} does.
    """
    return len(payload).to_bytes(4, "big") + payload


class FrameDecoderTests(SynchronousTestCase):
    """
    Tests for L{FrameDecoder}.
    """

    def test_oneFrame(self) -> None:
        """
        A whole frame gives its payload, and the decoder holds no byte.
        """
        frames = FrameDecoder(100)
        self.assertEqual(frames.feed(frame(b"hello")), [b"hello"])
        self.assertEqual(frames.held, 0)

    def test_manyAtOnce(self) -> None:
        """
        All frames of one read come out together, in order; the beginning of the
        next is kept until the rest of it comes.
        """
        frames = FrameDecoder(100)
        read = frame(b"one") + frame(b"") + frame(b"two") + frame(b"three")[:6]
        self.assertEqual(frames.feed(read), [b"one", b"", b"two"])
        self.assertEqual(frames.held, 6)
        self.assertEqual(frames.feed(b"ree"), [b"three"])

    def test_splitLength(self) -> None:
        """
        A length that is split across reads is put together.
        """
        frames = FrameDecoder(100)
        data = frame(b"payload")
        self.assertEqual(frames.feed(data[:1]), [])
        self.assertEqual(frames.held, 1)
        self.assertEqual(frames.feed(data[1:3]), [])
        self.assertEqual(frames.feed(data[3:]), [b"payload"])

    def test_longest(self) -> None:
        """
        A payload exactly as long as the limit comes out.
        """
        frames = FrameDecoder(5)
        self.assertEqual(frames.feed(frame(b"12345")), [b"12345"])
        self.assertEqual(frames.skipped, [])

    def test_tooLong(self) -> None:
        """
        A frame that is too long is told once, with its place and its length, and
        skipped; the frames before and after come out.
        """
        frames = FrameDecoder(5)
        read = frame(b"a") + frame(b"123456") + frame(b"b")
        self.assertEqual(frames.feed(read), [b"a", b"b"])
        self.assertEqual(frames.skipped, [(1, 6)])
        self.assertEqual(frames.feed(frame(b"c")), [b"c"])
        self.assertEqual(frames.skipped, [])

    def test_newLimit(self) -> None:
        """
        A limit that changes is that of the next frame.
        """
        frames = FrameDecoder(5)
        frames.maxLength = 6
        self.assertEqual(frames.feed(frame(b"123456")), [b"123456"])

    def test_tooLongIsNotHeld(self) -> None:
        """
        No byte of a frame that is too long is kept while its bytes come.
        """
        frames = FrameDecoder(5)
        self.assertEqual(frames.feed((1 << 31).to_bytes(4, "big") + b"x" * 10), [])
        self.assertEqual(frames.skipped, [(0, 1 << 31)])
        for _ in range(3):
            self.assertEqual(frames.feed(b"y" * 1000), [])
            self.assertEqual(frames.held, 0)
            self.assertEqual(frames.skipped, [])

    @slow
    def test_dribbledBytesCostTheirSize(self) -> None:
        """
        A frame that dribbles in byte by byte takes little more memory than its
        bytes, and no copy of it is made at each read.
        """
        size = 1 << 18
        frames = FrameDecoder(size)
        frames.feed(size.to_bytes(4, "big"))
        tracemalloc.start()
        try:
            for _ in range(size - 1):
                frames.feed(b"x")
            self.assertLess(tracemalloc.get_traced_memory()[1], 1.3 * size)
        finally:
            tracemalloc.stop()
        self.assertEqual(frames.feed(b"x"), [b"x" * size])

    def test_discard(self) -> None:
        """
        An unfinished frame can be dropped.
        """
        frames = FrameDecoder(100)
        frames.feed(b"\0\0\0\5abc")
        frames.discard()
        self.assertEqual(frames.held, 0)

    @given(st.lists(st.binary(max_size=30), max_size=12), st.lists(st.integers(1, 40)))
    def test_anyPieces(self, payloads: list[bytes], sizes: list[int]) -> None:
        """
        The payloads are the same however the stream is cut into reads, and the
        frames over the limit are counted.
        """
        stream = b"".join(map(frame, payloads))
        frames = FrameDecoder(20)
        received = []
        skipped = 0
        for size in [*sizes, len(stream)]:
            received += frames.feed(stream[:size])
            skipped += len(frames.skipped)
            stream = stream[size:]
        self.assertEqual(received, [p for p in payloads if len(p) <= 20])
        self.assertEqual(skipped, sum(len(p) > 20 for p in payloads))
        self.assertEqual(frames.held, 0)
