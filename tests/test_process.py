"""
Tests for L{logrecv.process}.
"""

from __future__ import annotations

import os
import signal
import sys
from io import StringIO
from typing import Any

from attrs import define, field
from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from logrecv.interfaces import IReopenable
from logrecv.process import ProcessService, memory, processorTime
from logrecv.service import ReceiverService
from logrecv.testing import MemorySink


@implementer(IReopenable)
@define(eq=False)
class Reopenable:
    """
    Counts how often it was asked to reopen.
    """

    reopened: int = field(default=0, init=False)

    def reopen(self) -> None:
        """
        Count.
        """
        self.reopened += 1


class ImmediateReactor(MemoryReactorClock):
    """
    Calls what comes from a thread at once.
    """

    def callFromThread(self, callable: Any, *args: Any, **kwargs: Any) -> None:
        """
        Call it.
        """
        callable(*args, **kwargs)


class CommandLineServiceTests(SynchronousTestCase):
    """
    Tests for L{ProcessService}.
    """

    def test_hangUp(self) -> None:
        """
        SIGHUP opens again what can be.
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
        A second signal to stop ends the waiting.
        """
        for number in (signal.SIGTERM, signal.SIGINT):
            self.addCleanup(signal.signal, number, signal.getsignal(number))
        reactor = ImmediateReactor()
        endless: Deferred[None] = Deferred()

        class Endless(Service):
            """
            Takes for ever to stop.
            """

            def stopService(self) -> Deferred[None]:
                """
                Never.
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
        What cannot be had at the start ends the program with one line.
        """

        class Unopenable(MemorySink):
            """
            Cannot be opened.
            """

            def start(self) -> None:
                """
                Fail.
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


class UsageTests(SynchronousTestCase):
    """
    Tests for L{memory} and L{processorTime}.
    """

    def test_used(self) -> None:
        """
        A process has some memory, and uses more and more of a processor.
        """
        if sys.platform == "linux":
            self.assertGreater(memory(), 1 << 20)
        before = processorTime()
        while processorTime() == before:
            sum(range(1000))
