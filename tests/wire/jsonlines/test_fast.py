"""
Tests of L{logrecv.wire.jsonlines.fast}.
"""

from __future__ import annotations

import json

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.json import encode
from twisted.trial.unittest import SynchronousTestCase

from logrecv.record import Origin, Record
from logrecv.wire import attributes as fields
from logrecv.wire.jsonlines import decode as lines
from logrecv.wire.jsonlines.fast import PlainRecord, parsePlain, stampAll

ORIGIN = Origin("2026-11-22T10:30:00.000000Z", "json", "192.0.2.1:5000")

PLAIN = {"message": "hello", "levelno": 20, "levelname": "INFO", "created": 1.5}


class PlainTests(SynchronousTestCase):
    """
    Tests for L{parsePlain}.
    """

    def test_record(self) -> None:
        """
        Attributes become a record, which is written as any other, its keys in
        their order.
        """
        (record,) = parsePlain(json.dumps({"process": 5, **PLAIN}).encode()) or ()
        self.assertEqual(
            encode(stampAll([record], ORIGIN)[0]),
            encode(
                Record(
                    time="1970-01-01T00:00:01.500000Z",
                    created=1.5,
                    levelname="INFO",
                    levelno=20,
                    message="hello",
                    process=5,
                    received=ORIGIN,
                )
            ),
        )
        self.assertEqual(Record.__struct_fields__, PlainRecord.__struct_fields__)

    def test_noTime(self) -> None:
        """
        A record without a time has that of its reception.
        """
        (record,) = parsePlain(b'{"message": "hello"}') or ()
        self.assertEqual(stampAll([record], ORIGIN)[0].time, ORIGIN.at)

    def test_bodies(self) -> None:
        """
        A body is one object, an array of them, or one on each line.
        """
        one = json.dumps(PLAIN).encode()
        for body, count in (
            (one, 1),
            (json.dumps(PLAIN, indent=1).encode(), 1),
            (b"[%s, %s]" % (one, one), 2),
            (b"[]", 0),
            (b"\n".join([one] * 3), 3),
        ):
            self.assertEqual(len(parsePlain(body) or ()), count, body)

    def test_slowPath(self) -> None:
        """
        There are no records of any other body, nor of a body in which one record
        has anything else.
        """
        one = json.dumps(PLAIN).encode()
        for body in (b"", b"5", b"[5]", b"{", one + b" " + one, one + b"\n\n" + one):
            self.assertIsNone(parsePlain(body), body)
        for odd in (
            *({"message": None}, {"message": 5}, {"msg": "x"}, {"args": "x"}),
            *({"user": "alice"}, {"extra": {}}, {"hops": []}, {"repaired": ["x"]}),
            *({"received": {"at": "", "via": "", "peer": ""}}, {"time": "x"}),
            *({"levelno": None}, {"levelname": None}, {"levelno": 2**63}),
            *({"levelno": "20"}, {"levelno": 20.0}, {"levelno": True}),
            *({"created": 1e18}, {"created": "1"}, {"name": 5}, {"exc_info": "x"}),
        ):
            body = one + b"\n" + json.dumps({**PLAIN, **odd}).encode()
            self.assertIsNone(parsePlain(body), odd)
        self.assertIsNone(parsePlain(b'{"message": "\\ud800"}'))
        self.assertIsNone(parsePlain(b'{"message": "\xff"}'))


class SamePathsTests(SynchronousTestCase):
    """
    Tests with generated attributes.
    """

    values = st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**65), 2**65),
        st.floats(allow_nan=False, allow_infinity=False),
        st.floats(-1e10, 1e10),
        st.text(max_size=3),
        st.just("INFO"),
    )
    names = st.sampled_from(
        [
            *sorted(fields.STANDARD - {"msg", "args", "exc_info"}),
            "time",
            "user",
            "extra",
            "received",
            "hops",
            "repaired",
        ]
    )

    @settings(max_examples=300, derandomize=True)
    @given(st.dictionaries(names, values, max_size=4))
    def test_same(self, odd: dict[str, object]) -> None:
        """
        The fast path, where it is taken, comes to the same as the slow path.
        """
        body = json.dumps({**PLAIN, **odd}).encode()
        record, attributes = self.both(body)
        if record is not None:
            self.assertEqual(encode(record), encode(attributes))

    def both(self, body: bytes) -> tuple[Record | None, Record]:
        """
        Take both paths.
        """
        (value,) = lines._objects(body)
        attributes = lines._attributes(value)
        slow = fields._repairedRecord(attributes, ORIGIN, len(body))
        plain = parsePlain(body)
        return stampAll(plain, ORIGIN)[0] if plain else None, slow
