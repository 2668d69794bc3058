"""
Tests for L{logrecv.workers.messages}.
"""

from __future__ import annotations

import socket

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from logrecv.counters import InputTally, OutputTally, QuarantineTally
from logrecv.workers.messages import (
    Ask,
    ControlProtocol,
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
    Ended(3),
]


class MessageTests(SynchronousTestCase):
    """
    Tests for L{encodeMessage} and L{MessageBuffer}.
    """

    @given(st.lists(st.integers(1, 400)))
    def test_anyPieces(self, sizes: list[int]) -> None:
        """
        Messages are decoded as they were encoded, in whatever pieces their bytes come.
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
        A report has all counters of the tallies.
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


class ControlProtocolTests(SynchronousTestCase):
    """
    Tests for L{ControlProtocol} before the reactor runs.
    """

    def test_read(self) -> None:
        """
        C{read} waits for messages, until the other end is gone.
        """
        ours, theirs = socket.socketpair()
        with ours:
            connection = ControlProtocol(ours)
            with theirs:
                theirs.sendall(encodeMessage(Serve()) + encodeMessage(Stop()))
                self.assertEqual(connection.read(), [Serve(), Stop()])
                theirs.sendall(encodeMessage(Stop())[:5])
                self.assertEqual(connection.read(), [])
            self.assertRaises(EOFError, connection.read)

    def test_send(self) -> None:
        """
        The other end reads each message; sending is no error when the other end is
        gone.
        """
        ours, theirs = map(ControlProtocol, socket.socketpair())
        with ours.connection:
            with theirs.connection:
                ours.send(Serve())
                self.assertEqual(theirs.read(), [Serve()])
            ours.send(Stop())
