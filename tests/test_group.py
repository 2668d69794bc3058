"""
Tests for L{logrecv.group}.
"""

from __future__ import annotations

import doctest
import errno
import os
import subprocess
import sys
import tempfile
import time
from contextlib import nullcontext
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from logrecv.group import ProcessLock, WorkerGroup, spoolName, spoolNumbers
from tests.selection import slow

#: A program that takes a lock, says so, and holds the lock until its standard input
#: ends.
_HOLDER = """
import sys
from logrecv.group import WorkerGroup
group = WorkerGroup(2, 2, int(sys.argv[1]))
locks = [group.lock() for _ in range(2)]
with locks[int(sys.argv[2])]:
    print("held", flush=True)
    sys.stdin.read()
"""


class WorkerGroupTests(SynchronousTestCase):
    """
    Tests for L{WorkerGroup}.
    """

    def test_example(self) -> None:
        """
        The example gives the result that it shows.
        """
        module = sys.modules[WorkerGroup.__module__]
        self.assertEqual(doctest.testmod(module), (0, 2))

    def test_alone(self) -> None:
        """
        A process that serves alone needs no locks, and has every limit for itself.
        """
        group = WorkerGroup()
        self.assertNotEqual(group.id, WorkerGroup().id)
        self.assertEqual(WorkerGroup(1, 2, 3, "/a").id, WorkerGroup(2, 2, 3, "/a").id)
        self.assertNotEqual(
            WorkerGroup(1, 2, 3, "/a").id, WorkerGroup(1, 2, 3, "/b").id
        )
        self.assertTrue(group.isSingle)
        self.assertIsInstance(group.lock(), nullcontext)
        self.assertEqual(group.portion(1001), 1001)
        self.assertEqual(group.spool("/var/spool"), "/var/spool")

    def test_parts(self) -> None:
        """
        The portions of a limit are equal, and at least 1.
        """
        self.assertEqual(WorkerGroup(1, 4, 3).portion(1001), 251)
        self.assertEqual(WorkerGroup(4, 4, 3).portion(1), 1)

    def test_spools(self) -> None:
        """
        The first worker has the spool of a process that serves alone.  The other
        workers have their spools inside that directory, where they are found again.
        """
        directory = self.mktemp()
        os.mkdir(directory)
        self.assertEqual(WorkerGroup(1, 3, 3).spool(directory), directory)
        for number in (2, 3):
            path = WorkerGroup(number, 3, 3).spool(directory)
            self.assertEqual(path, os.path.join(directory, spoolName(number)))
            os.mkdir(path)
        for other in ("worker-", "worker-x", "worker-\u0662", "spool.sqlite"):
            Path(directory, other).touch()
        self.assertEqual(spoolNumbers(directory), {2, 3})
        self.assertEqual(spoolNumbers("/nowhere/at/all"), set())


class ProcessLockTests(SynchronousTestCase):
    """
    Tests for L{ProcessLock}.
    """

    def setUp(self) -> None:
        """
        Make the file.
        """
        self.file = tempfile.TemporaryFile()  # noqa: SIM115
        self.addCleanup(self.file.close)

    def hold(self, index: int) -> subprocess.Popen[str]:
        """
        Have another process hold a lock.
        """
        path = os.pathsep.join(entry for entry in sys.path if entry)
        process = subprocess.Popen(
            [sys.executable, "-c", _HOLDER, str(self.file.fileno()), str(index)],
            env={**os.environ, "PYTHONPATH": path},
            pass_fds=[self.file.fileno()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        assert process.stdout is not None
        self.assertEqual(process.stdout.readline(), "held\n")
        return process

    @slow
    def test_keepsOut(self) -> None:
        """
        A process waits while another process holds the lock, and goes on when the
        other process has been killed.  Other locks can be taken meanwhile.
        """
        group = WorkerGroup(1, 2, self.file.fileno())
        first, second = group.lock(), group.lock()
        holder = self.hold(0)
        with second:
            pass
        killer = subprocess.Popen(["sh", "-c", f"sleep 0.2; kill -9 {holder.pid}"])
        self.addCleanup(killer.wait)
        begun = time.monotonic()
        with first:
            self.assertGreater(time.monotonic() - begun, 0.1)

    def test_noDeadlock(self) -> None:
        """
        The kernel sees a deadlock where two threads of a process hold and await locks.
        The lock is taken all the same.
        """
        attempts: list[object] = []

        def lockf(descriptor: int, command: int, *rest: object) -> None:
            attempts.append(command)
            if len(attempts) < 3:
                raise OSError(errno.EDEADLK, "a deadlock")

        self.patch(__import__("fcntl"), "lockf", lockf)
        with ProcessLock(self.file.fileno(), 5000):
            self.assertEqual(len(attempts), 3)
