"""
Tests of L{logrecv.wire.pickled.machine}.
"""

from __future__ import annotations

import gzip
import io
import json
import pickle
import struct
import sys
import threading
import time
import tracemalloc
import warnings
from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from logrecv.reasons import MALFORMED, NOT_A_RECORD, TOO_COMPLEX
from logrecv.wire.errors import WireError
from logrecv.wire.pickled import state
from logrecv.wire.pickled.machine import loads
from logrecv.wire.pickled.placeholders import Call, Global
from logrecv.wire.pickled.scalars import MAX_INTEGER_BYTES, MAX_INTEGER_DIGITS
from logrecv.wire.pickled.state import MAX_NODES

DATA = Path(__file__).parents[2] / "data"

#: The largest payload that is taken by default, in bytes.
MIB = 1 << 20


def lines(path: Path) -> Iterator[dict[str, str]]:
    """
    Read a compressed file of JSON lines.
    """
    with gzip.open(path, "rt", encoding="utf-8") as file:
        for line in file:
            yield json.loads(line)


def captures() -> list[bytes]:
    """
    Read the pickles that stock handlers sent.
    """
    return [
        b64decode(line["wire"])[4:]
        for path in sorted((DATA / "wire").glob("*.jsonl.gz"))
        for line in lines(path)
        if line["via"] in ("socket", "datagram")
    ]


CAPTURES = captures()


def value(opcodes: bytes) -> Any:
    """
    Decode one value, given the opcodes that push it.
    """
    return loads(b"}X\x01\0\0\0v" + opcodes + b"s.")["v"]


class Stub:
    """
    What L{Reference} makes of a global: it can be called as function or class,
    and notes down what is done to it.
    """

    def __init__(self, name: tuple[str, str]) -> None:
        self.name = name

    def __call__(self, *args: object) -> StubCall:
        return StubCall(self, args)

    def __reduce__(self) -> Any:
        raise NotImplementedError


class StubCall:
    """
    What calling a L{Stub} gives.
    """

    def __init__(self, function: Stub, args: tuple[object, ...]) -> None:
        self.function = function
        self.args = args
        self.state: object = None
        self.items: list[object] = []
        self.pairs: list[tuple[object, object]] = []

    def __setstate__(self, state: object) -> None:
        self.state = state

    def append(self, item: object) -> None:
        self.items.append(item)

    def __setitem__(self, key: object, value: object) -> None:
        self.pairs.append((key, value))


class Reference(pickle._Unpickler):  # type: ignore[name-defined,misc]
    """
    The unpickler of the standard library with stubs for globals.
    """

    def find_class(self, module: str, name: str) -> Any:
        return Stub((module, name))


def neutral(root: object) -> object:
    """
    Bring what the machine or the reference made to a form that can be compared:
    placeholders become tuples, keys of dicts text, and what was seen before the
    order in which it was seen.
    """
    seen: dict[int, int] = {}

    def walk(each: Any) -> Any:
        if isinstance(each, (Global, Stub)):
            name = (each.module, each.name) if isinstance(each, Global) else each.name
            return ("global", *name)
        if not isinstance(each, (list, tuple, dict, Call, StubCall)) or each == ():
            return (type(each).__name__, repr(each))
        if id(each) in seen:
            return ("seen", seen[id(each)])
        seen[id(each)] = len(seen)
        if isinstance(each, (list, tuple)):
            return (type(each).__name__, [walk(item) for item in each])
        if isinstance(each, dict):
            return ("dict", [(key, walk(item)) for key, item in each.items()])
        return (
            "call",
            walk(each.function),
            walk(each.args),
            walk(each.state),
            [walk(item) for item in each.items or ()],
            [(walk(key), walk(item)) for key, item in each.pairs or ()],
        )

    return walk(root)


