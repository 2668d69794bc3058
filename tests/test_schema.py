"""
Tests for L{logrecv.schema}: the list agrees with the C{logging} of this Python, and
every part of logrecv that repeats the list agrees with it.

To add an attribute, add a line to L{ATTRIBUTES} and a field to L{Record}: each test
that then fails names a place that lacks the attribute.
"""

from __future__ import annotations

import logging
import pickle
import sys
from logging.handlers import HTTPHandler
from typing import Any, NoReturn
from urllib.parse import urlencode

from msgspec.json import encode
from msgspec.structs import asdict, fields
from twisted.trial.unittest import SkipTest, SynchronousTestCase

from logrecv.formats.text import makeText
from logrecv.outputs.frames import makeAttributes
from logrecv.record import Origin, Record
from logrecv.schema import ATTRIBUTES, MESSAGE, RESERVED, STANDARD, Attribute, Kind
from logrecv.testing import makeLogRecord, makePickle
from logrecv.wire import attributes as slow
from logrecv.wire.forms import fast as forms
from logrecv.wire.forms.decode import parseForm
from logrecv.wire.jsonlines.fast import parsePlain
from logrecv.wire.jsonlines.forwarded import readForwarded
from logrecv.wire.pickled import machine
from logrecv.wire.pickled.attributes_fast import hasExtra, stockRecord
from logrecv.wire.pickled.encode import FrameEncoder
from logrecv.wire.pickled.fast import PayloadReader

ORIGIN = Origin("2026-11-22T10:30:00.000000Z", "tcp", "192.0.2.1:5000")

#: The bytes of a payload, as far as bounds ask for them.
SIZE = 2000

#: The fields of a record that no attribute has.
OWN_FIELDS = {"time", "extra", "received", "hops", "repaired"}

#: The type of the values of each kind.
TYPES = {
    Kind.TEXT: str,
    Kind.INTEGER: int,
    Kind.FLOAT: float,
    Kind.TIME: float,
    Kind.MESSAGE: str,
    Kind.ARGUMENTS: str,
    Kind.EXCEPTION: str,
}


def isSent(attribute: Attribute) -> bool:
    """
    Return C{True} if the handlers of this Python send an attribute.
    """
    return attribute.since is None or sys.version_info >= attribute.since


def sample(attribute: Attribute) -> Any:
    """
    Make a value that no other attribute has, as a stock handler sends it.
    """
    number = ATTRIBUTES.index(attribute) + 1
    match attribute.kind:
        case Kind.TEXT | Kind.MESSAGE:
            return f"the {attribute.name}"
        case Kind.INTEGER:
            return 1000 + number
        case Kind.FLOAT:
            return number + 0.5
        case Kind.TIME:
            return 1795340750.25
        case Kind.EXCEPTION if attribute.isField:
            return f"the {attribute.name}"
    return None


#: The names of the attributes, in the order of the wire.
NAMES = [attribute.name for attribute in ATTRIBUTES]

#: The attributes of one record, as a stock handler sends them.
SENT = {attribute.name: sample(attribute) for attribute in ATTRIBUTES}

#: The same without any value that can be left out.
SENT_LEAST = {
    attribute.name: None if attribute.isOptional else sample(attribute)
    for attribute in ATTRIBUTES
    if attribute.since is None
}


def expected(sent: dict[str, Any]) -> dict[str, Any]:
    """
    Make the fields of a record by the words of the schema.
    """
    found = {
        attribute.name: sent.get(attribute.name)
        for attribute in ATTRIBUTES
        if attribute.isField
    }
    found["message"] = found.pop("msg")
    return {
        **{field.name: None for field in fields(Record)},
        **found,
        "time": "2026-11-22T09:45:50.250000Z",
        "received": {"at": ORIGIN.at, "via": ORIGIN.via, "peer": ORIGIN.peer},
    }


def noSlowPath(body: bytes) -> NoReturn:
    """
    Fail, in place of the slow path.
    """
    raise AssertionError("the fast path does not know all attributes")


