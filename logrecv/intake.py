"""
The one place where a payload becomes a record: decode, stamp, count, hand on.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Final, NamedTuple, TypeVar

from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from logrecv.batch import Batch
from logrecv.counters import InputTally, makeTallies
from logrecv.dedup import SeenBatches
from logrecv.interfaces import BatchRefused, IQuarantine, IRecordSink, Offer
from logrecv.outputs.guard import guard
from logrecv.outputs.offering import offer
from logrecv.quarantine.null import NullQuarantine
from logrecv.reasons import PRESSURE
from logrecv.record import Origin
from logrecv.rejections import Rejections, hostIn
from logrecv.wire.errors import WireError
from logrecv.wire.forms.fast import readForm
from logrecv.wire.jsonlines import decode as lines
from logrecv.wire.pickled.fast import PayloadReader
from logrecv.wire.timestamps import isoTime

#: The answer to a sender over HTTP when there is no room.
_BEHIND: Final = "an output is behind; send again later"

_T = TypeVar("_T")


def _tallies() -> dict[str, InputTally]:
    return {tally.via: tally for tally in makeTallies()}


class _Offered(NamedTuple):
    """
    Records that the sink can keep.
    """

    offer: Offer
    size: int
    tally: InputTally


class Backpressure(Exception):
    """
    An output has no room for records that came over HTTP.  The client can be told to
    send them again.
    """


@define(eq=False)
class Intake:
    """
    Makes records of the payloads that inputs bring, and hands the records on to a
    sink:

    >>> intake = Intake(sink, reactor)
    >>> intake.framesReceived([makePickle(msg="order %d", args=(17,))], "here")
    >>> [record.message for record in sink.records]
    ['order 17']
    >>> intake.tallies["tcp"].accepted
    1

    The inputs C{RecordFactory}, C{RecordDatagramProtocol} and C{RecordResource} call
    the intake that they are given.  Each method that takes payloads returns L{None},
    or the C{Deferred} of back-pressure that L{IRecordSink.deliver} returned: it fires
    when the sink is ready for more.

    @ivar sink: Takes the records, with a guard around it.
    @ivar clock: Tells the time of reception.
    @ivar tallies: Count payloads and records, by C{via}.
    @ivar quarantine: Keeps the payloads of which no record can be made.
    @ivar batches: Remembers the batches that were taken.
    @ivar rejections: Says in the log who is rejected.
    """

    sink: IRecordSink = field(converter=guard)
    clock: IReactorTime
    tallies: dict[str, InputTally] = field(factory=_tallies)
    quarantine: IQuarantine = field(factory=NullQuarantine)
    batches: SeenBatches = field(factory=SeenBatches)
    rejections: Rejections = field()
    _blockedOutputs: int = field(default=0, init=False)

    @rejections.default
    def _ownRejections(self) -> Rejections:
        return Rejections(self.clock)

    def framesReceived(
        self, payloads: Sequence[bytes], peer: str
    ) -> Deferred[None] | None:
        """
        Take the payloads of C{SocketHandler}.  A payload of which no record can be
        made is counted and costs the other payloads nothing.

        @param payloads: The payloads of one read, without the lengths before them.
        @param peer: The name of the sender.
        @return: See the class.  The caller stops reading until a C{Deferred} fires.
        """
        tally = self.tallies["tcp"]
        records = self._readPickles(payloads, tally, peer)
        if not records:
            return None
        tally.accept(len(records))
        return self._untilReady(self.sink.deliver(records))

    def datagramsReceived(
        self, payloads: Sequence[bytes], peer: str
    ) -> Deferred[None] | None:
        """
        Take the payloads of C{DatagramHandler}.  A sender of datagrams cannot be made
        to wait: where there is no room, its payloads are counted as rejected.

        @param payloads: The payloads of one read, without the lengths before them.
        @param peer: The name of the sender.
        @return: See the class.
        """
        if self._blockedOutputs:
            self.reject("udp", PRESSURE, len(payloads), hostIn(peer), payloads[0])
            return None
        tally = self.tallies["udp"]
        try:
            records = self._readPickles(payloads, tally, peer)
            return self._take(self._offer(records, tally, peer))
        except Backpressure:
            return None

    def formReceived(self, body: bytes, peer: str) -> Deferred[None] | None:
        """
        Take a form of C{HTTPHandler}: a query string or the body of a POST.

        @param peer: The name of the sender.
        @return: See the class.
        @raise WireError: No record can be made of the form.  The form has been
            counted.
        @raise Backpressure: There is no room for the record.  The form has been
            counted.
        """
        tally = self.tallies["http"]
        self._checkRoom(tally, peer)
        origin = self._origin("http", peer)
        try:
            records = Batch([readForm(body, origin)])
        except WireError as error:
            self.reject("http", error.reason, 1, hostIn(peer), body)
            self.quarantine.keep(body, error.reason, origin)
            raise
        return self._take(self._offer(records, tally, peer))

    def jsonReceived(
        self, body: bytes, peer: str, batch: str | None = None
    ) -> Deferred[None] | None:
        """
        Take an object, an array or lines of JSON: all the records in the body, or
        none if one of the records cannot be taken.

        @param peer: The name of the sender.
        @param batch: The sender's name for this batch.  A batch that was taken before
            under the same name is not taken again.
        @return: See the class.
        @raise WireError: A record cannot be taken.  All the records have been
            counted.
        @raise Backpressure: There is no room for the records.  The body has been
            counted.
        """
        steps = self.jsonSteps(body, peer, batch)
        while True:
            try:
                next(steps)
            except StopIteration as end:
                ready: Deferred[None] | None = end.value
                return ready

    def jsonSteps(
        self, body: bytes, peer: str, batch: str | None = None
    ) -> Generator[None, None, Deferred[None] | None]:
        """
        Take JSON as L{jsonReceived} does, in steps: other clients can be served
        between two steps.  The last step takes all the records.

        @return: A generator of the steps, which returns and raises the same as
            L{jsonReceived}.
        """
        tally = self.tallies["json"]
        if self._blockedOutputs:
            # Without the work of a body for which there is no room.
            return self._takeBatch(Batch(), tally, peer, batch)
        origin = self._origin("json", peer)
        records = Batch()
        try:
            for some in lines.makeInSteps(body, origin):
                records.extend(some)
                yield
        except WireError as error:
            self.reject("json", error.reason, error.count, hostIn(peer), body)
            # A sender of batches divides a batch that is rejected, and sends the
            # parts.
            if batch is None or b"\n" not in body.strip():
                self.quarantine.keep(body, error.reason, origin)
            raise
        return self._takeBatch(records, tally, peer, batch)

    def reject(
        self,
        via: str,
        reason: str,
        count: int = 1,
        host: str = "somewhere",
        sample: bytes = b"",
    ) -> None:
        """
        Count payloads that are rejected, and log who has sent them.

        @param via: The name of the input's tally.
        @param reason: One of the constants of L{logrecv.reasons}.
        @param count: The number of payloads.
        @param host: The host of the sender, for the log.
        @param sample: The first bytes, for a guess in the log.
        """
        self.tallies[via].reject(reason, count)
        self.rejections.rejected(via, reason, host, sample, count)

    def _readPickles(
        self, payloads: Sequence[bytes], tally: InputTally, peer: str
    ) -> Batch:
        origin = self._origin(tally.via, peer)
        records = Batch()
        reader = PayloadReader(origin)
        read = reader.read
        #: The first payload and the number of payloads for each reason.
        rejected: dict[str, tuple[bytes, int]] = {}
        for payload in payloads:
            try:
                records.append(read(payload))
            except WireError as error:
                first, count = rejected.get(error.reason, (payload, 0))
                rejected[error.reason] = first, count + 1
                self.quarantine.keep(payload, error.reason, origin)
        for reason, (first, count) in rejected.items():
            self.reject(tally.via, reason, count, hostIn(peer), first)
        records.payloads = None if reader.others else payloads
        return records

    def _takeBatch(
        self, records: Batch, tally: InputTally, peer: str, batch: str | None
    ) -> Deferred[None] | None:
        """
        Hand on all the records of a body, unless they were taken before.
        """
        if batch is None:
            self._checkRoom(tally, peer)
            return self._take(self._offer(records, tally, peer))
        with self.batches.lock:
            if self.batches.isDuplicate(batch):
                return None
            self._checkRoom(tally, peer)
            with self.batches.recording(batch):
                offered = self._offer(records, tally, peer)
            # Not before: no thread may write a record whose batch is not recorded.
            return self._take(offered)

    def _checkRoom(self, tally: InputTally, peer: str) -> None:
        """
        @raise Backpressure: There is no room.  The payload has been counted.
        """
        if self._blockedOutputs:
            self.reject(tally.via, PRESSURE, 1, hostIn(peer))
            raise Backpressure(_BEHIND)

    def _origin(self, via: str, peer: str) -> Origin:
        now = isoTime(self.clock.seconds())
        assert now is not None, "the clock tells a year with more than four digits"
        return Origin(now, via, peer)

    def _offer(self, records: Batch, tally: InputTally, peer: str) -> _Offered | None:
        """
        Offer records to the sink, where the sender can be told, or need not be told,
        that there is no room for them.

        @return: The records, to be taken; C{None} if there are none.
        @raise Backpressure: An output has no room for the records.  They have been
            counted as rejected, and no output has them.
        """
        if not records:
            return None
        try:
            offered = offer(self.sink, records)
        except BatchRefused as refused:
            self.reject(tally.via, PRESSURE, len(records), hostIn(peer))
            self._untilReady(refused.ready)
            raise Backpressure(_BEHIND) from None
        return _Offered(offered, len(records), tally)

    def _take(self, offered: _Offered | None) -> Deferred[None] | None:
        if offered is None:
            return None
        offered.tally.accept(offered.size)
        return self._untilReady(offered.offer.take())

    def _untilReady(self, ready: Deferred[None] | None) -> Deferred[None] | None:
        """
        Be under back-pressure until a C{Deferred} fires.
        """
        if ready is not None:
            self._blockedOutputs += 1
            ready.addBoth(self._unblocked)
        return ready

    def _unblocked(self, result: _T) -> _T:
        self._blockedOutputs -= 1
        return result
