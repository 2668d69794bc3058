"""
Tests for L{logrecv.outputs.chunk}.
"""

from __future__ import annotations

from collections.abc import Sequence

from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase

from logrecv.batch import Batch
from logrecv.formats.json import encodeJSON
from logrecv.outputs.chunk import PART_RECORDS, Encoded, totals
from logrecv.outputs.factory import OutputFactory
from logrecv.outputs.fanout import FanOut
from logrecv.outputs.queue.pump import Pump
from logrecv.outputs.queue.sink import QueuedSink
from logrecv.record import Record
from logrecv.testing import makeRecord

LARGE = 1 << 20


class EncodedTests(SynchronousTestCase):
    """
    L{Encoded}.
    """

    def setUp(self) -> None:
        """
        Count what is encoded.
        """
        self.encoded: list[int] = []
        self.seen: list[Sequence[Record]] = []

    def encode(self, batch: Sequence[Record]) -> bytes:
        """
        Encode, unless a record says that it cannot be.
        """
        self.encoded.append(len(batch))
        self.seen.append(batch)
        if any(record.message == "never" for record in batch):
            raise ValueError("never")
        return encodeJSON(batch)

    def test_totals(self) -> None:
        """
        L{totals} adds up bytes and records.
        """
        self.assertEqual(totals([(b"abc", 2), (b"d", 1)]), (4, 3))
        self.assertEqual(totals([]), (0, 0))

    def test_once(self) -> None:
        """
        A batch is encoded once for all outputs of the same format, whatever the
        size of their parts; and another batch again, though its records are the
        same.
        """
        records = [makeRecord("a"), makeRecord("b")]
        for batch in (Batch(records), Batch(records)):
            first = Encoded.fromBatch(batch, self.encode, LARGE)
            second = Encoded.fromBatch(batch, self.encode, LARGE // 2)
            self.assertEqual(first.parts, [(encodeJSON(records), 2)])
            self.assertEqual(second.parts, first.parts)
        self.assertEqual(self.encoded, [2, 2])

    def test_asItIs(self) -> None:
        """
        A batch that is not too large is encoded as it is, with its payloads; so
        are the parts of a large one.
        """
        batch = Batch([makeRecord("a")])
        Encoded.fromBatch(batch, self.encode, LARGE)
        self.assertIs(self.seen[0], batch)
        payloads = [b"%d" % number for number in range(PART_RECORDS + 1)]
        large = Batch([makeRecord()] * len(payloads))
        large.payloads = payloads

        def join(batch: Sequence[Record]) -> bytes:
            assert isinstance(batch, Batch)
            assert batch.payloads is not None
            return b",".join(batch.payloads)

        [(first, _), (second, _)] = Encoded.fromBatch(large, join, LARGE).parts
        self.assertEqual(first + b"," + second, b",".join(payloads))

    def test_parts(self) -> None:
        """
        No part has more records or bytes than it may, if it has more than one
        record, and all of them are there in their order.
        """
        size = len(encodeJSON([makeRecord("x")]))
        batch = Batch(makeRecord(str(number % 10)) for number in range(PART_RECORDS))
        batch += [makeRecord(str(number)) for number in range(7)]
        batch[5] = makeRecord("y" * 4 * size)
        parts = Encoded.fromBatch(batch, encodeJSON, 3 * size).parts
        self.assertEqual(b"".join(data for data, _ in parts), encodeJSON(batch))
        self.assertEqual(sum(count for _, count in parts), len(batch))
        for data, count in parts:
            self.assertTrue(len(data) <= 3 * size or count == 1)
        whole = Encoded.fromBatch(batch, encodeJSON, 1 << 30).parts
        self.assertEqual([count for _, count in whole], [PART_RECORDS, 7])

    def test_unencodable(self) -> None:
        """
        Records that cannot be encoded are counted, and cost the others nothing.
        """
        batch = Batch(makeRecord(text) for text in ("a", "never", "b", "never", "c"))
        for _ in range(2):
            encoded = Encoded.fromBatch(batch, self.encode, LARGE)
            kept = [batch[0], batch[2], batch[4]]
            self.assertEqual(
                b"".join(data for data, _ in encoded.parts), encodeJSON(kept)
            )
            self.assertEqual(encoded.unencodable, 2)
            assert encoded.failure is not None
            self.assertIsInstance(encoded.failure.value, ValueError)


class SharedTests(SynchronousTestCase):
    """
    Outputs that write the same.
    """

    def test_outputs(self) -> None:
        """
        Outputs that are described to write the same encode each batch once, all
        together.
        """
        # Nothing is written.
        self.patch(Pump, "go", lambda pump: None)
        for descriptions, times in (
            (["file:{}", "file:{}:sync=always"], 1),
            (["file:{}:format=text", "file:{}:format=text:mode=600"], 1),
            (["file:{}", "file:{}:format=text", "file:{}"], 2),
            (["file:{}:text=%(message)s", "file:{}:text=%(name)s"], 2),
            (["forward:tcp:127.0.0.1:1", "forward:tcp:127.0.0.1:2"], 1),
            (["forward:http:127.0.0.1:1", "forward:https:127.0.0.1:2"], 1),
            (["forward:http:127.0.0.1:1", "file:{}"], 1),
            (["file:{}", "file:{}:level=INFO"], 1),
        ):
            factory = OutputFactory(MemoryReactorClock())
            sinks = [factory.make(text.format(self.mktemp())) for text in descriptions]
            calls: list[int] = []
            watched: dict[object, object] = {}
            for sink in factory.sinks:
                assert isinstance(sink, QueuedSink)

                def watch(batch: Sequence[Record], calls: list[int] = calls) -> bytes:
                    calls.append(len(batch))
                    return encodeJSON(batch)

                sink.encode = watched.setdefault(sink.encode, watch)  # type: ignore[assignment]
            self.assertEqual(len(watched), times, descriptions)
            FanOut(sinks).deliver([makeRecord("a"), makeRecord("b")])
            self.assertEqual(calls, [2] * times, descriptions)
            for tally in factory.tallies:
                self.assertEqual(tally.queued, 2)
