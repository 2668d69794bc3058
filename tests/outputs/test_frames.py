"""
Tests for L{logrecv.outputs.frames}.
"""

from __future__ import annotations

import logging
import pickle
import struct
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from logrecv.batch import Batch
from logrecv.outputs.frames import encodeFrames, makeAttributes
from logrecv.record import Origin, Record
from logrecv.testing import CREATED, makeFrame, makeLogRecord, makeRecord
from logrecv.wire import attributes
from logrecv.wire.framing import FrameDecoder
from logrecv.wire.pickled import machine


def loads(data: bytes) -> list[dict[str, Any]]:
    """
    Take frames apart as the receiver in Python's logging cookbook does.
    """
    found = []
    while data:
        (length,) = struct.unpack(">L", data[:4])
        found.append(pickle.loads(data[4 : 4 + length]))
        data = data[4 + length :]
    return found


class FramesTests(SynchronousTestCase):
    """
    L{encodeFrames} and L{makeAttributes}.
    """

    def test_stockAttributes(self) -> None:
        """
        The attributes are those that C{SocketHandler} sends, and no others.
        """
        [stock] = loads(makeFrame())
        # Python has taskName from 3.12 on.
        self.assertEqual(makeAttributes(makeRecord()).keys(), {*stock, "taskName"})

    def test_protocol(self) -> None:
        """
        Pickles are of protocol 1, as C{SocketHandler} sends them.
        """
        data = encodeFrames([makeRecord()])
        self.assertEqual(data[4:5], makeFrame()[4:5])
        self.assertNotEqual(data[4:5], pickle.PROTO)

    def test_roundTrip(self) -> None:
        """
        Another logrecv makes the same record of it.
        """
        origin = Origin("2023-11-14T22:13:20.250000Z", "tcp", "a:1")
        sent = loads(
            makeFrame(
                makeLogRecord(
                    "%s and %d",
                    "text",
                    5,
                    created=CREATED,
                    exc_text="Traceback…",
                    stack_info="Stack…",
                    user={"id": [1, None, 2.5, True]},
                    taskName="Task-1",
                )
            )
        )[0]
        record = attributes.makeRecord(sent, origin, 1000)
        [payload] = FrameDecoder(1000).feed(encodeFrames([record]))
        again = attributes.makeRecord(machine.loads(payload), origin, len(payload))
        self.assertEqual(again, record)
        self.assertEqual(again.extra, {"user": {"id": [1, None, 2.5, True]}})

    def test_asTheyCame(self) -> None:
        """
        Records of which the payloads are known are sent on as these; others of the
        same kind are not.
        """
        batch = Batch([makeRecord("a"), makeRecord("b")])
        batch.payloads = [b"first", b"the second"]
        self.assertEqual(encodeFrames(batch), b"\0\0\0\5first\0\0\0\nthe second")
        batch.payloads = None
        self.assertEqual(encodeFrames(batch), encodeFrames([*batch]))

    def test_missing(self) -> None:
        """
        An attribute that a record does not have is L{None}, or a value that stock
        receivers can use.
        """
        record = Record(
            time="2023-11-14T22:13:20.250000Z",
            message="only",
            received=Origin("2023-11-14T22:13:20.250000Z", "json", "a:1"),
        )
        attributes = makeAttributes(record)
        known = {name: value for name, value in attributes.items() if value is not None}
        self.assertEqual(
            known,
            {
                "msg": "only",
                "created": CREATED,
                "msecs": 250.0,
                "levelno": 0,
                "lineno": 0,
            },
        )
        formatter = logging.Formatter("%(asctime)s %(levelno)d %(lineno)d %(message)s")
        text = formatter.format(logging.makeLogRecord(attributes))
        self.assertTrue(text.endswith("250 0 0 only"), text)

    def test_clashingExtra(self) -> None:
        """
        An extra with the name of a standard attribute does not replace it.
        """
        extra = {"levelno": "high", "asctime": "now", "user": "bob"}
        attributes = makeAttributes(makeRecord(extra=extra))
        self.assertEqual(attributes["levelno"], 20)
        self.assertEqual(attributes["extra"], {"levelno": "high", "asctime": "now"})
        self.assertEqual(attributes["user"], "bob")
        self.assertNotIn("asctime", attributes)

    def test_extraNamedExtra(self) -> None:
        """
        An extra that is itself named C{extra} is kept in either case, and the
        record is not changed.
        """
        extra = {"extra": 1}
        self.assertEqual(makeAttributes(makeRecord(extra=extra))["extra"], 1)
        extra = {"extra": 1, "name": 2}
        attributes = makeAttributes(makeRecord(extra=extra))
        self.assertEqual(attributes["extra"], {"extra": 1, "name": 2})
        self.assertEqual(extra, {"extra": 1, "name": 2})
