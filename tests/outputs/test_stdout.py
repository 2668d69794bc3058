"""
Tests for L{logrecv.outputs.stdout}.
"""

from __future__ import annotations

import errno
import io
import os
import resource
from pathlib import Path
from threading import Timer

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from logrecv.counters import OutputTally
from logrecv.descriptions import Description, DescriptionError
from logrecv.formats.json import encodeJSON
from logrecv.formats.pretty import makePretty
from logrecv.formats.text import makeText
from logrecv.interfaces import IRecordSink
from logrecv.outputs.context import OutputContext, StandardOutput
from logrecv.outputs.queue.sink import QueuedSink
from logrecv.outputs.stdout import StreamWriter, parseStdout
from logrecv.outputs.writers import IBlockingWriter, PermanentFailure
from logrecv.testing import makeRecord
from tests.selection import slow


class StreamWriterTests(SynchronousTestCase):
    """
    L{StreamWriter}.
    """

    def makePipe(self) -> tuple[int, StreamWriter]:
        readable, writable = os.pipe()
        stream = open(writable, "wb", buffering=0)  # noqa: SIM115
        self.addCleanup(stream.close)
        return readable, StreamWriter(stream)

    def test_interface(self) -> None:
        """
        The writer provides L{IBlockingWriter}.
        """
        verifyObject(IBlockingWriter, StreamWriter(io.BytesIO()))

    def test_write(self) -> None:
        """
        A line that is written arrives.  The stream stays open when the writer is
        closed.
        """
        readable, writer = self.makePipe()
        self.addCleanup(os.close, readable)
        writer.open()
        writer.write(b"a\n")
        writer.reopen()
        writer.write(b"b\n")
        writer.close()
        self.assertEqual(os.read(readable, 100), b"a\nb\n")
        self.assertFalse(writer.stream.closed)

    @slow
    def test_nonBlocking(self) -> None:
        """
        Where somebody else has made the pipe non-blocking, a write waits for
        room.
        """
        readable, writer = self.makePipe()
        self.addCleanup(os.close, readable)
        os.set_blocking(writer.stream.fileno(), False)
        data = b"x" * 200_000
        received = bytearray()

        def read() -> None:
            while len(received) < len(data):
                received.extend(os.read(readable, len(data)))

        reader = Timer(0.05, read)
        reader.start()
        writer.write(data)
        reader.join()
        self.assertEqual(bytes(received), data)

    def test_readerGone(self) -> None:
        """
        A pipe whose reader has closed it is gone for good.
        """
        readable, writer = self.makePipe()
        os.close(readable)
        self.assertRaises(PermanentFailure, writer.write, b"a\n")

    def test_resumed(self) -> None:
        """
        A write that failed part of the way is finished, not repeated, by the
        next attempt.
        """
        path = self.mktemp()
        stream = open(path, "wb", buffering=0)  # noqa: SIM115
        self.addCleanup(stream.close)
        writer = StreamWriter(stream)
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (5, hard))
        try:
            error = self.assertRaises(OSError, writer.write, b"abc\ndef\n")
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        self.assertEqual(error.errno, errno.EFBIG)
        writer.write(b"abc\ndef\n")
        writer.write(b"ghi\n")
        self.assertEqual(Path(path).read_bytes(), b"abc\ndef\nghi\n")


class ParseStdoutTests(SynchronousTestCase):
    """
    L{parseStdout}.
    """

    def setUp(self) -> None:
        environment = {k: v for k, v in os.environ.items() if k != "NO_COLOR"}
        self.patch(os, "environ", environment)

    def parse(self, text: str, terminal: bool = False) -> QueuedSink:
        output = StandardOutput(io.BytesIO(), terminal)
        context = OutputContext(Clock(), OutputTally("1-stdout"), output)
        sink = parseStdout(Description.fromText(text), context)
        verifyObject(IRecordSink, sink)
        assert isinstance(sink, QueuedSink)
        return sink

    def assertWrites(self, sink: QueuedSink, expected: bytes) -> None:
        self.assertEqual(
            sink.encode([makeRecord("h\N{LATIN SMALL LETTER E}")]), expected
        )

    def test_pipe(self) -> None:
        """
        A pipe gets JSON.
        """
        self.assertWrites(self.parse("stdout"), encodeJSON([makeRecord("he")]))

    def test_terminal(self) -> None:
        """
        A terminal gets the pretty format, in colour.
        """
        expected = makePretty(color=True)([makeRecord("he")])
        self.assertIn(b"\x1b[", expected)
        self.assertWrites(self.parse("stdout", terminal=True), expected)

    def test_noColor(self) -> None:
        """
        C{NO_COLOR} takes the colour away, unless it is empty.
        """
        os.environ["NO_COLOR"] = "1"
        plain = makePretty(color=False)([makeRecord("he")])
        self.assertWrites(self.parse("stdout", terminal=True), plain)
        os.environ["NO_COLOR"] = ""
        colored = makePretty(color=True)([makeRecord("he")])
        self.assertWrites(self.parse("stdout", terminal=True), colored)

    def test_prettyPipe(self) -> None:
        """
        The pretty format in a pipe has no colour.
        """
        plain = makePretty(color=False)([makeRecord("he")])
        self.assertWrites(self.parse("stdout:format=pretty"), plain)

    def test_jsonTerminal(self) -> None:
        """
        A terminal gets JSON if that is asked for.
        """
        sink = self.parse("stdout:format=json", terminal=True)
        self.assertWrites(sink, encodeJSON([makeRecord("he")]))

    def test_text(self) -> None:
        """
        C{format=text} is the text format; a template chooses it too.
        """
        expected = makeText()([makeRecord("he")])
        self.assertWrites(self.parse("stdout:format=text"), expected)
        self.assertWrites(self.parse("stdout:text=<%(message)s>"), b"<he>\n")
        self.assertWrites(self.parse("stdout:format=text:text=%(name)s"), b"app\n")

    def test_drops(self) -> None:
        """
        When full it drops, unless it is told to pause.
        """
        self.assertFalse(self.parse("stdout").capacity.pauses)
        self.assertTrue(self.parse("stdout:full=pause").capacity.pauses)

    def test_refused(self) -> None:
        """
        A description that cannot be used is refused in one line.
        """
        for text, message in [
            ("stdout:format=xml", "format=xml: must be one of pretty, text, json"),
            ("stdout:text=%(nothing", "text=%(nothing: "),
            ("stdout:format=json:text=%(name)s", "text= is a template for format=text"),
            ("stdout:queue=x", "queue=x: a size is"),
            ("stdout:full=x", "full=x: must be one of drop, pause"),
            ("stdout:mode=600", "mode= is not a keyword of stdout; it takes format=,"),
            ("stdout:x", "'x' is one part too many"),
        ]:
            error = self.assertRaises(DescriptionError, self.parse, text)
            self.assertIn(message, str(error))
            self.assertNotIn("\n", str(error))
