"""
Tests for L{logrecv.batch}.
"""

from __future__ import annotations

import weakref
from collections.abc import Sequence

from twisted.trial.unittest import SynchronousTestCase

from logrecv.batch import Batch
from logrecv.formats.json import encodeJSON
from logrecv.outputs.filter import minimumLevel
from logrecv.record import Record
from logrecv.testing import makeRecord


class BatchTests(SynchronousTestCase):
    """
    L{Batch}.
    """

    def setUp(self) -> None:
        self.seen: list[Sequence[Record]] = []

    def encode(self, batch: Sequence[Record]) -> bytes:
        self.seen.append(batch)
        if any(record.message == "never" for record in batch):
            raise ValueError("never")
        return encodeJSON(batch)

    def test_sequence(self) -> None:
        """
        A batch is a list of records, and equal to any list of the same.
        """
        records = [makeRecord("a"), makeRecord("b")]
        batch = Batch(records)
        self.assertEqual(batch, records)
        self.assertEqual([*batch], records)
        self.assertIsNone(batch.payloads)

    def test_of(self) -> None:
        """
        Any sequence of records can be made a batch; a batch is one already.
        """
        batch = Batch([makeRecord("a")])
        self.assertIs(Batch.of(batch), batch)
        self.assertEqual(Batch.of(tuple(batch)), batch)

    def test_encodedOnce(self) -> None:
        """
        A format is applied once to a batch, as the batch is; and again to
        another batch, though its records are the same.
        """
        records = [makeRecord("a"), makeRecord("b")]
        batch = Batch(records)
        for _ in range(3):
            self.assertEqual(batch.encode(self.encode), encodeJSON(records))
        self.assertEqual(len(self.seen), 1)
        self.assertIs(self.seen[0], batch)
        Batch(records).encode(self.encode)
        self.assertEqual(len(self.seen), 2)

    def test_formats(self) -> None:
        """
        Each format has an encoding of its own.
        """
        batch = Batch([makeRecord("a")])
        self.assertEqual(batch.encode(lambda batch: b"1"), b"1")
        self.assertEqual(batch.encode(lambda batch: b""), b"")
        self.assertEqual(batch.encode(self.encode), encodeJSON(batch))

    def test_raises(self) -> None:
        """
        An exception of the format is raised.
        """
        batch = Batch([makeRecord("never")])
        for _ in range(2):
            self.assertRaises(ValueError, batch.encode, self.encode)

    def test_forgotten(self) -> None:
        """
        The encodings are gone as soon as the batch is, and so are the formats.
        """

        def encode(batch: Sequence[Record]) -> bytes:
            return b"x"

        batch = Batch([makeRecord("a"), makeRecord("b")])
        batch.encode(encode)
        batch.part(0, 1).encode(encode)
        end = weakref.ref(encode)
        del encode
        self.assertIsNotNone(end())
        del batch
        self.assertIsNone(end())

    def test_part(self) -> None:
        """
        A part of a batch has its records and payloads, and is the same each time.
        """
        batch = Batch([makeRecord(text) for text in "abc"])
        batch.payloads = [b"a", b"b", b"c"]
        part = batch.part(1, 3)
        self.assertEqual(part, batch[1:])
        self.assertEqual(part.payloads, [b"b", b"c"])
        self.assertIs(batch.part(1, 3), part)
        self.assertIsNone(Batch(batch).part(0, 1).payloads)

    def test_select(self) -> None:
        """
        The records that meet a condition keep their payloads and their order.
        """
        levels = (30, 20, None, 40)
        batch = Batch([makeRecord(levelno=level) for level in levels])
        batch.payloads = [b"a", b"b", b"c", b"d"]
        selected = batch.select(minimumLevel("WARNING"))
        self.assertEqual(selected, [batch[0], batch[2], batch[3]])
        self.assertEqual(selected.payloads, [b"a", b"c", b"d"])
        self.assertIsNone(Batch(batch).select(minimumLevel("WARNING")).payloads)

    def test_selectAll(self) -> None:
        """
        A batch of which every record meets a condition is selected as it is, with
        its encodings.
        """
        batch = Batch([makeRecord(levelno=40), makeRecord(levelno=30)])
        self.assertIs(batch.select(minimumLevel("WARNING")), batch)
        self.assertEqual(batch.select(minimumLevel("CRITICAL")), [])
