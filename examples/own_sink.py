"""
A sink that counts the records of each logger, as a kind of output.

A kind of output is an object that provides IOutputParser, in a module of the package
twisted.plugins.  Copy this file to twisted/plugins/count_output.py somewhere on the
Python path.  Then

    logrecv --output count:every=100

prints how many records each logger has sent, after every 100 records and at the end.
"""

from collections import Counter
from collections.abc import Sequence

from attrs import define, field
from twisted.internet.defer import Deferred, succeed
from twisted.plugin import IPlugin
from zope.interface import implementer

from logrecv.compose import Description, OutputTally
from logrecv.interfaces import IOutputContext, IOutputParser, IRecordSink
from logrecv.record import Record


@implementer(IRecordSink)
@define(eq=False)
class CountingSink:
    """
    Counts the records of each logger, and prints the counts.

    @ivar tally: The counters of the output, which the sink keeps up to date.
    @ivar every: The number of records after which the counts are printed.
    """

    tally: OutputTally
    every: int
    _counts: Counter[str] = field(factory=Counter, init=False)

    def start(self) -> None:
        """
        Open nothing.
        """

    def deliver(self, batch: Sequence[Record]) -> Deferred[None] | None:
        """
        Count records, without blocking and without raising an error.
        """
        for record in batch:
            self._counts[record.name or "(no name)"] += 1
            if self._counts.total() % self.every == 0:
                self._print()
        self.tally.delivered += len(batch)
        return None

    def flush(self) -> Deferred[None]:
        """
        Write nothing, since the sink holds no records.
        """
        return succeed(None)

    def stop(self) -> Deferred[None]:
        """
        Print the counts for the last time.
        """
        self._print()
        return succeed(None)

    def _print(self) -> None:
        print(dict(self._counts), flush=True)


def positive(text: str) -> int:
    """
    Parse a number from 1 on.

    @raise ValueError: The text is no such number.  The user reads this message.
    """
    if not text.isdigit() or int(text) == 0:
        raise ValueError("must be a number from 1 on")
    return int(text)


@implementer(IPlugin, IOutputParser)
class CountParser:
    """
    Makes a sink of C{count[:every=N]}.
    """

    kind = "count"

    def parse(self, description: Description, context: IOutputContext) -> IRecordSink:
        """
        Take the keyword that this kind knows, and make a sink.
        """
        every = description.takeKeyword("every", positive, 1000)
        return CountingSink(context.tally, every)


count = CountParser()
