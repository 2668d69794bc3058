"""
Outputs from descriptions: the kind's plugin makes the sink, and what every kind
takes is put around it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any, BinaryIO, Final

from attrs import define, field, frozen
from twisted.plugin import IPlugin, getPlugins
from twisted.python.reflect import namedAny
from zope.interface import implementer

from logrecv.counters import OutputTally
from logrecv.dedup import SeenBatches
from logrecv.descriptions import Description, DescriptionError, mapped
from logrecv.formats import Format
from logrecv.formats.text import makeText
from logrecv.group import WorkerGroup
from logrecv.interfaces import IOutputParser, IQuarantine, IRecordSink
from logrecv.outputs.encoding import Encoders
from logrecv.outputs.filter import FilteredSink, loggerGlob, minimumLevel
from logrecv.quarantine.null import NullQuarantine

#: The keywords that every kind of output takes.
COMMON_KEYWORDS: Final = ("level", "logger")


def takeFormat(
    description: Description, formats: Mapping[str, Format], default: str
) -> Format:
    """
    Take the keywords C{format=} and C{text=}; the latter is a template for the
    format C{text} and chooses it.

    @param formats: The formats to choose from, C{text} among them.
    @param default: The name of the one that is used where none is chosen.
    @raise DescriptionError: One of them cannot be used, or both not together.
    """
    chosen = description.takeKeyword("format", mapped(formats), None)
    template = description.takeKeyword("text", makeText, None)
    if template is None:
        return chosen or formats[default]
    if chosen not in (None, formats["text"]):
        raise DescriptionError("text= is a template for format=text only")
    return template


@frozen(eq=False)
class StandardOutput:
    """
    The standard output of the process, taken before a runner replaces it.

    @ivar stream: The unbuffered binary stream.
    @ivar terminal: Whether a person is looking.
    """

    stream: BinaryIO
    terminal: bool

    @classmethod
    def ofProcess(cls) -> StandardOutput:
        """
        Take the standard output of this process, as it is now.
        """
        stream = sys.stdout
        try:
            descriptor = stream.fileno()
        except (AttributeError, OSError, ValueError):
            # A process that was started without one has None.
            buffer = getattr(stream, "buffer", None)
            return cls(buffer or open(os.devnull, "wb", buffering=0), False)
        return cls(open(descriptor, "wb", buffering=0, closefd=False), stream.isatty())


@frozen(eq=False)
class OutputContext:
    """
    What a sink may use of the process that it is in.

    @ivar reactor: The reactor.
    @ivar tally: Where the sink counts what becomes of its records: each record
        that L{IRecordSink.deliver} took is delivered, queued or dropped.
    @ivar standardOutput: Standard output.
    @ivar paths: The files that other outputs of the process write to; a sink
        adds its own.
    @ivar quarantine: Keeps records that can never be delivered.
    @ivar batches: Remembers the batches that were taken.
    @ivar group: What the process shares with others: a sink that writes where
        theirs do needs a lock of it.
    @ivar spools: The directories that were named for spools; a sink adds its own.
    @ivar encoders: What makes bytes of batches for sinks that write the same.
    """

    reactor: Any
    tally: OutputTally
    standardOutput: StandardOutput
    paths: set[str] = field(factory=set)
    quarantine: IQuarantine = field(factory=NullQuarantine)
    batches: SeenBatches = field(factory=SeenBatches)
    group: WorkerGroup = field(factory=WorkerGroup)
    spools: list[str] = field(factory=list)
    encoders: Encoders = field(factory=Encoders)


@implementer(IPlugin, IOutputParser)
@frozen(eq=False)
class LazyOutputParser:
    """
    A kind of output whose code is imported only where it is used, so that the
    plugin file costs other programs nothing.

    @ivar kind: The kind.
    @ivar function: The full name of a function that takes what
        L{IOutputParser.parse} takes and returns what it returns.
    """

    kind: str
    function: str

    def parse(self, description: Description, context: OutputContext) -> Any:
        """
        See L{IOutputParser.parse}.
        """
        return namedAny(self.function)(description, context)


@define(eq=False)
class OutputFactory:
    """
    Makes outputs of descriptions, numbering them in the order in which they
    are made.

    @ivar reactor: The reactor that the outputs will use.
    @ivar standardOutput: The standard output that they will use.
    @ivar quarantine: The quarantine that they will use.
    @ivar batches: What they will use to tell what comes again.
    @ivar group: What they will share with those of other processes.
    @ivar tallies: The tally of each output made so far.
    @ivar sinks: The sink of each output made so far, without what every kind
        has around it; those that provide L{logrecv.interfaces.IReopenable} want
        to hear of SIGHUP.
    @ivar spools: The directories that were named for their spools.
    """

    reactor: Any
    standardOutput: StandardOutput = field(factory=StandardOutput.ofProcess)
    getParsers: Callable[[], Iterable[Any]] = lambda: getPlugins(IOutputParser)
    quarantine: IQuarantine = field(factory=NullQuarantine)
    batches: SeenBatches = field(factory=SeenBatches)
    group: WorkerGroup = field(factory=WorkerGroup)
    tallies: list[OutputTally] = field(factory=list, init=False)
    sinks: list[IRecordSink] = field(factory=list, init=False)
    spools: list[str] = field(factory=list, init=False)
    _paths: set[str] = field(factory=set, init=False)
    _encoders: Encoders = field(factory=Encoders, init=False)

    def make(self, text: str) -> IRecordSink:
        """
        Make an output.

        @param text: Its description.
        @return: Its sink, not started.
        @raise DescriptionError: The description cannot be used.
        """
        description = Description.fromText(text)
        parsers = {parser.kind: parser for parser in self.getParsers()}
        parser = parsers.get(description.kind)
        if parser is None:
            raise DescriptionError(
                f"{description.kind!r} is not a kind of output; "
                f"there is {', '.join(sorted(parsers))}"
            )
        level = description.takeKeyword("level", minimumLevel, None)
        logger = description.takeKeyword("logger", loggerGlob, None)
        tally = OutputTally(f"{len(self.tallies) + 1}-{description.kind}")
        context = OutputContext(
            self.reactor,
            tally,
            self.standardOutput,
            self._paths,
            self.quarantine,
            self.batches,
            self.group,
            self.spools,
            self._encoders,
        )
        sink: IRecordSink = parser.parse(description, context)
        description.finish(COMMON_KEYWORDS)
        self.tallies.append(tally)
        self.sinks.append(sink)
        conditions = [condition for condition in (level, logger) if condition]
        return FilteredSink(sink, tally, conditions) if conditions else sink
