"""
Tests of L{logrecv.wire.attributes}.
"""

from __future__ import annotations

import gzip
import json
import pickle
from base64 import b64decode
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from logrecv.reasons import NOT_A_RECORD
from logrecv.record import Record
from logrecv.wire import attributes as fields
from logrecv.wire import values
from logrecv.wire.attributes import makeRecord
from logrecv.wire.errors import WireError
from logrecv.wire.forms import decode as forms
from logrecv.wire.pickled import machine as pickles
from logrecv.wire.pickled.placeholders import Call, Global
from tests.selection import slow
from tests.wire.samples import ORIGIN, SIZE, STOCK, FieldTestCase, make

CAPTURES = Path(__file__).parent.parent / "data" / "wire"


class CapturesTests(SynchronousTestCase):
    """
    Tests with payloads of the stock handlers of many versions of Python.
    """

    def records(self, *ways: str) -> Iterator[tuple[dict[str, Any], Record]]:
        """
        Make records of captures.
        """
        for path in sorted(CAPTURES.glob("*.jsonl.gz")):
            with gzip.open(path, "rt", encoding="utf-8") as file:
                for line in file:
                    capture = json.loads(line)
                    if capture["via"] in ways:
                        yield capture, self.record(capture)

    def record(self, capture: dict[str, Any]) -> Record:
        """
        Make a record as the inputs do.
        """
        wire = b64decode(capture["wire"])
        if capture["via"] in ("socket", "datagram"):
            attributes = pickles.loads(wire[4:])
        else:
            head, _, wire = wire.partition(b"\r\n\r\n")
            if capture["via"] == "http-get":
                wire = head.split(b" ")[1].partition(b"?")[2]
            attributes = forms.parseForm(wire)
        record = makeRecord(attributes, ORIGIN, len(wire))
        self.assertNotIn(b"\n", msgspec.json.encode(record))
        return record

    def assertSame(self, capture: dict[str, Any], record: Record) -> None:
        """
        Check that a record says what its sender knows of it, but for traceback
        and extras.
        """
        what = (capture["python"], capture["case"], capture["via"])
        for name, value in capture["expect"].items():
            if name not in ("extra", "exc_text"):
                self.assertEqual(getattr(record, name), value, (*what, name))
        self.assertEqual(
            record.time,
            datetime.fromtimestamp(capture["expect"]["created"], UTC)
            .isoformat(timespec="microseconds")
            .replace("+00:00", "Z"),
        )
        repaired = ["loop"] if capture["case"] == "extra-cycle" else None
        if capture["via"].startswith("http"):
            repaired = None
        self.assertEqual(record.repaired, repaired, what)

    @slow
    def test_pickled(self) -> None:
        """
        A record that comes over TCP or UDP says what its sender knows.
        """
        count = 0
        for capture, record in self.records("socket", "datagram"):
            if capture["case"] == "surrogate":
                continue
            count += 1
            expected = capture["expect"]
            self.assertSame(capture, record)
            self.assertEqual(record.exc_text, expected.get("exc_text"))
            self.assertEqual((record.msg, record.args), (None, None))
            if "extra" in expected:
                extra = {
                    name: str(value) if value == 2**70 else value
                    for name, value in expected["extra"].items()
                }
                self.assertEqual(record.extra, extra)
        self.assertGreater(count, 500)

    @slow
    def test_forms(self) -> None:
        """
        A record that comes over HTTP says what its sender knows: the message is
        rendered, numbers are numbers, and extras are text.
        """
        count = 0
        for capture, record in self.records("http-get", "http-post"):
            count += 1
            expected = capture["expect"]
            self.assertSame(capture, record)
            if "exc_text" in expected:
                last = expected["exc_text"].splitlines()[-1].partition(": ")
                self.assertIn(f"{last[0]}({last[2]!r}", record.exc_text or "")
            else:
                self.assertIsNone(record.exc_text)
            if "extra" in expected and capture["case"] != "extra-nested":
                extra = {name: str(value) for name, value in expected["extra"].items()}
                self.assertEqual(record.extra, extra)
        self.assertGreater(count, 500)

    def test_templates(self) -> None:
        """
        The template and the arguments of a message that was rendered here are
        there as they were sent.
        """
        for capture, record in self.records("http-post"):
            if capture["case"] == "dict-args":
                self.assertEqual(record.msg, "%(who)s did %(n)05d")
                self.assertEqual(record.args, "{'who': 'bob', 'n': 7}")

    def test_surrogate(self) -> None:
        """
        A message with a lone surrogate is kept, with its escape.
        """
        for _, record in self.records("socket", "datagram"):
            if record.repaired == ["message"]:
                self.assertEqual(record.message, "bad \\udcff byte")
                return
        self.fail("there is none")

    def test_classes(self) -> None:
        """
        Extras of the standard library's classes are read from all versions.
        """
        expected = {
            "extra-floats": {"inf": "inf", "nan": "nan"},
            "extra-bytes": {"raw": {"$bytes": "AP8Q"}, "ba": "ab"},
            "extra-set": {"s": [1], "fs": ["x"]},
            "extra-datetime": {
                "when": "2026-11-22T10:30:00.123456",
                "day": "2026-11-22",
                "t": "01:02:03",
                "delta": 86402.0,
            },
            "extra-aware": {"when": "2026-11-22T10:30:00+00:00"},
            "extra-path": {"path": "/etc/hosts"},
            "extra-enum": {
                "c": {"$class": "__main__.Colour", "args": [1], "state": {}}
            },
            "extra-uuid": {"u": "00000000-0000-0000-0000-000000000005"},
            "extra-ordered": {
                "od": {"b": 1, "a": 2},
                "dd": {"k": [1]},
                "dq": [1, 2],
                "ctr": {"a": 2, "b": 1},
            },
            "extra-namedtuple": {"p": [1, 2]},
            "extra-subclass": {"l": [1, 2], "d": {"a": 1}},
            "extra-exception": {
                "e": {"$class": "builtins.KeyError", "args": ["k"], "state": {}}
            },
            "extra-cycle": {"loop": ["<cycle>"]},
        }
        seen = set()
        for capture, record in self.records("socket"):
            if capture["case"] in expected:
                seen.add(capture["case"])
                self.assertEqual(record.extra, expected[capture["case"]])
        self.assertEqual(seen, set(expected))


