"""
Tests for L{logrecv.service}.
"""

from __future__ import annotations

from typing import Any

from twisted.application.service import IService, Service
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock
from twisted.logger import formatEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from logrecv import __version__, service
from logrecv.counters import OutputTally
from logrecv.process import IProcessService
from logrecv.service import ReceiverService
from logrecv.testing import MemorySink


class Listening(Service):
    """
    A service that notes the calls of its methods.
    """

    def __init__(self, name: str, events: list[str]) -> None:
        """
        @param events: The list for the notes.
        """
        self.label = name
        self.events = events
        self.stopped: Deferred[None] = Deferred()

    def privilegedStartService(self) -> None:
        """
        Note the call.
        """
        self.events.append(f"{self.label} listens")

    def startService(self) -> None:
        """
        Note the call.
        """
        self.events.append(f"{self.label} starts")

    def stopService(self) -> Deferred[None]:
        """
        Note the call, and stop when the test says so.
        """
        self.events.append(f"{self.label} stops")
        return self.stopped


class Sink(MemorySink):
    """
    A sink that notes the calls of its methods.
    """

    events: list[str]

    def start(self) -> None:
        """
        Note the call.
        """
        self.events.append("sink starts")

    def stop(self) -> Deferred[None]:
        """
        Note the call.
        """
        self.events.append("sink stops")
        return super().stop()


class ReceiverServiceTests(SynchronousTestCase):
    """
    Tests for L{ReceiverService}.
    """

    def setUp(self) -> None:
        """
        Make a service of an input and a console.
        """
        self.events: list[str] = []
        sink = Sink()
        sink.events = self.events
        self.input = Listening("input", self.events)
        self.console = Listening("console", self.events)
        self.clock = Clock()
        self.tally = OutputTally("1-file")
        self.service = ReceiverService(
            sink, [self.input], [self.console], clock=self.clock, tallies=[self.tally]
        )
        self.sink = sink

    def test_interface(self) -> None:
        """
        The service is the service of a process.
        """
        verifyObject(IService, self.service)
        verifyObject(IProcessService, self.service)

    def test_start(self) -> None:
        """
        Ports are listened on while the process may have privileges.  The sink starts
        before the console and the inputs.
        """
        self.service.privilegedStartService()
        self.assertEqual(self.events, ["console listens", "input listens"])
        self.events.clear()
        self.service.startService()
        self.assertEqual(self.events, ["sink starts", "console starts", "input starts"])

    def test_form(self) -> None:
        """
        The log names the version at the start, and the implementation of the
        decoder.  For the slow implementation, the log says how to get the fast one.
        """
        for form, remark in (
            ("compiled", ""),
            ("python", "several times as long .* LOGRECV_COMPILE=1"),
        ):
            self.patch(service, "IMPLEMENTATION", form)
            events: list[Any] = []
            globalLogPublisher.addObserver(events.append)
            self.addCleanup(globalLogPublisher.removeObserver, events.append)
            self.service.startService()
            (line,) = (formatEvent(each) for each in events if "decoder" in each)
            self.assertTrue(line.startswith(f"this is logrecv {__version__}, "))
            self.assertRegex(line, f"its decoder is {form}(: .*{remark})?$")
            self.assertEqual("LOGRECV_COMPILE" in line, bool(remark))

    def test_stop(self) -> None:
        """
        The sink stops after the last input, and the console stops last.
        """
        self.service.startService()
        self.events.clear()
        stopped = self.service.stopService()
        self.assertEqual(self.events, ["input stops"])
        self.input.stopped.callback(None)
        self.assertEqual(self.events, ["input stops", "sink stops", "console stops"])
        self.assertNoResult(stopped)
        self.console.stopped.callback(None)
        self.successResultOf(stopped)

    def test_deadline(self) -> None:
        """
        At the deadline, a stop goes on without the inputs that have not stopped.
        """
        self.console.stopped.callback(None)
        stopped = self.service.stopService()
        self.clock.advance(self.service.drain - 0.1)
        self.assertNoResult(stopped)
        self.clock.advance(0.2)
        self.successResultOf(stopped)
        self.assertEqual(self.events[-2:], ["sink stops", "console stops"])

    def test_stopNow(self) -> None:
        """
        L{ReceiverService.stopNow} ends the waiting for inputs and for outputs.
        """
        self.console.stopped.callback(None)
        stopped = self.service.stopService()
        self.assertNoResult(stopped)
        self.service.stopNow()
        self.successResultOf(stopped)

    def test_account(self) -> None:
        """
        The records that a stop gives up are counted, and logged at the end.  Records
        that were dropped before do not count.
        """
        self.tally.drop("queue-full", 7)
        for dropped in (0, 5):
            self.setUpStopped()
            events: list[Any] = []
            globalLogPublisher.addObserver(events.append)
            self.addCleanup(globalLogPublisher.removeObserver, events.append)
            stopped = self.service.stopService()
            self.tally.drop("stopped", dropped)
            self.input.stopped.callback(None)
            self.successResultOf(stopped)
            wanted = {"1-file": dropped} if dropped else {}
            self.assertEqual(self.service.lost, wanted)
            self.assertEqual(events[-1].get("lost", 0), dropped)
        self.assertEqual(events[-1]["outputs"], "5 of 1-file")

    def setUpStopped(self) -> None:
        """
        Make the input and the console ready to stop again.
        """
        self.input.stopped = Deferred()
        self.console.stopped = succeed(None)

    def test_stopGoesOn(self) -> None:
        """
        An error while an input stops is logged, and the sink stops all the same.
        """
        self.input.stopped = fail(RuntimeError("stuck"))
        self.console.stopped.callback(None)
        self.successResultOf(self.service.stopService())
        self.assertIn("sink stops", self.events)
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)
