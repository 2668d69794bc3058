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
from logrecv.service import CLOSE_TIMEOUT, ReceiverService
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
        The records that were lost since the start are counted, and logged at the end
        by output and reason.
        """
        self.stopWith({})
        self.assertEqual((self.service.lost, self.line()), (0, self.NOTHING))
        self.tally.drop("queue-full", 7)
        self.stopWith({"stopped": 5})
        self.assertEqual(self.service.lost, 12)
        self.assertEqual(
            self.line(),
            "stopped; 12 records were lost since the start: "
            "7 of 1-file (queue-full), 5 of 1-file (stopped)",
        )

    #: The last line when nothing was lost.
    NOTHING = "stopped; nothing was lost"

    def stopWith(self, dropped: dict[str, int]) -> None:
        """
        Stop, and drop some records meanwhile.
        """
        self.setUpStopped()
        self.logged: list[Any] = []
        globalLogPublisher.addObserver(self.logged.append)
        self.addCleanup(globalLogPublisher.removeObserver, self.logged.append)
        stopped = self.service.stopService()
        for reason, count in dropped.items():
            self.tally.drop(reason, count)
        self.input.stopped.callback(None)
        self.successResultOf(stopped)

    def line(self) -> str:
        """
        Give the last line of the log.
        """
        return formatEvent(self.logged[-1])

    def test_uncertain(self) -> None:
        """
        Records whose fate is not known are said to be lost as "up to" so many.  They
        are the records of a sink that does not stop in time, and of a write that is
        under way at the end.
        """
        self.sink.stop = Deferred  # type: ignore[method-assign]
        self.tally.queued = 3
        self.setUpStopped()
        self.logged = []
        globalLogPublisher.addObserver(self.logged.append)
        self.addCleanup(globalLogPublisher.removeObserver, self.logged.append)
        stopped = self.service.stopService()
        self.input.stopped.callback(None)
        self.clock.advance(self.service.drain + CLOSE_TIMEOUT)
        self.successResultOf(stopped)
        self.assertEqual(
            self.line(),
            "stopped; up to 3 records were lost since the start: "
            "up to 3 of 1-file (stopped)",
        )
        self.assertEqual(self.tally.queued, 0)

    def test_durable(self) -> None:
        """
        Records that stay in a spool are not lost.
        """
        self.tally.isDurable, self.tally.queued = True, 3
        self.stopWith({})
        self.assertEqual(self.line(), self.NOTHING)
        self.assertEqual(self.tally.queued, 3)

    def test_quarantined(self) -> None:
        """
        Records that a receiver refused are not lost if the quarantine has them.
        """
        self.service.quarantine.kept["refused"] = 5
        self.stopWith({"refused": 5})
        self.assertEqual(self.line(), self.NOTHING)
        self.stopWith({"refused": 1})
        self.assertIn("1 of 1-file (refused)", self.line())

    def test_stopNowWrites(self) -> None:
        """
        L{ReceiverService.stopNow} does not cancel the end of the sink, and waits for it
        for some time.
        """
        self.console.stopped.callback(None)
        flushed, ended = Deferred(), Deferred()  # type: ignore[var-annotated]
        self.sink.flush = lambda: flushed  # type: ignore[method-assign]
        self.sink.stop = lambda: ended  # type: ignore[method-assign]
        stopped = self.service.stopService()
        self.input.stopped.callback(None)
        self.service.stopNow()
        self.service.stopNow()
        self.assertNoResult(stopped)
        self.assertNoResult(flushed)
        ended.callback(None)
        self.successResultOf(stopped)

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
