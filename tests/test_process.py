"""
Tests for L{logrecv.process}.
"""

from __future__ import annotations

import gc
import os
import resource
import signal
import sys
from io import StringIO
from typing import Any

from attrs import define, field
from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SkipTest, SynchronousTestCase
from zope.interface import implementer

from logrecv.interfaces import IReopenable
from logrecv.process import (
    ProcessService,
    fileLimit,
    memory,
    processorTime,
    raiseFileLimit,
)
from logrecv.service import ReceiverService
from logrecv.testing import MemorySink


@implementer(IReopenable)
@define(eq=False)
class Reopenable:
    """
    Counts the calls of L{reopen}.
    """

    reopened: int = field(default=0, init=False)

    def reopen(self) -> None:
        """
        Count the call.
        """
        self.reopened += 1


class ImmediateReactor(MemoryReactorClock):
    """
    A reactor that calls functions from threads at once.
    """

    def callFromThread(self, callable: Any, *args: Any, **kwargs: Any) -> None:
        """
        Call the function.
        """
        callable(*args, **kwargs)


class ProcessServiceTests(SynchronousTestCase):
    """
    Tests for L{ProcessService}.
    """

    def test_garbage(self) -> None:
        """
        Garbage is not collected during the start, and is from then on; collections
        leave out everything that was there at the start.
        """
        before = signal.getsignal(signal.SIGHUP)
        self.addCleanup(signal.signal, signal.SIGHUP, before)
        self.addCleanup(gc.enable)
        self.addCleanup(gc.unfreeze)
        gc.disable()
        receiver = ReceiverService(MemorySink(), [])
        ProcessService(receiver, ImmediateReactor()).startService()
        self.assertTrue(gc.isenabled())
        self.assertGreater(gc.get_freeze_count(), 1000)

    def test_hangUp(self) -> None:
        """
        SIGHUP opens files again.
        """
        reopenable = Reopenable()
        before = signal.getsignal(signal.SIGHUP)
        self.addCleanup(signal.signal, signal.SIGHUP, before)
        receiver = ReceiverService(MemorySink(), [], reopenables=[reopenable])
        service = ProcessService(receiver, ImmediateReactor())
        service.startService()
        os.kill(os.getpid(), signal.SIGHUP)
        self.assertEqual(reopenable.reopened, 1)

    def test_secondSignal(self) -> None:
        """
        A second signal to stop cuts the stop short.
        """
        for number in (signal.SIGTERM, signal.SIGINT):
            self.addCleanup(signal.signal, number, signal.getsignal(number))
        reactor = ImmediateReactor()
        endless: Deferred[None] = Deferred()

        class Endless(Service):
            """
            A service that never stops.
            """

            def stopService(self) -> Deferred[None]:
                """
                Return a Deferred that never fires.
                """
                return endless

        receiver = ReceiverService(MemorySink(), [Endless()], clock=reactor)
        service = ProcessService(receiver, reactor)
        stopped = service.stopService()
        self.assertNoResult(stopped)
        os.kill(os.getpid(), signal.SIGTERM)
        self.successResultOf(stopped)

    def test_cannotStart(self) -> None:
        """
        An output that cannot be opened ends the program with one line.
        """

        class Unopenable(MemorySink):
            """
            A sink that cannot be opened.
            """

            def start(self) -> None:
                """
                Raise an error.
                """
                raise OSError(13, "Permission denied", "/var/log/x")

        receiver = ReceiverService(Unopenable(), [])
        service = ProcessService(receiver, MemoryReactorClock())
        printed = StringIO()
        self.patch(sys, "__stderr__", printed)
        error = self.assertRaises(SystemExit, service.startService)
        self.assertEqual(error.code, 1)
        self.assertIn("/var/log/x", printed.getvalue())
        self.assertEqual(printed.getvalue().count("\n"), 1)


class FileLimitTests(SynchronousTestCase):
    """
    Tests for L{fileLimit} and L{raiseFileLimit}.
    """

    def test_raised(self) -> None:
        """
        L{fileLimit} changes nothing, and tells the limit that L{raiseFileLimit} sets.
        """
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        if hard == resource.RLIM_INFINITY:
            raise SkipTest("the system sets no limit")
        resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
        self.assertEqual(fileLimit(), hard)
        self.assertEqual(resource.getrlimit(resource.RLIMIT_NOFILE), (256, hard))
        self.assertEqual(raiseFileLimit(), hard)
        self.assertEqual(resource.getrlimit(resource.RLIMIT_NOFILE), (hard, hard))


class UsageTests(SynchronousTestCase):
    """
    Tests for L{memory} and L{processorTime}.
    """

    def test_used(self) -> None:
        """
        A process has some memory, and uses more and more processor time.
        """
        if sys.platform == "linux":
            self.assertGreater(memory(), 1 << 20)
        before = processorTime()
        while processorTime() == before:
            sum(range(1000))
