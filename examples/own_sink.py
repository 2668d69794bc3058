"""
A sink of one's own: it counts the records of each logger.

This file is also a kind of output.  What makes it one is an object that provides
C{IOutputParser} in a module of the package C{twisted.plugins}; with a copy of
this file as C{twisted/plugins/count_output.py} somewhere on the Python path,

    logrecv --output count:every=100

prints how many records each logger has sent, after every 100 of them and at the
end.
"""

from collections import Counter
from collections.abc import Sequence

from attrs import define, field
from twisted.internet.defer import Deferred, succeed
from twisted.plugin import IPlugin
from zope.interface import implementer

from logrecv.compose import Description, OutputContext, OutputTally
from logrecv.interfaces import IOutputParser, IRecordSink
from logrecv.record import Record


@implementer(IRecordSink)
@define(eq=False)
class CountingSink:
    """
    Counts records and prints the counts.

    @ivar tally: Where the service counts what became of the records.
    @ivar every: After how many records the counts are printed.
    """

    tally: OutputTally
    every: int
    _counts: Counter[str] = field(factory=Counter, init=False)

    def start(self) -> None:
        """
        See L{IRecordSink.start}.  Nothing is to be opened.
        """

    def deliver(self, batch: Sequence[Record]) -> Deferred[None] | None:
        """
        See L{IRecordSink.deliver}.  Neither blocks nor raises.
        """
        for record in batch:
            self._counts[record.name or "(no name)"] += 1
            if self._counts.total() % self.every == 0:
                self._print()
        self.tally.delivered += len(batch)
        return None

    def flush(self) -> Deferred[None]:
        """
        See L{IRecordSink.flush}.  Nothing is held back.
        """
        return succeed(None)

    def stop(self) -> Deferred[None]:
        """
        See L{IRecordSink.stop}.
        """
        self._print()
        return succeed(None)

    def _print(self) -> None:
        print(dict(self._counts), flush=True)


def positive(text: str) -> int:
    """
    Convert a number for a description.

    @raise ValueError: It is none; the user reads what this says.
    """
    if not text.isdigit() or int(text) == 0:
        raise ValueError("must be a number from 1 on")
    return int(text)


@implementer(IPlugin, IOutputParser)
class CountParser:
    """
    Makes the sink of C{count[:every=N]}.
    """

    kind = "count"

    def parse(self, description: Description, context: OutputContext) -> IRecordSink:
        """
        See L{IOutputParser.parse}.
        """
        every = description.takeKeyword("every", positive, 1000)
        return CountingSink(context.tally, every)


count = CountParser()
