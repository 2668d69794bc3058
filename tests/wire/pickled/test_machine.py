"""
Tests for L{logrecv.wire.pickled.machine}.
"""

from __future__ import annotations

import io
import pickle
import struct
import time
import tracemalloc
from base64 import b64decode

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from logrecv.reasons import MALFORMED, NOT_A_RECORD, TOO_COMPLEX
from logrecv.wire.errors import WireError
from logrecv.wire.pickled import state
from logrecv.wire.pickled.machine import loads
from logrecv.wire.pickled.state import MAX_MEMO, MAX_WORK
from tests.selection import slow
from tests.wire.pickled.captures import CAPTURES, DATA, lines, value
from tests.wire.pickled.hostile import Hostile, pickleOpcodes
from tests.wire.pickled.reference import Reference, neutral

#: The largest payload that is taken by default, in bytes.
MIB = 1 << 20


class PayloadTests(SynchronousTestCase):
    """
    Tests of honest payloads.
    """

    def test_protocols(self) -> None:
        """
        Pickles of every protocol are read, and of none that is unknown.
        """
        for protocol in range(6):
            self.assertEqual(loads(pickle.dumps({"a": [1]}, protocol)), {"a": [1]})
        with self.assertRaises(WireError):
            loads(b"\x80\x06}.")

    @slow
    def test_large(self) -> None:
        """
        Honest payloads of the largest size, of several shapes, are read.
        """
        for data in (
            {"msg": "x" * (MIB - 100)},
            {"msg": "€" * (MIB // 3 - 100)},
            {"numbers": list(range(100_000))},
            {"floats": [n / 3 for n in range(100_000)]},
            {str(n): n for n in range(10_000)},
            {"lists": [[n] for n in range(60_000)]},
            {"rows": [{"id": n} for n in range(60_000)]},
            {"pairs": [(n, -n) for n in range(50_000)]},
            {"blob": bytes(range(256)) * 2_000},
            {"texts": [f"text {n}" for n in range(40_000)]},
        ):
            payload = pickle.dumps(data, 1)
            result = loads(payload)
            if "blob" not in data:
                self.assertEqual(result, data)
        for data in (
            {"lists": [[n] for n in range(60_000)]},
            {"rows": [{"id": n} for n in range(60_000)]},
        ):
            self.assertEqual(loads(pickle.dumps(data, 5)), data)


class HostileTests(SynchronousTestCase):
    """
    Tests with payloads that are made to hurt.
    """

    def outcome(self, payload: bytes) -> str:
        """
        Decode, and return the reason of the error, or "accepted".
        """
        try:
            result = loads(payload)
        except WireError as error:
            self.assertIn(error.reason, (MALFORMED, TOO_COMPLEX, NOT_A_RECORD))
            self.assertLess(len(str(error)), 100)
            self.assertNotIn("\n", str(error))
            return error.reason
        self.assertIs(type(result), dict)
        return "accepted"

    def test_collection(self) -> None:
        """
        Each of the collected hostile pickles is decoded or refused.
        """
        cases = list(lines(DATA / "hostile.jsonl.gz"))
        for case in cases:
            self.outcome(b64decode(case["pickle"]))
        self.assertGreater(len(cases), 50)

    def test_lies(self) -> None:
        """
        Payloads that are no whole pickle of one mapping are refused.
        """
        for name, payload in Hostile.lies().items():
            expected = NOT_A_RECORD if name == "none" else MALFORMED
            self.assertEqual(self.outcome(payload), expected, name)

    def test_notAMapping(self) -> None:
        """
        Values of other types than a mapping are no records.
        """
        for payload in (
            b"N.",
            b"].",
            b"(t.",
            b"K\1.",
            b"\x8c\1a.",
            b"cos\nsystem\n)R.",
        ):
            self.assertEqual(self.outcome(payload), NOT_A_RECORD)

    @slow
    def test_floods(self) -> None:
        """
        No 64 KiB take more than 16 MiB, or so long that a busy machine would show
        it.
        """
        for name, payload in Hostile.floods(1 << 16).items():
            started = time.process_time()
            self.outcome(payload)
            self.assertLess(time.process_time() - started, 1, name)
        for name, payload in Hostile.floods(1 << 13).items():
            tracemalloc.start()
            try:
                self.outcome(payload)
                peak = tracemalloc.get_traced_memory()[1]
            finally:
                tracemalloc.stop()
            self.assertLess(peak, 2 << 20, name)

    @slow
    def test_work(self) -> None:
        """
        Nodes, marks and memo entries are bounded: past a bound the whole payload
        is too complex.
        """
        for unit, size in ((b"]", MIB), (b"(", 1 << 15), (b"\x94", MIB // 4)):
            payload = Hostile.filled(b"N", unit, b".", size)
            self.assertEqual(self.outcome(payload), TOO_COMPLEX, unit)

    def test_opcodesAreBounded(self) -> None:
        """
        Opcodes that the loop does not know are bounded, however large the payload,
        and more so where they take longer.
        """
        self.patch(state, "MAX_WORK", MAX_WORK // 100)
        for unit, work in (
            (b"J\0\0\0\0", 1),
            (b"I01\n", 1),
            (b"U\1a", 1),
            (b"(1N", 1),
            (b"(0N", 1),
            (b"\x80\2N", 1),
            (b"I1\n", 3),
            (b"F1\n", 3),
            (b"L" + b"1" * 20 + b"L\n", 2),
            (b"Va\n", 3),
            (b"Np1\n", 3),
            (b"S''\n", 3),
            (b"c\n\n", 5),
            (b"S'\\n'\n", 15),
        ):
            count = MAX_WORK // 100 // work
            # Bytes that pay for nodes.
            rest = b"X" + struct.pack("<I", MIB // 8) + bytes(MIB // 8) + b"0."
            self.assertEqual(loads(b"}" + (unit + b"0") * count + rest), {}, unit)
            most = self.outcome(b"}" + (unit + b"0") * (count + 1) + rest)
            self.assertEqual(most, TOO_COMPLEX, unit)

    @slow
    def test_opcodesOfTheLoop(self) -> None:
        """
        A payload with very many numbers, short texts or references is decoded.
        """
        for unit in (b"N", b"h\1", b"\x8c\0", b"\x8c\1a\x94", b"X\0\0\0\0"):
            count = MAX_MEMO // 2 if unit.endswith(b"\x94") else 2 * MAX_WORK
            made = value(b"]q\1(" + unit * count + b"e")
            self.assertEqual(len(made), count, unit)

    def test_surrogatesAreBounded(self) -> None:
        """
        A text with very many surrogates stays bytes.
        """
        many = "\ud800".encode("utf-8", "surrogatepass")
        for count, kind in ((50_000, str), (MAX_WORK, bytes)):
            raw = many * count
            made = value(b"X" + struct.pack("<I", len(raw)) + raw)
            self.assertIs(type(made), kind)

    @slow
    def test_deep(self) -> None:
        """
        The deepest structures of any payload are decoded and freed.
        """
        self.patch(state, "MAX_NODES", MIB * 4)
        self.patch(state, "FREE_NODES", MIB * 4)
        count = 40_000
        for opcodes in (
            b"]" * count + b"a" * (count - 1),
            b"}N" * count + b"N" + b"s" * count,
            b")" + b"\x85" * count,
            b"N" + b"Q" * count,
            b"))\x81" * count + b"b" * (count - 1),
            b"))\x81" * count + b"a" * (count - 1),
        ):
            payload = b"}N" + opcodes + b"s."
            self.assertEqual(self.outcome(payload), "accepted")
            self.assertEqual(self.outcome(payload[:-1]), MALFORMED)


plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**250), 2**250)
    | st.floats(allow_nan=False)
    | st.text()
    | st.binary()
    | st.binary().map(bytearray),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.dictionaries(st.text(max_size=4), inner, max_size=4)
    ),
    max_leaves=12,
)

scarcely = settings(max_examples=60, derandomize=True, database=None)


class DifferentialTests(SynchronousTestCase):
    """
    Tests that compare the machine with the unpickler of the standard library.
    """

    def expected(self, payload: bytes) -> object:
        """
        Decode with the standard library.
        """
        return Reference(io.BytesIO(payload), encoding="bytes").load()

    @slow
    def test_captures(self) -> None:
        """
        The machine reads every capture as the standard library does.  Names and
        calls are where the standard library would have looked up and called.
        """
        for payload in CAPTURES:
            self.assertEqual(neutral(loads(payload)), neutral(self.expected(payload)))
        self.assertGreater(len(CAPTURES), 500)

    @scarcely
    @given(st.dictionaries(st.text(), plain, max_size=6), st.integers(3, 5))
    def test_plain(self, data: dict[str, object], protocol: int) -> None:
        """
        Plain data comes back with the same values and types.
        """
        payload = pickle.dumps(data, protocol)
        # Not a call of bytearray, which protocols 3 and 4 have in its place.
        expected = pickle.loads(payload) if protocol == 5 else self.expected(payload)
        self.assertEqual(neutral(loads(payload)), neutral(expected))

    @scarcely
    @given(st.dictionaries(st.text(), plain, max_size=6), st.integers(0, 2))
    def test_plainOld(self, data: dict[str, object], protocol: int) -> None:
        """
        The protocols without bytes give calls in place of bytes.
        """
        payload = pickle.dumps(data, protocol)
        self.assertEqual(neutral(loads(payload)), neutral(self.expected(payload)))

    @scarcely
    @given(
        st.dictionaries(
            st.none() | st.booleans() | st.integers() | st.floats(), st.integers()
        ),
        st.integers(0, 5),
    )
    def test_keys(self, data: dict[object, int], protocol: int) -> None:
        """
        The keys of plain data become their texts.
        """
        self.assertEqual(
            value(pickle.dumps(data, protocol).removesuffix(b".")),
            {str(key): item for key, item in data.items()},
        )

    def test_python2(self) -> None:
        """
        The byte strings of Python 2 are bytes in values and text in keys.
        """
        payload = b"(dp0\nS'name'\np1\nS'r\\xc3\\xa4t'\np2\nsU\x03msgU\x01\xffs."
        self.assertEqual(loads(payload), {"name": b"r\xc3\xa4t", "msg": b"\xff"})


class FuzzTests(SynchronousTestCase):
    """
    Tests with arbitrary bytes.
    """

    def check(self, payload: bytes) -> None:
        """
        Assert that a payload gives a dict or a L{WireError}.
        """
        try:
            result = loads(payload)
        except WireError:
            return
        self.assertIs(type(result), dict)
        self.assertTrue(all(type(key) is str for key in result))

    @scarcely
    @given(st.binary(max_size=200))
    def test_bytes(self, payload: bytes) -> None:
        """
        Any bytes give a dict or a L{WireError}.
        """
        self.check(payload)

    @scarcely
    @given(st.lists(st.sampled_from(pickleOpcodes()), max_size=60))
    def test_opcodes(self, codes: list[int]) -> None:
        """
        Any opcodes give a dict or a L{WireError}.
        """
        self.check(b"}" + bytes(codes) + b".")

    @scarcely
    @given(
        st.sampled_from(sorted(set(CAPTURES), key=len)[:200]),
        st.lists(st.tuples(st.floats(0, 0.999), st.integers(0, 255)), max_size=5),
        st.floats(0, 1),
    )
    def test_mutated(
        self, payload: bytes, changes: list[tuple[float, int]], cut: float
    ) -> None:
        """
        A stock payload with some bytes changed or cut off gives a dict or a
        L{WireError}.
        """
        mutated = bytearray(payload)
        for where, byte in changes:
            mutated[int(where * len(mutated))] = byte
        self.check(bytes(mutated))
        self.check(bytes(mutated[: int(cut * len(mutated))]))
