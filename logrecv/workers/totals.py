"""
The numbers of all workers together, of those that are no more, too.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from attrs import define, field

from logrecv.counters import InputTally, OutputTally, QuarantineTally
from logrecv.reasons import KILLED
from logrecv.workers.messages import Report


def emptyReport(vias: Iterable[str], outputs: Iterable[str]) -> Report:
    """
    Make the report of a worker of which nothing is known yet.

    @param vias: The ways in.
    @param outputs: The labels of the outputs.
    """
    return Report(
        [InputTally(via) for via in vias],
        [OutputTally(output) for output in outputs],
        QuarantineTally(),
    )


def addReport(total: Report, report: Report) -> None:
    """
    Add the numbers of one report to those of another.

    @param total: Gets the sums.
    """
    for inputs, more in zip(total.inputs, report.inputs, strict=True):
        inputs.received += more.received
        inputs.accepted += more.accepted
        inputs.connections += more.connections
        _addEach(inputs.rejected, more.rejected)
        _addEach(inputs.refused, more.refused)
    for outputs, further in zip(total.outputs, report.outputs, strict=True):
        outputs.filtered += further.filtered
        outputs.delivered += further.delivered
        outputs.queued += further.queued
        outputs.restored += further.restored
        _addEach(outputs.dropped, further.dropped)
    _addEach(total.quarantine.kept, report.quarantine.kept)
    _addEach(total.quarantine.dropped, report.quarantine.dropped)
    total.repeated += report.repeated


def _addEach(total: dict[str, int], counts: dict[str, int]) -> None:
    for reason, count in counts.items():
        total[reason] = total.get(reason, 0) + count


def closeAccount(dead: Report, successor: Report) -> Report:
    """
    Close the account of a worker that was killed, when its successor has found
    what is left of it.

    What it had queued is what the successor restores, if that is in a spool; the
    rest was in memory, and is lost.

    @param dead: The last report of the one that was killed.
    @param successor: The first report of the one in its place.
    @return: The numbers of the former, as they stay.
    """
    for output, found in zip(dead.outputs, successor.outputs, strict=True):
        recovered = min(output.queued, found.restored)
        # They come a second time, and count once.
        output.restored -= recovered
        output.drop(KILLED, output.queued - recovered)
        output.queued = 0
    return dead


@define(eq=False)
class Totals:
    """
    The sums, in tallies that stay the same objects.

    @ivar inputs: What came in.
    @ivar outputs: What became of it.
    @ivar quarantine: What became of what was rejected.
    @ivar repeated: Batches that came again.
    """

    inputs: Sequence[InputTally]
    outputs: Sequence[OutputTally]
    quarantine: QuarantineTally = field(factory=QuarantineTally, init=False)
    repeated: int = field(default=0, init=False)
    #: The last report of each worker.
    _current: dict[int, Report] = field(factory=dict, init=False)
    #: The last of each that is no more, until another in its place reports.
    _gone: dict[int, Report] = field(factory=dict, init=False)
    #: The sum of those for which another has.
    _past: Report = field(init=False)

    @_past.default
    def _nothing(self) -> Report:
        return emptyReport(
            (tally.via for tally in self.inputs),
            (tally.output for tally in self.outputs),
        )

    def put(self, number: int, report: Report) -> None:
        """
        Take note of what a worker reports.

        @param number: The number of the worker.
        """
        gone = self._gone.pop(number, None)
        if gone is not None:
            addReport(self._past, closeAccount(gone, report))
        self._current[number] = report

    def end(self, number: int) -> None:
        """
        Take note that a worker is no more.
        """
        report = self._current.pop(number, None)
        if report is not None:
            for tally in report.inputs:
                tally.connections = 0
            self._gone[number] = report

    def queued(self, number: int) -> dict[str, int]:
        """
        Tell how many records a worker has, or had, queued, by output.
        """
        report = self._current.get(number) or self._gone.get(number)
        if report is None:
            return {}
        return {tally.output: tally.queued for tally in report.outputs}

    def sumUp(self) -> None:
        """
        Bring the sums up to date.
        """
        total = self._nothing()
        for report in (self._past, *self._gone.values(), *self._current.values()):
            addReport(total, report)
        for tally, inputs in zip(self.inputs, total.inputs, strict=True):
            tally.received, tally.accepted = inputs.received, inputs.accepted
            tally.connections = inputs.connections
            tally.rejected, tally.refused = inputs.rejected, inputs.refused
        for each, outputs in zip(self.outputs, total.outputs, strict=True):
            each.filtered, each.delivered = outputs.filtered, outputs.delivered
            each.queued, each.restored = outputs.queued, outputs.restored
            each.dropped = outputs.dropped
        self.quarantine.kept = total.quarantine.kept
        self.quarantine.dropped = total.quarantine.dropped
        self.repeated = total.repeated
