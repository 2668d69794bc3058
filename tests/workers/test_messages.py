"""
Tests for L{logrecv.workers.messages}.
"""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from logrecv.counters import InputTally, OutputTally, QuarantineTally
from logrecv.workers.messages import (
    Ask,
    Ended,
    Failed,
    Logged,
    Message,
    MessageBuffer,
    Ready,
    Reopen,
    Report,
    Serve,
    Stop,
    StopNow,
    Task,
    encodeMessage,
)

MESSAGES: list[Message] = [
    Task(["--tcp", "tcp:1"], "/tmp", 2, 3, "/tmp/x", 4, {"tcp": [5, -1]}, "reactor"),
    Serve(),
    Ask(),
    Reopen(),
    Stop(),
    StopNow(),
    Ready(),
    Failed("no\nroom"),
    Logged("warn", "logrecv", "two\nlines \N{SNOWMAN}"),
    Ended({"1-file": 7}),
]


class MessageTests(SynchronousTestCase):
    """
    Tests for L{encodeMessage} and L{MessageBuffer}.
    """

    @given(st.lists(st.integers(1, 400)))
    def test_anyPieces(self, sizes: list[int]) -> None:
        """
        Messages come out as they went in, in whatever pieces their bytes come.
        """
        data = b"".join(map(encodeMessage, MESSAGES))
        buffer = MessageBuffer()
        found: list[Message] = []
        for size in sizes:
            found += buffer.feed(data[:size])
            data = data[size:]
        found += buffer.feed(data)
        self.assertEqual(found, MESSAGES)

    def test_report(self) -> None:
        """
        A report has the tallies as they are.
        """
        inputs = InputTally("tcp", 5, 3, {"malformed": 2}, 1, {"too-many": 4})
        outputs = OutputTally("1-file", 1, 2, 3, 4, {"stopped": 5})
        kept = QuarantineTally({"malformed": 1}, {"failed": 2})
        report = Report([inputs], [outputs], kept, 6, 7, 8.5)
        [found] = MessageBuffer().feed(encodeMessage(report))
        assert isinstance(found, Report)
        self.assertEqual(found.inputs[0].rejected, {"malformed": 2})
        self.assertEqual(found.inputs[0].refused, {"too-many": 4})
        self.assertEqual(found.outputs[0].dropped, {"stopped": 5})
        self.assertEqual(found.quarantine.dropped, {"failed": 2})
        self.assertEqual((found.repeated, found.memory, found.time), (6, 7, 8.5))
