"""
The counters behind the promise of conservation, as plain numbers.

Each component counts a record in the same turn of the reactor in which it takes the
record or hands the record on.  So the equations below hold at any time.
"""

from __future__ import annotations

from attrs import define, field


@define(eq=False)
class InputTally:
    """
    The counters of one way in: C{received = accepted + sum(rejected.values())}.

    @ivar via: The way in: C{"tcp"}, C{"udp"}, C{"http"} or C{"json"}.
    @ivar received: The number of payloads that came.
    @ivar accepted: The number of records that were made of payloads.
    @ivar rejected: The numbers of payloads that were rejected, by reason.
    @ivar connections: The number of connections that are open now.
    @ivar refused: The numbers of connections that were refused, by reason.
    """

    via: str
    received: int = 0
    accepted: int = 0
    rejected: dict[str, int] = field(factory=dict)
    connections: int = 0
    refused: dict[str, int] = field(factory=dict)

    def accept(self, count: int) -> None:
        """
        Count payloads of which records were made.
        """
        self.received += count
        self.accepted += count

    def reject(self, reason: str, count: int = 1) -> None:
        """
        Count payloads of which no record was made.

        @param reason: One of the constants of L{logrecv.reasons}.
        """
        self.received += count
        self.rejected[reason] = self.rejected.get(reason, 0) + count

    def refuse(self, reason: str) -> None:
        """
        Count a connection that was refused.

        @param reason: One of the constants of L{logrecv.reasons}.
        """
        self.refused[reason] = self.refused.get(reason, 0) + 1


def makeTallies() -> list[InputTally]:
    """
    Make the tallies of all ways in.
    """
    return [InputTally(via) for via in ("tcp", "udp", "http", "json")]


@define(eq=False)
class OutputTally:
    """
    The counters of one output, which show what became of the records that the output
    took: C{taken + restored = filtered + delivered + queued + sum(dropped.values())}.

    A sink counts each record that L{logrecv.interfaces.IRecordSink.deliver} took::

        >>> tally = OutputTally("1-count")
        >>> tally.delivered += 3
        >>> tally.drop("queue-full", 2)
        >>> tally.dropped
        {'queue-full': 2}

    @ivar output: The label of the output, its position and kind: C{"1-file"}.
    @ivar filtered: The number of records that the filter of the output kept back.
    @ivar delivered: The number of records that reached their destination.
    @ivar queued: The number of records that wait.
    @ivar restored: The number of records that an earlier run left in the spool.
    @ivar dropped: The numbers of records that were given up, by reason.
    @ivar uncertain: The number of dropped records that may have reached their
        destination all the same: a write was under way when the service stopped.
    @ivar isDurable: C{True} if queued records outlive the process.
    """

    output: str
    filtered: int = 0
    delivered: int = 0
    queued: int = 0
    restored: int = 0
    dropped: dict[str, int] = field(factory=dict)
    uncertain: int = 0
    isDurable: bool = False

    def drop(self, reason: str, count: int) -> None:
        """
        Count records that were given up.

        @param reason: One of the constants of L{logrecv.reasons}.
        """
        if count:
            self.dropped[reason] = self.dropped.get(reason, 0) + count


@define(eq=False)
class QuarantineTally:
    """
    The counters of the quarantine: the payloads that it kept, and the payloads that it
    could not keep.

    @ivar kept: The numbers of payloads that were written, by the reason why they were
        rejected.
    @ivar dropped: The numbers of payloads that were not written, by the reason for it.
    """

    kept: dict[str, int] = field(factory=dict)
    dropped: dict[str, int] = field(factory=dict)

    def keep(self, reason: str) -> None:
        """
        Count a payload that was written.

        @param reason: The reason why the payload was rejected: one of the constants of
            L{logrecv.reasons}.
        """
        self.kept[reason] = self.kept.get(reason, 0) + 1

    def drop(self, reason: str, count: int) -> None:
        """
        Count payloads that were not written.

        @param reason: One of the constants of L{logrecv.reasons}.
        """
        self.dropped[reason] = self.dropped.get(reason, 0) + count
