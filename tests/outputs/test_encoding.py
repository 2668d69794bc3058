"""
Tests for L{logrecv.outputs.encoding}.
"""

from __future__ import annotations

from collections.abc import Sequence

from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase

from logrecv.formats.text import encodeJSON
from logrecv.outputs.chunk import PART_RECORDS
from logrecv.outputs.encoding import BatchEncoder, Encoders
from logrecv.outputs.factory import OutputFactory
from logrecv.outputs.fanout import FanOut
from logrecv.outputs.queue.sink import QueuedSink
from logrecv.record import Record
from logrecv.testing import makeRecord


class BatchEncoderTests(SynchronousTestCase):
    """
    Tests for L{BatchEncoder}.
    """

    def setUp(self) -> None:
        """
        Count what is encoded.
        """
        self.encoded: list[int] = []

    def encode(self, batch: Sequence[Record]) -> bytes:
        """
        Encode, unless a record says that it cannot be.
        """
        self.encoded.append(len(batch))
        if any(record.message == "never" for record in batch):
            raise ValueError("never")
        return encodeJSON(batch)

    def test_once(self) -> None:
        """
        A batch is encoded once for all that share the encoder, and another
        batch again, though its records are the same.
        """
        encoder = BatchEncoder(self.encode, 1 << 20, users=2)
        batch = [makeRecord("a"), makeRecord("b")]
        for each in (batch, list(batch)):
            first, second = encoder.make(each), encoder.make(each)
            self.assertEqual(first.parts, [(encodeJSON(batch), 2)])
            self.assertEqual(second.parts, first.parts)
        self.assertEqual(self.encoded, [2, 2])

    def test_asItIs(self) -> None:
        """
        A batch that is not too large is encoded as it is: it may be more than a
        sequence.
        """
        seen: list[object] = []
        encoder = BatchEncoder(lambda batch: bytes(seen.append(batch) or b"x"), 100)
        batch = [makeRecord("a")]
        encoder.make(batch)
        self.assertIs(seen[0], batch)

    def test_forgotten(self) -> None:
        """
        Nothing of a batch is kept when all have it.
        """
        encoder = BatchEncoder(self.encode, 1 << 20, users=2)
        batch = [makeRecord("a")]
        for _ in range(4):
            encoder.make(batch)
        self.assertEqual(self.encoded, [1, 1])
        self.assertIsNone(encoder._batch)
        self.assertEqual(encoder._encoded.parts, [])

    def test_filtered(self) -> None:
        """
        One that does not get every batch makes no difference to the others.
        """
        encoder = BatchEncoder(self.encode, 1 << 20, users=2)
        for text in "abc":
            [(data, count)] = encoder.make([makeRecord(text)]).parts
            self.assertEqual((data, count), (encodeJSON([makeRecord(text)]), 1))

    def test_parts(self) -> None:
        """
        No part has more records or bytes than it may, if it has more than one
        record, and all of them are there in their order.
        """
        size = len(encodeJSON([makeRecord("x")]))
        encoder = BatchEncoder(self.encode, 3 * size)
        batch = [makeRecord(str(number % 10)) for number in range(PART_RECORDS + 7)]
        batch[5] = makeRecord("y" * 4 * size)
        parts = encoder.make(batch).parts
        self.assertEqual(b"".join(data for data, _ in parts), encodeJSON(batch))
        self.assertEqual(sum(count for _, count in parts), len(batch))
        for data, count in parts:
            self.assertTrue(len(data) <= 3 * size or count == 1)
        whole = BatchEncoder(self.encode, 1 << 30).make(batch).parts
        self.assertEqual([count for _, count in whole], [PART_RECORDS, 7])

    def test_unencodable(self) -> None:
        """
        Records that cannot be encoded are counted, and cost the others nothing.
        """
        encoder = BatchEncoder(self.encode, 1 << 20)
        batch = [makeRecord(text) for text in ("a", "never", "b", "never", "c")]
        encoded = encoder.make(batch)
        kept = [batch[0], batch[2], batch[4]]
        self.assertEqual(b"".join(data for data, _ in encoded.parts), encodeJSON(kept))
        self.assertEqual(encoded.unencodable, 2)
        assert encoded.failure is not None
        self.assertIsInstance(encoded.failure.value, ValueError)


class EncodersTests(SynchronousTestCase):
    """
    Tests for L{Encoders}.
    """

    def test_shared(self) -> None:
        """
        Who writes the same in parts of the same size shares an encoder.
        """
        encoders = Encoders()
        first = encoders.get(encodeJSON, 100)
        self.assertIs(encoders.get(encodeJSON, 100), first)
        self.assertEqual(first.users, 2)
        self.assertIsNot(encoders.get(encodeJSON, 99), first)
        self.assertIsNot(encoders.get(BatchEncoderTests.encode, 100), first)

    def test_outputs(self) -> None:
        """
        Outputs that are described to write the same encode each batch once, all
        together.
        """
        # Nothing is written.
        self.patch(QueuedSink, "_go", lambda sink: None)
        for descriptions, times in (
            (["file:{}", "file:{}:sync=always"], 1),
            (["file:{}:format=text", "file:{}:format=text:mode=600"], 1),
            (["file:{}", "file:{}:format=text", "file:{}"], 2),
            (["file:{}:text=%(message)s", "file:{}:text=%(name)s"], 2),
            (["forward:tcp:127.0.0.1:1", "forward:tcp:127.0.0.1:2"], 1),
            (["forward:http:127.0.0.1:1", "forward:https:127.0.0.1:2"], 1),
        ):
            factory = OutputFactory(MemoryReactorClock())
            sinks = [factory.make(text.format(self.mktemp())) for text in descriptions]
            encoders = set()
            for sink in sinks:
                assert isinstance(sink, QueuedSink)
                encoders.add(sink.encoder)
            self.assertEqual(len(encoders), times, descriptions)
            calls: list[int] = []

            def watched(batch: Sequence[Record], calls: list[int] = calls) -> bytes:
                calls.append(len(batch))
                return encodeJSON(batch)

            for encoder in encoders:
                encoder.encode = watched
            FanOut(sinks).deliver([makeRecord("a"), makeRecord("b")])
            self.assertEqual(calls, [2] * times, descriptions)
            for tally in factory.tallies:
                self.assertEqual(tally.queued, 2)
