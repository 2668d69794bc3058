"""
Tests for L{logrecv.workers.balance}.
"""

from __future__ import annotations

import tempfile

from twisted.trial.unittest import SynchronousTestCase

from logrecv.inputs.limits.admission import Admission
from logrecv.workers.balance import COUNTS_SIZE, ConnectionCounts, Slot


class ConnectionCountsTests(SynchronousTestCase):
    """
    Tests for L{ConnectionCounts} and L{Slot}.
    """

    def setUp(self) -> None:
        """
        Make the counts of two processes from one file.
        """
        file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115
        self.addCleanup(file.close)
        file.truncate(COUNTS_SIZE)
        self.counts = [ConnectionCounts(file.fileno()), ConnectionCounts(file.fileno())]
        self.counts[0].clear()
        self.admissions = [Admission(), Admission()]
        self.slots = [
            Slot(counts, number, admission)
            for number, (counts, admission) in enumerate(
                zip(self.counts, self.admissions, strict=True), start=1
            )
        ]

    def isAhead(self) -> list[bool]:
        """
        Ask each process whether it is ahead.
        """
        return [
            counts.isAhead(number) for number, counts in enumerate(self.counts, start=1)
        ]

    def test_alone(self) -> None:
        """
        A process that serves alone is never ahead, however many connections it has.
        """
        self.slots[0].enter()
        for _ in range(100):
            self.admissions[0].enter("192.0.2.1")
        self.assertEqual(self.isAhead()[0], False)

    def test_both(self) -> None:
        """
        Of two processes that serve, the process with more connections is ahead.
        """
        for slot in self.slots:
            slot.enter()
        self.assertEqual(self.isAhead(), [False, False])
        self.admissions[0].enter(None)
        self.assertEqual(self.isAhead(), [True, False])
        self.admissions[1].enter(None)
        self.assertEqual(self.isAhead(), [False, False])
        self.admissions[0].leave(None)
        self.assertEqual(self.isAhead(), [False, True])

    def test_leave(self) -> None:
        """
        A process that accepts no more is not waited for, and does not wait.
        """
        for slot in self.slots:
            slot.enter()
        self.admissions[0].enter(None)
        self.admissions[1].enter(None)
        self.slots[1].leave()
        self.admissions[1].leave(None)
        self.assertEqual(self.isAhead(), [False, False])
