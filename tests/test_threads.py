"""
Tests of L{logrecv.threads}.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from threading import current_thread, main_thread

from twisted.internet import reactor
from twisted.internet.defer import inlineCallbacks
from twisted.trial.unittest import TestCase

from logrecv.outputs.writers import PermanentFailure
from logrecv.threads import ThreadExecutor
from tests.selection import slow


class ThreadExecutorTests(TestCase):
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
        An exception that a function raises is the failure of the Deferred.  The
        thread goes on.
        """
        thread = ThreadExecutor(reactor, "writer")
        self.addCleanup(thread.end)

        def fail() -> None:
            raise PermanentFailure("never")

        yield self.assertFailure(thread.run(fail), PermanentFailure)
        yield thread.run(lambda: None)

    @slow
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
from logrecv.formats.json import encodeJSON
from logrecv import threads
from logrecv.outputs import writers
from logrecv.outputs.queue import sink as queue
from logrecv.outputs.context import StandardOutput
from logrecv.outputs.stdout import StreamWriter
from logrecv.testing import makeRecord

queue.STOP_TIMEOUT = queue.CLOSE_TIMEOUT = 0.2
tally = OutputTally("1-stdout")
writer = writers.ThreadedWriter(
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
