"""
Tests of L{logrecv.outputs.writers}.
"""

from __future__ import annotations

from io import BytesIO
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from logrecv.outputs import writers
from logrecv.outputs.chunk import Chunk
from logrecv.outputs.stdout import StreamWriter
from logrecv.outputs.writers import ThreadedWriter
from tests.outputs.queue.test_sink import DirectRunner


class Watch:
    """
    Tells the time, which passes only where somebody sleeps.
    """

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


class Slow(BytesIO):
    """
    A stream that takes its time.
    """

    def __init__(self, watch: Watch, seconds: float) -> None:
        super().__init__()
        self.watch = watch
        self.seconds = seconds

    def write(self, data: Any) -> int:
        self.watch.sleep(self.seconds)
        return super().write(data)


class ThreadedWriterTests(SynchronousTestCase):
    """
    Small writes in a thread are made to take some time, so that there are fewer.
    """

    def write(self, size: int, seconds: float = 0.0, pause: float = 0.5) -> float:
        """
        Write, and tell how long it took.

        @param seconds: How long the write takes by itself.
        """
        watch = Watch()
        self.patch(writers, "time", watch)
        stream = Slow(watch, seconds)
        writer = ThreadedWriter(StreamWriter(stream), DirectRunner(), pause)
        written = writer.write(Chunk("a", 1, 1, 1, b"x" * size))
        self.assertEqual(self.successResultOf(written), 0)
        return watch.now - 100.0

    def test_small(self) -> None:
        """
        A small write takes as long as it is made to, or as it does.
        """
        self.assertEqual(self.write(100), 0.5)
        self.assertEqual(self.write(100, 0.25), 0.5)
        self.assertEqual(self.write(100, 2.0), 2.0)

    def test_notHeldUp(self) -> None:
        """
        Nothing else waits: a large write, nor one of a writer without that.
        """
        self.assertEqual(self.write(writers.SMALL_SIZE), 0.0)
        self.assertEqual(self.write(100, pause=0.0), 0.0)

    def test_coalesceDelay(self) -> None:
        """
        A queue that could be full while a small write is made to take its time is
        written without.
        """
        self.assertEqual(writers.coalesceDelay(16 << 20), writers.COALESCE_DELAY)
        self.assertEqual(writers.coalesceDelay(256 << 10), writers.COALESCE_DELAY)
        self.assertEqual(writers.coalesceDelay(255 << 10), 0.0)