class TypesTests(FieldTestCase):
    """
    Tests for the types of standard attributes.
    """

    def test_created(self) -> None:
        """
        The time of creation is one that a calendar has, before 1970 as well.
        """
        for sent, kept, time in (
            (0, 0.0, "1970-01-01T00:00:00.000000Z"),
            (-0.5, -0.5, "1969-12-31T23:59:59.500000Z"),
            (-62135596800.0, -62135596800.0, "0001-01-01T00:00:00.000000Z"),
            (253402300799.0, 253402300799.0, "9999-12-31T23:59:59.000000Z"),
        ):
            record = self.assertField("created", sent, kept, False)
            self.assertEqual(record.time, time)

    def test_impossibleCreated(self) -> None:
        """
        The time of a record without a usable one is that of its reception.
        """
        for sent in (-62135596801, 253402300800.0, 1e300, float("nan"), "noon", True):
            record = self.assertField("created", sent, None, True)
            self.assertEqual(record.time, ORIGIN.at)
        self.assertEqual(make(msg="a").time, ORIGIN.at)
        self.assertIsNone(make(msg="a").repaired)

    def test_createdAsText(self) -> None:
        """
        A time in digits is read.
        """
        record = self.assertField("created", "1.5", 1.5, True)
        self.assertEqual(record.time, "1970-01-01T00:00:01.500000Z")

    def test_nothing(self) -> None:
        """
        An attribute that was not sent, or sent as None, is left out.  This is no
        repair.
        """
        record = make(**dict.fromkeys(STOCK))
        self.assertEqual(
            msgspec.to_builtins(record),
            {
                "time": ORIGIN.at,
                "message": "",
                "received": msgspec.to_builtins(ORIGIN),
            },
        )

    def test_stock(self) -> None:
        """
        A stock record is kept as it is.
        """
        record = make(**STOCK)
        sent = {name: value for name, value in STOCK.items() if value is not None}
        sent["message"] = sent.pop("msg")
        sent["time"] = "2026-11-22T09:45:50.250000Z"
        sent["received"] = msgspec.to_builtins(ORIGIN)
        self.assertEqual(msgspec.to_builtins(record), sent)


class LevelTests(SynchronousTestCase):
    """
    Tests for the number and the name of the level.
    """

    def test_derived(self) -> None:
        """
        The number is derived of a stock name, and the name of any number.
        """
        for sent, number, name in (
            ({"levelname": "ERROR"}, 40, "ERROR"),
            ({"levelname": "warn"}, 30, "warn"),
            ({"levelname": "NOTICE"}, None, "NOTICE"),
            ({"levelno": 10}, 10, "DEBUG"),
            ({"levelno": 0}, 0, "NOTSET"),
            ({"levelno": 25}, 25, "Level 25"),
            ({"levelno": 25, "levelname": "NOTICE"}, 25, "NOTICE"),
            ({"levelno": 20, "levelname": "ERROR"}, 20, "ERROR"),
            ({"name": "app"}, None, None),
        ):
            record = make(**sent)
            self.assertEqual((record.levelno, record.levelname), (number, name))
            self.assertIsNone(record.repaired)

    def test_repaired(self) -> None:
        """
        A level that is derived because the sent one was unusable is a repair.
        """
        record = make(levelno="high", levelname="ERROR")
        self.assertEqual((record.levelno, record.repaired), (40, ["levelno"]))


