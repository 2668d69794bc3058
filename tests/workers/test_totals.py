"""
Tests for L{logrecv.workers.totals}.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from logrecv.counters import InputTally, OutputTally, QuarantineTally
from logrecv.reasons import KILLED
from logrecv.workers.messages import Report
from logrecv.workers.totals import Totals


def report(
    accepted: int, delivered: int, queued: int, restored: int = 0, connections: int = 1
) -> Report:
    """
    Make the report of a worker whose counters add up.
    """
    inputs = InputTally("tcp", accepted + 1, accepted, {"malformed": 1}, connections)
    outputs = OutputTally("1-file", 0, delivered, queued, restored)
    return Report([inputs], [outputs], QuarantineTally({"malformed": 1}), 2)


class TotalsTests(SynchronousTestCase):
    """
    Tests for L{Totals}.
    """

    def setUp(self) -> None:
        """
        Make sums of no reports.
        """
        self.input = InputTally("tcp")
        self.output = OutputTally("1-file")
        self.totals = Totals([self.input], [self.output])

    def check(self, **wanted: int) -> None:
        """
        Compare the sums, and see that the counters add up.
        """
        self.totals.sumUp()
        found = {name: getattr(self.output, name) for name in wanted}
        self.assertEqual(found, wanted)
        output = self.output
        self.assertEqual(
            self.input.accepted + output.restored,
            output.filtered
            + output.delivered
            + output.queued
            + sum(output.dropped.values()),
        )
        self.assertEqual(
            self.input.received,
            self.input.accepted + sum(self.input.rejected.values()),
        )

    def test_sums(self) -> None:
        """
        The last reports of all workers are added up.
        """
        self.check(delivered=0)
        self.totals.put(1, report(1, 1, 0))
        self.totals.put(1, report(10, 7, 3))
        self.totals.put(2, report(20, 20, 0))
        self.check(delivered=27, queued=3)
        self.assertEqual(self.input.accepted, 30)
        self.assertEqual(self.input.rejected, {"malformed": 2})
        self.assertEqual(self.input.connections, 2)
        self.assertEqual(self.totals.quarantine.kept, {"malformed": 2})
        self.assertEqual(self.totals.repeated, 4)

    def test_ended(self) -> None:
        """
        The counts of a worker stay when it has ended, without its connections.
        """
        self.totals.put(1, report(10, 7, 3))
        self.totals.end(1)
        self.check(delivered=7, queued=3)
        self.assertEqual(self.input.connections, 0)
        self.assertEqual(self.totals.queued(1), {"1-file": 3})
        self.assertEqual(self.totals.queued(2), {})

    def test_inMemory(self) -> None:
        """
        Records that were queued in memory count as dropped when the successor has not
        restored them.
        """
        self.totals.put(1, report(10, 7, 3))
        self.totals.end(1)
        self.totals.put(1, report(5, 5, 0))
        self.check(delivered=12, queued=0)
        self.assertEqual(self.output.dropped, {KILLED: 3})

    def test_inSpool(self) -> None:
        """
        Records that the successor has restored are queued as before, and count as
        accepted once.
        """
        self.totals.put(1, report(10, 7, 3))
        self.totals.end(1)
        self.totals.put(1, report(0, 1, 2, restored=3))
        self.check(delivered=8, queued=2, restored=0)
        self.assertEqual(self.output.dropped, {})

    def test_writtenAfterReport(self) -> None:
        """
        Records of a spool that the successor has not restored were written after the
        last report: a spool loses nothing when its worker is killed.
        """
        durable = report(10, 7, 3)
        durable.outputs[0].isDurable = True
        self.totals.put(1, durable)
        self.totals.end(1)
        self.totals.put(1, report(0, 0, 1, restored=1))
        self.check(delivered=9, queued=1, restored=0)
        self.assertEqual(self.output.dropped, {})

    def test_earlierRun(self) -> None:
        """
        Records of an earlier run count as restored, even after the end of a worker.
        """
        self.totals.put(1, report(0, 0, 5, restored=5))
        self.check(queued=5, restored=5)
        self.totals.end(1)
        self.totals.put(1, report(0, 2, 3, restored=5))
        self.check(delivered=2, queued=3, restored=5)

    def test_neverReported(self) -> None:
        """
        A worker that ends before its first report leaves the account of its
        predecessor open.
        """
        self.totals.put(1, report(10, 7, 3))
        self.totals.end(1)
        self.totals.end(1)
        self.check(delivered=7, queued=3)

    def test_close(self) -> None:
        """
        At the end, records that a worker had queued in memory are lost, also if it
        could not be ended.
        """
        self.totals.put(1, report(10, 7, 3))
        self.totals.put(2, report(10, 8, 2))
        self.totals.end(1)
        self.totals.close()
        self.check(delivered=15, queued=0)
        self.assertEqual(self.output.dropped, {KILLED: 5})

    def test_closeSpool(self) -> None:
        """
        Records that a worker had queued in a spool stay there.
        """
        durable = report(10, 7, 3)
        durable.outputs[0].isDurable = True
        self.totals.put(1, durable)
        self.totals.close()
        self.check(delivered=7, queued=3)
        self.assertEqual(self.output.dropped, {})
