"""
Tests for L{logrecv.formats.json}.
"""

from __future__ import annotations

import json

from hypothesis import given
from twisted.trial.unittest import SynchronousTestCase

from logrecv.formats.json import encodeJSON
from logrecv.record import Record
from tests.formats.records import ORIGIN, RECORDS, makeRecord, quickly


class JSONTests(SynchronousTestCase):
    """
    Tests for L{encodeJSON}.
    """

    def test_keys(self) -> None:
        """
        The keys are the fields of the record in their order; a field that is L{None} is
        left out.
        """
        record = Record(time="T", message="m", name="n", received=ORIGIN)
        self.assertEqual(
            encodeJSON([record]),
            b'{"time":"T","name":"n","message":"m","received":'
            b'{"at":"2026-11-22T10:30:01.000000Z","via":"tcp",'
            b'"peer":"192.0.2.7:51234"}}\n',
        )

    def test_batch(self) -> None:
        """
        Each record of a batch is a line, in order.
        """
        data = encodeJSON([makeRecord(message=str(number)) for number in range(3)])
        messages = [json.loads(line)["message"] for line in data.splitlines()]
        self.assertEqual(messages, ["0", "1", "2"])


class JSONProperties(SynchronousTestCase):
    """
    Properties of L{encodeJSON}.
    """

    @quickly
    @given(RECORDS)
    def test_exact(self, record: Record) -> None:
        """
        A record of any client is read back as the client sent the record.  No text
        in the record ends the line.
        """
        data = encodeJSON([record])
        self.assertEqual((data.count(b"\n"), data[-1:]), (1, b"\n"))
        decoded = json.loads(data)
        for key in ("name", "message", "exc_text", "extra", "levelno", "created"):
            self.assertEqual(decoded.get(key), getattr(record, key))
        self.assertEqual(decoded["received"]["peer"], record.received.peer)
