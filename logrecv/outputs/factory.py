"""
Outputs from descriptions: the kind's plugin makes the sink, and what every kind
takes is put around it.
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
from logrecv.outputs.encoding import Encoders
from logrecv.outputs.filter import FilteredSink, loggerGlob, minimumLevel
from logrecv.outputs.keywords import COMMON_KEYWORDS
from logrecv.quarantine.service import NullQuarantine


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
