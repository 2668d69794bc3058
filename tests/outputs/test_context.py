"""
Tests for L{logrecv.outputs.context}.
"""

from __future__ import annotations

import io
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import inlineCallbacks
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase, TestCase
from zope.interface import implementer
from zope.interface.verify import verifyObject

from logrecv.counters import OutputTally
from logrecv.descriptions import Description, DescriptionError
from logrecv.interfaces import (
    IOutputContext,
    IOutputParser,
    IRecordSink,
    IStandardOutput,
)
from logrecv.outputs.context import (
    OutputContext,
    StandardOutput,
    queueFromKeywords,
)
from logrecv.outputs.factory import OutputFactory
from logrecv.outputs.queue.capacity import DEFAULT_LIMIT, Capacity
from logrecv.outputs.queue.sink import QueuedSink
from logrecv.outputs.queue.store import MemoryStore
from logrecv.outputs.spool.spool import DEFAULT_LIMIT as SPOOL_LIMIT
from logrecv.outputs.spool.spool import Spool
from logrecv.outputs.writers import IBlockingWriter
from logrecv.record import Record
from logrecv.testing import makeRecord


class StandardOutputTests(SynchronousTestCase):
    """
    L{StandardOutput}.
    """

    def test_ofProcess(self) -> None:
        """
        The standard output of the process is written without a buffer, even after
        C{sys.stdout} was replaced.
        """
        file = tempfile.TemporaryFile("w+")  # noqa: SIM115
        self.addCleanup(file.close)
        self.patch(sys, "stdout", file)
        output = StandardOutput.ofProcess()
        self.patch(sys, "stdout", None)
        output.stream.write(b"a\n")
        self.assertEqual(os.pread(file.fileno(), 10, 0), b"a\n")
        self.assertFalse(output.terminal)

    def test_terminal(self) -> None:
        """
        A standard output that is a terminal is known as a terminal.
        """
        master, terminal = os.openpty()
        self.addCleanup(os.close, master)
        file = open(terminal, "w")  # noqa: SIM115
        self.addCleanup(file.close)
        self.patch(sys, "stdout", file)
        self.assertTrue(StandardOutput.ofProcess().terminal)

    def test_replaced(self) -> None:
        """
        A standard output that is no file is used too.
        """
        stream = io.TextIOWrapper(io.BytesIO())
        self.patch(sys, "stdout", stream)
        output = StandardOutput.ofProcess()
        self.assertIs(output.stream, stream.buffer)
        self.assertFalse(output.terminal)


@implementer(IBlockingWriter)
class Writer:
    """
    A writer that is in no module of logrecv, and that blocks.
    """

    def __init__(self) -> None:
        self.data: list[bytes] = []

    def open(self) -> None:
        pass

    def write(self, data: bytes) -> None:
        self.data.append(data)

    def housekeeping(self) -> None:
        pass

    def reopen(self) -> None:
        pass

    def close(self) -> None:
        pass


@implementer(IOutputParser)
class WriterParser:
    """
    A kind of output in a few lines: C{writer[:color=…]}.
    """

    kind = "writer"

    def parse(self, description: Description, context: IOutputContext) -> IRecordSink:
        color = description.takeKeyword("color", str, "")
        self.writer = Writer()

        def encode(batch: Sequence[Record]) -> bytes:
            return "".join(f"{color}{each.message}\n" for each in batch).encode()

        return context.makeQueuedSink(
            description, encode, self.writer, keywords=["color"]
        )


