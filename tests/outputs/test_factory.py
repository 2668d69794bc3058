"""
Tests for L{logrecv.outputs.factory}.
"""

from __future__ import annotations

import io

from attrs import define
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer
from zope.interface.verify import verifyObject

from logrecv.descriptions import Description, DescriptionError
from logrecv.interfaces import IOutputParser, IRecordSink, IReopenable
from logrecv.outputs.context import OutputContext, StandardOutput
from logrecv.outputs.factory import OutputFactory
from logrecv.outputs.filter import FilteredSink
from logrecv.outputs.guard import GuardedSink
from logrecv.outputs.plugin import LazyOutputParser
from logrecv.outputs.queue.sink import QueuedSink
from logrecv.testing import MemorySink, makeRecord


@implementer(IOutputParser)
@define(eq=False)
class MemoryParser:
    """
    Makes memory sinks: C{memory:NAME}.
    """

    kind = "memory"
    context: OutputContext | None = None

    def parse(self, description: Description, context: OutputContext) -> IRecordSink:
        description.takePositional("NAME", str)
        self.context = context
        return MemorySink()


class FactoryTests(SynchronousTestCase):
    """
    L{OutputFactory}, with a kind of the test's own.
    """

    def setUp(self) -> None:
        self.parser = MemoryParser()
        self.clock = Clock()
        self.output = StandardOutput(io.BytesIO(), False)
        self.factory = OutputFactory(self.clock, self.output, lambda: [self.parser])

    def assertRefused(self, text: str, message: str) -> None:
        error = self.assertRaises(DescriptionError, self.factory.make, text)
        self.assertIn(message, str(error))
        self.assertNotIn("\n", str(error))
        self.assertEqual((self.factory.tallies, self.factory.sinks), ([], []))

    def test_make(self) -> None:
        """
        The parser of the kind makes the sink, and is told what it may use.
        """
        verifyObject(IOutputParser, self.parser)
        sink = self.factory.make("memory:a")
        assert isinstance(sink, GuardedSink)
        self.assertIsInstance(sink.sink, MemorySink)
        self.assertEqual(self.factory.sinks, [sink.sink])
        self.assertIs(sink.tally, self.factory.tallies[0])
        context = self.parser.context
        assert context is not None
        self.assertIs(context.reactor, self.clock)
        self.assertIs(context.tally, self.factory.tallies[0])
        self.assertIs(context.standardOutput, self.output)

    def test_tallies(self) -> None:
        """
        Outputs are labelled by position and kind.
        """
        self.factory.make("memory:a")
        self.factory.make("memory:b:level=INFO")
        labels = [tally.output for tally in self.factory.tallies]
        self.assertEqual(labels, ["1-memory", "2-memory"])

    def test_filters(self) -> None:
        """
        C{level=} and C{logger=} put a filter around the sink, which counts in
        the output's tally.
        """
        sink = self.factory.make("memory:a:level=WARNING:logger=app.*")
        verifyObject(IRecordSink, sink)
        assert isinstance(sink, GuardedSink)
        assert isinstance(sink.sink, FilteredSink)
        sink.deliver(
            [
                makeRecord("a", levelno=30, name="app.db"),
                makeRecord("b", levelno=20, name="app.db"),
                makeRecord("c", levelno=30, name="web"),
            ]
        )
        [inner] = self.factory.sinks
        assert isinstance(inner, MemorySink)
        self.assertEqual([record.message for record in inner.records], ["a"])
        self.assertEqual(self.factory.tallies[0].filtered, 2)

    def test_refused(self) -> None:
        """
        A description that cannot be used is refused in one line, and leaves nothing
        behind.
        """
        for text, message in [
            ("", "it begins with no kind"),
            (":a", "it begins with no kind"),
            ("level=INFO", "it begins with no kind"),
            ("syslog:a", "'syslog' is not a kind of output; there is memory"),
            ("memory", "NAME is missing; write memory:NAME"),
            ("memory::level=INFO", "NAME is missing"),
            ("memory:a:b", "'b' is one part too many"),
            (
                "memory:a:color=red",
                "color= is not a keyword of memory; it takes level=",
            ),
            ("memory:a:level=INFO:level=DEBUG", "level= is given twice"),
            ("memory:a:level=LOUD", "level=LOUD: a level is DEBUG, INFO"),
            ("memory:a:level=", "level=: a level is"),
            ("memory:a:logger=", "logger=: a pattern"),
            ("memory:a\\", "it ends in a lone backslash"),
        ]:
            self.assertRefused(text, message)


class StockKindsTests(SynchronousTestCase):
    """
    L{OutputFactory}, with the kinds that logrecv comes with.
    """

    def setUp(self) -> None:
        output = StandardOutput(io.BytesIO(), False)
        parsers = [
            LazyOutputParser(kind, f"logrecv.outputs.{kind}.parse{kind.title()}")
            for kind in ("stdout", "file", "forward")
        ]
        self.factory = OutputFactory(Clock(), output, lambda: parsers)

    def test_lazyParser(self) -> None:
        """
        A parser that names a function provides L{IOutputParser}.
        """
        for parser in self.factory.getParsers():
            verifyObject(IOutputParser, parser)

    def test_sinks(self) -> None:
        """
        The sinks are remembered without their filters, so that whoever hears
        of SIGHUP finds those that can be opened again.
        """
        self.factory.make(f"file:{self.mktemp()}:level=INFO")
        [sink] = self.factory.sinks
        self.assertIsInstance(sink, QueuedSink)
        self.assertTrue(IReopenable.providedBy(sink))

    def test_samePath(self) -> None:
        """
        Two outputs on one file are refused.
        """
        path = self.mktemp()
        self.factory.make(f"file:{path}")
        error = self.assertRaises(
            DescriptionError, self.factory.make, f"file:./{path}:level=ERROR"
        )
        self.assertIn("another output writes to", str(error))
        self.factory.make(f"file:{path}2")

    def test_commonKeywords(self) -> None:
        """
        The error for a keyword that is none names those of every kind too.
        """
        error = self.assertRaises(DescriptionError, self.factory.make, "stdout:x=1")
        self.assertIn("format=, full=, level=, logger=, queue=, spool=", str(error))
