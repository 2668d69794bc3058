"""
The account of a process at its end: the records that were lost since its start.
"""

from __future__ import annotations

from collections.abc import Sequence

from attrs import frozen
from twisted.logger import Logger

from logrecv.counters import OutputTally, QuarantineTally
from logrecv.reasons import REFUSED, STOPPED


@frozen
class Loss:
    """
    Records that one output lost for one reason.

    @ivar output: The label of the output.
    @ivar reason: One of the constants of L{logrecv.reasons}.
    @ivar count: The number of records.
    @ivar isCertain: C{False} if some of the records may have reached their destination.
    """

    output: str
    reason: str
    count: int
    isCertain: bool = True

    def __str__(self) -> str:
        upTo = "" if self.isCertain else "up to "
        return f"{upTo}{self.count} of {self.output} ({self.reason})"


def giveUp(tally: OutputTally) -> None:
    """
    Give up the records that an output still holds in memory when the process ends.
    """
    if tally.queued and not tally.isDurable:
        # Nobody knows how far the output has come.
        tally.uncertain += tally.queued
        tally.drop(STOPPED, tally.queued)
        tally.queued = 0


def findLosses(
    tallies: Sequence[OutputTally], quarantine: QuarantineTally
) -> list[Loss]:
    """
    Find the records that were lost, by output and reason.

    @param tallies: The tallies of the outputs.
    @param quarantine: The tally of the quarantine.  Records that a receiver refused are
        not lost if they are there.
    """
    kept = quarantine.kept.get(REFUSED, 0)
    losses: list[Loss] = []
    for tally in tallies:
        for reason, count in tally.dropped.items():
            if reason == REFUSED:
                found = min(count, kept)
                kept -= found
                count -= found
            isCertain = not (reason == STOPPED and tally.uncertain)
            if count:
                losses.append(Loss(tally.output, reason, count, isCertain))
    return losses


def logLosses(log: Logger, losses: Sequence[Loss]) -> int:
    """
    Log that the service has stopped, and the records that were lost since its start.

    @return: The number of these records.
    """
    lost = sum(loss.count for loss in losses)
    if not lost:
        log.info("stopped; nothing was lost")
        return 0
    log.error(
        "stopped; {upTo}{lost} records were lost since the start: {losses}",
        upTo="" if all(loss.isCertain for loss in losses) else "up to ",
        lost=lost,
        losses=", ".join(map(str, losses)),
    )
    return lost
