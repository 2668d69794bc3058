"""
A sink of your own: it counts the records of each logger.

This file is also a kind of output, since it has an object that provides
C{IOutputParser}.  Copy the file to C{twisted/plugins/count_output.py} somewhere
on the Python path.  Then

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

from logrecv.counters import OutputTally
from logrecv.descriptions import Description
from logrecv.interfaces import IOutputContext, IOutputParser, IRecordSink
from logrecv.record import Record


@implementer(IRecordSink)
@define(eq=False)
class CountingSink:
    """
    Counts records and prints the counts.

    @ivar tally: Where the sink counts the records as delivered.
    @ivar every: The number of records after which the counts are printed.
    """

    tally: OutputTally
    every: int
    _counts: Counter[str] = field(factory=Counter, init=False)

    def start(self) -> None:
        """
        Do nothing: there is nothing to open.
        """

    def deliver(self, batch: Sequence[Record]) -> Deferred[None] | None:
        """
        Count the records of a batch.
        """
        for record in batch:
            self._counts[record.name or "(no name)"] += 1
            if self._counts.total() % self.every == 0:
                self._print()
        self.tally.delivered += len(batch)
        return None

    def flush(self) -> Deferred[None]:
        """
        Do nothing: the sink holds no records.
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
    Convert a number for a description.

    @raise ValueError: The text is no such number.  The user reads the message.
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

    def parse(self, description: Description, context: IOutputContext) -> IRecordSink:
        """
        Make a sink.
        """
        every = description.takeKeyword("every", positive, 1000)
        return CountingSink(context.tally, every)


count = CountParser()
