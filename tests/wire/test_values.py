"""
Tests of L{logrecv.wire.values}.
"""

from __future__ import annotations

import datetime
import pickle
import sys
from collections.abc import Iterator
from decimal import Decimal
from itertools import pairwise
from pathlib import PurePosixPath
from typing import Any
from uuid import UUID

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from logrecv.record import JSONValue
from logrecv.wire import calls, effort, numbers, reconstruct, values
from logrecv.wire.pickled import machine as pickles
from logrecv.wire.pickled.placeholders import Call, Global
from logrecv.wire.reconstruct import underlying
from logrecv.wire.values import Converter
from tests.selection import slow
from tests.wire.samples import SIZE, Colour, FormsTestCase, Plain, converted, sent


def nested(depth: int) -> list[object]:
    """
    Make lists in lists.
    """
    result: list[object] = []
    for _ in range(depth):
        result = [result]
    return result


def cut(value: object, size: int) -> Any:
    """
    Convert a value of which not everything may fit.
    """
    return Converter(size).convert(value)[0]


def depthOf(value: JSONValue) -> int:
    """
    Measure how many lists are around one another.
    """
    depth = 0
    while isinstance(value, list) and value:
        (value,) = value
        depth += 1
    return depth


class PlainTests(FormsTestCase):
    """
    Tests for plain data.
    """

    def test_plain(self) -> None:
        """
        Values that JSON has stay themselves.
        """
        self.assertForms(
            {
                "null": (None, None),
                "true": (True, True),
                "small integer": (-7, -7),
                "largest integer": (2**64 - 1, 2**64 - 1),
                "smallest integer": (-(2**63), -(2**63)),
                "real": (0.25, 0.25),
                "text": ("żółć \U0001f389 \0 \n", "żółć \U0001f389 \0 \n"),
                "list": ([1, [2]], [1, [2]]),
                "dict": ({"a": {"b": None}}, {"a": {"b": None}}),
            }
        )

    def test_numbersBeyondJSON(self) -> None:
        """
        An integer past 64 bits and a float that is not finite become text, and
        no repair: a reader can restore the number.
        """
        self.assertForms(
            {
                "large": (2**64, "18446744073709551616"),
                "low": (-(2**63) - 1, "-9223372036854775809"),
                "past the pickle machine's": (2**2000, str(2**2000)),
                "infinite": (float("inf"), "inf"),
                "negatively": (float("-inf"), "-inf"),
                "nan": (float("nan"), "nan"),
            }
        )

    def test_hugeInteger(self) -> None:
        """
        An integer with more digits than Python writes is written in hexadecimal
        digits.
        """
        huge = 2**numbers.DECIMAL_BITS
        self.assertEqual(converted(huge, 10**6), hex(huge))
        self.assertEqual(converted(sent(huge, 2), 10**6), hex(huge))

    def test_foreign(self) -> None:
        """
        A Python object that no decoder makes is named, and never asked.
        """
        result, exact = Converter(SIZE).convert(Plain())
        self.assertEqual(result, {"$class": f"{Plain.__module__}.Plain"})
        self.assertFalse(exact)


class RepairTests(SynchronousTestCase):
    """
    Tests for values that cannot be kept as they were sent.
    """

    def assertInexact(self, value: object, form: object) -> None:
        """
        Check the JSON value of a value that cannot be kept.
        """
        self.assertEqual(Converter(SIZE).convert(value), (form, False))

    def test_surrogates(self) -> None:
        """
        Lone surrogates become their escapes, in keys as well.
        """
        self.assertInexact("a\udcffb", "a\\udcffb")
        self.assertInexact({"\ud800": [1]}, {"\\ud800": [1]})
        self.assertEqual(Converter(SIZE).text("\udcff"), ("\\udcff", False))
        self.assertEqual(Converter(SIZE).text("\U0001f389"), ("\U0001f389", True))

    def test_exactAgain(self) -> None:
        """
        One value that cannot be kept says nothing of the next.
        """
        converter = Converter(SIZE)
        converter.convert("\udcff")
        self.assertEqual(converter.convert("a"), ("a", True))

    def test_keys(self) -> None:
        """
        Keys become text.  Where two keys become the same, one value is lost and
        the result is not exact.
        """
        keys = [None, True, 7, 1.5, b"b\xff", 10**30, ("t",)]
        result: Any = converted(dict.fromkeys(keys))
        self.assertEqual(
            list(result),
            ["None", "True", "7", "1.5", "b\\xff", str(10**30), "<tuple>"],
        )
        self.assertInexact({1: "a", "1": "b"}, {"1": "b"})

    def test_cycle(self) -> None:
        """
        A value that contains itself is cut at the second occurrence.
        """
        loop: list[object] = [1]
        loop.append({"self": loop})
        self.assertInexact(loop, [1, {"self": values.CYCLE}])
        call = Call(Global("app", "Node"), ())
        call.state = {"next": call}
        self.assertInexact(
            call,
            {"$class": "app.Node", "args": [], "state": {"next": values.CYCLE}},
        )

    def test_shared(self) -> None:
        """
        A value that occurs twice is no cycle.
        """
        shared = ["same"]
        self.assertEqual(converted([shared, shared]), [["same"], ["same"]])


