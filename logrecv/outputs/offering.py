"""
Batches whose senders keep them until they are acknowledged.
"""

from __future__ import annotations

from collections.abc import Sequence

from logrecv.interfaces import IRecordSink, IRefusingSink, Offer
from logrecv.record import Record


def doNothing() -> None:
    """
    Cancel an offer for which nothing was done.
    """


def offer(sink: IRecordSink, batch: Sequence[Record]) -> Offer:
    """
    Offer a batch to a sink.  A sink that does not provide L{IRefusingSink} takes the
    batch::

        >>> from logrecv.outputs.offering import offer
        >>> from logrecv.testing import MemorySink, makeRecord
        >>> sink = MemorySink()
        >>> offered = offer(sink, [makeRecord("hello")])
        >>> len(sink.records)
        0
        >>> offered.take()
        >>> len(sink.records)
        1

    @raise BatchRefused: The sink cannot keep the batch safe now.
    """
    if IRefusingSink.providedBy(sink):
        offered: Offer = sink.offer(batch)
        return offered
    return Offer(lambda: sink.deliver(batch), doNothing)
