"""
The one place where a payload becomes a record: decode, stamp, count, hand on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime

from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from logrecv.counters import InputTally
from logrecv.interfaces import IRecordSink
from logrecv.record import Origin, Record
from logrecv.wire import fields, forms, lines, pickles
from logrecv.wire.errors import WireError


def _tallies() -> dict[str, InputTally]:
    return {via: InputTally(via) for via in ("tcp", "udp", "http", "json")}


@define(eq=False)
class Intake:
    """
    Takes payloads from the inputs and hands records on to a sink.

    @ivar sink: Where the records go.
    @ivar clock: Tells the time of reception.
    @ivar tallies: What came in, by C{via}.
    """

    sink: IRecordSink
    clock: IReactorTime
    tallies: dict[str, InputTally] = field(factory=_tallies)

    def takePickles(
        self, payloads: Iterable[bytes], via: str, peer: str
    ) -> Deferred[None] | None:
        """
        Take what C{SocketHandler} or C{DatagramHandler} sent, without the
        length before it.  A payload of which no record can be made is counted
        and costs the others nothing.

        @param payloads: Those that one read brought.
        @param via: C{"tcp"} or C{"udp"}.
        @param peer: Who sent them.
        @return: As L{IRecordSink.deliver}.
        """
        tally = self.tallies[via]
        origin = self._origin(via, peer)
        records = []
        for payload in payloads:
            try:
                attributes = pickles.loads(payload)
                records.append(fields.makeRecord(attributes, origin, len(payload)))
            except WireError as error:
                tally.reject(error.reason)
        return self._handOn(records, tally)

    def takeForm(self, body: bytes, peer: str) -> Deferred[None] | None:
        """
        Take what C{HTTPHandler} sent: a query string or the body of a POST.

        @return: As L{IRecordSink.deliver}.
        @raise WireError: No record can be made of it.  It has been counted.
        """
        return self._takeAll("http", peer, body, lambda data: [forms.parseForm(data)])

    def takeJSON(self, body: bytes, peer: str) -> Deferred[None] | None:
        """
        Take an object, an array or lines of JSON: all of the records in it, or
        none if one of them cannot be taken.

        @return: As L{IRecordSink.deliver}.
        @raise WireError: It cannot be taken.  It has been counted.
        """
        return self._takeAll("json", peer, body, lines.parseJSON)

    def reject(self, via: str, reason: str, count: int = 1) -> None:
        """
        Count payloads that an input could not get whole.

        @param reason: One of the constants of L{logrecv.wire.errors}.
        """
        self.tallies[via].reject(reason, count)

    def _takeAll(
        self,
        via: str,
        peer: str,
        body: bytes,
        parse: Callable[[bytes], Sequence[dict[str, object]]],
    ) -> Deferred[None] | None:
        tally = self.tallies[via]
        origin = self._origin(via, peer)
        count = 1
        try:
            mappings = parse(body)
            count = len(mappings)
            records = [
                fields.makeRecord(attributes, origin, len(body))
                for attributes in mappings
            ]
        except WireError as error:
            tally.reject(error.reason, count)
            raise
        return self._handOn(records, tally)

    def _origin(self, via: str, peer: str) -> Origin:
        now = datetime.fromtimestamp(self.clock.seconds(), UTC)
        at = now.isoformat(timespec="microseconds").replace("+00:00", "Z")
        return Origin(at, via, peer)

    def _handOn(
        self, records: Sequence[Record], tally: InputTally
    ) -> Deferred[None] | None:
        if not records:
            return None
        tally.accept(len(records))
        return self.sink.deliver(records)
