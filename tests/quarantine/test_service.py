"""
Tests for L{logrecv.quarantine.service}.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import stat
from base64 import b64decode
from pathlib import Path
from typing import Any

from msgspec.json import Decoder
from twisted.application.service import IService
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorFromThreads
from twisted.internet.task import Clock
from twisted.internet.testing import EventLoggingObserver
from twisted.logger import globalLogPublisher
from twisted.trial.unittest import SkipTest, SynchronousTestCase, TestCase
from zope.interface.verify import verifyObject

from logrecv.intake import Intake
from logrecv.interfaces import IQuarantine
from logrecv.quarantine.service import (
    QUIET,
    SEGMENTS,
    STOP_TIMEOUT,
    Entry,
    NullQuarantine,
    Quarantine,
    Segments,
    usableDirectory,
)
from logrecv.record import Origin
from logrecv.testing import MemorySink, makePickle
from logrecv.threads import ThreadExecutor
from logrecv.wire.errors import WireError
from tests.outputs.queue.test_sink import DirectRunner, HeldRunner

ORIGIN = Origin("2023-11-14T22:13:21.000000Z", "tcp", "127.0.0.1:50000")

_decode = Decoder(Entry).decode


def makeEntry(payload: bytes = b"x") -> Entry:
    """
    Make an entry.
    """
    return Entry(ORIGIN.at, "tcp", ORIGIN.peer, "malformed", payload)


def entriesIn(directory: str | Path) -> list[Entry]:
    """
    Read everything that is in quarantine, the oldest first.
    """
    files = sorted(Path(directory).iterdir())
    return [_decode(line) for file in files for line in file.read_bytes().splitlines()]


def sizeOf(directory: str | Path) -> int:
    """
    Add up the bytes of all files.
    """
    return sum(file.stat().st_size for file in Path(directory).iterdir())


class SegmentsTests(SynchronousTestCase):
    """
    Tests for L{Segments}.
    """

    def setUp(self) -> None:
        """
        Make files that may have 8,000 bytes together, 1,000 each.
        """
        self.directory = os.path.abspath(self.mktemp())
        self.segments = self.open()

    def open(self) -> Segments:
        """
        Open the directory, as a process does that starts.
        """
        segments = Segments(self.directory, 1000 * SEGMENTS)
        segments.open()
        self.addCleanup(segments.close)
        return segments

    def names(self) -> list[str]:
        """
        Name the files.
        """
        return sorted(os.listdir(self.directory))

    def test_severalWriters(self) -> None:
        """
        Several processes write to files of their own, and to no more bytes all
        together than one does.
        """
        limit = 4000 * SEGMENTS
        writers = [Segments(self.directory, limit, 4) for _ in range(4)]
        for writer in writers:
            writer.open()
            self.addCleanup(writer.close)
        for number in range(120):
            for which, writer in enumerate(writers):
                payload = f"{which} {number}".encode() * 40
                writer.write(Entry("", "tcp", "", "malformed", payload))
                sizes = [entry.stat().st_size for entry in os.scandir(self.directory)]
                self.assertLessEqual(sum(sizes), limit)
        entries = list(entriesIn(self.directory))
        self.assertGreater(len(entries), 40)
        self.assertEqual(
            {entry.payload[:1] for entry in entries}, {b"0", b"1", b"2", b"3"}
        )

    def test_line(self) -> None:
        """
        An entry is a line of JSON with the time, the way, the sender, the
        reason, and the payload in base64.
        """
        payload = bytes(range(256))
        self.segments.write(makeEntry(payload))
        [name] = self.names()
        self.assertEqual(name, "rejected-0000000001.jsonl")
        text = Path(self.directory, name).read_text("ascii")
        self.assertEqual(text.count("\n"), 1)
        entry = json.loads(text)
        self.assertEqual(b64decode(entry.pop("payload")), payload)
        self.assertEqual(
            entry,
            {
                "at": ORIGIN.at,
                "via": "tcp",
                "peer": "127.0.0.1:50000",
                "reason": "malformed",
            },
        )

    def test_private(self) -> None:
        """
        Nobody else can read what is kept: rejected payloads may hold anything.
        """
        self.segments.write(makeEntry())
        [name] = self.names()
        for path, mode in [
            (self.directory, 0o700),
            (os.path.join(self.directory, name), 0o600),
        ]:
            self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), mode, path)

    def test_existingDirectory(self) -> None:
        """
        A directory that is there is used as it is, and other files in it are
        left alone.
        """
        other = Path(self.directory, "notes.txt")
        other.write_text("x" * 20000)
        segments = self.open()
        for _ in range(100):
            segments.write(makeEntry(bytes(300)))
        self.assertTrue(other.exists())
        self.assertGreater(len(self.names()), SEGMENTS)

    def test_bounded(self) -> None:
        """
        All files together never have more bytes than the limit; what goes is
        the oldest.
        """
        for number in range(200):
            self.segments.write(makeEntry(b"%d" % number * 50))
            self.assertLessEqual(sizeOf(self.directory), 1000 * SEGMENTS)
        kept = [entry.payload for entry in entriesIn(self.directory)]
        expected = [b"%d" % number * 50 for number in range(200)]
        self.assertEqual(kept, expected[-len(kept) :])
        self.assertGreater(sizeOf(self.directory), 1000 * (SEGMENTS - 2))

    def test_large(self) -> None:
        """
        An entry that is larger than files usually are has one of its own, and
        as many as are needed go for it.
        """
        for number in range(40):
            self.segments.write(makeEntry(b"%d" % number * 50))
        large = makeEntry(bytes(4000))
        self.segments.write(large)
        self.assertLessEqual(sizeOf(self.directory), 1000 * SEGMENTS)
        self.assertEqual(entriesIn(self.directory)[-1], large)
        self.segments.write(makeEntry(b"after"))
        self.assertEqual(entriesIn(self.directory)[-1].payload, b"after")
        self.assertEqual(entriesIn(self.directory)[-2], large)

    def test_nextProcess(self) -> None:
        """
        The next process goes on after what the last one has left, and counts
        it.
        """
        for number in range(40):
            self.segments.write(makeEntry(b"%d" % number))
        before = self.names()
        segments = self.open()
        segments.write(makeEntry(b"next"))
        self.assertGreater(self.names()[-1], before[-1])
        self.assertEqual(entriesIn(self.directory)[-1].payload, b"next")
        for _ in range(40):
            segments.write(makeEntry(bytes(300)))
            self.assertLessEqual(sizeOf(self.directory), 1000 * SEGMENTS)

    def test_removed(self) -> None:
        """
        When the file that is being written was removed, by somebody who has
        replayed it, what comes goes into a new one.
        """
        self.segments.write(makeEntry(b"replayed"))
        [first] = self.names()
        os.unlink(os.path.join(self.directory, first))
        self.segments.write(makeEntry(b"later"))
        self.assertNotEqual(self.names(), [first])
        self.assertEqual([e.payload for e in entriesIn(self.directory)], [b"later"])

    def test_noRoom(self) -> None:
        """
        Where only a part of an entry can be written, nothing of it stays, and
        the next one that fits is whole.
        """
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        self.addCleanup(signal.signal, signal.SIGXFSZ, ignored)
        self.segments.write(makeEntry(b"first"))
        size = sizeOf(self.directory)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size + 30, before[1]))
        try:
            self.assertRaises(OSError, self.segments.write, makeEntry(b"second"))
            self.assertRaises(OSError, self.segments.write, makeEntry(b"third"))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
        self.assertEqual(sizeOf(self.directory), size)
        self.segments.write(makeEntry(b"fourth"))
        kept = [entry.payload for entry in entriesIn(self.directory)]
        self.assertEqual(kept, [b"first", b"fourth"])

    def test_cannotOpen(self) -> None:
        """
        A directory that cannot be made is an error.
        """
        missing = Segments(os.path.join(self.directory, "no", "where"))
        self.assertRaises(FileNotFoundError, missing.open)

    def test_notAllowed(self) -> None:
        """
        A directory that may not be written to is an error.
        """
        if os.geteuid() == 0:
            raise SkipTest("root may write everywhere")
        os.chmod(self.directory, 0o500)
        self.assertRaises(PermissionError, self.segments.open)


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
        self.runner = HeldRunner()
        self.segments = Segments(self.directory, 100_000)
        self.quarantine = Quarantine(self.segments, self.runner, self.clock, 10_000)
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
        Read what the log was told.
        """
        return [event["why"] for event in self.logged if "why" in event]

    def test_interfaces(self) -> None:
        """
        It is a quarantine and a service.
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
        What is given is written in its order, and counted by its reason when it
        is written.
        """
        self.keep(b"1", b"2")
        self.keep(b"3", reason="too-complex")
        self.assertEqual(self.quarantine.tally.kept, {})
        self.runner.runAll()
        self.assertEqual(self.kept(), [b"1", b"2", b"3"])
        tally = self.quarantine.tally
        self.assertEqual(tally.kept, {"malformed": 2, "too-complex": 1})
        self.assertEqual(tally.dropped, {})

    def test_oneWriteAtATime(self) -> None:
        """
        While the disk is busy, what comes waits for the next write.
        """
        self.keep(b"1", b"2", b"3")
        self.assertEqual(len(self.runner.held), 1)
        self.runner.runOne()
        self.assertEqual(self.kept(), [b"1"])
        self.runner.runOne()
        self.assertEqual(self.kept(), [b"1", b"2", b"3"])
        self.assertEqual(self.runner.held, [])

    def test_slowDisk(self) -> None:
        """
        When more comes than the disk can take, what does not fit into memory is
        dropped, counted and logged once; when the disk has caught up, the next
        is kept.
        """
        self.keep(*[bytes(100)] * 1000)
        dropped = self.quarantine.tally.dropped["queue-full"]
        self.runner.runAll()
        self.assertEqual(len(self.kept()) + dropped, 1000)
        self.assertLess(len(self.kept()), 20)
        self.assertEqual(len(self.warnings()), 1)
        self.keep(b"next")
        self.runner.runAll()
        self.assertEqual(self.kept()[-1], b"next")

    def test_largerThanTheQueue(self) -> None:
        """
        One payload is taken in any case, however large, while nothing else
        waits.
        """
        self.keep(bytes(20_000))
        self.runner.runAll()
        self.assertEqual(self.kept(), [bytes(20_000)])

    def test_largerThanTheLimit(self) -> None:
        """
        One that is larger than the whole quarantine is dropped, and does not
        drive the others out.
        """
        self.keep(b"1", bytes(100_000), b"2")
        self.runner.runAll()
        self.assertEqual(self.kept(), [b"1", b"2"])
        self.assertEqual(self.quarantine.tally.dropped, {"too-large": 1})

    def test_failure(self) -> None:
        """
        What cannot be written is dropped and counted, and logged once a minute;
        when it can be written again, what comes then is kept.
        """
        os.rmdir(self.directory)
        for _ in range(10):
            self.keep(b"lost")
            self.runner.runAll()
        self.assertEqual(self.quarantine.tally.dropped, {"failed": 10})
        [warning] = self.warnings()
        self.assertIn(self.directory, warning)
        self.clock.advance(QUIET)
        self.keep(b"lost")
        self.runner.runAll()
        self.assertEqual(len(self.warnings()), 2)
        os.mkdir(self.directory)
        self.keep(b"kept")
        self.runner.runAll()
        self.assertEqual(self.kept(), [b"kept"])
        self.assertEqual(self.quarantine.tally.kept, {"malformed": 1})

    def test_failureInBetween(self) -> None:
        """
        What was written before a failure is counted as kept.
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
        self.runner.runAll()
        self.assertEqual(self.kept(), [b"0", b"1", b"2"])
        self.assertEqual(self.quarantine.tally.kept, {"malformed": 3})
        self.assertEqual(self.quarantine.tally.dropped, {"failed": 2})

    def test_stop(self) -> None:
        """
        Stopping waits for what waits, and closes the file.
        """
        self.keep(b"1", b"2")
        stopped = self.quarantine.stopService()
        self.assertNoResult(stopped)
        self.runner.runAll()
        self.successResultOf(stopped)
        self.assertEqual(self.kept(), [b"1", b"2"])

    def test_stopIdle(self) -> None:
        """
        Where nothing waits it is stopped as soon as the file is closed.
        """
        self.keep(b"1")
        self.runner.runAll()
        stopped = self.quarantine.stopService()
        self.runner.runAll()
        self.successResultOf(stopped)
        self.keep(b"2")
        self.assertEqual(self.quarantine.tally.dropped, {"stopped": 1})

    def test_stopStuck(self) -> None:
        """
        A disk that hangs is not waited for for ever: what is not written by
        then is counted, once.
        """
        self.keep(b"1", b"2", b"3")
        stopped = self.quarantine.stopService()
        self.clock.advance(STOP_TIMEOUT)
        self.successResultOf(stopped)
        self.runner.runAll()
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
        What waits is written off the reactor's thread, all of it by the time it
        is stopped.
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
    Tests for what L{Intake} gives to a quarantine.
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
        A payload of which no record can be made is kept byte for byte with the
        time, the way, the sender and the reason; what became a record is not.
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
        Of what an input could not get whole there is nothing to keep.
        """
        self.intake.reject("tcp", "too-long", 3)
        self.assertEqual(os.listdir(self.directory), [])


