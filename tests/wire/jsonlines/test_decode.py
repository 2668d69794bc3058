"""
Tests of L{logrecv.wire.jsonlines.decode}.
"""

from __future__ import annotations

import json
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from logrecv.reasons import MALFORMED, TOO_COMPLEX
from logrecv.record import Origin, Record
from logrecv.wire.errors import WireError
from logrecv.wire.jsonlines import decode as lines
from logrecv.wire.jsonlines.decode import makeRecords, parseJSON
from logrecv.wire.timestamps import isoTime

ORIGIN = Origin("2026-11-22T10:30:00.000000Z", "json", "192.0.2.1:5000")


class ShapeTests(SynchronousTestCase):
    """
    Tests for what L{parseJSON} takes for records.
    """

    def test_shapes(self) -> None:
        """
        An object is a record, and so is each in an array or on a line.
        """
        one, two = {"msg": "a"}, {"msg": "b"}
        for body, records in (
            (b'{"msg":"a"}', [one]),
            (b' \r\n{\n "msg":\n "a"\n}\n', [one]),
            (b'[{"msg":"a"},\n{"msg":"b"}]', [one, two]),
            (b"[]", []),
            (b'{"msg":"a"}\n{"msg":"b"}', [one, two]),
            (b'{"msg":"a"}\r\n{"msg":"b"}\r\n', [one, two]),
            (b'\n\n{"msg":"a"}\n \t\n\n{"msg":"b"}\n', [one, two]),
            (b'\xef\xbb\xbf{"msg":"a"}', [one]),
            (b'{"msg":"b","msg":"a"}', [one]),
        ):
            self.assertEqual(parseJSON(body), records, body)

    def test_values(self) -> None:
        """
        Values are those of JSON.
        """
        self.assertEqual(
            parseJSON(b'{"a":[1,-1.5,true,null,{"b":"\\u017c\\n"}],"n":1e3}'),
            [{"a": [1, -1.5, True, None, {"b": "ż\n"}], "n": 1000.0}],
        )
        self.assertEqual(parseJSON(b'{"n":%d}' % 2**70), [{"n": 2**70}])

    def test_surrogates(self) -> None:
        """
        Text with a lone surrogate, as Python's json module writes it, is read.  The
        constants that the module writes beside JSON are not.
        """
        sent = {"msg": "bad \udcff byte", "n": 1}
        other = {"msg": "good"}
        body = f"{json.dumps(sent)}\n{json.dumps(other)}".encode("ascii")
        self.assertEqual(parseJSON(body), [sent, other])
        self.assertEqual(parseJSON(json.dumps([sent]).encode("ascii")), [sent])
        error = self.assertRaises(
            WireError, parseJSON, b'{"msg":"\\udcff","created":NaN}'
        )
        self.assertEqual(error.reason, MALFORMED)

    def test_malformed(self) -> None:
        """
        A body that is not JSON, or not of objects, is refused in one line.  The line
        names the place and the problem, and shows none of the client's text.
        """
        secret = "s3cret" * 9
        for body, detail in (
            ("", "the body is empty"),
            (" \n", "the body is empty"),
            ('"%s"', "the body: not a JSON object"),
            ("42", "the body: not a JSON object"),
            ("null", "the body: not a JSON object"),
            ('[{},"%s"]', "item 2: not a JSON object"),
            ("[[]]", "item 1: not a JSON object"),
            ('{}\n\n"%s"', "line 3: not a JSON object"),
            ('1\n{"a":"%s"}', "line 1: not a JSON object"),
            ('{"msg":"%s"', "line 1: Input data was truncated"),
            ('{"msg":"%s"}\n{"msg"', "line 2: Input data was truncated"),
            ('{"msg":"%s"}\n{"msg":}\n{}', "line 2: JSON is malformed"),
            ('{\n"msg": "%s",\n "a": nope\n}', "line 3: JSON is malformed"),
            ('{\n"msg": "%s"\n', "line 2: Input data was truncated"),
            ("{'msg': '%s'}", "line 1: JSON is malformed"),
            ('{"msg":NaN}', "line 1: JSON is malformed"),
            ('{"msg":"%s"} {}', "line 1: JSON is malformed"),
            ('{"created":1e999}', "line 1: Number out of range"),
            ("msg=%s", "line 1: JSON is malformed"),
        ):
            sent = body.replace("%s", secret).encode()
            error = self.assertRaises(WireError, parseJSON, sent)
            self.assertEqual(error.reason, MALFORMED)
            self.assertTrue(str(error).startswith(detail), (body, str(error)))
            self.assertNotIn("s3cret", str(error))
            self.assertNotIn("\n", str(error))
            self.assertNotIn("byte", str(error))

    def test_notUTF8(self) -> None:
        """
        Text in another encoding is refused.
        """
        for body in (b'{"msg":"\xff"}', b'{"msg":"a"}\n{"msg":"\xff"}'):
            error = self.assertRaises(WireError, parseJSON, body)
            self.assertEqual(error.reason, MALFORMED)
            self.assertIn("not UTF-8", str(error))

    def test_deep(self) -> None:
        """
        Nesting without end is refused, by either reader of JSON.
        """
        for body in (
            b"[" * 10**5,
            b'{"a":' * 10**5,
            b'{"msg":"a"}\n' + b'{"a":' * 10**5,
            b'{"s":"\\udcff","a":' + b"[" * 10**5 + b"]" * 10**5 + b"}",
        ):
            error = self.assertRaises(WireError, parseJSON, body)
            self.assertEqual(error.reason, TOO_COMPLEX)

    def test_tooManyParts(self) -> None:
        """
        A body of which the decoder would make very many lists and objects is refused,
        but brackets in texts are no lists.
        """
        most = lines.CONTAINERS
        for part in (b"[],", b"{},", b"[[[[[[[]]]]]]],"):
            count = most // (part.count(b"[") or 1) + 1
            body = b'{"msg":"a","e":[' + part * count + b"0]}"
            error = self.assertRaises(WireError, parseJSON, body)
            self.assertEqual(error.reason, TOO_COMPLEX)
        text = "[{" * most
        self.assertEqual(parseJSON(json.dumps({"x": text}).encode()), [{"x": text}])
        text = '"[\\' * most
        self.assertEqual(parseJSON(json.dumps({"x": text}).encode()), [{"x": text}])
        body = b'{"x":["' + b"long text " * 4 + b'"]}\n'
        self.assertEqual(len(parseJSON(body * lines.RECORDS)), lines.RECORDS)

    def test_tooMany(self) -> None:
        """
        As many records as the bound are taken, and no more.
        """
        self.assertEqual(len(parseJSON(b"{}\n" * lines.RECORDS)), lines.RECORDS)
        for body in (
            b"{}\n" * (lines.RECORDS + 1),
            b"[" + b"{}," * lines.RECORDS + b"{}]",
        ):
            error = self.assertRaises(WireError, parseJSON, body)
            self.assertEqual(error.reason, TOO_COMPLEX)

    @settings(max_examples=200, derandomize=True)
    @given(
        st.binary(max_size=30)
        | st.lists(
            st.sampled_from(
                (
                    *(b"{", b"}", b"[", b"]", b",", b":", b"\n", b'"a"', b'"time"'),
                    *(b"1", b'"extra"', b"null", b'"\\udcff"', b"{}", b'{"msg":"a"}'),
                )
            ),
            max_size=10,
        ).map(b"".join)
    )
    def test_any(self, body: bytes) -> None:
        """
        Any bytes give mappings, or a refusal.
        """
        try:
            records = parseJSON(body)
        except WireError as error:
            self.assertEqual(error.reason, MALFORMED)
        else:
            self.assertTrue(all(type(record) is dict for record in records))


