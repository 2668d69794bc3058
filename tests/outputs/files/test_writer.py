"""
Tests for L{logrecv.outputs.files.writer}.
"""

from __future__ import annotations

import errno
import os
import resource
import stat
import time
from collections.abc import Callable
from pathlib import Path
from threading import Event

from twisted.internet.task import Clock
from twisted.logger import LogEvent, formatEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from logrecv.outputs.files.appending import AppendedFile
from logrecv.outputs.files.rotation import Rotation
from logrecv.outputs.files.schedule import Schedule
from logrecv.outputs.files.syncing import SYNC_DELAYS
from logrecv.outputs.files.writer import FileWriter
from logrecv.outputs.writers import IBlockingWriter
from logrecv.threads import ThreadExecutor
from tests.faults.accounts import filesOf
from tests.selection import slow


class FileTestCase(SynchronousTestCase):
    """
    A writer with a file.
    """

    def setUp(self) -> None:
        self.path = Path(os.path.abspath(self.mktemp()))

    def open(self) -> FileWriter:
        writer = FileWriter(str(self.path))
        writer.open()
        self.addCleanup(writer.close)
        return writer

    def limited(self, size: int, function: Callable[[], object]) -> OSError:
        """
        Call what will fail because no file may be larger than C{size}.
        """
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
        try:
            return self.assertRaises(OSError, function)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


class AppendTests(FileTestCase):
    """
    Whole lines at the end of a file.
    """

    def test_interface(self) -> None:
        """
        The writer provides L{IBlockingWriter}.
        """
        verifyObject(IBlockingWriter, self.open())

    def test_appends(self) -> None:
        """
        Old lines stay; lines that others append meanwhile do, too.
        """
        self.path.write_bytes(b"old\n")
        writer = self.open()
        writer.write(b"a\n")
        with self.path.open("ab") as file:
            file.write(b"other\n")
        writer.write(b"b\n")
        self.assertEqual(self.path.read_bytes(), b"old\na\nother\nb\n")

    def test_mode(self) -> None:
        """
        A file that is made has the permissions that were asked for, whatever
        the umask; one that was there keeps its own.
        """
        self.addCleanup(os.umask, os.umask(0o077))
        self.open()
        self.assertEqual(stat.S_IMODE(self.path.stat().st_mode), 0o640)
        self.path.chmod(0o604)
        self.open()
        self.assertEqual(stat.S_IMODE(self.path.stat().st_mode), 0o604)

    def test_closedOnExec(self) -> None:
        """
        Programs that the process starts do not inherit the file.
        """
        writer = self.open()
        assert writer._file is not None
        self.assertFalse(os.get_inheritable(writer._file.descriptor))

    def test_tornTail(self) -> None:
        """
        A line that a power cut left unfinished is ended, so that the first
        record does not become a part of it.
        """
        self.path.write_bytes(b"whole\ntor")
        writer = self.open()
        writer.write(b"a\n")
        writer.write(b"b\n")
        self.assertEqual(self.path.read_bytes(), b"whole\ntor\na\nb\n")

    def test_tornTailUntouched(self) -> None:
        """
        A file to which nothing is written is not changed.
        """
        self.path.write_bytes(b"tor")
        self.open()
        self.assertEqual(self.path.read_bytes(), b"tor")

    def test_cannotOpen(self) -> None:
        """
        A file that cannot be opened is an error when it is started.
        """
        writer = FileWriter(str(self.path / "missing" / "file"))
        self.assertRaises(FileNotFoundError, writer.open)


