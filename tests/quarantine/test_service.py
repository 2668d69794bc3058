"""
Tests for L{logrecv.quarantine.service} and L{logrecv.quarantine.null}.
"""

from __future__ import annotations

import os
from typing import Any

from twisted.application.service import IService
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorFromThreads
from twisted.internet.task import Clock
from twisted.internet.testing import EventLoggingObserver
from twisted.logger import globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase, TestCase
from zope.interface.verify import verifyObject

from logrecv.intake import Intake
from logrecv.interfaces import IQuarantine
from logrecv.quarantine.null import NullQuarantine
from logrecv.quarantine.segments import Entry, Segments
from logrecv.quarantine.service import STOP_TIMEOUT, WARNING_DELAY, Quarantine
from logrecv.testing import MemorySink, makePickle
from logrecv.threads import ThreadExecutor
from logrecv.wire.errors import WireError
from tests.outputs.queue.test_sink import DirectRunner, HeldRunner
from tests.quarantine.entries import ORIGIN, entriesIn


class QuarantineTests(SynchronousTestCase):
    """
    Tests for L{Quarantine}.
    """

    def setUp(self) -> None:
        """
        Make a quarantine that writes when the test says so.
        """
        self.directory = os.path.abspath(self.mktemp())
        self.clock = Clock()
        self.executor = HeldRunner()
        self.segments = Segments(self.directory, 100_000)
        self.quarantine = Quarantine(self.segments, self.executor, self.clock, 10_000)
        self.quarantine.startService()
        self.addCleanup(self.segments.close)
        self.logged = EventLoggingObserver()
        globalLogPublisher.addObserver(self.logged)
        self.addCleanup(globalLogPublisher.removeObserver, self.logged)

    def keep(self, *payloads: bytes, reason: str = "malformed") -> None:
        """
        Give payloads to the quarantine.
        """
        for payload in payloads:
            self.quarantine.keep(payload, reason, ORIGIN)

    def kept(self) -> list[bytes]:
        """
        Read the payloads that are on disk.
        """
        return [entry.payload for entry in entriesIn(self.directory)]

    def warnings(self) -> list[str]:
        """
        Read the problems in the log.
        """
        return [event["problem"] for event in self.logged if "problem" in event]

    def test_interfaces(self) -> None:
        """
        The quarantine service provides the interfaces of a quarantine and a service.
        """
        verifyObject(IQuarantine, self.quarantine)
        verifyObject(IService, self.quarantine)
        verifyObject(IQuarantine, NullQuarantine())

    def test_nothingYet(self) -> None:
        """
        Where nothing was rejected there is the directory, and no file.
        """
        self.assertEqual(os.listdir(self.directory), [])

    def test_keep(self) -> None:
        """
        Payloads are written in their order, and counted by their reasons when they are
        written.
        """
        self.keep(b"1", b"2")
        self.keep(b"3", reason="too-complex")
        self.assertEqual(self.quarantine.tally.kept, {})
        self.executor.runAll()
        self.assertEqual(self.kept(), [b"1", b"2", b"3"])
        tally = self.quarantine.tally
        self.assertEqual(tally.kept, {"malformed": 2, "too-complex": 1})
        self.assertEqual(tally.dropped, {})

    def test_oneWriteAtATime(self) -> None:
        """
        While the disk is busy, payloads wait for the next write.
        """
        self.keep(b"1", b"2", b"3")
        self.assertEqual(len(self.executor.held), 1)
        self.executor.runOne()
        self.assertEqual(self.kept(), [b"1"])
        self.executor.runOne()
        self.assertEqual(self.kept(), [b"1", b"2", b"3"])
        self.assertEqual(self.executor.held, [])

    def test_slowDisk(self) -> None:
        """
        When payloads come faster than the disk takes them, payloads that do not fit
        into memory are dropped and counted, and logged once.  When the disk has caught
        up, the next payload is kept.
        """
        self.keep(*[bytes(100)] * 1000)
        dropped = self.quarantine.tally.dropped["queue-full"]
        self.executor.runAll()
        self.assertEqual(len(self.kept()) + dropped, 1000)
        self.assertLess(len(self.kept()), 20)
        self.assertEqual(len(self.warnings()), 1)
        self.keep(b"next")
        self.executor.runAll()
        self.assertEqual(self.kept()[-1], b"next")

    def test_largerThanTheQueue(self) -> None:
        """
        One payload is taken in any case, however large, while nothing else
        waits.
        """
        self.keep(bytes(20_000))
        self.executor.runAll()
        self.assertEqual(self.kept(), [bytes(20_000)])

    def test_largerThanTheLimit(self) -> None:
        """
        A payload that is larger than the whole quarantine is dropped, and does not
        drive the others out.
        """
        self.keep(b"1", bytes(100_000), b"2")
        self.executor.runAll()
        self.assertEqual(self.kept(), [b"1", b"2"])
        self.assertEqual(self.quarantine.tally.dropped, {"too-large": 1})

    def test_failure(self) -> None:
        """
        A payload that cannot be written is dropped and counted, and logged once a
        minute.  When the disk can be written again, the next payload is kept.
        """
        os.rmdir(self.directory)
        for _ in range(10):
            self.keep(b"lost")
            self.executor.runAll()
        self.assertEqual(self.quarantine.tally.dropped, {"failed": 10})
        [warning] = self.warnings()
        self.assertIn(self.directory, warning)
        self.clock.advance(WARNING_DELAY)
        self.keep(b"lost")
        self.executor.runAll()
        self.assertEqual(len(self.warnings()), 2)
        os.mkdir(self.directory)
        self.keep(b"kept")
        self.executor.runAll()
        self.assertEqual(self.kept(), [b"kept"])
        self.assertEqual(self.quarantine.tally.kept, {"malformed": 1})

    def test_failureInBetween(self) -> None:
        """
        Payloads that were written before a failure are counted as kept.
        """
        write = self.segments.write

        def fail(entry: Entry) -> None:
            """
            Fail at the third.
            """
            if entry.payload == b"3":
                raise OSError(28, "No space left on device")
            write(entry)

        self.patch(Segments, "write", lambda _, entry: fail(entry))
        self.keep(b"0")
        self.keep(b"1", b"2", b"3", b"4")
        self.executor.runAll()
        self.assertEqual(self.kept(), [b"0", b"1", b"2"])
        self.assertEqual(self.quarantine.tally.kept, {"malformed": 3})
        self.assertEqual(self.quarantine.tally.dropped, {"failed": 2})

    def test_stop(self) -> None:
        """
        A stop waits until the waiting payloads are written, and closes the file.
        """
        self.keep(b"1", b"2")
        stopped = self.quarantine.stopService()
        self.assertNoResult(stopped)
        self.executor.runAll()
        self.successResultOf(stopped)
        self.assertEqual(self.kept(), [b"1", b"2"])

    def test_stopIdle(self) -> None:
        """
        Where nothing waits it is stopped as soon as the file is closed.
        """
        self.keep(b"1")
        self.executor.runAll()
        stopped = self.quarantine.stopService()
        self.executor.runAll()
        self.successResultOf(stopped)
        self.keep(b"2")
        self.assertEqual(self.quarantine.tally.dropped, {"stopped": 1})

    def test_stopStuck(self) -> None:
        """
        A stop does not wait for ever for a disk that hangs: payloads that are not
        written by then are counted, once.
        """
        self.keep(b"1", b"2", b"3")
        stopped = self.quarantine.stopService()
        self.clock.advance(STOP_TIMEOUT)
        self.successResultOf(stopped)
        self.executor.runAll()
        self.assertEqual(self.quarantine.tally.dropped, {"stopped": 3})
        self.assertEqual(self.quarantine.tally.kept, {})

    def test_cannotStart(self) -> None:
        """
        A directory that cannot be had is an error at the start.
        """
        segments = Segments("/nowhere/at/all")
        quarantine = Quarantine(segments, DirectRunner(), self.clock)
        self.assertRaises(OSError, quarantine.startService)


