"""
The fan-out: a sink that gives every record to several sinks.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from attrs import field, frozen
from twisted.internet.defer import Deferred, gatherResults
from zope.interface import implementer

from logrecv.batch import Batch
from logrecv.interfaces import IRecordSink
from logrecv.outputs.guard import IReliableSink, guard
from logrecv.record import Record


def _guardAll(sinks: Iterable[IRecordSink]) -> Sequence[IRecordSink]:
    return [guard(sink) for sink in sinks]


@implementer(IReliableSink)
@frozen(eq=False)
class FanOut:
    """
    Gives every batch to each of several sinks::

        >>> from logrecv.outputs.fanout import FanOut
        >>> from logrecv.testing import MemorySink, makeRecord
        >>> first, second = MemorySink(), MemorySink()
        >>> FanOut([first, second]).deliver([makeRecord("hello")])
        >>> [record.message for record in first.records + second.records]
        ['hello', 'hello']

    A fan-out is under back-pressure while any of its sinks is.  It puts a guard
    around each sink, so that a sink that raises costs the others nothing.

    @ivar sinks: The sinks, each with its guard.
    """

    sinks: Sequence[IRecordSink] = field(converter=_guardAll)

    def start(self) -> None:
        for sink in self.sinks:
            sink.start()

    def deliver(self, batch: Sequence[Record]) -> Deferred[None] | None:
        shared = Batch.of(batch)
        readies = []
        for sink in self.sinks:
            ready = sink.deliver(shared)
            if ready is not None:
                readies.append(ready)
        return _whenAll(readies) if readies else None

    def flush(self) -> Deferred[None]:
        return _whenAll([sink.flush() for sink in self.sinks])

    def stop(self) -> Deferred[None]:
        return _whenAll([sink.stop() for sink in self.sinks])


def _whenAll(deferreds: Sequence[Deferred[None]]) -> Deferred[None]:
    """
    Wait for all of some Deferreds, none of which fails.
    """
    return gatherResults(deferreds).addCallback(lambda results: None)
