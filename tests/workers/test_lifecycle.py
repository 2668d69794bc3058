"""
Tests for L{logrecv.workers.lifecycle}.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from twisted.internet.task import Clock, deferLater
from twisted.logger import LogEvent, formatEvent, globalLogPublisher
from twisted.trial.unittest import TestCase

from logrecv.backoff import FIRST_DELAY, MAX_DELAY
from logrecv.counters import InputTally, OutputTally
from logrecv.group import spoolName
from logrecv.workers.balance import COUNTS_SIZE, ConnectionCounts
from logrecv.workers.lifecycle import (
    LASTING,
    State,
    WorkerLifecycle,
)
from logrecv.workers.messages import Ended, Message, Ready, Task, encodeMessage
from logrecv.workers.totals import Totals, emptyReport
from tests.selection import slow

_PYTHON = sys.executable

#: Stands for the program of a worker: sends messages to the supervisor, and ends when a
#: message has come after its task.
_PROGRAM = """#!{python} -IS
import socket, sys
connection = socket.socket(fileno=int(sys.argv[4]))
connection.sendall({messages})
lines = connection.makefile("rb")
lines.readline()
lines.readline()
sys.exit({status})
"""


class ClockWithSockets(Clock):
    """
    A clock that reads and writes sockets as the real reactor does.
    """

    def adoptStreamConnection(self, *arguments: Any) -> None:
        """
        Have the real reactor do it.
        """
        from twisted.internet import reactor

        reactor.adoptStreamConnection(*arguments)


class WorkerLifecycleTests(TestCase):
    """
    Tests for L{WorkerLifecycle}, with small programs for the processes of workers.
    """

    def setUp(self) -> None:
        """
        Make the parts that a lifecycle needs.
        """
        self.clock = ClockWithSockets()
        self.totals = Totals([InputTally("tcp")], [OutputTally("1-forward")])
        self.file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115
        self.addCleanup(self.file.close)
        self.file.truncate(COUNTS_SIZE)
        self.counts = ConnectionCounts(self.file.fileno())
        self.counts.clear()
        self.spool = self.mktemp()
        self.events: list[str] = []
        globalLogPublisher.addObserver(self.observe)
        self.addCleanup(globalLogPublisher.removeObserver, self.observe)

    def observe(self, event: LogEvent) -> None:
        """
        Remember the text of an event.
        """
        self.events.append(formatEvent(event))

    def makeLifecycle(self, isLeftover: bool = False) -> WorkerLifecycle:
        """
        Make the lifecycle of worker 2.
        """
        here, descriptor = os.getcwd(), self.file.fileno()
        task = Task([], here, 2, 2, here, descriptor, {}, "reactor")
        return WorkerLifecycle(
            2,
            self.clock,
            lambda: task,
            self.counts,
            self.totals,
            [self.spool],
            isLeftover,
        )

    def useProgram(self, *messages: Message, status: int = 0) -> None:
        """
        Choose the messages that the next processes send, and their status.
        """
        sent = b"".join(map(encodeMessage, messages))
        program = Path(self.mktemp()).absolute()
        text = _PROGRAM.format(python=_PYTHON, messages=sent, status=status)
        program.write_text(text, "utf-8")
        program.chmod(0o700)
        self.patch(sys, "executable", str(program))

    async def until(self, lifecycle: WorkerLifecycle, state: State) -> None:
        """
        Wait for a state, for a few seconds at most.
        """
        from twisted.internet import reactor

        for _ in range(1000):
            if lifecycle.state is state:
                return
            await deferLater(reactor, 0.005)
            # The checks for the end of the process.
            self.clock.advance(0.001)
        self.fail(f"the state is {lifecycle.state}, not {state}")

    async def serveAndEnd(self, lifecycle: WorkerLifecycle) -> None:
        """
        Let a process serve, which ends thereupon, and wait for its end.
        """
        lifecycle.serve()
        self.assertIs(lifecycle.state, State.SERVING)
        await self.until(lifecycle, State.WAITING)

    @slow
    async def test_restart(self) -> None:
        """
        When the process ends, another process starts after a delay, and serves as soon
        as it is ready.  The worker takes no part in the division of connections
        meanwhile.
        """
        self.useProgram(Ready(), status=3)
        lifecycle = self.makeLifecycle()
        process = lifecycle.start()
        self.assertIs(lifecycle.state, State.STARTING)
        self.counts.put(1, 0)
        self.counts.put(2, 5)
        self.assertTrue(self.counts.isAhead(2))
        ended = lifecycle.ended()
        await self.serveAndEnd(lifecycle)
        self.successResultOf(ended)
        self.assertFalse(self.counts.isAhead(2))
        self.assertIsNone(lifecycle.process)
        self.assertIn(
            "worker 2 has ended (status 3); another begins in 0.5 s", self.events
        )
        self.clock.advance(FIRST_DELAY)
        self.assertEqual(lifecycle.restarts, 1)
        self.assertIsNot(lifecycle.process, process)
        # It ends when it has been told to serve.
        await self.until(lifecycle, State.WAITING)
        self.assertIn("worker 2 has ended (status 3)", self.events[-1])
        lifecycle.stop()

    @slow
    async def test_delays(self) -> None:
        """
        The delay doubles when one process after the other ends soon, and begins anew
        after a process that has lasted.
        """
        self.useProgram(Ready(), status=1)
        lifecycle = self.makeLifecycle()
        lifecycle.start()
        lifecycle.serve()
        for delay in ("0.5", "1", "2"):
            await self.until(lifecycle, State.WAITING)
            self.assertIn(f"another begins in {delay} s", self.events[-1])
            self.clock.advance(float(delay))
            self.assertIs(lifecycle.state, State.STARTING)
        self.clock.advance(LASTING)
        await self.until(lifecycle, State.WAITING)
        self.assertIn("another begins in 0.5 s", self.events[-1])
        lifecycle.stop()
        self.assertIs(lifecycle.state, State.DONE)

    @slow
    async def test_cannotStart(self) -> None:
        """
        Where no other process can start, the next attempt follows after the longest
        delay.
        """
        self.useProgram()
        lifecycle = self.makeLifecycle()
        lifecycle.start()
        await self.serveAndEnd(lifecycle)
        self.patch(sys, "executable", "/nowhere/at/all")
        self.clock.advance(FIRST_DELAY)
        self.assertIn("worker 2 cannot be started: ", self.events[-1])
        self.assertIs(lifecycle.state, State.WAITING)
        self.useProgram(Ready())
        self.clock.advance(MAX_DELAY)
        self.assertEqual(lifecycle.restarts, 2)
        lifecycle.stop()
        await self.until(lifecycle, State.DONE)

    @slow
    async def test_stopWaiting(self) -> None:
        """
        A worker that is stopped while it waits is done at once, and does not start
        again.
        """
        self.useProgram()
        lifecycle = self.makeLifecycle()
        lifecycle.start()
        await self.serveAndEnd(lifecycle)
        lifecycle.stop()
        self.assertIs(lifecycle.state, State.DONE)
        self.clock.advance(MAX_DELAY)
        self.assertEqual(lifecycle.restarts, 0)

    @slow
    async def test_killed(self) -> None:
        """
        The signal that killed a process is named, and L{WorkerLifecycle.kill} needs no
        process.
        """
        self.useProgram(Ready())
        lifecycle = self.makeLifecycle()
        lifecycle.kill()
        process = lifecycle.start()
        process.adopt(self.clock)
        lifecycle.kill()
        await self.until(lifecycle, State.WAITING)
        self.assertIn("worker 2 has ended (killed by SIGKILL)", self.events[-1])
        lifecycle.stop()

    @slow
    async def test_leftover(self) -> None:
        """
        A worker for the records of an earlier run is stopped when its spool is empty,
        and is done when it has stopped in good order.  Its spool is removed.
        """
        spool = os.path.join(self.spool, spoolName(2))
        os.makedirs(spool)
        self.useProgram(emptyReport(["tcp"], ["1-forward"]), Ended(0))
        lifecycle = self.makeLifecycle(isLeftover=True)
        lifecycle.start()
        lifecycle.serve()
        await self.until(lifecycle, State.DONE)
        self.assertFalse(os.path.exists(spool))

    @slow
    async def test_leftoverQueued(self) -> None:
        """
        A spool with records stays.
        """
        spool = os.path.join(self.spool, spoolName(2))
        os.makedirs(spool)
        report = emptyReport(["tcp"], ["1-forward"])
        report.outputs[0].queued = 1
        self.useProgram(report, Ended(0))
        lifecycle = self.makeLifecycle(isLeftover=True)
        lifecycle.start()
        lifecycle.serve()
        await self.until(lifecycle, State.DONE)
        self.assertTrue(os.path.exists(spool))

    @slow
    async def test_leftoverKilled(self) -> None:
        """
        Another process follows a worker that was killed before its spool was empty.
        """
        report = emptyReport(["tcp"], ["1-forward"])
        report.outputs[0].queued = 1
        self.useProgram(report, status=1)
        lifecycle = self.makeLifecycle(isLeftover=True)
        lifecycle.start()
        await self.serveAndEnd(lifecycle)
        lifecycle.stop()