class ThreadTests(TestCase):
    """
    Tests for L{Quarantine} with a thread.
    """

    def test_thread(self) -> Deferred[None]:
        """
        Payloads are written off the reactor's thread, all of them before the stop is
        done.
        """
        from twisted.internet import reactor

        directory = os.path.abspath(self.mktemp())
        thread = ThreadExecutor(IReactorFromThreads(reactor), "quarantine")
        clock: Any = reactor
        quarantine = Quarantine(Segments(directory), thread, clock)
        quarantine.startService()
        payloads = [b"%d" % number for number in range(1000)]
        for payload in payloads:
            quarantine.keep(payload, "malformed", ORIGIN)

        def check(stopped: None) -> None:
            kept = [entry.payload for entry in entriesIn(directory)]
            self.assertEqual(kept, payloads)
            self.assertEqual(quarantine.tally.kept, {"malformed": 1000})

        return quarantine.stopService().addCallback(check)


class IntakeTests(SynchronousTestCase):
    """
    Tests for the payloads that L{Intake} gives to a quarantine.
    """

    def setUp(self) -> None:
        """
        Make an intake with a quarantine.
        """
        self.directory = os.path.abspath(self.mktemp())
        self.clock = Clock()
        self.clock.advance(1.25)
        self.segments = Segments(self.directory)
        quarantine = Quarantine(self.segments, DirectRunner(), self.clock)
        quarantine.startService()
        self.addCleanup(self.segments.close)
        self.intake = Intake(MemorySink(), self.clock, quarantine=quarantine)

    def test_everyWay(self) -> None:
        """
        A payload of which no record can be made is kept byte for byte with the time,
        the way, the sender and the reason; a payload that became a record is not.
        """
        self.intake.framesReceived([makePickle(), b"\xff", b"}."], "1.2.3.4:5")
        self.intake.datagramsReceived([b"\xfe", makePickle()], "1.2.3.4:6")
        self.assertRaises(WireError, self.intake.formReceived, b"&", "1.2.3.4:7")
        body = b'{"msg": "x"}\n{"msg"\n'
        self.assertRaises(WireError, self.intake.jsonReceived, body, "1.2.3.4:8")
        at = "1970-01-01T00:00:01.250000Z"
        self.assertEqual(
            entriesIn(self.directory),
            [
                Entry(at, "tcp", "1.2.3.4:5", "malformed", b"\xff"),
                Entry(at, "tcp", "1.2.3.4:5", "not-a-record", b"}."),
                Entry(at, "udp", "1.2.3.4:6", "malformed", b"\xfe"),
                Entry(at, "http", "1.2.3.4:7", "malformed", b"&"),
                Entry(at, "json", "1.2.3.4:8", "malformed", body),
            ],
        )

    def test_notWhole(self) -> None:
        """
        A payload that an input could not get whole is not kept.
        """
        self.intake.reject("tcp", "too-long", 3)
        self.assertEqual(os.listdir(self.directory), [])
