"""
Tests for L{logrecv.testing}.
"""

from __future__ import annotations

import logging
import pickle
import struct
from urllib.parse import parse_qs

from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from logrecv.interfaces import IRecordSink
from logrecv.testing import (
    BackpressureSink,
    FailingSink,
    MemorySink,
    makeDatagram,
    makeForm,
    makeFrame,
    makeLogRecord,
    makePickle,
    makeRecord,
)


class SinkTests(SynchronousTestCase):
    """
    The sinks.
    """

    def test_interfaces(self) -> None:
        """
        Each provides L{IRecordSink}.
        """
        for sink in (MemorySink(), FailingSink(), BackpressureSink()):
            verifyObject(IRecordSink, sink)

    def test_memory(self) -> None:
        """
        A L{MemorySink} keeps records and batches, and counts what was asked of
        it.
        """
        sink = MemorySink()
        a, b, c = makeRecord("a"), makeRecord("b"), makeRecord("c")
        sink.start()
        self.assertIsNone(sink.deliver([a, b]))
        self.assertIsNone(sink.deliver((c,)))
        for _ in range(2):
            self.successResultOf(sink.flush())
        self.successResultOf(sink.stop())
        self.assertEqual(sink.records, [a, b, c])
        self.assertEqual(sink.batches, [[a, b], [c]])
        self.assertEqual((sink.started, sink.flushed, sink.stopped), (1, 2, 1))

    def test_failing(self) -> None:
        """
        A L{FailingSink} raises what it is told to, whatever it is asked, and
        counts what is lost with it.
        """
        sink = FailingSink(OSError("no"))
        self.assertRaises(OSError, sink.deliver, [makeRecord(), makeRecord()])
        for method in (sink.start, sink.flush, sink.stop):
            self.assertRaises(OSError, method)
        self.assertEqual((sink.records, sink.lost), ([], 2))
        self.assertEqual((sink.started, sink.flushed, sink.stopped), (1, 1, 1))

    def test_pressure(self) -> None:
        """
        A L{BackpressureSink} is under pressure until it is released, and again
        when it is pressed.
        """
        sink = BackpressureSink()
        reliefs = [sink.deliver([makeRecord()]) for _ in range(2)]
        self.assertEqual(sink.waiting, reliefs)
        for relief in reliefs:
            assert relief is not None
            self.assertNoResult(relief)
        sink.release()
        for relief in reliefs:
            assert relief is not None
            self.assertIsNone(self.successResultOf(relief))
        self.assertIsNone(sink.deliver([makeRecord()]))
        sink.press()
        self.assertIsNotNone(sink.deliver([makeRecord()]))
        self.assertEqual(len(sink.records), 4)


class MakerTests(SynchronousTestCase):
    """
    The makers.
    """

    def test_record(self) -> None:
        """
        A record has what the test gives it, and something sensible elsewhere.
        """
        record = makeRecord("text", levelno=40, extra={"a": 1})
        self.assertEqual((record.message, record.levelno), ("text", 40))
        self.assertEqual((record.extra, record.name), ({"a": 1}, "app"))

    def test_logRecord(self) -> None:
        """
        So has the record of a client; the name of its level fits the level.
        """
        record = makeLogRecord("%s!", "text", levelno=40, user="bob")
        self.assertEqual(record.getMessage(), "text!")
        self.assertEqual((record.levelname, record.__dict__["user"]), ("ERROR", "bob"))
        self.assertEqual(makeLogRecord(levelno=40, levelname="X").levelname, "X")

    def test_frame(self) -> None:
        """
        A frame, and a datagram, is the length and the pickle; the message is
        merged as C{SocketHandler} does it.
        """
        record = makeLogRecord("%d", 5)
        for frame in (makeFrame(record), makeDatagram(record)):
            self.assertEqual(struct.unpack(">L", frame[:4]), (len(frame) - 4,))
            self.assertEqual(frame[4:], makePickle(record))
            attributes = pickle.loads(frame[4:])
            self.assertEqual((attributes["msg"], attributes["args"]), ("5", None))

    def test_attributes(self) -> None:
        """
        A maker of bytes takes attributes instead of a record.
        """
        self.assertEqual(pickle.loads(makePickle(msg="x", user=1))["user"], 1)
        self.assertEqual(pickle.loads(makeFrame(msg="x")[4:])["msg"], "x")
        self.assertEqual(parse_qs(makeForm(msg="x y"))[b"msg"], [b"x y"])
        self.assertEqual(pickle.loads(makePickle())["levelno"], logging.INFO)

    def test_form(self) -> None:
        """
        A form has every attribute as its text, and the message not merged.
        """
        record = makeLogRecord("%s", "h\N{LATIN SMALL LETTER E WITH ACUTE}")
        form = parse_qs(makeForm(record).decode("ascii"))
        self.assertEqual(form["msg"], ["%s"])
        self.assertEqual(form["args"], ["('h\xe9',)"])
        self.assertEqual(form["exc_info"], ["None"])