class BoundsTests(SynchronousTestCase):
    """
    Tests for the bounds of depth, effort and size.
    """

    def test_deepest(self) -> None:
        """
        Values up to the bound are kept, and deeper values are cut off there.
        """
        deepest = nested(values.DEPTH - 1)
        self.assertEqual(converted(deepest), deepest)
        result, exact = Converter(SIZE).convert(nested(values.DEPTH))
        self.assertFalse(exact)
        self.assertEqual(depthOf(result), values.DEPTH)

    @slow
    def test_deepAnything(self) -> None:
        """
        Depth without end, in everything that can be deep, is cut off far from
        the interpreter's limit, also when half of the stack is in use.
        """

        def wrap(value: object, kind: int) -> object:
            function = Global("app", "Thing")
            wrapped = Call(function, (value,))
            wrapped.state = {"inner": value}
            rebuilt = Global("copy_reg", "_reconstructor")
            return [
                [value],
                {"a": value},
                (value,),
                wrapped,
                Call(value, (function, "x")),
                Call(Global("builtins", "getattr"), (value, "x")),
                Call(Global("builtins", "bytearray"), (value,)),
                Call(Global("_codecs", "encode"), (value, "latin1")),
                Call(Global("datetime", "datetime"), (b"\x07\xea" + b"\1" * 8, value)),
                Call(Global("copy_reg", "__newobj__"), (value, 1)),
                Call(rebuilt, (value, Global("__builtin__", "object"), None)),
                Call(rebuilt, (function, Global("__builtin__", "list"), [value])),
            ][kind]

        def deeper(frames: int, value: object) -> None:
            if frames:
                deeper(frames - 1, value)
            else:
                underlying(value)
                result, exact = Converter(10**6).convert(value)
                msgspec.json.encode(result)
                self.assertFalse(exact)

        for kind in range(12):
            value: object = Global("app", "Thing")
            for _ in range(5000):
                value = wrap(value, kind)
            deeper(sys.getrecursionlimit() // 2 - 100, value)

    @slow
    def test_bounded(self) -> None:
        """
        Result and work are in proportion to a small payload, however parts are shared.
        """
        laughs: object = "ha"
        for _ in range(40):
            laughs = [laughs, {"a": laughs}]
        date = Call(Global("datetime", "date"), (b"\x07\xe4\x01\x01",))
        pairs = Call(Global("collections", "OrderedDict"), ([[1, 2]] * 500,))
        for what, value in {
            "nested": laughs,
            "constants": [None] * 10**6,
            "lists": [[]] * 10**6,
            "long text": ["x" * SIZE] * 10**6,
            "long text to escape": ["\0" * SIZE] * 10**6,
            "surrogates": ["\ud800" * SIZE] * 10**6,
            "bytes": [b"\xff" * SIZE] * 10**6,
            "names": [Global("m" * 500, "n")] * 10**6,
            "keys": [{"k" * SIZE: 1}] * 10**6,
            "calls": [Call(Global("app", "Thing"), ())] * 10**6,
            "dates": [date] * 10**6,
            "mappings": [pairs] * 10**6,
            "large numbers": [2**8000] * 10**6,
            "arguments": Call(Global("app", "Thing"), (7,) * 10**6),
        }.items():
            result, exact = Converter(SIZE).convert(value)
            self.assertFalse(exact, what)
            self.assertLess(
                len(msgspec.json.encode(result)),
                values.RENDERED_PER_BYTE * SIZE + values.RENDERED_FLOOR + SIZE,
                what,
            )
            self.assertIn(values.TOO_LARGE, str(result), what)

    def test_effort(self) -> None:
        """
        The effort grows no faster than the payload.
        """
        laughs: object = []
        for _ in range(40):
            laughs = [laughs, laughs]
        lengths = [
            len(msgspec.json.encode(Converter(size).convert(laughs)[0]))
            for size in (10_000, 20_000, 40_000, 80_000)
        ]
        for shorter, longer in pairwise(lengths):
            self.assertLess(longer, 2.2 * shorter)

    @slow
    def test_absolute(self) -> None:
        """
        However large the payload, its values take no more than a fixed effort, and
        the JSON is not much longer than each character once.
        """
        laughs: object = "ha" * 50
        for _ in range(40):
            laughs = [laughs, laughs]
        sizes = (10**6, 10**7, 10**8)
        for value in ([None] * 10**6, [[]] * 10**6, ["a"] * 10**6, laughs):
            results = [Converter(size).convert(value) for size in sizes]
            self.assertTrue(results[0] == results[1] == results[2])
            self.assertTrue(values.TOO_LARGE in str(results[0]))
            parts = str(results[0]).count(",") + str(results[0]).count("[")
            self.assertLess(parts, 1.1 * effort.MAX_EFFORT)
        text = "\0" * 10**6
        self.assertEqual(cut(text, 10**6), text)
        result: Any = cut([text] * 100, 10**6)
        self.assertTrue(result == [text, values.TOO_LARGE])

    def test_unfoldedOnce(self) -> None:
        """
        A call that a pickle refers to over and over is unfolded once, and again only
        where it lies deeper.
        """

        class Counted(list[object]):
            steps = 0

            def __iter__(self) -> Iterator[object]:
                for item in super().__iter__():
                    Counted.steps += 1
                    yield item

        for function in ("collections.OrderedDict", "builtins.set", "app.Thing"):
            Counted.steps = 0
            shared = Counted([(1, 2)])
            call = Call(Global(*function.rsplit(".", 1)), (shared,))
            once, exact = Converter(10**5).convert(call)
            self.assertTrue(exact, function)
            steps, Counted.steps = Counted.steps, 0
            value: list[object] = [[[[call]]], {"a": [call] * 300}, *[call] * 300]
            result: Any = cut(value, 10**6)
            self.assertEqual(result[0], [[[once]]])
            self.assertEqual(result[1], {"a": [once] * 300})
            self.assertEqual(result[2:], [once] * 300)
            self.assertEqual(Counted.steps, steps)
            Counted.steps = 0
            converted([call, [call], call], 10**6)
            self.assertEqual(Counted.steps, 2 * steps)

    def test_unfoldedOnceAndCut(self) -> None:
        """
        A call that was whole where it occurred first is cut where it lies too deep,
        and a call that was cut is whole elsewhere.
        """
        thing = Call(Global("app", "Thing"), ([["end"]],))
        whole: Any = {"$class": "app.Thing", "args": [[["end"]]], "state": {}}
        deep: list[object] = [thing]
        for _ in range(values.DEPTH - 5):
            deep = [deep]
        for first, second in ((thing, deep), (deep, thing)):
            result: Any = cut([first, second], 10**5)
            found = dict(zip(map(id, (first, second)), result, strict=True))
            self.assertEqual(found[id(thing)], whole)
            inner = found[id(deep)]
            while isinstance(inner, list):
                (inner,) = inner
            self.assertEqual(inner["args"], [[values.TOO_DEEP]])

    def test_longIntegers(self) -> None:
        """
        Digits take time in the square of their number, which is counted.
        """
        integers = [2**8000 - n for n in range(1000)]
        result: Any = cut(integers, 10**6)
        self.assertTrue(result[-1] == values.TOO_LARGE)
        self.assertLess(len(result), 1 + effort.MAX_EFFORT // 900)
        keys = Call(Global("collections", "Counter"), ())
        keys.pairs = [(each, 1) for each in integers]
        self.assertLess(len(cut(keys, 10**6)), 1 + effort.MAX_EFFORT // 900)

    def test_escapes(self) -> None:
        """
        Bytes that are no UTF-8 are escaped as far as there is effort for it, and
        what is text in the others is kept.
        """
        converter = Converter(10**6)
        self.assertEqual(converter.escapedText(b"\xc5\xbc\xff\xc5"), "ż\\xff\\xc5")
        many = b"a\xff" * 10**6
        self.assertEqual(converter.escapedText(many), "a\ufffd" * 10**6)
        self.assertEqual(converter.escapedText(b"\xff"), "\\xff")
        half = b"\xff" * (effort.MAX_EFFORT // 2)
        replaced = [converter.escapedText(half).count("\ufffd") for _ in range(3)]
        self.assertEqual(replaced, [0, len(half), len(half)])

    @slow
    def test_lookedThrough(self) -> None:
        """
        Arguments that many calls share are looked through no more often than
        is in proportion to the payload, even where nothing comes of them.
        """

        class Counted(list[object]):
            steps = 0

            def __iter__(self) -> Iterator[object]:
                for item in super().__iter__():
                    Counted.steps += 1
                    yield item

        shared = Counted([(1, 2)] * 300)
        shared.append("no pair")
        for module, name in (
            ("collections", "OrderedDict"),
            ("builtins", "set"),
            ("app", "Thing"),
        ):
            calls: object = [Call(Global(module, name), (shared,)) for _ in range(9999)]
            for _ in range(values.DEPTH - 2):
                calls = [calls]
            Counted.steps = 0
            _, exact = Converter(SIZE).convert(calls)
            self.assertFalse(exact)
            self.assertLess(
                Counted.steps,
                effort.effortOf(SIZE),
            )

    def test_longNames(self) -> None:
        """
        Names that no class has, and paths that no file has, are not put
        together whole.
        """
        long = "x" * 10**5
        form: Any = converted(Global(long, long), 10**6)
        self.assertEqual(len(form["$class"]), 2 * calls.NAME_LENGTH + 1)
        path = Call(Global("pathlib", "PosixPath"), ("x" * 10**4,) * 10)
        form = converted(path, 10**6)
        self.assertEqual(form["$class"], "pathlib.PosixPath")

    def test_nothingIsCutSilently(self) -> None:
        """
        A value that is cut is reported as not exact, wherever the room ends.
        """
        each: tuple[object, ...] = (1, 10**9, None, 1.5, "a", b"\xff", [], {}, Plain)
        for value in each:
            for size in range(0, 60, 4):
                _, exact = Converter(size).convert([sent(value)] * 4000)
                self.assertFalse(exact, value)

    def test_everythingAfter(self) -> None:
        """
        Once there is no room left, later values of the record get none either.
        """
        converter = Converter(0)
        converter.convert("x" * 10**6)
        self.assertEqual(converter.convert(1), (values.TOO_LARGE, False))
        self.assertEqual(converter.text("a"), (values.TOO_LARGE, False))

    @slow
    def test_genuineIsNeverTooLarge(self) -> None:
        """
        Some thousand values that share nothing fit, however dense and however small
        the parts that they are made of.
        """
        for value in (
            [None] * 5000,
            list(range(256)) * 20,
            [[1, 2] for _ in range(2000)],
            [{"k": n} for n in range(2000)],
            ["\0" for _ in range(5000)],
            ["\0" * 20000],
            [Plain() for _ in range(2000)],
            [datetime.datetime(2026, 1, 1) for _ in range(2000)],
            [bytes([255, n % 256]) for n in range(2000)],
            {str(n): n for n in range(2000)},
            [PurePosixPath(f"/srv/app/{n}.py") for n in range(1000)],
            [Decimal(n) / 4 for n in range(2000)],
            [UUID(int=2**100 + n) for n in range(1000)],
            [{n} for n in range(2000)],
            [bytes(range(256)) * 40 for n in range(20)],
            ["\udcff.txt" for _ in range(2000)],
            [Colour.RED] * 90,
            [float(n) for n in range(5000)],
        ):
            payload = pickle.dumps({"value": value}, 1)
            made = pickles.loads(payload)["value"]
            result, exact = Converter(len(payload)).convert(made)
            self.assertFalse(values.TOO_LARGE in str(result), type(value))
            self.assertTrue(exact or "udcff" in str(result), type(value))


plain = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(),
        st.text(st.characters(exclude_categories=())),
        st.binary(max_size=12),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.tuples(inner, inner),
        st.dictionaries(st.text(max_size=3) | st.integers(), inner, max_size=3),
        st.builds(
            Call,
            st.sampled_from(
                [Global(*name.rsplit(".", 1)) for name in reconstruct.READERS]
                + [Global("app", "Thing"), Global("__builtin__", "getattr")]
            ),
            st.lists(inner, max_size=3).map(tuple),
        ),
    ),
    max_leaves=8,
)


class AnyValueTests(SynchronousTestCase):
    """
    Tests with generated values.
    """

    @settings(max_examples=150, derandomize=True)
    @given(plain)
    def test_any(self, value: object) -> None:
        """
        Any value becomes one that can be encoded, and is the same when read.
        """
        result, _ = Converter(SIZE).convert(value)
        self.assertEqual(msgspec.json.decode(msgspec.json.encode(result)), result)
        underlying(value)