class UsableDirectoryTests(SynchronousTestCase):
    """
    Tests for L{usableDirectory}.
    """

    def test_usable(self) -> None:
        """
        A directory that is there can be used, and one that can be made; it is
        not made yet.
        """
        directory = self.mktemp()
        self.assertEqual(usableDirectory(directory), os.path.abspath(directory))
        self.assertFalse(os.path.exists(directory))
        os.mkdir(directory)
        self.assertEqual(usableDirectory(directory), os.path.abspath(directory))

    def test_unusable(self) -> None:
        """
        Where it is sure that nothing can be written, the error says why.
        """
        file = self.mktemp()
        Path(file).touch()
        for text, expected in [
            ("", "give the path"),
            (file, "not a directory"),
            (f"{file}/x", "no directory"),
            ("/nowhere/at/all", "no directory /nowhere/at"),
        ]:
            error = self.assertRaises(ValueError, usableDirectory, text)
            self.assertIn(expected, str(error))

    def test_notAllowed(self) -> None:
        """
        A directory that may not be written to cannot be used, nor can one be
        made in it.
        """
        if os.geteuid() == 0:
            raise SkipTest("root may write everywhere")
        directory = self.mktemp()
        os.mkdir(directory, 0o500)
        for text in (directory, f"{directory}/x"):
            error = self.assertRaises(ValueError, usableDirectory, text)
            self.assertIn("may be made in", str(error))