class MakeQueuedSinkTests(TestCase):
    """
    L{OutputContext.makeQueuedSink}, from a kind of output of somebody else's.
    """

    def setUp(self) -> None:
        self.parser = WriterParser()
        self.factory = OutputFactory(reactor, getParsers=lambda: [self.parser])

    def test_interface(self) -> None:
        """
        The context provides L{IOutputContext}.
        """
        context = OutputContext(reactor, OutputTally("1-x"), StandardOutput.ofProcess())
        verifyObject(IOutputContext, context)
        verifyObject(IStandardOutput, context.standardOutput)

    @inlineCallbacks
    def test_blockingWriter(self) -> object:
        """
        Records go through a queue to a writer in a thread.
        """
        sink = self.factory.make("writer:color=red :level=INFO:queue=1M:full=pause")
        sink.start()
        sink.deliver([makeRecord("a"), makeRecord("b", levelno=10)])
        yield sink.flush()
        yield sink.stop()
        self.assertEqual(self.parser.writer.data, [b"red a\n"])
        [tally] = self.factory.tallies
        self.assertEqual((tally.delivered, tally.filtered, tally.queued), (1, 1, 0))
        [queued] = self.factory.sinks
        assert isinstance(queued, QueuedSink)
        self.assertEqual(queued.capacity, Capacity(1 << 20, True))

    def test_refused(self) -> None:
        """
        A keyword that nobody knows is refused, and those of the kind are named.
        """
        error = self.assertRaises(DescriptionError, self.factory.make, "writer:x=1")
        self.assertEqual(
            str(error),
            "x= is not a keyword of writer; it takes color=, full=, level=, logger=, "
            "queue=, spool=, spool-limit=",
        )

    def test_storage(self) -> None:
        """
        A spool is told the name of the format, which is C{text} unless it is JSON
        or the kind says so.
        """
        directory = self.mktemp()
        self.factory.make(f"writer:spool={directory}")
        [queued] = self.factory.sinks
        assert isinstance(queued, QueuedSink)
        assert isinstance(queued.store, Spool)
        self.assertEqual(queued.store.form, "text")


class QueueKeywordsTests(SynchronousTestCase):
    """
    The keywords C{spool=} and C{spool-limit=}.
    """

    def setUp(self) -> None:
        self.context = OutputContext(
            MemoryReactorClock(),
            OutputTally("1-file"),
            StandardOutput(open(os.devnull, "wb"), False),  # noqa: SIM115
        )
        self.addCleanup(self.context.standardOutput.stream.close)

    def take(self, text: str) -> Any:
        return queueFromKeywords(Description.fromText(text), self.context, "drop")

    def test_none(self) -> None:
        """
        Without a spool records are in memory.
        """
        capacity, store = self.take("x:full=pause")
        self.assertEqual(capacity, Capacity(DEFAULT_LIMIT, True))
        self.assertIsInstance(store, MemoryStore)

    def test_given(self) -> None:
        """
        With one, its limit is 1 GiB or what is given; nothing is made before
        the service starts.
        """
        directory = self.mktemp()
        capacity, store = self.take(f"x:spool={directory}:queue=1M")
        self.assertEqual(capacity, Capacity(SPOOL_LIMIT, False, 1 << 20))
        self.assertEqual(store.directory, os.path.abspath(directory))
        self.assertFalse(os.path.exists(directory))
        capacity, _ = self.take(f"x:spool={directory}2:spool-limit=5M")
        self.assertEqual(capacity.limit, 5 << 20)

    def test_refused(self) -> None:
        """
        A spool, or a limit of a spool, that cannot be used is refused in one line.
        """
        taken = self.mktemp()
        self.take(f"x:spool={taken}")
        file = self.mktemp()
        Path(file).touch()
        for text, message in [
            ("x:spool-limit=5M", "spool-limit= is for a spool; give spool=DIR too"),
            ("x:spool=a:spool-limit=x", "spool-limit=x: a size is"),
            (f"x:spool={file}", "it is not a directory"),
            (f"x:spool={file}2/y", "there is no directory"),
            (f"x:spool=./{taken}", "another output has its spool in"),
        ]:
            error = self.assertRaises(DescriptionError, self.take, text)
            self.assertIn(message, str(error))
            self.assertNotIn("\n", str(error))