class NoRoomTests(FileTestCase):
    """
    Writes that end in the middle.
    """

    def test_wholeLinesOnly(self) -> None:
        """
        Where there is no room for a line, none of it stays in the file; when
        there is room again the rest follows, no line torn and none twice.
        """
        writer = self.open()
        data = b"first\nsecond\nthird\n"
        error = self.limited(9, lambda: writer.write(data))
        self.assertEqual(error.errno, errno.EFBIG)
        self.assertEqual(self.path.read_bytes(), b"first\n")
        error = self.limited(15, lambda: writer.write(data))
        self.assertEqual(self.path.read_bytes(), b"first\nsecond\n")
        writer.write(data)
        writer.write(b"fourth\n")
        self.assertEqual(self.path.read_bytes(), data + b"fourth\n")

    def test_changedMeanwhile(self) -> None:
        """
        Where somebody else has changed the file since, nothing is cut off: the
        line is begun anew, on a line of its own.
        """
        writer = self.open()
        takeBack = AppendedFile.takeBack

        def change(file: AppendedFile, count: int) -> bool:
            os.truncate(self.path, 3)
            return takeBack(file, count)

        self.patch(AppendedFile, "takeBack", change)
        self.limited(9, lambda: writer.write(b"first\nsecond\n"))
        self.assertEqual(self.path.read_bytes(), b"fir")
        writer.write(b"first\nsecond\n")
        self.assertEqual(self.path.read_bytes(), b"fir\nsecond\n")

    def test_reopened(self) -> None:
        """
        Lines that were not written yet go to the new file when it is opened
        again meanwhile.
        """
        writer = self.open()
        self.limited(9, lambda: writer.write(b"first\nsecond\n"))
        old = self.path.with_suffix(".1")
        self.path.rename(old)
        writer.reopen()
        writer.write(b"first\nsecond\n")
        self.assertEqual(old.read_bytes(), b"first\n")
        self.assertEqual(self.path.read_bytes(), b"second\n")

    def test_fullDevice(self) -> None:
        """
        A device without room is an error at each write, and no more.
        """
        self.path = Path("/dev/full")
        writer = self.open()
        for _ in range(2):
            error = self.assertRaises(OSError, writer.write, b"a\n")
            self.assertEqual(error.errno, errno.ENOSPC)


class HeldLock:
    """
    A lock that tells whether it is held.
    """

    held = False

    def __enter__(self) -> None:
        self.held = True

    def __exit__(self, *exception: object) -> None:
        self.held = False


class SharedTests(FileTestCase):
    """
    Writers of several processes with one file, each in its turn.
    """

    def test_killed(self) -> None:
        """
        A line that another process left unfinished when it was killed is ended
        before the next; a line that it wrote whole is not.
        """
        first, second = self.open(), self.open()
        first.write(b"one\n")
        second.write(b"two\n")
        first.write(b"three\n")
        with self.path.open("ab") as killed:
            killed.write(b"fou")
        second.write(b"five\n")
        first.write(b"six\n")
        self.assertEqual(self.path.read_bytes(), b"one\ntwo\nthree\nfou\nfive\nsix\n")

    def test_noRoom(self) -> None:
        """
        A line that one takes back for want of room, and a line that another writes
        meanwhile, cost neither anything.
        """
        first, second = self.open(), self.open()
        data = b"first\nsecond\n"
        self.limited(9, lambda: first.write(data))
        second.write(b"other\n")
        first.write(data)
        self.assertEqual(self.path.read_bytes(), b"first\nother\nsecond\n")

    def test_rotated(self) -> None:
        """
        When one has rotated the file, the other goes on in the new one, before
        its next write or without any.
        """

        def open(schedule: Schedule, clock: Clock) -> FileWriter:
            rotation = Rotation(
                str(self.path), schedule, clock=clock.seconds, shared=True
            )
            writer = FileWriter(str(self.path), rotation=rotation)
            writer.open()
            self.addCleanup(writer.close)
            return writer

        clock = Clock()
        clock.advance(1_800_000_000)
        first, second, third = (open(Schedule(size=8), clock) for _ in range(3))
        first.write(b"1\n2\n3\n4\n")
        second.write(b"5\n6\n")
        first.write(b"7\n")
        third.housekeeping()
        files = filesOf(self.path)
        self.assertEqual(
            [path.read_bytes() for path in files], [b"1\n2\n3\n4\n", b"5\n6\n7\n"]
        )
        current = os.stat(self.path)
        for writer in (first, second, third):
            assert writer._file is not None
            self.assertTrue(
                os.path.samestat(current, os.fstat(writer._file.descriptor))
            )

    def test_lock(self) -> None:
        """
        The lock is held while the file is written to, and no longer.
        """
        lock = HeldLock()
        writer = FileWriter(str(self.path), lock=lock)
        writer.open()
        self.addCleanup(writer.close)
        write, seen = os.write, []

        def watched(descriptor: int, data: bytes) -> int:
            seen.append(lock.held)
            return write(descriptor, data)

        self.patch(os, "write", watched)
        writer.write(b"one\n")
        self.assertEqual((seen, lock.held), ([True], False))