class ListTests(SynchronousTestCase):
    """
    Tests of the list against C{logging} and against L{Record}.
    """

    def test_order(self) -> None:
        """
        The stock handlers of this Python send the attributes in the order of the
        list, in pickles and in forms.
        """
        names = [attribute.name for attribute in ATTRIBUTES if isSent(attribute)]
        self.assertEqual([*pickle.loads(makePickle())], names)
        form = HTTPHandler("localhost", "/").mapLogRecord(makeLogRecord())
        self.assertEqual([*form], names)

    def test_values(self) -> None:
        """
        The values that a stock handler sends have the types of their kinds, and an
        attribute that may be L{None} says so.
        """
        sent = pickle.loads(makePickle(makeLogRecord("hello")))
        for attribute in filter(isSent, ATTRIBUTES):
            value = sent[attribute.name]
            if value is None:
                self.assertTrue(attribute.isOptional, attribute)
            else:
                self.assertIs(type(value), TYPES[attribute.kind], attribute)

    def test_withoutCollecting(self) -> None:
        """
        Attributes that an application can tell C{logging} not to collect may be
        L{None}.
        """
        for switch in "logThreads", "logProcesses", "logMultiprocessing":
            self.patch(logging, switch, False)
        sent = pickle.loads(makePickle(makeLogRecord("hello")))
        optional = {each.name for each in ATTRIBUTES if each.isOptional}
        empty = {name for name, value in sent.items() if value is None}
        self.assertEqual(empty - optional, set())
        self.assertIn("threadName", empty)

    def test_reserved(self) -> None:
        """
        C{logging} refuses every reserved name for an extra.
        """
        older = {each.name for each in ATTRIBUTES if not isSent(each)}
        make = logging.Logger("app").makeRecord
        for name in RESERVED - older:
            with self.assertRaises(KeyError):
                make("app", 20, "", 1, "hello", (), None, extra={name: "x"})
        self.assertLess(STANDARD, RESERVED)

    def test_record(self) -> None:
        """
        A L{Record} has a field for each attribute that the list gives a field, of
        the type of its kind, and only few fields of its own.
        """
        types = {field.name: field.type for field in fields(Record)}
        wanted = {each.name: each for each in (*ATTRIBUTES, MESSAGE) if each.isField}
        self.assertEqual(set(types) - OWN_FIELDS, set(wanted))
        for name, attribute in wanted.items():
            kind = TYPES[attribute.kind]
            self.assertEqual(types[name], kind if name == "message" else kind | None)


