"""
The counters behind the promise of conservation, as plain numbers.

Whoever takes or gives away a record counts it in the same turn of the reactor,
so the sums hold whenever anybody looks.
"""

from __future__ import annotations

from attrs import define, field


@define(eq=False)
class InputTally:
    """
    What came in one way: C{received = accepted + sum(rejected)}.

    @ivar via: C{"tcp"}, C{"udp"}, C{"http"} or C{"json"}.
    @ivar rejected: Payloads by the reason they were rejected for.
    @ivar connections: Connections that are open now.
    @ivar refused: Connections that were turned away, by reason.
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

        @param reason: One of the constants of L{logrecv.wire.errors}.
        """
        self.received += count
        self.rejected[reason] = self.rejected.get(reason, 0) + count

    def refuse(self, reason: str) -> None:
        """
        Count a connection that was turned away.

        @param reason: A short name out of a fixed set.
        """
        self.refused[reason] = self.refused.get(reason, 0) + 1


def makeTallies() -> list[InputTally]:
    """
    Make a tally for each way in.
    """
    return [InputTally(via) for via in ("tcp", "udp", "http", "json")]


@define(eq=False)
class OutputTally:
    """
    What became of the records one output was given:
    C{taken + restored = filtered + delivered + queued + sum(dropped)}.

    @ivar output: The output's label: its position and kind, C{"1-file"}.
    @ivar filtered: Records that the output's filter kept back.
    @ivar delivered: Records that reached where the output sends them.
    @ivar queued: Records that wait.
    @ivar dropped: Records given up, by reason.
    @ivar restored: Records that an earlier run left in the output's spool.
    """

    output: str
    filtered: int = 0
    delivered: int = 0
    queued: int = 0
    restored: int = 0
    dropped: dict[str, int] = field(factory=dict)

    def drop(self, reason: str, count: int) -> None:
        """
        Count records that were given up.

        @param reason: A short name out of a fixed set.
        """
        if count:
            self.dropped[reason] = self.dropped.get(reason, 0) + count


@define(eq=False)
class QuarantineTally:
    """
    What became of payloads that were to be kept in quarantine.

    @ivar kept: Those that were written, by the reason they were rejected for.
    @ivar dropped: Those that were not, by why.
    """

    kept: dict[str, int] = field(factory=dict)
    dropped: dict[str, int] = field(factory=dict)

    def keep(self, reason: str) -> None:
        """
        Count a payload that was written.

        @param reason: One of the constants of L{logrecv.wire.errors}, or
            L{logrecv.reasons.REFUSED}.
        """
        self.kept[reason] = self.kept.get(reason, 0) + 1

    def drop(self, reason: str, count: int) -> None:
        """
        Count payloads that were not.

        @param reason: A short name out of a fixed set.
        """
        self.dropped[reason] = self.dropped.get(reason, 0) + count
