"""
Tests for L{logrecv.wire.pickled.encode}.
"""

from __future__ import annotations

import pickle
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from logrecv.outputs.frames import makeAttributes
from logrecv.record import Record
from logrecv.testing import makeFrame, makeLogRecord, makeRecord
from logrecv.wire.framing import FrameDecoder
from logrecv.wire.pickled import fast
from logrecv.wire.pickled.encode import FrameEncoder
from logrecv.wire.pickled.fast import PayloadReader
from tests.wire.pickled.test_fast import ORIGIN

#: The number that every text has in the memo.
MEMO = 255

TEXTS = st.text(max_size=300) | st.sampled_from(["", "app", "é" * 200, "\0", "N"])
INTEGERS = (
    st.integers(-(2**63), 2**64 - 1)
    | st.integers(-300, 70_000)
    | st.sampled_from([0, 255, 256, 65535, 65536, 2**31 - 1, 2**31, -(2**31)])
)


def stock(message: str = "text", **others: Any) -> Record:
    """
    Make a record with all attributes of a stock handler.
    """
    attributes: dict[str, Any] = {
        "msecs": 250.0,
        "relativeCreated": 44.5,
        "pathname": "/srv/app/module.py",
        "filename": "module.py",
        "module": "module",
        "lineno": 123,
        "funcName": "login",
        "thread": 140346917493632,
        "threadName": "MainThread",
        "processName": "MainProcess",
        "process": 30741,
    }
    return makeRecord(message, **{**attributes, **others})


def payload(frame: bytes | None) -> bytes:
    """
    Take the length off a frame, and check the length.
    """
    assert frame is not None
    [found] = FrameDecoder(1 << 20).feed(frame)
    return found


class FrameEncoderTests(SynchronousTestCase):
    """
    Tests for L{FrameEncoder}.
    """

    def check(self, records: list[Record]) -> None:
        """
        Encode the records of one batch.  C{pickle} must read the attributes of each
        record, in their order and of their types.
        """
        encode = FrameEncoder().encode
        for record in records:
            found = pickle.loads(payload(encode(record)))
            expected = makeAttributes(record)
            self.assertEqual(found, expected)
            self.assertEqual(repr(found), repr(expected))

    def test_asTheHandler(self) -> None:
        """
        A frame has the bytes of a stock handler's frame, but for the numbers of the
        texts in the memo.
        """
        sent = makeLogRecord("text", taskName="Task-1", user="alice", count=7)
        found = makeFrame(sent)
        [original] = FrameDecoder(1 << 20).feed(found)
        record = PayloadReader(ORIGIN).read(original)
        again = payload(FrameEncoder().encode(record))
        self.assertEqual(len(again), len(original))
        different = {
            (one, other)
            for one, other in zip(again, original, strict=True)
            if one != other
        }
        self.assertTrue(all(one == MEMO for one, _ in different), different)

    def test_fastPath(self) -> None:
        """
        A frame takes the fast path of a receiver, and gives the same record.
        """
        self.patch(fast, "loads", None)
        for record in (
            stock("text"),
            stock("text", exc_text="Traceback\n é", stack_info="Stack"),
            stock("text", extra={"user": "é", "n": 1, "f": 0.5, "b": True, "x": None}),
            stock("text", thread=None, threadName=None, process=None),
        ):
            read = PayloadReader(record.received).read
            self.assertEqual(read(payload(FrameEncoder().encode(record))), record)

    def test_inCommon(self) -> None:
        """
        Values that records have in common are not mixed up with other values.
        """
        first = stock("a", name="app", levelname="INFO", lineno=1, funcName=None)
        second = stock("b", name=None, levelname=None, lineno=None, funcName="1")
        third = stock("c", thread=1, process=2, threadName="x", processName=None)
        fourth = stock("d", thread=2, process=1, threadName=None, processName="x")
        self.check([first, second, third, fourth, first, second, third, fourth])

    def test_others(self) -> None:
        """
        A record that no stock handler sends is left to the slow path.
        """
        for changes in (
            {"created": None},
            {"msecs": None},
            {"extra": {"nested": [1]}},
            {"extra": {"levelno": 1}},
            {"extra": {"asctime": "now"}},
            {"extra": {f"n{number}": 1 for number in range(1000)}},
            {"message": "\ud800"},
        ):
            record: Any = stock(**changes)  # type: ignore[arg-type]
            self.assertIsNone(FrameEncoder().encode(record), changes)

    @settings(derandomize=True)
    @given(
        st.lists(
            st.fixed_dictionaries(
                {
                    "message": TEXTS,
                    "created": st.floats(-1e9, 1e9),
                    "msecs": st.floats(0),
                },
                optional={
                    **{
                        name: st.none() | TEXTS
                        for name in (
                            *("name", "levelname", "pathname", "filename", "module"),
                            *("funcName", "threadName", "processName", "taskName"),
                            *("exc_text", "stack_info"),
                        )
                    },
                    **{
                        name: st.none() | INTEGERS
                        for name in ("levelno", "lineno", "thread", "process")
                    },
                    "relativeCreated": st.none() | st.floats(0, 1e9),
                    "extra": st.none()
                    | st.dictionaries(
                        st.text(max_size=9).map("x{}".format),
                        st.none() | st.booleans() | INTEGERS | st.floats(0) | TEXTS,
                    ),
                },
            ),
            max_size=4,
        )
    )
    def test_anyRecords(self, batch: list[dict[str, Any]]) -> None:
        """
        C{pickle} reads any records as they were.
        """
        self.check([stock(**each) for each in batch])
