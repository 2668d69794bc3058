"""
Tests of L{logrecv.wire.pickled.attributes_fast}.  The tests of
L{logrecv.wire.attributes} compare the fast path with the slow path.
"""

from __future__ import annotations

from math import inf, nan

from twisted.trial.unittest import SynchronousTestCase

from logrecv.wire.pickled.attributes_fast import hasExtra, stockRecord
from tests.wire.samples import ORIGIN, STOCK


class StockTests(SynchronousTestCase):
    """
    Tests for L{stockRecord}.
    """

    def test_record(self) -> None:
        """
        The attributes of a stock handler become a record: each in the field of its
        name, and the message.
        """
        record = stockRecord(STOCK, ORIGIN, 500)
        assert record is not None
        self.assertEqual(record.time, "2026-11-22T09:45:50.250000Z")
        self.assertEqual(record.message, "hello")
        self.assertIs(record.received, ORIGIN)
        for name, value in STOCK.items():
            if name not in ("msg", "exc_info"):
                self.assertEqual(getattr(record, name), value, name)
        self.assertIsNone(record.msg)
        self.assertIsNone(record.extra)
        self.assertIsNone(record.repaired)

    def test_older(self) -> None:
        """
        The attributes of older Pythons become a record too, and so do the attributes
        of an application that does not collect threads and processes.
        """
        older = {**STOCK}
        del older["taskName"]
        self.assertIsNotNone(stockRecord(older, ORIGIN, 500))
        less = dict.fromkeys(("thread", "threadName", "process", "processName"))
        record = stockRecord({**STOCK, **less}, ORIGIN, 500)
        assert record is not None
        self.assertIsNone(record.thread)

    def test_extra(self) -> None:
        """
        Further attributes are not looked at, but L{hasExtra} tells that there are
        some.
        """
        self.assertFalse(hasExtra(STOCK))
        older = {**STOCK}
        del older["taskName"]
        self.assertFalse(hasExtra(older))
        for attributes in ({**STOCK, "user": object()}, {**older, "user": object()}):
            self.assertTrue(hasExtra(attributes))
            self.assertIsNotNone(stockRecord(attributes, ORIGIN, 500))

    def test_missing(self) -> None:
        """
        A mapping that lacks any attribute does not take the fast path.
        """
        for name in STOCK:
            if name != "taskName":
                less = {**STOCK}
                del less[name]
                self.assertIsNone(stockRecord(less, ORIGIN, 500), name)

    def test_other(self) -> None:
        """
        A mapping does not take the fast path if an attribute has to be repaired,
        merged or looked at more closely.
        """

        class Text(str):
            pass

        for name, values in {
            "args": [("x",), ()],
            "exc_info": ["text", True],
            "message": ["hello", None],
            "msg": [None, 5, b"bytes", "\ud800", Text("x")],
            "name": [None],
            "levelno": [None, "20", True, 20.0, 2**64, -(2**63) - 1],
            "lineno": [None, 2**64],
            "process": ["1", 2**64],
            "thread": [1.0, -(2**63) - 1],
            "created": [None, 5, "5", nan, inf, -inf, 1e18],
            "msecs": [None, 5, nan],
            "relativeCreated": [inf],
            "funcName": [b"f", "\udfff"],
            "taskName": [7],
            "exc_text": ["\ud800"],
            "stack_info": [[]],
        }.items():
            for value in values:
                attributes = {**STOCK, name: value}
                self.assertIsNone(stockRecord(attributes, ORIGIN, 500), (name, value))

    def test_limits(self) -> None:
        """
        Integers of 64 bits are kept.
        """
        for value in (-(2**63), 2**64 - 1):
            record = stockRecord({**STOCK, "thread": value}, ORIGIN, 500)
            assert record is not None
            self.assertEqual(record.thread, value)

    def test_shared(self) -> None:
        """
        A mapping does not take the fast path if a text that is there many times
        makes the record much larger than its payload.
        """
        text = "x" * 1000
        texts = {name: text for name, value in STOCK.items() if type(value) is str}
        self.assertIsNone(stockRecord({**STOCK, **texts}, ORIGIN, 1000))
        self.assertIsNotNone(stockRecord({**STOCK, **texts}, ORIGIN, 8000))