class RecordFormTests(SynchronousTestCase):
    """
    Tests for what L{parseJSON} makes of the form that records are written in.
    """

    def parse(self, **sent: object) -> dict[str, object]:
        """
        Parse one record.
        """
        (attributes,) = parseJSON(msgspec.json.encode(sent))
        return attributes

    def test_time(self) -> None:
        """
        C{created} is made of the time where C{created} is not there.
        """
        for time, created in (
            ("1970-01-01T00:00:01.500000Z", 1.5),
            ("1970-01-01T01:00:00+01:00", 0.0),
            ("1970-01-01 00:00:02", 2.0),
            ("1969-12-31T23:59:59Z", -1.0),
        ):
            self.assertEqual(
                self.parse(msg="a", time=time), {"msg": "a", "created": created}
            )
            self.assertEqual(self.parse(time=time, created=None), {"created": created})

    def test_timeBesideCreated(self) -> None:
        """
        Beside C{created}, the time is left out if it says the same.  Otherwise it
        is kept as another attribute.
        """
        both: dict[str, Any] = {"created": 1.5, "time": "1970-01-01T00:00:01.500000Z"}
        self.assertEqual(self.parse(**both), {"created": 1.5})
        for other in (
            {"created": 1.5, "time": "1970-01-01T00:00:02.500000Z"},
            {"created": "1.5", "time": "1970-01-01T00:00:01.500000Z"},
            {"created": 1.5, "time": 7},
        ):
            self.assertEqual(self.parse(**other), other)

    def test_otherTime(self) -> None:
        """
        A time that is none is another attribute.
        """
        for time in (
            "noon",
            "",
            5,
            None,
            ["1970-01-01"],
            "1970-01-01T00:00:00" + "0" * 99,
        ):
            self.assertEqual(self.parse(msg="a", time=time), {"msg": "a", "time": time})

    def test_extra(self) -> None:
        """
        The members of C{extra} stand beside the other attributes.
        """
        self.assertEqual(
            self.parse(msg="a", extra={"user": 7, "time": "noon", "extra": 1}),
            {"msg": "a", "user": 7, "time": "noon", "extra": 1},
        )
        self.assertEqual(self.parse(msg="a", extra={}), {"msg": "a"})

    def test_extraNamesInUse(self) -> None:
        """
        The members of C{extra} replace no other attribute.
        """
        sent = {"name": "x", "message": "y", "user": 2, "extra": 3, "new": 4}
        self.assertEqual(
            self.parse(msg="a", user=1, extra=sent),
            {
                "msg": "a",
                "user": 1,
                "new": 4,
                "extra": {"name": "x", "message": "y", "user": 2, "extra": 3},
            },
        )

    def test_otherExtra(self) -> None:
        """
        An C{extra} that is no object is an attribute like any other, and so are
        the fields that an earlier receiver adds to the record.
        """
        for extra in (1, "a", [1], None):
            self.assertEqual(self.parse(extra=extra), {"extra": extra})
        hop: dict[str, Any] = {"received": {"at": "x"}, "repaired": ["name"]}
        self.assertEqual(self.parse(**hop), hop)

    @settings(max_examples=100, derandomize=True)
    @given(
        st.fixed_dictionaries(
            {"message": st.text()},
            optional={
                "created": st.floats(0, 4e9),
                "name": st.text(),
                "levelno": st.integers(0, 60),
                "levelname": st.text(),
                "msg": st.just("%s"),
                "args": st.text(min_size=1),
                "exc_text": st.text(),
                "extra": st.dictionaries(
                    st.sampled_from(["time", "extra", "user", "repaired"]),
                    st.none() | st.booleans() | st.floats(-9, 9) | st.text(),
                    min_size=1,
                ),
            },
        ).filter(lambda sent: ("msg" in sent) == ("args" in sent))
    )
    def test_again(self, sent: dict[str, Any]) -> None:
        """
        A record that is written and read is the same record, but for the way
        that it has come.
        """
        time = isoTime(sent.get("created", 0.5))
        assert time is not None
        first = Record(received=ORIGIN, time=time, **sent)
        (parsed,) = parseJSON(msgspec.json.encode(first))
        [second] = makeRecords([parsed], ORIGIN)
        self.assertEqual(second.hops, [ORIGIN])
        second.hops = None
        self.assertEqual(second, first)
