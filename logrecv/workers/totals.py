"""
The sums of the counters of all workers, including workers that have ended.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from attrs import define, field

from logrecv.counters import InputTally, OutputTally, QuarantineTally
from logrecv.reasons import KILLED
from logrecv.workers.messages import Report


def emptyReport(vias: Iterable[str], outputs: Iterable[str]) -> Report:
    """
    Make a report in which all counters are zero.

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
    Add the counters of one report to the counters of another report.

    @param total: The report that gets the sums.
    @param report: The report that is added, and stays as it is.
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
        outputs.uncertain += further.uncertain
        outputs.isDurable |= further.isDurable
    _addEach(total.quarantine.kept, report.quarantine.kept)
    _addEach(total.quarantine.dropped, report.quarantine.dropped)
    total.repeated += report.repeated


def _addEach(total: dict[str, int], counts: dict[str, int]) -> None:
    for reason, count in counts.items():
        total[reason] = total.get(reason, 0) + count


def closeAccount(dead: Report, successor: Report) -> None:
    """
    Close the account of a worker that was killed.

    Records that the dead worker had queued in a spool are restored by its successor,
    or were written after its last report.  Records that it had queued in memory are
    lost.

    @param dead: The last report of the dead worker, which gets its final counters.
    @param successor: The first report of the worker in its place.
    """
    for output, found in zip(dead.outputs, successor.outputs, strict=True):
        recovered = min(output.queued, found.restored)
        # The successor counts these records a second time.
        output.restored -= recovered
        rest = output.queued - recovered
        if output.isDurable:
            output.delivered += rest
        else:
            output.drop(KILLED, rest)
        output.queued = 0


@define(eq=False)
class Totals:
    """
    The sums of the reports of all workers, in tallies that stay the same objects.

    @ivar inputs: The tallies of the inputs.
    @ivar outputs: The tallies of the outputs.
    @ivar quarantine: The tally of the quarantine.
    @ivar repeated: The number of batches that came again.
    """

    inputs: Sequence[InputTally]
    outputs: Sequence[OutputTally]
    quarantine: QuarantineTally = field(factory=QuarantineTally, init=False)
    repeated: int = field(default=0, init=False)
    #: The last report of each worker that runs, by number.
    _current: dict[int, Report] = field(factory=dict, init=False)
    #: The last report of each worker that has ended, until its successor reports.
    _ended: dict[int, Report] = field(factory=dict, init=False)
    #: The sum of all accounts that are closed.
    _closed: Report = field(init=False)

    @_closed.default
    def _nothing(self) -> Report:
        return emptyReport(
            (tally.via for tally in self.inputs),
            (tally.output for tally in self.outputs),
        )

    def put(self, number: int, report: Report) -> None:
        """
        Take a report of a worker.

        @param number: The number of the worker.
        """
        ended = self._ended.pop(number, None)
        if ended is not None:
            closeAccount(ended, report)
            addReport(self._closed, ended)
        self._current[number] = report

    def end(self, number: int) -> None:
        """
        Take note that a worker has ended.
        """
        report = self._current.pop(number, None)
        if report is not None:
            for tally in report.inputs:
                tally.connections = 0
            self._ended[number] = report

    def close(self) -> None:
        """
        Close the accounts of workers that have ended, or could not be ended, since no
        worker follows.  Records that they had queued in memory, as far as their last
        reports say, are lost.  A worker that stopped in good order has none.
        """
        for number in list(self._current):
            self.end(number)
        for report in self._ended.values():
            for output in report.outputs:
                if not output.isDurable:
                    output.drop(KILLED, output.queued)
                    output.queued = 0
            addReport(self._closed, report)
        self._ended.clear()
        self.sumUp()

    def queued(self, number: int) -> dict[str, int]:
        """
        Return the numbers of records that a worker has queued, or had queued at its
        end, by output.
        """
        report = self._current.get(number) or self._ended.get(number)
        if report is None:
            return {}
        return {tally.output: tally.queued for tally in report.outputs}

    def sumUp(self) -> None:
        """
        Bring the sums up to date.
        """
        total = self._nothing()
        for report in (self._closed, *self._ended.values(), *self._current.values()):
            addReport(total, report)
        for tally, inputs in zip(self.inputs, total.inputs, strict=True):
            tally.received, tally.accepted = inputs.received, inputs.accepted
            tally.connections = inputs.connections
            tally.rejected, tally.refused = inputs.rejected, inputs.refused
        for each, outputs in zip(self.outputs, total.outputs, strict=True):
            each.filtered, each.delivered = outputs.filtered, outputs.delivered
            each.queued, each.restored = outputs.queued, outputs.restored
            each.dropped, each.uncertain = outputs.dropped, outputs.uncertain
            each.isDurable = outputs.isDurable
        self.quarantine.kept = total.quarantine.kept
        self.quarantine.dropped = total.quarantine.dropped
        self.repeated = total.repeated