class Hostile:
    """
    Pickles that are made to hurt.
    """

    @staticmethod
    def filled(before: bytes, unit: bytes, after: bytes, size: int) -> bytes:
        """
        Repeat C{unit} to fill a payload of C{size} bytes.
        """
        count = (size - len(before) - len(after)) // len(unit)
        return before + unit * count + after

    @classmethod
    def floods(cls, size: int) -> dict[str, bytes]:
        """
        Make payloads of C{size} bytes that try to cost more than their bytes.
        """
        double = b"G\x7f\xef\xff\xff\xff\xff\xff\xff"
        units = {
            "put": (b"N", b"q\0"),
            "memoize": (b"N", b"\x94"),
            "get": (b"Nq\0", b"h\0"),
            "dup": (b"N", b"2"),
            "mark": (b"", b"("),
            "mark-pop": (b"", b"(1"),
            "push-pop": (b"", b"N0"),
            "lists": (b"", b"]"),
            "dicts": (b"", b"}"),
            "sets": (b"", b"\x8f"),
            "tuples-in-tuples": (b"N", b"\x85"),
            "doubled-tuples": (b"N", b"2\x86"),
            "frozensets": (b"", b"(\x91"),
            "persistent": (b"N", b"Q"),
            "persistent-text": (b"", b"P\n"),
            "buffers": (b"", b"\x97"),
            "extensions": (b"", b"\x82\x01"),
            "globals": (b"", b"c\n\n"),
            "instances": (b"", b"(i\n\n"),
            "reduce": (b"N", b"2)R"),
            "build": (b"N)R", b"Nb"),
            "one-key-dicts": (b"", b"}K\1Ns"),
            "one-item-lists": (b"", b"]Na"),
            "keys-none": (b"}", b"NNs"),
            "empty-text": (b"", b"\x8c\0"),
            "empty-lines": (b"", b"V\n"),
            "bad-utf8": (b"", b"\x8c\x01\xff"),
            "bad-surrogates": (b"", b"\x8c\x02\xed\xff"),
            "surrogates": (b"", b"X\x03\0\0\0\xed\xa0\x80"),
            "bad-escapes": (b"", b"V\\u\n"),
            "string-escapes": (b"", b"S'\\n'\n"),
            "digits": (b"", b"I" + b"9" * 78 + b"\n"),
            "many-digits": (b"", b"L" + b"9" * 79 + b"\n"),
            "float-digits": (b"", b"F1." + b"9" * 55 + b"e-300\n"),
            "long1": (b"", b"\x8a\x21" + b"\x7f" * 33),
            "tuples": (b"", b"(NNNNt"),
            "appends-nothing": (b"]", b"(e"),
            "sets-nothing": (b"}", b"(u"),
            "protocols": (b"", b"\x80\x05"),
        }
        floods = {
            name: cls.filled(before, unit, b".", size)
            for name, (before, unit) in units.items()
        }
        keys = {
            "float": double,
            "integer": b"\x8a\x20" + b"\x7f" * 32,
            "bytes": b"B" + struct.pack("<I", size // 4) + b"k" * (size // 4),
            "latin": b"U\x01\xff",
            "tuple": b"((" + double * 6 + b"tt",
            "texts": b"(" + (b"\x8c\x40" + b"\x01" * 64) * 6 + b"t",
            "call": b"cos\nsystem\n)R",
            "global": b"cos\nsystem\n",
            "list": b"]",
            "bytearray": b"\x96" + bytes(8),
        }
        for name, key in keys.items():
            floods[f"key-{name}"] = cls.filled(b"}(" + key, b"2", b"u.", size)
        half = size // 2 - 1
        floods["nested-marks"] = b"(" * half + b"t" * half + b"."
        floods["one-big-tuple"] = b"N(" + b"N" * half + b"t" + b"2" * (half - 4) + b"."
        floods["memo-collisions"] = (
            b"N"
            + b"".join(
                b"r" + struct.pack("<I", n << 17 & 0xFFFFFFFF) for n in range(size // 5)
            )
            + b"."
        )
        floods["surrogate-text"] = (
            b"X" + struct.pack("<I", 3 * (size // 3)) + b"\xed\xa0\x80" * (size // 3)
        )
        floods["no-text"] = b"X" + struct.pack("<I", size) + b"\xff" * size
        floods["string-hex"] = b"S'" + b"\\x41" * (size // 4) + b"'\n."
        return floods

    @staticmethod
    def lies() -> dict[str, bytes]:
        """
        Make small payloads that are wrong or odd.
        """
        cases = {
            "empty": b"",
            "stop": b".",
            "none": b"N.",
            "no-stop": b"}",
            "after-stop": b"}.N",
            "two-stops": b"}..",
            "two-values": b"N}.",
            "open-mark": b"(}.",
            "value-below-mark": b"}(.",
            "get-missing": b"}h\0.",
            "get-negative": b"}q\0g-0\n.",
            "get-text": b"}q\0gx\n.",
            "get-long": b"}g" + b"0" * 5000 + b"\n.",
            "put-negative": b"}p-1\n.",
            "put-huge": b"}p4294967296\n.",
            "put-unicode": b"}p\xb2\n.",
            "put-nothing": b"p0\n.",
            "memoize-nothing": b"\x94.",
            "binput-nothing": b"q\0.",
            "dup-nothing": b"2.",
            "dup-below-mark": b"}(2.",
            "pop-nothing": b"0.",
            "pop-mark-nothing": b"1.",
            "setitem-below-mark": b"}(NNs.",
            "setitem-short": b"}Ns.",
            "setitems-odd": b"}(Nu.",
            "setitems-no-target": b"(NNu.",
            "setitems-list": b"](NNu.",
            "dict-odd": b"(Nd.",
            "append-none": b"NNa.",
            "appends-dict": b"}(Ne.",
            "additems-dict": b"}(N\x90.",
            "reduce-short": b")R.",
            "build-short": b"}b.",
            "obj-nothing": b"(o.",
            "newobj-ex-kwargs": b"N)N\x92.",
            "stack-global-none": b"NN\x93.",
            "stack-global-bytes": b"C\1aC\1b\x93.",
            "stack-global-short": b"\x8c\1a\x93.",
            "global-one-line": b"cos\n.",
            "global-no-line": b"cos",
            "protocol-6": b"\x80\x06}.",
            "protocol-none": b"\x80",
            "int-empty": b"I\n.",
            "int-text": b"Ix\n.",
            "int-no-line": b"I1",
            "long-empty": b"LL\n.",
            "long-text": b"L0xL\n.",
            "float-text": b"Fx\n.",
            "string-bare": b"Sx\n.",
            "string-one-quote": b"S'\n.",
            "string-two-quotes": b"S'x\"\n.",
            "text-long": b"X\xff\xff\xff\xff.",
            "text-cut": b"X\x05\0\0\0abc",
            "text-cut-length": b"X\x05\0",
            "int-cut": b"J\x05\0",
            "float-cut": b"G\x05\0",
            "frame-cut": b"\x95\x00",
            "ext-cut": b"\x84\0",
            "readonly-nothing": b"\x98.",
            "tuple1-nothing": b"\x85.",
            "tuple2-short": b"N\x86.",
            "tuple3-short": b"NN\x87.",
        }
        for name, opcode, width in (
            ("string", b"T", 4),
            ("short-string", b"U", 1),
            ("bytes", b"B", 4),
            ("short-bytes", b"C", 1),
            ("bytes8", b"\x8e", 8),
            ("bytearray8", b"\x96", 8),
            ("long1", b"\x8a", 1),
            ("long4", b"\x8b", 4),
            ("short-text", b"\x8c", 1),
            ("text8", b"\x8d", 8),
            ("frame", b"\x95", 8),
        ):
            cases[f"{name}-most"] = opcode + b"\xff" * width + b"."
            cases[f"{name}-one-more"] = opcode + b"\2" + bytes(width - 1) + b"."
            cases[f"{name}-sign"] = opcode + bytes(width - 1) + b"\x80."
        for code in set(range(256)) - set(pickleOpcodes()):
            cases[f"opcode-{code:02x}"] = b"}" + bytes([code]) + b"."
        return cases


#: What L{canary} was called with.
ran: list[object] = []


def canary(*args: object) -> None:
    """
    Note that this was called.
    """
    ran.append(args)


def pickleOpcodes() -> list[int]:
    """
    List the opcodes that the standard library knows.
    """
    return list(pickle._Unpickler.dispatch)  # type: ignore[attr-defined]


class ValueTests(SynchronousTestCase):
    """
    Tests of the opcodes that make plain data.
    """

    def test_plain(self) -> None:
        """
        Each opcode for plain data gives the value that it is for.
        """
        for opcodes, expected in (
            (b"N", None),
            (b"I01\n", True),
            (b"I00\n", False),
            (b"\x88", True),
            (b"\x89", False),
            (b"I-17\n", -17),
            (b"I1\n", 1),
            (b"J\xfe\xff\xff\xff", -2),
            (b"K\xff", 255),
            (b"M\x01\x02", 513),
            (b"L-12L\n", -12),
            (b"L12\n", 12),
            (b"L%dL\n" % 2**70, 2**70),
            (b"\x8a\0", 0),
            (b"\x8a\x02\xff\xff", -1),
            (b"\x8b\x01\0\0\0\x05", 5),
            (b"F1.5\n", 1.5),
            (b"Finf\n", float("inf")),
            (b"G?\xf8\0\0\0\0\0\0", 1.5),
            (b"S'a\\x00\\n\\\\b'\n", b"a\0\n\\b"),
            (b'S"it\'s"\n', b"it's"),
            (b"T\x02\0\0\0a\xff", b"a\xff"),
            (b"U\x02a\xff", b"a\xff"),
            (b"B\x01\0\0\0a", b"a"),
            (b"C\x01a", b"a"),
            (b"\x8e\x01\0\0\0\0\0\0\0a", b"a"),
            (b"\x96\x01\0\0\0\0\0\0\0a", bytearray(b"a")),
            (b"V\\u20acx\xe4\n", "€xä"),
            (b"V\\x\xe4\n", "\\xä"),
            (b"X\x03\0\0\0\xe2\x82\xac", "€"),
            (b"X\0\x01\0\0" + b"a" * 256, "a" * 256),
            (b"\x8c\x01a", "a"),
            (b"\x8d\x01\0\0\0\0\0\0\0a", "a"),
            (b")", ()),
            (b"(K\1K\2t", (1, 2)),
            (b"K\1\x85", (1,)),
            (b"K\1K\2\x86", (1, 2)),
            (b"K\1K\2K\3\x87", (1, 2, 3)),
            (b"]", []),
            (b"](K\1K\2eK\3a", [1, 2, 3]),
            (b"(K\1l", [1]),
            (b"}", {}),
            (b"(\x8c\1aK\1d", {"a": 1}),
            (b"}(\x8c\1aK\1u\x8c\1bK\2s", {"a": 1, "b": 2}),
            (b"K\1K\x020", 1),
            (b"(K\1l(K\1K\x021", [1]),
            (b"((0K\1l", [1]),
            (b"K\x012\x86", (1, 1)),
            (b"\x80\x05\x95\x01\0\0\0\0\0\0\0N", None),
            (b"C\1a\x98", b"a"),
        ):
            result = value(opcodes)
            self.assertEqual(result, expected, opcodes)
            self.assertIs(type(result), type(expected), opcodes)

    def test_memo(self) -> None:
        """
        Every way to put into the memo and to get out of it names one object.
        """
        for put in (b"p300\n", b"r\x2c\x01\0\0"):
            for get in (b"g300\n", b"j\x2c\x01\0\0"):
                first, second = value(b"]" + put + get + b"\x86")
                self.assertIs(first, second)
        for put in (b"p0\n", b"q\0", b"r\0\0\0\0", b"\x94"):
            for pushed in (b"]", b"X\0\0\0\0"):
                first, second = value(pushed + put + b"h\0\x86")
                self.assertIs(first, second)

    def test_cycle(self) -> None:
        """
        A list that holds itself is kept as such.
        """
        result = value(b"]q\0h\0a")
        self.assertIs(result[0], result)

    def test_surrogates(self) -> None:
        """
        Lone surrogates survive in every opcode for text.
        """
        raw = "a\udc80".encode("utf-8", "surrogatepass")
        for opcodes in (
            b"X\x04\0\0\0" + raw,
            b"X\x04\0\0\0" + raw + b"q\0",
            b"\x8c\x04" + raw,
            b"\x8d\x04" + bytes(7) + raw,
            b"Va\\udc80\n",
        ):
            self.assertEqual(value(opcodes), "a\udc80")

    def test_noText(self) -> None:
        """
        Text that is no UTF-8 comes out as its bytes.
        """
        for opcodes in (b"X\x01\0\0\0\xff", b"\x8c\x01\xff"):
            self.assertEqual(value(opcodes), b"\xff")
        self.assertEqual(value(b"V\\u12\n"), b"\\u12")

    def test_stringEscapes(self) -> None:
        """
        Escapes that no C{repr} writes stay as they are, without a warning.
        """
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            self.assertEqual(value(b"S'\\d\\n'\n"), b"\\d\\n")

    def test_longNumbers(self) -> None:
        """
        A number that is too long is kept as it was sent, as the argument of an
        inert call.
        """
        digits = "9" * (MAX_INTEGER_DIGITS + 1)
        raw = b"\x7f" * (MAX_INTEGER_BYTES + 1)
        for opcodes, name, args in (
            (f"I{digits}\n".encode(), "int", (digits,)),
            (f"L{digits}L\n".encode(), "int", (digits,)),
            (f"F{digits}\n".encode(), "float", (digits,)),
            (b"\x8a" + bytes([len(raw)]) + raw, "int.from_bytes", (raw, "little")),
            (
                b"\x8b" + struct.pack("<I", len(raw)) + raw,
                "int.from_bytes",
                (raw, "little"),
            ),
        ):
            result = value(opcodes)
            self.assertIsInstance(result, Call)
            self.assertEqual(
                (result.function.module, result.function.name), ("builtins", name)
            )
            self.assertEqual(result.args, args)

    def test_longestNumbers(self) -> None:
        """
        The longest number within the bound is a number.
        """
        raw = b"\xff" * (MAX_INTEGER_BYTES - 1) + b"\x7f"
        number = 2 ** (8 * MAX_INTEGER_BYTES - 1) - 1
        self.assertEqual(value(b"\x8a" + bytes([len(raw)]) + raw), number)
        self.assertEqual(value(b"L%dL\n" % number), number)

    def test_keys(self) -> None:
        """
        The keys of dicts become text, whatever they are.
        """
        for opcodes, expected in (
            (b"\x8c\1k", "k"),
            (b"U\1k", "k"),
            (b"U\2\xc3\xa4", "ä"),
            (b"U\1\xe4", "ä"),
            (b"K\1", "1"),
            (b"\x88", "True"),
            (b"N", "None"),
            (b"G?\xf8\0\0\0\0\0\0", "1.5"),
            (b")", "()"),
            (b"K\1\x85", "(1,)"),
            (b"K\1\x8c\1a\x86", "(1, 'a')"),
            (b"(NNNNNNNt", "<tuple 0>"),
            (b"]\x85", "<tuple 0>"),
            (b"X\x41\0\0\0" + b"k" * 65 + b"\x85", "<tuple 0>"),
            (b"]", "<list 0>"),
            (b"}", "<dict 0>"),
            (b"\x96" + bytes(8), "<bytearray 0>"),
            (b"cos\nsystem\n", "os.system"),
            (b"capp\nColor\n(K\1tR", "app.Color(1)"),
            (b"capp\nColor\n(]tR", "<app.Color 0>"),
            (b"N)R", "<Call 0>"),
        ):
            for record in (b"}" + opcodes + b"K\5s", b"(" + opcodes + b"K\5d"):
                self.assertEqual(value(record), {expected: 5}, opcodes)

    def test_keysApart(self) -> None:
        """
        Keys that are not written out do not replace each other.
        """
        self.assertEqual(value(b"}(]K\1]K\2u"), {"<list 0>": 1, "<list 1>": 2})

    def test_protocols(self) -> None:
        """
        Pickles of every protocol are read, and of none that is unknown.
        """
        for protocol in range(6):
            self.assertEqual(loads(pickle.dumps({"a": [1]}, protocol)), {"a": [1]})
        with self.assertRaises(WireError):
            loads(b"\x80\x06}.")

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


class PlaceholderTests(SynchronousTestCase):
    """
    Tests of the opcodes that would name or run something.
    """

    def check(self, opcodes: bytes, name: str, *args: object) -> Call:
        """
        Assert that opcodes give a call of a name with these arguments.
        """
        result = value(opcodes)
        self.assertIs(type(result), Call)
        function = result.function
        self.assertEqual(f"{function.module}.{function.name}", name)
        self.assertEqual(result.args, args)
        return result

    def test_global(self) -> None:
        """
        A global is its two names.
        """
        for opcodes, module, name in (
            (b"cos\nsystem\n", "os", "system"),
            (b"\x8c\2os\x8c\6system\x93", "os", "system"),
            (b"c\n\n", "", ""),
            (b"c\xff\na.b.c\n", "\ufffd", "a.b.c"),
        ):
            result = value(opcodes)
            self.assertIs(type(result), Global)
            self.assertEqual((result.module, result.name), (module, name))

    def test_calls(self) -> None:
        """
        Everything that calls leaves the function and the arguments.
        """
        for opcodes in (
            b"cos\nsystem\n(K\1tR",
            b"cos\nsystem\nK\1\x85\x81",
            b"cos\nsystem\nK\1R",
            b"(cos\nsystem\nK\1o",
            b"(K\1ios\nsystem\n",
        ):
            self.check(opcodes, "os.system", 1)

    def test_keywords(self) -> None:
        """
        Keyword arguments are kept.
        """
        result = self.check(b"ca\nB\nK\1\x85}\x8c\1kK\2s\x92", "a.B", 1)
        self.assertEqual(result.kwargs, {"k": 2})

    def test_notCallable(self) -> None:
        """
        Calling what is no function leaves that as the function.
        """
        self.assertEqual(value(b"\x8c\1a)R").function, "a")

    def test_parts(self) -> None:
        """
        State, items and pairs are kept in the call, keys as they came.
        """
        result = self.check(b"ca\nB\n)R}b(K\1K\2eK\3a(NK\4u]K\5s", "a.B")
        self.assertEqual(result.state, {})
        self.assertEqual(result.items, [1, 2, 3])
        self.assertEqual(result.pairs, [(None, 4), ([], 5)])
        self.assertIsNone(result.kwargs)

    def test_noParts(self) -> None:
        """
        What the client did not send is L{None}.
        """
        result = self.check(b"ca\nB\n)R", "a.B")
        self.assertEqual(
            (result.kwargs, result.state, result.items, result.pairs),
            (None, None, None, None),
        )

    def test_buildOnData(self) -> None:
        """
        State for plain data is left out and the data kept.
        """
        self.assertEqual(loads(b"}(\x8c\1aK\1u\x8c\1xb."), {"a": 1})
        self.assertEqual(value(b"](}\x8c\4nameK\1stb"), [])

    def test_sets(self) -> None:
        """
        Sets are calls with one list, and nothing in them is hashed.
        """
        self.check(b"\x8f(K\1]\x90(K\2\x90", "builtins.set", [1, [], 2])
        self.check(b"(K\1]\x91", "builtins.frozenset", [1, []])

    def test_outOfBand(self) -> None:
        """
        Persistent ids, extension codes and buffers are inert.
        """
        self.check(b"Pabc\n", "pickle.persistent_load", "abc")
        self.check(b"K\1Q", "pickle.persistent_load", 1)
        self.check(b"\x82\1", "pickle.get_extension", 1)
        self.check(b"\x83\1\1", "pickle.get_extension", 257)
        self.check(b"\x84\1\0\0\1", "pickle.get_extension", 16777217)
        self.check(b"\x97\x98", "pickle.next_buffer")

    def test_inert(self) -> None:
        """
        Nothing that a client names is imported or called, by any opcode.
        """
        ran.clear()
        before = set(sys.modules)
        name = f"{__name__}\ncanary\n".encode()
        absent = b"this\ns\n"
        for module in (name, absent):
            for opcodes in (
                b"c" + module,
                b"c" + module + b")R",
                b"c" + module + b")\x81",
                b"c" + module + b")}\x92",
                b"c" + module + b"}b",
                b"c" + module + b")R}b",
                b"c" + module + b")RNa",
                b"c" + module + b")RNNs",
                b"(c" + module + b"o",
                b"(i" + module,
            ):
                value(opcodes)
        self.assertEqual(ran, [])
        self.assertEqual(set(sys.modules), before)

    def test_repr(self) -> None:
        """
        Placeholders show themselves shortly, however deep they are.
        """
        self.assertEqual(
            repr(value(b"cos\nsystem\n)R")), "<Call of <Global os.system>>"
        )
        self.assertEqual(repr(value(b")" + b")R" * 200)), "<Call>")


class HostileTests(SynchronousTestCase):
    """
    Tests with payloads that are made to hurt.
    """

    def outcome(self, payload: bytes) -> str:
        """
        Decode, and say what came of it.
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

    def test_floods(self) -> None:
        """
        No 64 KiB take more than 16 MiB, or so long that it would show on a
        machine that has a lot else to do.
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

    def test_work(self) -> None:
        """
        Nodes, marks and memo entries are bounded, and past the bound the whole
        payload is too complex.
        """
        for unit, size in ((b"]", MIB), (b"(", 1 << 15), (b"\x94", MIB // 4)):
            payload = Hostile.filled(b"N", unit, b".", size)
            self.assertEqual(self.outcome(payload), TOO_COMPLEX, unit)

    def test_memoIndex(self) -> None:
        """
        A large index into the memo costs no more than a small one.
        """
        for put in (b"r\xff\xff\xff\xff", b"p4294967295\n"):
            tracemalloc.start()
            try:
                self.assertEqual(loads(b"}" + put + b"."), {})
                peak = tracemalloc.get_traced_memory()[1]
            finally:
                tracemalloc.stop()
            self.assertLess(peak, 1 << 16)

    def test_deep(self) -> None:
        """
        Structures that are as deep as payloads can make them are decoded and
        freed.
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

    def test_deepOnASmallStack(self) -> None:
        """
        What is nested more deeply than any payload can make it is freed with
        little stack: without, the process would end.
        """

        def freed() -> None:
            for way in "function", "state":
                nested: object = Global("m", "n")
                for _ in range(MAX_NODES):
                    outer = Call(None, ())
                    setattr(outer, way, nested)
                    nested = outer
                del outer, nested
                done.append(way)

        done: list[str] = []
        # From 3.13 on CPython frees up to 10,000 levels before it stops nesting.
        size = 1 << (18 if sys.version_info < (3, 13) else 22)
        before = threading.stack_size(size)
        self.addCleanup(threading.stack_size, before)
        thread = threading.Thread(target=freed)
        thread.start()
        thread.join()
        self.assertEqual(done, ["function", "state"])

    def test_hashes(self) -> None:
        """
        Containers as keys are never hashed: doubled and nested tuples, and
        numbers that collide, cost what their bytes do.
        """
        doubled = b"K\1" + b"2\x86" * 200
        self.assertEqual(value(b"}" + doubled + b"Ns"), {"<tuple 0>": None})
        nested = b")" + b"\x85" * 900
        self.assertEqual(value(b"}" + nested + b"Ns"), {"<tuple 0>": None})
        colliding = b"".join(
            b"\x8a\x0c" + (n * (2**61 - 1)).to_bytes(12, "little") + b"N"
            for n in range(1, 3_000)
        )
        self.assertEqual(len(value(b"}(" + colliding + b"u")), 2_999)


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
    Tests that hold the machine against the standard library's.
    """

    def expected(self, payload: bytes) -> object:
        """
        Decode with the standard library.
        """
        return Reference(io.BytesIO(payload), encoding="bytes").load()

    def test_captures(self) -> None:
        """
        What every stock handler sent is what the standard library reads, and
        names and calls are where it would have looked up and called.
        """
        for payload in CAPTURES:
            self.assertEqual(neutral(loads(payload)), neutral(self.expected(payload)))
        self.assertGreater(len(CAPTURES), 500)

    @scarcely
    @given(st.dictionaries(st.text(), plain, max_size=6), st.integers(3, 5))
    def test_plain(self, data: dict[str, object], protocol: int) -> None:
        """
        Plain data comes back as it was, in its values and their types.
        """
        payload = pickle.dumps(data, protocol)
        # Not a call of bytearray, which protocols 3 and 4 have in its place.
        expected = pickle.loads(payload) if protocol == 5 else self.expected(payload)
        self.assertEqual(neutral(loads(payload)), neutral(expected))

    @scarcely
    @given(st.dictionaries(st.text(), plain, max_size=6), st.integers(0, 2))
    def test_plainOld(self, data: dict[str, object], protocol: int) -> None:
        """
        The protocols that have no bytes give calls in their place.
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
        The keys of plain data are the text of what they were.
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