class MessageTests(SynchronousTestCase):
    """
    Tests for the message.
    """

    def test_sameAsTemplate(self) -> None:
        """
        The template is left out where the message is the same.
        """
        record = make(msg="same", args={"unused": 1})
        self.assertEqual((record.msg, record.args), (None, None))

    def test_sent(self) -> None:
        """
        A message that was sent is the message; the template and the arguments
        are kept beside it if they say more.
        """
        record = make(message="a is 7", msg="a is %d", args=(7,))
        self.assertEqual(record.message, "a is 7")
        self.assertEqual((record.msg, record.args), ("a is %d", "(7,)"))
        record = make(message="a", msg="a", args=None)
        self.assertEqual((record.msg, record.args), (None, None))
        record = make(message="a", msg="%s", args="no literal <x>")
        self.assertEqual((record.message, record.args), ("a", "no literal <x>"))
        self.assertIsNone(record.repaired)

    def test_sentWithNothingElse(self) -> None:
        """
        A message alone is a record.
        """
        record = make(message="a")
        self.assertEqual((record.message, record.msg), ("a", None))

    def test_notText(self) -> None:
        """
        A message that is no text is the text of its JSON form.
        """
        for sent, message in (
            ({"event": "login"}, '{"event":"login"}'),
            ([1], "[1]"),
            (42, "42"),
            (0.5, "0.5"),
            (False, "false"),
            (
                Call(Global("app", "E"), (1,)),
                '{"$class":"app.E","args":[1],"state":{}}',
            ),
        ):
            for name in ("msg", "message"):
                record = make(**{name: sent})
                self.assertEqual(record.message, message)
                self.assertEqual(record.repaired, ["message"])
                self.assertIsNone(record.msg)

    def test_python2(self) -> None:
        """
        The byte strings of Python 2 are text.
        """
        record = make(msg="za\u017c".encode(), args=None)
        self.assertEqual((record.message, record.repaired), ("zaż", None))
        record = make(msg="%r", args="(u'za\\u017c',)")
        self.assertEqual(record.message, "u'za\\u017c'")

    def test_surrogates(self) -> None:
        """
        Lone surrogates of arguments are repaired in the message and where the
        arguments are shown.
        """
        record = make(msg="%s", args=("\udcff",))
        self.assertEqual(record.message, "\\udcff")
        self.assertEqual(record.args, "('\\udcff',)")
        self.assertEqual(record.repaired, ["message"])


class ExceptionTests(SynchronousTestCase):
    """
    Tests for the traceback.
    """

    def test_text(self) -> None:
        """
        The traceback is kept, and the text that an HTTPHandler sends beside the
        traceback is dropped.
        """
        record = make(msg="a", exc_text="Traceback …", exc_info="(<class …>)")
        self.assertEqual((record.exc_text, record.extra), ("Traceback …", None))

    def test_alone(self) -> None:
        """
        The exception is kept where there is no traceback.
        """
        for sent in ("(<class 'E'>, E('x'), …)", "(<class 'E'>, E('x'), …)".encode()):
            record = make(msg="a", exc_text=None, exc_info=sent)
            self.assertEqual(record.exc_text, "(<class 'E'>, E('x'), …)")
            self.assertEqual((record.extra, record.repaired), (None, None))

    def test_other(self) -> None:
        """
        Anything else is an extra.
        """
        for sent in (True, [1], 7):
            record = make(**{**STOCK, "exc_info": sent})
            self.assertEqual(
                (record.exc_text, record.extra), (None, {"exc_info": sent})
            )