class ReopenTests(FileTestCase):
    """
    SIGHUP.
    """

    def test_moved(self) -> None:
        """
        After the file was moved away, records go to a new one of its name.
        """
        writer = self.open()
        writer.write(b"a\n")
        old = self.path.with_suffix(".1")
        self.path.rename(old)
        writer.write(b"b\n")
        writer.reopen()
        writer.write(b"c\n")
        self.assertEqual(old.read_bytes(), b"a\nb\n")
        self.assertEqual(self.path.read_bytes(), b"c\n")

    def test_cannot(self) -> None:
        """
        Where that fails the old file stays in use.
        """
        writer = self.open()
        old = self.path.with_suffix(".1")
        self.path.rename(old)
        self.path.mkdir()
        writer.reopen()
        writer.write(b"a\n")
        self.assertEqual(old.read_bytes(), b"a\n")

    def test_closesOld(self) -> None:
        """
        Reopening leaves no descriptor behind.
        """
        writer = self.open()
        before = len(os.listdir("/proc/self/fd"))
        for _ in range(3):
            writer.reopen()
        self.assertEqual(len(os.listdir("/proc/self/fd")), before)


class RemovedTests(FileTestCase):
    """
    Files that somebody has removed.
    """

    def test_removed(self) -> None:
        """
        The next line goes into a new file, and the log says so.
        """
        told = warnings(self)
        writer = self.open()
        writer.write(b"one\n")
        self.path.unlink()
        writer.write(b"two\n")
        writer.write(b"three\n")
        self.assertEqual(self.path.read_bytes(), b"two\nthree\n")
        self.assertEqual(len(told), 1, told)

    def test_replaced(self) -> None:
        """
        The next line goes into the file that somebody has put in the place of the
        old one.
        """
        writer = self.open()
        writer.write(b"one\n")
        other = Path(self.mktemp())
        other.write_bytes(b"other\n")
        other.replace(self.path)
        writer.write(b"two\n")
        self.assertEqual(self.path.read_bytes(), b"other\ntwo\n")

    def test_noDirectory(self) -> None:
        """
        Where there is no directory any more, nothing is written, and the line goes
        into the file that can be made later.
        """
        self.path = Path(os.path.abspath(self.mktemp()), "app.log")
        self.path.parent.mkdir()
        writer = self.open()
        self.path.unlink()
        self.path.parent.rmdir()
        for _ in range(2):
            self.assertRaises(OSError, writer.write, b"one\n")
        self.path.parent.mkdir()
        writer.write(b"one\n")
        self.assertEqual(self.path.read_bytes(), b"one\n")


def warnings(case: SynchronousTestCase) -> list[str]:
    """
    Collect what writers of files say during a test.
    """
    told: list[str] = []

    def observe(event: LogEvent) -> None:
        if event.get("log_namespace") == "logrecv.outputs.files.writer.FileWriter":
            told.append(formatEvent(event))

    globalLogPublisher.addObserver(observe)
    case.addCleanup(globalLogPublisher.removeObserver, observe)
    return told


class FIFOTests(FileTestCase):
    """
    A FIFO.
    """

    def setUp(self) -> None:
        super().setUp()
        os.mkfifo(self.path)

    def read(self) -> int:
        return os.open(self.path, os.O_RDONLY | os.O_NONBLOCK)

    def test_nobodyReads(self) -> None:
        """
        Opening a FIFO that nobody reads does not block; writing to it fails
        until somebody does.
        """
        writer = self.open()
        error = self.assertRaises(OSError, writer.write, b"a\n")
        self.assertEqual(error.errno, errno.ENXIO)
        reader = self.read()
        self.addCleanup(os.close, reader)
        writer.write(b"a\n")
        self.assertEqual(os.read(reader, 10), b"a\n")

    def test_readerLeaves(self) -> None:
        """
        When the reader leaves, records wait for the next one.
        """
        reader = self.read()
        writer = self.open()
        writer.write(b"a\n")
        os.close(reader)
        self.assertRaises(BrokenPipeError, writer.write, b"b\n")
        reader = self.read()
        self.addCleanup(os.close, reader)
        writer.write(b"b\n")
        self.assertEqual(os.read(reader, 10), b"b\n")


