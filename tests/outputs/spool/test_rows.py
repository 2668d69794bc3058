"""
Tests for L{logrecv.outputs.spool.rows}.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from logrecv.outputs.spool.rows import InFlight, Row


class RowTests(SynchronousTestCase):
    """
    L{Row} and L{InFlight}.
    """

    def test_notWhole(self) -> None:
        """
        A row with the wrong checksum or types is not whole.
        """
        row = Row.make(1, 0, 2, b"x")
        self.assertTrue(row.isWhole)
        for changed in ({"number": 2}, {"data": b"y"}, {"records": None}):
            self.assertFalse(row._replace(**changed).isWhole)
        flight = InFlight.make(1, 2, "x")
        self.assertTrue(flight.isWhole)
        for changed in ({"first": 0}, {"id": "y"}, {"id": None}):
            self.assertFalse(flight._replace(**changed).isWhole)