class ExtraTests(SynchronousTestCase):
    """
    Tests for the other attributes.
    """

    def test_names(self) -> None:
        """
        Names are data, even those of the record form's own keys, of methods
        and of nothing at all.
        """
        extras = {
            name: f"the client's {name}"
            for name in (
                *("getMessage", "__class__", "__dict__", "asctime", "", "$class"),
                *("time", "received", "extra", "repaired", "self", "a\n.b"),
            )
        }
        for others in (STOCK, {"msg": "a"}):
            record = make(**{**others, **extras})
            self.assertEqual(record.extra, extras)
            self.assertIsNone(record.repaired)
            self.assertEqual(record.received, ORIGIN)

    def test_none(self) -> None:
        """
        None is a value.
        """
        self.assertEqual(make(**STOCK, user=None).extra, {"user": None})

    def test_repaired(self) -> None:
        """
        An extra that cannot be kept is named; the others are as they were.
        """
        loop: list[object] = []
        loop.append(loop)
        for others in (STOCK, {"msg": "a"}):
            record = make(**{**others, "good": [1], "loop": loop, "x\udcff": "\ud800"})
            self.assertEqual(
                record.extra, {"good": [1], "loop": ["<cycle>"], "x\\udcff": "\\ud800"}
            )
            self.assertEqual(record.repaired, ["loop", "x\\udcff"])

    def test_sameName(self) -> None:
        """
        Where two names become the same, the second value stays and that is
        said.
        """
        record = make(**{"msg": "a", "x\ud800": 1, "x\\ud800": 2})
        self.assertEqual(record.extra, {"x\\ud800": 2})
        self.assertEqual(record.repaired, ["x\\ud800"])

    def test_large(self) -> None:
        """
        An extra that is too large is named, and so is C{extra}, as later ones are left
        out; the standard attributes are whole.
        """
        shared: object = "x" * 100
        for _ in range(40):
            shared = [shared, shared]
        for others in (STOCK, {"msg": "hello", "name": "app.module"}):
            record = make(**{"large": shared, "later": 1, **others})
            self.assertEqual((record.name, record.message), ("app.module", "hello"))
            assert record.extra is not None
            self.assertEqual(list(record.extra), ["large"])
            self.assertIn(values.TOO_LARGE, str(record.extra))
            self.assertEqual(record.repaired, ["large", "extra"])


class RecordTests(SynchronousTestCase):
    """
    Tests for what is a record at all, and for what it may take.
    """

    def test_notARecord(self) -> None:
        """
        Attributes without any that tells a log record are refused.
        """
        for attributes in ({}, {"created": 1.0, "levels": 1}, {"Name": "a"}):
            error = self.assertRaises(WireError, makeRecord, attributes, ORIGIN, SIZE)
            self.assertEqual(error.reason, NOT_A_RECORD)

    def test_record(self) -> None:
        """
        One of them is enough, whatever it is.
        """
        for name in fields.IDENTIFYING:
            for value in (None, "a", 7, object()):
                make(**{name: value})

    def test_unchanged(self) -> None:
        """
        The attributes are not changed, and the record does not depend on them.
        """
        attributes = {**STOCK, "args": ["a"], "msg": "%s", "user": {"tags": ["x"]}}
        before = pickle.dumps(attributes)
        record = makeRecord(attributes, ORIGIN, SIZE)
        self.assertEqual(pickle.dumps(attributes), before)
        attributes["user"]["tags"].append("y")  # type: ignore[index]
        self.assertEqual(record.extra, {"user": {"tags": ["x"]}})

    def test_sharedText(self) -> None:
        """
        One text in many attributes takes no more than is in proportion to the
        payload, on the fast path and on the slow path.
        """
        text = "\0" * 10 * SIZE
        texts = {name: text for name, value in STOCK.items() if type(value) is str}
        for others in ({}, {"lineno": "x"}):
            record = makeRecord({**STOCK, **texts, **others}, ORIGIN, SIZE)
            bound = values.RENDERED_PER_BYTE * SIZE + values.RENDERED_FLOOR
            self.assertLess(len(msgspec.json.encode(record)), bound + 2000)
            self.assertIn("name", record.repaired or ())


class AnyRecordTests(SynchronousTestCase):
    """
    Tests with generated attributes.
    """

    stock = st.fixed_dictionaries(
        {
            name: st.just(value)
            | st.one_of(
                st.none(),
                st.booleans(),
                st.integers(-(2**65), 2**65),
                st.floats(),
                st.text(st.characters(exclude_categories=()), max_size=3),
                st.binary(max_size=3),
                st.just("WARNING"),
            )
            for name, value in STOCK.items()
        },
        optional={
            name: st.recursive(
                st.none() | st.text(max_size=3) | st.floats(), st.lists, max_leaves=3
            )
            for name in ("message", "extra", "user", "x\udcff", "received")
        },
    )

    @settings(max_examples=150, derandomize=True)
    @given(stock)
    def test_any(self, attributes: dict[str, object]) -> None:
        """
        A set of attributes with any values makes a record that can be written.
        """
        record = make(**attributes)
        msgspec.json.decode(msgspec.json.encode(record))

    @settings(max_examples=150, derandomize=True)
    @given(
        st.sets(st.sampled_from(sorted(STOCK)), max_size=2),
        stock,
    )
    def test_samePaths(self, changed: set[str], attributes: dict[str, object]) -> None:
        """
        The fast path, where it is taken, comes to the same as the slow path.
        """
        extras = {name: attributes[name] for name in attributes if name not in STOCK}
        sent = {**STOCK, **extras, **{name: attributes[name] for name in changed}}
        self.assertEqual(
            makeRecord(sent, ORIGIN, SIZE), fields._repairedRecord(sent, ORIGIN, SIZE)
        )
