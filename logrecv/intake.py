"""
The one place where a payload becomes a record: decode, stamp, count, hand on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias, TypeVar

from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from logrecv.batch import Batch
from logrecv.counters import InputTally, makeTallies
from logrecv.dedup import SeenBatches
from logrecv.interfaces import IQuarantine, IRecordSink
from logrecv.outputs.guard import guard
from logrecv.quarantine.null import NullQuarantine
from logrecv.reasons import PRESSURE
from logrecv.record import Origin, Record
from logrecv.wire.errors import WireError
from logrecv.wire.forms.fast import readForm
from logrecv.wire.jsonlines import decode as lines
from logrecv.wire.pickled.fast import PayloadReader
from logrecv.wire.timestamps import isoTime

_T = TypeVar("_T")

#: Makes the records of what was parsed, given their origin.
_Make: TypeAlias = Callable[[list[_T], Origin], list[Record]]


def _tallies() -> dict[str, InputTally]:
    return {tally.via: tally for tally in makeTallies()}


def _whole(body: bytes) -> list[bytes]:
    return [body]


def _readForms(bodies: list[bytes], origin: Origin) -> list[Record]:
    return [readForm(body, origin) for body in bodies]


class Backpressure(Exception):
    """
    An output has no room, and the input is one that can be told so or that
    cannot wait.
    """


@define(eq=False)
class Intake:
    """
    Takes payloads from the inputs and hands records on to a sink.

    @ivar sink: Where the records go, with a guard around it.
    @ivar clock: Tells the time of reception.
    @ivar tallies: What came in, by C{via}.
    @ivar quarantine: Keeps the payloads of which no record can be made.
    @ivar batches: Remembers what was taken.
    """

    sink: IRecordSink = field(converter=guard)
    clock: IReactorTime
    tallies: dict[str, InputTally] = field(factory=_tallies)
    quarantine: IQuarantine = field(factory=NullQuarantine)
    batches: SeenBatches = field(factory=SeenBatches)
    _blockedOutputs: int = field(default=0, init=False)

    def framesReceived(
        self, payloads: Sequence[bytes], peer: str
    ) -> Deferred[None] | None:
        """
        Take what C{SocketHandler} sent, without the length before it.  A
        payload of which no record can be made is counted and costs the others
        nothing.

        @param payloads: Those that one read brought.
        @param peer: Who sent them.
        @return: As L{IRecordSink.deliver}: who gets a L{Deferred} stops reading
            until it fires.
        """
        return self._takePickles(payloads, "tcp", peer)

    def datagramsReceived(
        self, payloads: Sequence[bytes], peer: str
    ) -> Deferred[None] | None:
        """
        Take what C{DatagramHandler} sent, without the length before it.  Who
        sends datagrams cannot be made to wait: where there is no room they are
        counted as rejected.

        @param payloads: Those that one read brought.
        @param peer: Who sent them.
        @return: As L{IRecordSink.deliver}.
        """
        if self._blockedOutputs:
            self.reject("udp", PRESSURE, len(payloads))
            return None
        return self._takePickles(payloads, "udp", peer)

    def formReceived(self, body: bytes, peer: str) -> Deferred[None] | None:
        """
        Take what C{HTTPHandler} sent: a query string or the body of a POST.

        @return: As L{IRecordSink.deliver}.
        @raise WireError: No record can be made of it.  It has been counted.
        @raise Backpressure: There is no room for it.  It has been counted.
        """
        return self._takeAll("http", peer, body, _whole, _readForms)

    def jsonReceived(
        self, body: bytes, peer: str, batch: str | None = None
    ) -> Deferred[None] | None:
        """
        Take an object, an array or lines of JSON: all of the records in it, or
        none if one of them cannot be taken.

        @param batch: What its sender calls it.  What was taken before under the
            same name is not taken again.
        @return: As L{IRecordSink.deliver}.
        @raise WireError: It cannot be taken.  It has been counted.
        @raise Backpressure: There is no room for it.  It has been counted.
        """

        # Who sends batches divides one that is rejected, and sends the parts.
        keep = batch is None or b"\n" not in body.strip()

        def take() -> Deferred[None] | None:
            return self._takeAll(
                "json", peer, body, lines.parseJSON, lines.makeRecords, keep
            )

        if batch is None:
            return take()
        with self.batches.lock:
            if self.batches.isDuplicate(batch):
                return None
            with self.batches.recording(batch):
                return take()

    def reject(self, via: str, reason: str, count: int = 1) -> None:
        """
        Count payloads that an input could not get whole.

        @param reason: One of the constants of L{logrecv.wire.errors}.
        """
        self.tallies[via].reject(reason, count)

    def _takePickles(
        self, payloads: Sequence[bytes], via: str, peer: str
    ) -> Deferred[None] | None:
        tally = self.tallies[via]
        origin = self._origin(via, peer)
        records = Batch()
        reader = PayloadReader(origin)
        read = reader.read
        for payload in payloads:
            try:
                records.append(read(payload))
            except WireError as error:
                tally.reject(error.reason)
                self.quarantine.keep(payload, error.reason, origin)
        records.payloads = None if reader.others else payloads
        return self._handOn(records, tally)

    def _takeAll(
        self,
        via: str,
        peer: str,
        body: bytes,
        parse: Callable[[bytes], list[_T]],
        make: _Make[_T],
        keep: bool = True,
    ) -> Deferred[None] | None:
        tally = self.tallies[via]
        if self._blockedOutputs:
            tally.reject(PRESSURE)
            raise Backpressure("an output is behind; send again later")
        origin = self._origin(via, peer)
        count = 1
        try:
            parsed = parse(body)
            count = len(parsed)
            records = Batch(make(parsed, origin))
        except WireError as error:
            tally.reject(error.reason, count)
            if keep:
                self.quarantine.keep(body, error.reason, origin)
            raise
        return self._handOn(records, tally)

    def _origin(self, via: str, peer: str) -> Origin:
        now = isoTime(self.clock.seconds())
        assert now is not None, "the clock tells a year with more than four digits"
        return Origin(now, via, peer)

    def _handOn(self, records: Batch, tally: InputTally) -> Deferred[None] | None:
        if not records:
            return None
        tally.accept(len(records))
        ready = self.sink.deliver(records)
        if ready is not None:
            self._blockedOutputs += 1
            ready.addBoth(self._unblocked)
        return ready

    def _unblocked(self, result: _T) -> _T:
        self._blockedOutputs -= 1
        return result