class PathTests(SynchronousTestCase):
    """
    Tests of all ways from attributes to records: each takes every attribute of the
    list, and puts its value into the right field.
    """

    def check(self, record: Record | None, sent: dict[str, Any] = SENT) -> None:
        """
        Assert that a record has the values that were sent, each in its field.
        """
        assert record is not None, "the fast path does not know all attributes"
        found = {**asdict(record), "received": asdict(record.received)}
        wrong = {
            name: f"{found.get(name)} is not {value}"
            for name, value in expected(sent).items()
            if found.get(name) != value
        }
        self.assertEqual(wrong, {})

    def test_slowPath(self) -> None:
        """
        L{logrecv.wire.attributes} knows all attributes.
        """
        # The messages of Python 2 take the slow path.
        sent = {**SENT, "msg": SENT["msg"].encode()}
        self.assertIsNone(stockRecord(sent, ORIGIN, SIZE))
        self.check(slow.makeRecord(sent, ORIGIN, SIZE))

    def test_standard(self) -> None:
        """
        No attribute of the list becomes an C{extra}.
        """
        for name in STANDARD:
            record = slow.makeRecord({"msg": "hello", name: None}, ORIGIN, SIZE)
            self.assertIsNone(record.extra, name)

    def test_attributesFast(self) -> None:
        """
        L{logrecv.wire.pickled.attributes_fast} knows all attributes.
        """
        for sent in SENT, SENT_LEAST:
            self.check(stockRecord(sent, ORIGIN, SIZE), sent)
            self.assertFalse(hasExtra(sent))
            self.assertTrue(hasExtra({**sent, "user": "alice"}))

    def test_payloads(self) -> None:
        """
        L{logrecv.wire.pickled.fast} knows all attributes.
        """
        for sent in SENT, SENT_LEAST:
            reader = PayloadReader(ORIGIN)
            self.check(reader.read(pickle.dumps(sent, 1)), sent)
            self.assertEqual(reader.others, 0, "the slow path was taken")

    def test_knownTexts(self) -> None:
        """
        L{logrecv.wire.pickled.machine} has a slot of its own for each name.  If two
        names share a slot, C{_slot} needs another formula.
        """
        if machine.COMPILED:
            raise SkipTest("the table of slots is in C")
        self.assertEqual(set(machine._KNOWN_TEXTS) - {""}, set(machine._KNOWN))

    def test_frames(self) -> None:
        """
        L{logrecv.wire.pickled.encode} writes all attributes, in the order of the
        list.
        """
        record = stockRecord(SENT, ORIGIN, SIZE)
        assert record is not None
        frame = FrameEncoder().encode(record)
        assert frame is not None
        self.assertEqual([*pickle.loads(frame[4:]).items()], [*SENT.items()])

    def test_forwarded(self) -> None:
        """
        L{logrecv.outputs.forward} sends all attributes, in the order of the list.
        """
        record = stockRecord(SENT, ORIGIN, SIZE)
        assert record is not None
        self.assertEqual([*makeAttributes(record).items()], [*SENT.items()])

    def test_forms(self) -> None:
        """
        L{logrecv.wire.forms.decode} and L{logrecv.wire.forms.fast} know all
        attributes.
        """
        for sent in SENT, SENT_LEAST:
            self.assertEqual(parseForm(urlencode(sent).encode()), sent)
        self.patch(forms, "parseForm", noSlowPath)
        for sent in SENT, SENT_LEAST:
            self.check(forms.readForm(urlencode(sent).encode(), ORIGIN), sent)

    def test_json(self) -> None:
        """
        L{logrecv.wire.jsonlines.fast} takes every attribute with a field.
        """
        values = {
            name: value
            for name, value in expected(SENT).items()
            if name not in (*OWN_FIELDS, "msg", "args")
        }
        records = parsePlain(encode(values))
        assert records is not None, "the fast path does not know all attributes"
        self.assertEqual({name: getattr(records[0], name) for name in values}, values)

    def test_recordForm(self) -> None:
        """
        L{logrecv.wire.jsonlines.forwarded} takes every attribute with a field, and
        no number that is not kept.
        """
        sent = {name: value for name, value in expected(SENT).items() if value}
        self.check(readForwarded(sent))
        for attribute in ATTRIBUTES:
            if attribute.kind is Kind.INTEGER:
                self.assertIsNone(readForwarded({**sent, attribute.name: 2**70}))
            elif attribute.kind in (Kind.FLOAT, Kind.TIME):
                infinite = {**sent, attribute.name: float("inf")}
                self.assertIsNone(readForwarded(infinite))

    def test_templates(self) -> None:
        """
        L{logrecv.formats.text} takes every attribute with a field, as a text or as
        a number.
        """
        record = stockRecord(SENT, ORIGIN, SIZE)
        assert record is not None
        record.args = "the args"
        for name, value in {**expected(SENT), "args": "the args"}.items():
            if name not in (*OWN_FIELDS, "msg"):
                line, *_ = makeText(f"[%({name})s]")([record]).splitlines()
                self.assertEqual(line, f"[{value}]".encode(), name)
        for attribute in ATTRIBUTES:
            if attribute.kind in (Kind.INTEGER, Kind.FLOAT, Kind.TIME):
                line, *_ = makeText(f"[%({attribute.name})d]")([record]).splitlines()
                value = int(SENT[attribute.name])
                self.assertEqual(line, f"[{value}]".encode(), attribute)
