"""
Tests for L{logrecv.outputs.file}.
"""

from __future__ import annotations

import errno
import os
import resource
import stat
from collections.abc import Callable
from pathlib import Path

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from logrecv.counters import OutputTally
from logrecv.descriptions import Description, DescriptionError, quote
from logrecv.formats import encodeJSON, makeText
from logrecv.interfaces import IRecordSink, IReopenable
from logrecv.outputs.file import FileWriter, parseFile
from logrecv.outputs.parser import StandardOutput, Surroundings
from logrecv.outputs.queue import IBlockingWriter, QueuedSink, ThreadedWriter
from logrecv.testing import makeRecord


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
        What was there stays; what others append meanwhile, too.
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
        assert writer._descriptor is not None
        self.assertFalse(os.get_inheritable(writer._descriptor))

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
        line is finished instead.
        """
        writer = self.open()
        takeBack = FileWriter._takeBack

        def change(writer: FileWriter, descriptor: int) -> None:
            os.truncate(self.path, 3)
            takeBack(writer, descriptor)

        self.patch(FileWriter, "_takeBack", change)
        self.limited(9, lambda: writer.write(b"first\nsecond\n"))
        self.assertEqual(self.path.read_bytes(), b"fir")
        writer.write(b"first\nsecond\n")
        self.assertEqual(self.path.read_bytes(), b"firond\n")

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


class ParseFileTests(FileTestCase):
    """
    L{parseFile}.
    """

    def setUp(self) -> None:
        super().setUp()
        self.surroundings = Surroundings(
            Clock(), OutputTally("1-file"), StandardOutput.ofProcess()
        )

    def parse(self, rest: str = "", path: object = None) -> QueuedSink:
        text = f"file:{quote(str(path or self.path))}{rest}"
        sink = parseFile(Description.fromText(text), self.surroundings)
        assert isinstance(sink, QueuedSink)
        return sink

    def writer(self, sink: QueuedSink) -> FileWriter:
        assert isinstance(sink.writer, ThreadedWriter)
        assert isinstance(sink.writer.writer, FileWriter)
        return sink.writer.writer

    def test_interfaces(self) -> None:
        """
        The sink provides L{IRecordSink} and L{IReopenable}.
        """
        sink = self.parse()
        verifyObject(IRecordSink, sink)
        verifyObject(IReopenable, sink)

    def test_defaults(self) -> None:
        """
        A file gets JSON, and pauses its inputs when its queue is full.  It is
        not made before it is started.
        """
        sink = self.parse()
        self.assertEqual(sink.encode([makeRecord()]), encodeJSON([makeRecord()]))
        self.assertTrue(sink.capacity.pauses)
        self.assertFalse(self.path.exists())

    def test_options(self) -> None:
        """
        Format, template and mode are used.
        """
        sink = self.parse(":format=text:mode=600:full=drop")
        self.assertEqual(sink.encode([makeRecord()]), makeText()([makeRecord()]))
        self.assertEqual(self.writer(sink).mode, 0o600)
        self.assertFalse(sink.capacity.pauses)
        sink = self.parse(":text=%(name)s", str(self.path) + "2")
        self.assertEqual(sink.encode([makeRecord()]), b"app\n")

    def test_relative(self) -> None:
        """
        A relative path is relative to where the process was when the
        description was read.
        """
        sink = self.parse(path="records")
        self.assertEqual(self.writer(sink).path, os.path.join(os.getcwd(), "records"))

    def test_samePath(self) -> None:
        """
        Two outputs on one file are refused, whatever they call it.
        """
        self.parse()
        link = self.path.with_name("link")
        link.symlink_to(self.path)
        self.addCleanup(link.unlink)
        for path in (self.path, os.path.relpath(self.path), link):
            error = self.assertRaises(DescriptionError, self.parse, "", path)
            self.assertIn("another output writes to", str(error))

    def test_refusedPaths(self) -> None:
        """
        A path where nothing can be written is refused at once, in one line.
        """
        directory = self.path.parent
        for path, message in [
            (directory, "it is a directory"),
            (self.path / "a", f"there is no directory {self.path}"),
            ("~/records", f"there is no directory {os.getcwd()}/~"),
        ]:
            error = self.assertRaises(DescriptionError, self.parse, "", path)
            self.assertIn(message, str(error))
            self.assertNotIn("\n", str(error))

    def test_notPermitted(self) -> None:
        """
        A file or directory that may not be written to is refused at once.
        """
        self.patch(os, "access", lambda path, mode: False)
        error = self.assertRaises(DescriptionError, self.parse)
        self.assertIn("no file may be made in", str(error))
        self.path.touch()
        error = self.assertRaises(DescriptionError, self.parse)
        self.assertIn("may not be written to", str(error))

    def test_refused(self) -> None:
        """
        Whatever else cannot be used is refused in one line.
        """
        for rest, message in [
            (":format=pretty", "format=pretty: must be one of json, text"),
            (":text=%(nothing", "text=%(nothing: "),
            (":mode=rw", "mode=rw: a mode is"),
            (":queue=-1", "queue=-1: a size is"),
            (":full=", "full=: must be one of drop, pause"),
            (":rotat=1M", "rotat= is not a keyword of file; it takes format=, full="),
            (":x", "'x' is one part too many"),
        ]:
            error = self.assertRaises(DescriptionError, self.parse, rest)
            self.assertIn(message, str(error))
            self.assertNotIn("\n", str(error))

    def test_noPath(self) -> None:
        """
        A file needs a path.
        """
        for text in ("file", "file:"):
            description = Description.fromText(text)
            error = self.assertRaises(
                DescriptionError, parseFile, description, self.surroundings
            )
            self.assertIn("PATH is missing; write file:PATH", str(error))
