"""
The fan-out: a sink that gives every record to several others.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from attrs import frozen
from twisted.internet.defer import Deferred, DeferredList, maybeDeferred
from twisted.logger import Logger
from zope.interface import implementer

from logrecv.interfaces import IRecordSink
from logrecv.record import Record


@implementer(IRecordSink)
@frozen(eq=False)
class FanOut:
    """
    Gives every batch to each of several sinks.  It is under pressure while one
    of them is.  A sink that breaks its word and raises hurts only itself.

    @ivar sinks: The sinks.
    """

    _log: ClassVar[Logger] = Logger()

    sinks: Sequence[IRecordSink]

    def start(self) -> None:
        """
        See L{IRecordSink.start}.
        """
        for sink in self.sinks:
            sink.start()

    def deliver(self, batch: Sequence[Record]) -> Deferred[None] | None:
        """
        See L{IRecordSink.deliver}.
        """
        readies = []
        for sink in self.sinks:
            try:
                ready = sink.deliver(batch)
            except Exception:
                self._log.failure(
                    "{sink} lost {count} records", sink=sink, count=len(batch)
                )
                continue
            if ready is not None:
                readies.append(ready)
        return _whenAll(readies) if readies else None

    def flush(self) -> Deferred[None]:
        """
        See L{IRecordSink.flush}.
        """
        return _whenAll([maybeDeferred(sink.flush) for sink in self.sinks])

    def stop(self) -> Deferred[None]:
        """
        See L{IRecordSink.stop}.
        """
        return _whenAll([maybeDeferred(sink.stop) for sink in self.sinks])


def _whenAll(deferreds: Sequence[Deferred[None]]) -> Deferred[None]:
    """
    Wait for all, whether they fail or not.
    """
    every = DeferredList(deferreds, consumeErrors=True)
    return every.addCallback(lambda results: None)