class SyncTests(FileTestCase):
    """
    Data that a power cut may take.  The disk is the system's; the tests see when it
    is told to write, and make it fail.
    """

    def setUp(self) -> None:
        super().setUp()
        self.clock = Clock()
        #: The size of the file at each fsync of the file, and "directory" for an
        #: fsync of the directory.
        self.synced: list[object] = []
        #: The errors that the next fsyncs of the file raise.
        self.failing: list[OSError] = []
        fsync = os.fsync

        def record(descriptor: int) -> None:
            status = os.fstat(descriptor)
            if stat.S_ISDIR(status.st_mode):
                self.synced.append("directory")
            else:
                if self.failing:
                    raise self.failing.pop()
                self.synced.append(status.st_size)
            fsync(descriptor)

        self.patch(os, "fsync", record)

    def writer(self, sync: str, rotation: Rotation | None = None) -> FileWriter:
        writer = FileWriter(
            str(self.path),
            syncDelay=SYNC_DELAYS[sync],
            rotation=rotation or Rotation(str(self.path)),
            clock=self.clock.seconds,
        )
        writer.open()
        self.addCleanup(writer.close)
        return writer

    def test_none(self) -> None:
        """
        With C{none} nothing is synced, and nothing has to be looked after.
        """
        writer = self.writer("none")
        writer.write(b"a\n")
        self.assertIsNone(writer.housekeeping())
        writer.close()
        self.assertEqual(self.synced, [])

    def test_always(self) -> None:
        """
        With C{always} each write is synced before it returns; a new file's name
        is, too, once.
        """
        writer = self.writer("always")
        writer.write(b"a\n")
        self.assertEqual(self.synced, [2, "directory"])
        writer.write(b"b\n")
        self.assertEqual(self.synced, [2, "directory", 4])
        self.assertIsNone(writer.housekeeping())

    def test_interval(self) -> None:
        """
        With C{interval} a write is synced 50 ms later, though no other follows.
        """
        writer = self.writer("interval")
        writer.write(b"a\n")
        self.assertEqual(writer.housekeeping(), 0.05)
        self.clock.advance(0.03)
        writer.write(b"b\n")
        self.assertAlmostEqual(writer.housekeeping() or 0, 0.02)
        self.assertEqual(self.synced, [])
        self.clock.advance(0.02)
        self.assertIsNone(writer.housekeeping())
        self.assertEqual(self.synced, [4, "directory"])

    def test_intervalUnderLoad(self) -> None:
        """
        With C{interval} a write syncs what was written 50 ms before, so that
        writes without a pause are synced too.
        """
        writer = self.writer("interval")
        for _ in range(10):
            writer.write(b"a\n")
            self.clock.advance(0.03)
        self.assertEqual(self.synced, [6, "directory", 12, 18])

    def test_clockSetBack(self) -> None:
        """
        When the clock is set back, what is not synced is synced at once.
        """
        self.clock.advance(100)
        writer = self.writer("interval")
        writer.write(b"a\n")
        self.clock.rightNow = 0.0
        writer.housekeeping()
        self.assertEqual(self.synced, [2, "directory"])

    def test_closed(self) -> None:
        """
        Unsynced data are synced when the file is closed, or opened again.
        """
        writer = self.writer("interval")
        writer.write(b"a\n")
        writer.reopen()
        writer.write(b"b\n")
        writer.close()
        self.assertEqual(self.synced, [2, "directory", 4])

    def test_rotated(self) -> None:
        """
        A file is synced before it is moved away, and the names are afterwards,
        with the first records of the new file.
        """
        rotation = StepRotation(str(self.path), 4)
        writer = self.writer("always", rotation)
        writer.write(b"a\n")
        writer.write(b"b\nc\n")
        self.assertEqual(rotation.read(), [b"a\nb\n", b"c\n"])
        self.assertEqual(self.synced, [2, "directory", 4, 2, "directory"])

    def test_failedSync(self) -> None:
        """
        A record that could not be synced is not in the file, and is written
        again with the next attempt: the system may say that all is well then,
        without having written it.
        """
        writer = self.writer("always")
        writer.write(b"a\n")
        self.failing = [OSError(errno.EIO, "broken")]
        self.assertRaises(OSError, writer.write, b"b\nc\n")
        self.assertEqual(self.path.read_bytes(), b"a\n")
        writer.write(b"b\nc\n")
        self.assertEqual(self.path.read_bytes(), b"a\nb\nc\n")
        self.assertEqual(self.synced, [2, "directory", 6])

    def test_failedSyncOfMany(self) -> None:
        """
        Where somebody else wrote to the file meanwhile, nothing is cut off, and
        nothing is written twice: syncing is tried again.
        """
        writer = self.writer("always")
        self.failing = [OSError(errno.EIO, "broken")]
        takeBack = AppendedFile.takeBack

        def change(file: AppendedFile, count: int) -> bool:
            with self.path.open("ab") as other:
                other.write(b"other\n")
            return takeBack(file, count)

        self.patch(AppendedFile, "takeBack", change)
        self.assertRaises(OSError, writer.write, b"a\n")
        writer.write(b"a\n")
        self.assertEqual(self.path.read_bytes(), b"a\nother\n")
        self.assertEqual(self.synced, [8, "directory"])

    def test_failedLater(self) -> None:
        """
        Syncing that fails with nobody there to tell is reported once, and tried
        again after the interval.
        """
        writer = self.writer("interval")
        writer.write(b"a\n")
        self.failing = [OSError(errno.EIO, "broken") for _ in range(3)]
        events: list[LogEvent] = []
        globalLogPublisher.addObserver(events.append)
        self.addCleanup(globalLogPublisher.removeObserver, events.append)
        for _ in range(3):
            self.clock.advance(0.06)
            self.assertAlmostEqual(writer.housekeeping() or 0, 0.05)
        self.assertEqual(len(events), 1)
        self.assertIn("may not survive a power cut", formatEvent(events[0]))
        self.clock.advance(0.06)
        writer.housekeeping()
        self.assertEqual(self.synced, [2, "directory"])

    def test_failedAtTheEnd(self) -> None:
        """
        Syncing that fails when the file is closed is reported.
        """
        writer = self.writer("interval")
        writer.write(b"a\n")
        self.failing = [OSError(errno.EIO, "broken")]
        events: list[LogEvent] = []
        globalLogPublisher.addObserver(events.append)
        self.addCleanup(globalLogPublisher.removeObserver, events.append)
        writer.close()
        (event,) = events
        self.assertIn("broken; the last records", formatEvent(event))

    @slow
    def test_inThread(self) -> None:
        """
        In a thread, with the clock of the system, the sync comes within 100 ms
        of a write, though nothing else happens.
        """
        writer = FileWriter(str(self.path), syncDelay=SYNC_DELAYS["interval"])
        writer.open()
        written: list[float] = []
        synced: list[float] = []
        done = Event()
        fsync = os.fsync

        def note(descriptor: int) -> None:
            synced.append(time.monotonic())
            fsync(descriptor)
            done.set()

        class Reactor:
            def callFromThread(
                self, function: Callable[..., object], *a: object
            ) -> None:
                pass

        def write() -> None:
            written.append(time.monotonic())
            writer.write(b"a\n")

        self.patch(os, "fsync", note)
        thread = ThreadExecutor(Reactor(), "1-file", writer.housekeeping)  # type: ignore[arg-type]
        thread.run(write)
        self.assertTrue(done.wait(20))
        thread.run(writer.close)
        thread.end()
        assert thread._thread is not None
        thread._thread.join(20)
        self.assertGreaterEqual(synced[0] - written[0], 0.05)
        # A machine may be busy; that it is 0.1 at most otherwise is the point.
        self.assertLess(synced[0] - written[0], 2)

    def test_device(self) -> None:
        """
        A device is not synced.
        """
        self.path = Path(os.devnull)
        writer = self.writer("always")
        writer.write(b"a\n")
        self.assertEqual(self.synced, [])


