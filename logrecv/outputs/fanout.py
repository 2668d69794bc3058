"""
The fan-out: a sink that gives every record to several sinks.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from attrs import field, frozen
from twisted.internet.defer import Deferred, gatherResults
from zope.interface import implementer

from logrecv.batch import Batch
from logrecv.interfaces import BatchRefused, IRecordSink, IRefusingSink, Offer
from logrecv.outputs.guard import IReliableSink, guard
from logrecv.outputs.offering import offer
from logrecv.record import Record


def _guardAll(sinks: Iterable[IRecordSink]) -> Sequence[IRecordSink]:
    return [guard(sink) for sink in sinks]


@implementer(IReliableSink, IRefusingSink)
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

    A batch that is offered is refused if any sink refuses the batch.  Then no other
    sink has got it.

    @ivar sinks: The sinks, each with its guard.
    """

    sinks: Sequence[IRecordSink] = field(converter=_guardAll)

    def start(self) -> None:
        for sink in self.sinks:
            sink.start()

    def deliver(self, batch: Sequence[Record]) -> Deferred[None] | None:
        shared = Batch.of(batch)
        return _whenReady([sink.deliver(shared) for sink in self.sinks])

    def offer(self, batch: Sequence[Record]) -> Offer:
        shared = Batch.of(batch)
        offers: list[Offer] = []

        def take() -> Deferred[None] | None:
            return _whenReady([each.take() for each in offers])

        def cancel() -> None:
            for each in reversed(offers):
                each.cancel()

        try:
            for sink in self.sinks:
                offers.append(offer(sink, shared))
        except BatchRefused:
            cancel()
            raise
        return Offer(take, cancel)

    def flush(self) -> Deferred[None]:
        return _whenAll([sink.flush() for sink in self.sinks])

    def stop(self) -> Deferred[None]:
        return _whenAll([sink.stop() for sink in self.sinks])


def _whenReady(readies: Sequence[Deferred[None] | None]) -> Deferred[None] | None:
    """
    Wait for the sinks that are under back-pressure.

    @param readies: The results of L{IRecordSink.deliver}.
    """
    waiting = [ready for ready in readies if ready is not None]
    return _whenAll(waiting) if waiting else None


def _whenAll(deferreds: Sequence[Deferred[None]]) -> Deferred[None]:
    """
    Wait for all of some Deferreds, none of which fails.
    """
    return gatherResults(deferreds).addCallback(lambda results: None)
