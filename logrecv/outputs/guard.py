"""
The guard around every sink: a sink that raises costs its own records, and
nothing of anybody else's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from attrs import define, field
from twisted.internet.defer import CancelledError, Deferred, maybeDeferred
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from logrecv.counters import OutputTally
from logrecv.interfaces import BatchRefused, IRecordSink, IRefusingSink, Offer
from logrecv.outputs.offering import doNothing, offer
from logrecv.reasons import FAILED
from logrecv.record import Record


class IReliableSink(IRecordSink):
    """
    A sink that keeps every promise of L{IRecordSink}, whatever the sinks behind
    it do: it needs no guard.
    """


@implementer(IReliableSink, IRefusingSink)
@define(eq=False)
class GuardedSink:
    """
    Stands before a sink that may raise.

    Where the sink raises, or a L{Deferred} of the sink fails, the records that
    the sink has not counted in its tally are counted there as dropped, for the
    reason L{FAILED}.  The first failure is logged.  A sink that raises at the start
    fails the start.

    L{guard} makes guards, and makes none where there is one.

    @ivar sink: The sink.
    @ivar tally: The tally of the sink.
    """

    _log: ClassVar[Logger] = Logger()

    sink: IRecordSink
    tally: OutputTally
    _hasFailed: bool = field(default=False, init=False)
    #: Records that C{deliver} was called with.
    _taken: int = field(default=0, init=False)

    def start(self) -> None:
        self.sink.start()

    def deliver(self, batch: Sequence[Record]) -> Deferred[None] | None:
        count = len(batch)
        self._taken += count
        return self._watch(lambda: self.sink.deliver(batch), count)

    def offer(self, batch: Sequence[Record]) -> Offer:
        count = len(batch)
        try:
            offered = offer(self.sink, batch)
        except BatchRefused as refused:
            refused.ready.addErrback(self._report)
            raise
        except Exception:
            failure = Failure()

            def fail() -> None:
                self._taken += count
                self._fail(failure, count)

            return Offer(fail, doNothing)

        def take() -> Deferred[None] | None:
            self._taken += count
            return self._watch(offered.take, count)

        def cancel() -> None:
            try:
                offered.cancel()
            except Exception:
                self._report(Failure())

        return Offer(take, cancel)

    def _watch(
        self, give: Callable[[], Deferred[None] | None], count: int
    ) -> Deferred[None] | None:
        """
        Give records to the sink, and count them if the sink fails.
        """
        try:
            ready = give()
            if ready is not None:
                ready.addErrback(self._fail, min(count, self._uncounted()))
        except Exception:
            self._fail(Failure(), count)
            return None
        return ready

    def flush(self) -> Deferred[None]:
        return maybeDeferred(self.sink.flush).addErrback(self._report)

    def stop(self) -> Deferred[None]:
        return maybeDeferred(self.sink.stop).addErrback(self._report)

    def _uncounted(self) -> int:
        """
        Return the number of records that the sink has taken and not counted: 0 for
        a sink that counts as it should.
        """
        tally = self.tally
        counted = tally.delivered + tally.queued + tally.filtered - tally.restored
        if tally.dropped:
            counted += sum(tally.dropped.values())
        return self._taken - counted

    def _fail(self, failure: Failure, count: int) -> None:
        """
        @param count: The records that the sink may have lost.  Some of them may
            have been counted.
        """
        self.tally.drop(FAILED, max(min(count, self._uncounted()), 0))
        self._report(failure)

    def _report(self, failure: Failure) -> None:
        # A stop whose time is over cancels the sink, which has not failed then.
        if not self._hasFailed and not failure.check(CancelledError):
            self._hasFailed = True
            self._log.failure(
                "{output}: the output failed; records that it loses are counted as "
                "dropped from now on",
                failure,
                output=self.tally.output,
            )


def guard(sink: IRecordSink, tally: OutputTally | None = None) -> IRecordSink:
    """
    Put a guard around a sink, unless the sink needs none::

        >>> from logrecv.outputs.guard import guard
        >>> from logrecv.testing import FailingSink, makeRecord
        >>> sink = guard(FailingSink())
        >>> sink.deliver([makeRecord("a"), makeRecord("b")])
        >>> sink.tally.dropped
        {'failed': 2}

    @param tally: The tally of the sink.  If it is left out, the attribute
        C{tally} of the sink, or else a new tally.
    """
    if IReliableSink.providedBy(sink):
        return sink
    if tally is None:
        tally = getattr(sink, "tally", None) or OutputTally(type(sink).__name__)
    return GuardedSink(sink, tally)