class StepRotation(Rotation):
    """
    Moves a file away at a size, to names that end in numbers.
    """

    def __init__(self, path: str, size: int) -> None:
        super().__init__(path)
        self.size = size
        self.count = 0

    def remaining(self, size: int) -> int:
        return max(self.size - size, 0)

    def rotate(self, status: os.stat_result, create: Callable[[], int]) -> int:
        self.count += 1
        os.rename(self.path, f"{self.path}.{self.count}")
        return create()

    def read(self) -> list[bytes]:
        paths = [f"{self.path}.{number + 1}" for number in range(self.count)]
        return [Path(path).read_bytes() for path in [*paths, self.path]]


class RotatedTests(FileTestCase):
    """
    Writing on in another file.
    """

    def writer(self, rotation: Rotation) -> FileWriter:
        writer = FileWriter(str(self.path), rotation=rotation)
        writer.open()
        self.addCleanup(writer.close)
        return writer

    def test_split(self) -> None:
        """
        One write is spread over as many files as it takes: none is larger than
        it may be, and each has whole lines.
        """
        rotation = StepRotation(str(self.path), 8)
        writer = self.writer(rotation)
        writer.write(b"one\n")
        writer.write(b"two\nthree\nfour\nfive\n")
        self.assertEqual(
            rotation.read(), [b"one\ntwo\n", b"three\n", b"four\n", b"five\n"]
        )

    def test_longLine(self) -> None:
        """
        A line that is longer than a file may be has a file of its own.
        """
        rotation = StepRotation(str(self.path), 4)
        writer = self.writer(rotation)
        writer.write(b"a\nfar too long\nb\nc\n")
        self.assertEqual(rotation.read(), [b"a\n", b"far too long\n", b"b\nc\n"])

    def test_tornTail(self) -> None:
        """
        A torn line is ended before its file is moved away.
        """
        self.path.write_bytes(b"torn")
        rotation = StepRotation(str(self.path), 4)
        self.writer(rotation).write(b"a\n")
        self.assertEqual(rotation.read(), [b"torn\n", b"a\n"])

    def test_noRoom(self) -> None:
        """
        Where the disk is full in the middle of a write that rotates, the next
        attempt goes on where it ended.
        """
        rotation = StepRotation(str(self.path), 8)
        writer = self.writer(rotation)
        data = b"one\ntwo\nthree\nfour\n"
        self.limited(3, lambda: writer.write(data))
        self.assertEqual(rotation.read(), [b""])
        self.limited(5, lambda: writer.write(data))
        self.assertEqual(rotation.read(), [b"one\n"])
        writer.write(data)
        self.assertEqual(rotation.read(), [b"one\ntwo\n", b"three\n", b"four\n"])

    def test_unfinishedLine(self) -> None:
        """
        A line that was begun and could not be taken back is finished in its
        file, however large that is.
        """
        self.patch(AppendedFile, "takeBack", lambda *arguments: False)
        rotation = StepRotation(str(self.path), 8)
        writer = self.writer(rotation)
        self.limited(6, lambda: writer.write(b"one\ntwo\n"))
        rotation.size = 4
        writer.housekeeping()
        writer.write(b"one\ntwo\n")
        self.assertEqual(rotation.read(), [b"one\ntwo\n"])

    def test_quiet(self) -> None:
        """
        A file is moved away though nothing is written.
        """
        rotation = StepRotation(str(self.path), 8)
        writer = self.writer(rotation)
        writer.write(b"a\n")
        rotation.size = 2
        writer.housekeeping()
        writer.housekeeping()
        self.assertEqual(rotation.read(), [b"a\n", b""])

    def test_neither(self) -> None:
        """
        Where the file could be moved away and no new one be had, nothing is
        written to the old one, which may be compressed already; the records go
        to a new one when there is one.
        """

        class Broken(StepRotation):
            def rotate(self, status: os.stat_result, create: Callable[[], int]) -> int:
                self.count += 1
                os.rename(self.path, f"{self.path}.{self.count}")
                raise OSError(errno.EROFS, "read-only")

        rotation = Broken(str(self.path), 4)
        writer = self.writer(rotation)
        error = self.assertRaises(OSError, writer.write, b"a\nb\nc\n")
        self.assertEqual(error.errno, errno.EROFS)
        self.assertIsNone(writer.housekeeping())
        writer.write(b"a\nb\nc\n")
        self.assertEqual(rotation.read(), [b"a\nb\n", b"c\n"])

    def test_device(self) -> None:
        """
        A device is not rotated.
        """
        self.path = Path(os.devnull)
        rotation = StepRotation(str(self.path), 1)
        self.writer(rotation).write(b"a\nb\n")
        self.assertEqual(rotation.count, 0)
