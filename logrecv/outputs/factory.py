"""
Outputs from descriptions: the plugin of the kind makes the sink, and the factory
puts the filter and the guard of every kind around it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from attrs import define, field
from twisted.plugin import getPlugins

from logrecv.counters import OutputTally
from logrecv.dedup import SeenBatches
from logrecv.descriptions import Description, DescriptionError
from logrecv.group import WorkerGroup
from logrecv.interfaces import IOutputParser, IQuarantine, IRecordSink
from logrecv.outputs.context import OutputContext, StandardOutput
from logrecv.outputs.filter import FilteredSink, loggerGlob, minimumLevel
from logrecv.outputs.guard import guard
from logrecv.outputs.keywords import COMMON_KEYWORDS
from logrecv.quarantine.null import NullQuarantine


@define(eq=False)
class OutputFactory:
    """
    Makes outputs of descriptions, and numbers them in that order::

        >>> from twisted.internet import reactor
        >>> from logrecv.outputs.factory import OutputFactory
        >>> outputs = OutputFactory(reactor)
        >>> sink = outputs.make("file:/dev/null:level=WARNING")
        >>> [tally.output for tally in outputs.tallies]
        ['1-file']

    @ivar reactor: The reactor of the outputs.
    @ivar standardOutput: The standard output.
    @ivar getParsers: Finds the kinds of output: providers of L{IOutputParser}.
    @ivar quarantine: The quarantine of the outputs.
    @ivar batches: Remembers the names of batches that came over HTTP.
    @ivar group: The processes that serve together with this one.
    @ivar tallies: The tally of each output, in order.
    @ivar sinks: The sink of each output as the plugin made it, in order.  At
        SIGHUP, the sinks that provide L{logrecv.interfaces.IReopenable} are
        opened again.
    @ivar spools: The directories of C{spool=}.
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

    def make(self, text: str) -> IRecordSink:
        """
        Make an output.

        @param text: The description of the output.
        @return: The sink of the output, not started.
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
        )
        sink: IRecordSink = parser.parse(description, context)
        description.finish(COMMON_KEYWORDS)
        self.tallies.append(tally)
        self.sinks.append(sink)
        conditions = [condition for condition in (level, logger) if condition]
        if conditions:
            sink = FilteredSink(sink, tally, conditions)
        return guard(sink, tally)
