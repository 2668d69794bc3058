"""
Tests for L{logrecv.workers.balance}.
"""

from __future__ import annotations

import tempfile

from twisted.trial.unittest import SynchronousTestCase

from logrecv.inputs.limits.admission import Admission
from logrecv.workers.balance import COUNTS_SIZE, ConnectionCounts, Slot


class BoardTests(SynchronousTestCase):
    """
    Tests for L{ConnectionCounts} and L{Slot}.
    """

    def setUp(self) -> None:
        """
        Make two processes' boards of one file.
        """
        file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115
        self.addCleanup(file.close)
        file.truncate(COUNTS_SIZE)
        self.boards = [ConnectionCounts(file.fileno()), ConnectionCounts(file.fileno())]
        self.boards[0].clear()
        self.admissions = [Admission(), Admission()]
        self.places = [
            Slot(board, number, admission)
            for number, (board, admission) in enumerate(
                zip(self.boards, self.admissions, strict=True), start=1
            )
        ]

    def isAhead(self) -> list[bool]:
        """
        Ask each process.
        """
        return [
            board.isAhead(number) for number, board in enumerate(self.boards, start=1)
        ]

    def test_alone(self) -> None:
        """
        Who serves alone is never ahead, however many connections it has.
        """
        self.places[0].enter()
        for _ in range(100):
            self.admissions[0].enter("192.0.2.1")
        self.assertEqual(self.isAhead()[0], False)

    def test_both(self) -> None:
        """
        Of two that serve, the one that has more connections is ahead, whether
        others came or its own did not end.
        """
        for place in self.places:
            place.enter()
        self.assertEqual(self.isAhead(), [False, False])
        self.admissions[0].enter(None)
        self.assertEqual(self.isAhead(), [True, False])
        self.admissions[1].enter(None)
        self.assertEqual(self.isAhead(), [False, False])
        self.admissions[0].leave(None)
        self.assertEqual(self.isAhead(), [False, True])

    def test_leave(self) -> None:
        """
        Who is about to accept no more is not waited for, and waits for nobody.
        """
        for place in self.places:
            place.enter()
        self.admissions[0].enter(None)
        self.admissions[1].enter(None)
        self.places[1].leave()
        self.admissions[1].leave(None)
        self.assertEqual(self.isAhead(), [False, False])
