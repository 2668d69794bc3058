"""
Tests for L{logrecv.threads}.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from io import BytesIO
from threading import current_thread, main_thread
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import inlineCallbacks
from twisted.trial.unittest import SynchronousTestCase, TestCase

from logrecv import threads
from logrecv.outputs.queue.store import Chunk
from logrecv.outputs.stdout import StreamWriter
from logrecv.outputs.writers import PermanentFailure
from logrecv.threads import ThreadedWriter, ThreadExecutor
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
        self.patch(threads, "time", watch)
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
        self.assertEqual(self.write(threads.SMALL), 0.0)
        self.assertEqual(self.write(100, pause=0.0), 0.0)

    def test_pauseFor(self) -> None:
        """
        A queue that could be full while a small write is made to take its time is
        written without.
        """
        self.assertEqual(threads.coalesceDelay(16 << 20), threads.PAUSE)
        self.assertEqual(threads.coalesceDelay(256 << 10), threads.PAUSE)
        self.assertEqual(threads.coalesceDelay(255 << 10), 0.0)


class DaemonThreadTests(TestCase):
    """
    L{ThreadExecutor}, with a real thread.
    """

    @inlineCallbacks
    def test_runs(self) -> object:
        """
        Functions run in a daemon thread, in their order; results come back in
        the reactor's thread.
        """
        thread = ThreadExecutor(reactor, "writer")
        self.addCleanup(thread.end)
        seen: list[tuple[str, bool]] = []
        for _ in range(2):
            yield thread.run(
                lambda: seen.append((current_thread().name, current_thread().daemon))
            )
            self.assertIs(current_thread(), main_thread())
        self.assertEqual(seen, [("writer", True)] * 2)

    @inlineCallbacks
    def test_fails(self) -> object:
        """
        What a function raises, the Deferred fails with; the thread lives on.
        """
        thread = ThreadExecutor(reactor, "writer")
        self.addCleanup(thread.end)

        def fail() -> None:
            raise PermanentFailure("never")

        yield self.assertFailure(thread.run(fail), PermanentFailure)
        yield thread.run(lambda: None)

    def test_stalledPipe(self) -> None:
        """
        A process whose standard output is a pipe that nobody reads stops within
        the time limits, and exits.
        """
        readable, writable = os.pipe()
        self.addCleanup(os.close, readable)
        process = subprocess.Popen(
            [sys.executable, "-c", STALLED],
            stdout=writable,
            stderr=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            text=True,
        )
        os.close(writable)
        assert process.stderr is not None
        with process.stderr:
            self.assertEqual(process.stderr.readline(), "writing\n")
            began = time.monotonic()
            answer = process.stderr.read()
            self.assertEqual(process.wait(10), 0)
        self.assertEqual(answer, "{'stopped': 1000}\n")
        self.assertLess(time.monotonic() - began, 3)


#: A program that fills its standard output and stops, with short time limits.
STALLED = """
import sys
from twisted.internet import reactor
from logrecv.counters import OutputTally
from logrecv.formats.text import encodeJSON
from logrecv import threads
from logrecv.outputs.queue import sink as queue
from logrecv.outputs.factory import StandardOutput
from logrecv.outputs.stdout import StreamWriter
from logrecv.testing import makeRecord

queue.STOP_TIMEOUT = queue.CLOSE_TIMEOUT = 0.2
tally = OutputTally("1-stdout")
writer = threads.ThreadedWriter(
    StreamWriter(StandardOutput.ofProcess().stream),
    threads.ThreadExecutor(reactor, tally.output),
)
sink = queue.QueuedSink(encodeJSON, writer, reactor, tally)
sink.start()

def stop():
    print("writing", file=sys.stderr, flush=True)
    sink.stop().addCallback(
        lambda result: (print(tally.dropped, file=sys.stderr), reactor.stop())
    )

sink.deliver([makeRecord("x" * 1000) for _ in range(1000)])
reactor.callLater(0.1, stop)
reactor.run()
"""
