"""
Tests for L{logrecv.outputs.file}.
"""

from __future__ import annotations

import math
import os
from pathlib import Path

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from logrecv.counters import OutputTally
from logrecv.descriptions import Description, DescriptionError, quote
from logrecv.formats.json import encodeJSON
from logrecv.formats.text import makeText
from logrecv.interfaces import IRecordSink, IReopenable
from logrecv.outputs.context import OutputContext, StandardOutput
from logrecv.outputs.file import parseFile
from logrecv.outputs.files.archive import Archive
from logrecv.outputs.files.schedule import NEVER, Schedule
from logrecv.outputs.files.writer import FileWriter
from logrecv.outputs.queue.sink import QueuedSink
from logrecv.outputs.writers import ThreadedWriter
from logrecv.testing import makeRecord
from logrecv.threads import ThreadExecutor


class ParseFileTests(SynchronousTestCase):
    """
    L{parseFile}.
    """

    def setUp(self) -> None:
        self.path = Path(os.path.abspath(self.mktemp()))
        self.context = OutputContext(
            Clock(), OutputTally("1-file"), StandardOutput.ofProcess()
        )

    def parse(self, rest: str = "", path: object = None) -> QueuedSink:
        text = f"file:{quote(str(path or self.path))}{rest}"
        sink = parseFile(Description.fromText(text), self.context)
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

    def test_durability(self) -> None:
        """
        C{sync=} chooses how long what is written may stay unsynced; it is not
        asked for unless somebody says so.
        """
        self.assertEqual(self.writer(self.parse()).syncDelay, math.inf)
        for index, (word, delay) in enumerate(
            [("none", math.inf), ("interval", 0.05), ("always", 0.0)]
        ):
            sink = self.parse(f":sync={word}", f"{self.path}{index}")
            self.assertEqual(self.writer(sink).syncDelay, delay)

    def test_tended(self) -> None:
        """
        The thread that writes looks after the writer between two writes.
        """
        sink = self.parse()
        assert isinstance(sink.writer, ThreadedWriter)
        assert isinstance(sink.writer.runner, ThreadExecutor)
        self.assertEqual(
            sink.writer.runner.housekeeping, self.writer(sink).housekeeping
        )

    def test_rotation(self) -> None:
        """
        C{rotate=}, C{keep=} and C{compress=} are used, on the file that a link
        leads to; without C{rotate=} there is none of it.
        """
        rotation = self.writer(self.parse()).rotation
        self.assertEqual((rotation.schedule, rotation.archive), (NEVER, None))
        real = self.path.with_name("real")
        link = self.path.with_name("to-real")
        link.symlink_to(real)
        self.addCleanup(link.unlink)
        writer = self.writer(self.parse(":rotate=4K:keep=2:compress=gzip", link))
        self.assertEqual(writer.path, str(real))
        self.assertEqual(writer.rotation.path, str(real))
        self.assertEqual(writer.rotation.schedule, Schedule(size=4096))
        archive = writer.rotation.archive
        assert isinstance(archive, Archive)
        self.assertEqual((archive.directory, archive.base), os.path.split(real))
        self.assertEqual(list(archive.retention([1, 2, 3], 0.0)), [1])
        assert archive.compression is not None
        self.assertEqual(archive.compression.suffix, ".gz")
        writer = self.writer(self.parse(":rotate=4K", f"{self.path}2"))
        archive = writer.rotation.archive
        assert isinstance(archive, Archive)
        self.assertIsNone(archive.compression)
        self.assertEqual(list(archive.retention([1, 2, 3], 0.0)), [])

    def test_rotatedPath(self) -> None:
        """
        A file whose name is that of a rotated file of another output is
        refused, whichever comes first: it would be removed as one.
        """
        rotated = f"{self.path}.20261122T100000.000Z.gz"
        for first, second in [(self.path, rotated), (rotated, self.path)]:
            self.context.paths.clear()
            self.parse("", first)
            error = self.assertRaises(DescriptionError, self.parse, "", second)
            self.assertIn("look like rotated files of each other", str(error))

    def test_notRotated(self) -> None:
        """
        A device cannot be rotated.  A file whose name is so long that no name is
        left for the rotated files cannot be rotated either.
        """
        error = self.assertRaises(
            DescriptionError, self.parse, ":rotate=daily", os.devnull
        )
        self.assertIn("rotate= is for files", str(error))
        long = self.path.with_name("a" * 250)
        error = self.assertRaises(DescriptionError, self.parse, ":rotate=daily", long)
        self.assertIn("it may have 226 bytes", str(error))

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
        A description that cannot be used is refused in one line.
        """
        for rest, message in [
            (":format=pretty", "format=pretty: must be one of json, text"),
            (":text=%(nothing", "text=%(nothing: "),
            (":mode=rw", "mode=rw: a mode is"),
            (":queue=-1", "queue=-1: a size is"),
            (":full=", "full=: must be one of drop, pause"),
            (":rotat=1M", "rotat= is not a keyword of file; it takes compress=, form"),
            (":rotate=weekly", "rotate=weekly: it is hourly, daily or a size from"),
            (":rotate=100", "rotate=100: it is hourly, daily or a size from 4K on"),
            (":rotate=1M:keep=0", "keep=0: it is a number of files"),
            (":rotate=1M:keep=1w", "keep=1w: it is a number of files"),
            (":rotate=1M:compress=xz", "compress=xz: must be one of gzip, zstd"),
            (":sync=1", "sync=1: must be one of none, interval, always"),
            (":keep=3", "keep= is for files that rotate= moved away; give it too"),
            (":compress=gzip", "compress= is for files that rotate= moved away"),
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
                DescriptionError, parseFile, description, self.context
            )
            self.assertIn("PATH is missing; write file:PATH", str(error))
