"""
Tests for L{logrecv.ownlog}.
"""

from __future__ import annotations

import os
import sys
import time
from io import StringIO
from threading import Event

from twisted.logger import LogEvent, LogLevel, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from logrecv import ownlog
from logrecv.ownlog import LogThread, OwnLog, ThreadedFile, unbuffered
from tests.selection import slow


class SlowFile(StringIO):
    """
    A file whose writes wait until the test lets them go on.
    """

    def __init__(self) -> None:
        super().__init__()
        self.isOpen = Event()
        self.isBroken = False

    def write(self, text: str) -> int:
        """
        Wait, and write.
        """
        self.isOpen.wait(10)
        if self.isBroken:
            raise OSError(28, "No space left on device")
        return super().write(text)


class LogThreadTests(SynchronousTestCase):
    """
    Tests for L{LogThread} and L{ThreadedFile}.
    """

    def setUp(self) -> None:
        """
        Make a file that takes nothing yet.
        """
        self.file = file = SlowFile()
        self.addCleanup(file.isOpen.set)
        self.thread = LogThread()
        self.log = ThreadedFile(self.thread, file)
        self.events: list[LogEvent] = []
        globalLogPublisher.addObserver(self.events.append)
        self.addCleanup(globalLogPublisher.removeObserver, self.events.append)

    def test_order(self) -> None:
        """
        Lines are written in their order, and nobody waits for them before the end.
        """
        for number in range(100):
            self.log.write(f"{number}\n")
        self.assertEqual(self.file.getvalue(), "")
        self.file.isOpen.set()
        self.thread.end()
        self.assertEqual(self.file.getvalue().split(), [str(n) for n in range(100)])
        # Each later line is waited for.
        self.log.write("last\n")
        self.assertIn("last", self.file.getvalue())

    def test_full(self) -> None:
        """
        Lines for which there is no room are counted, and the log says so when it is
        read again.
        """
        self.patch(ownlog, "QUEUE_SIZE", 1000)
        for _ in range(20):
            self.log.write("x" * 100)
        self.assertGreater(self.thread.dropped, 10)
        dropped = self.thread.dropped
        self.file.isOpen.set()
        self.thread.end()
        self.assertEqual(len(self.file.getvalue()), 100 * (20 - dropped))
        deadline = time.monotonic() + 10
        while not self.events and time.monotonic() < deadline:
            time.sleep(0.01)
        self.assertEqual([each.get("dropped") for each in self.events], [dropped])

    def test_broken(self) -> None:
        """
        Lines that cannot be written are counted, too, and the thread goes on.
        """
        self.file.isBroken = True
        self.file.isOpen.set()
        self.log.write("lost\n")
        self.thread.end()
        self.assertEqual(self.thread.dropped, 1)
        self.file.isBroken = False
        self.log.write("written\n")
        self.assertEqual(self.file.getvalue(), "written\n")

    @slow
    def test_endWithoutReader(self) -> None:
        """
        The end does not wait for ever, and not once for each line.
        """
        self.patch(ownlog, "END_TIMEOUT", 0.05)
        self.log.write("one\n")
        begun = time.monotonic()
        self.thread.end()
        self.log.write("two\n")
        self.log.write("three\n")
        self.assertLess(time.monotonic() - begun, 5)
        self.assertEqual(self.file.getvalue(), "")

    def test_fork(self) -> None:
        """
        A child has a thread of its own, also while the parent's thread waits.
        """
        self.log.write("parent\n")
        read, write = os.pipe()
        pid = os.fork()
        if not pid:  # pragma: no cover
            try:
                with os.fdopen(write, "w") as file:
                    ThreadedFile(self.thread, file).write("child\n")
                    self.thread.end()
            finally:
                os._exit(0)
        os.close(write)
        with os.fdopen(read) as reader:
            self.assertEqual(reader.read(), "child\n")
        os.waitpid(pid, 0)


class OwnLogTests(SynchronousTestCase):
    """
    Tests for L{OwnLog}.
    """

    def test_fail(self) -> None:
        """
        The line that says why the service cannot start comes after the log.
        """
        printed = StringIO()
        self.patch(sys, "__stderr__", printed)
        log = OwnLog.toStandardError()
        assert log.observer is not None
        log.observer(
            {
                "log_format": "begun",
                "log_time": 0.0,
                "log_level": LogLevel.info,
                "log_namespace": "logrecv",
            }
        )
        log.fail("cannot")
        self.assertRegex(printed.getvalue(), "begun\ncannot\n$")

    def test_nonBlocking(self) -> None:
        """
        A pipe that is non-blocking is waited for, and a line is never cut.
        """
        read, write = os.pipe()
        os.set_blocking(write, False)
        text = "ü" * 200_000
        with os.fdopen(write, "w") as file:
            log = OwnLog.toFile(unbuffered(file))
            ThreadedFile(log.thread, unbuffered(file)).write(text)
            with os.fdopen(read, "rb") as reader:
                self.assertEqual(reader.read(400_000).decode(), text)

    def test_none(self) -> None:
        """
        A process without standard error has a log that nobody reads.
        """
        file = unbuffered(None)
        file.write("text")
        file.flush()

    def test_withoutNoise(self) -> None:
        """
        Lines of Twisted below a warning are left out, except about signals.
        """
        file = StringIO()
        log = OwnLog.toFile(file)
        assert log.observer is not None
        for namespace, level in (
            ("log_legacy", LogLevel.info),
            ("twisted.internet.tcp", LogLevel.info),
            ("twisted.internet.base", LogLevel.info),
            ("logrecv.service", LogLevel.info),
            ("logrecv.service", LogLevel.debug),
            ("stdout", LogLevel.info),
            ("twisted.web", LogLevel.warn),
        ):
            log.observer(
                {
                    "log_format": "line",
                    "log_level": level,
                    "log_namespace": namespace,
                    "log_time": 0.0,
                }
            )
        log.end()
        self.assertEqual(
            [line.split("[")[1].split("#")[0] for line in file.getvalue().splitlines()],
            ["twisted.internet.base", "logrecv.service", "stdout", "twisted.web"],
        )
