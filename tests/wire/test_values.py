"""
Tests of L{logrecv.wire.values}.
"""

from __future__ import annotations

import collections
import contextlib
import datetime
import decimal
import enum
import fractions
import pathlib
import pickle
import sys
import uuid
import warnings
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any, NamedTuple

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from logrecv.record import JSONValue
from logrecv.wire import values
from logrecv.wire.pickled import machine as pickles
from logrecv.wire.pickled.machine import Call, Global
from logrecv.wire.values import Converter, nameOf, parseLiteral, plainTuple, underlying

#: The length of the payload that the tests' values come in, in bytes, unless
#: they say otherwise.
SIZE = 1000


class Text(str):
    """
    A subclass of a built-in class.
    """


class Whole(int):
    """
    A subclass of a built-in class.
    """


class Items(list[object]):
    """
    A subclass of a built-in class.
    """


class Keys(dict[str, object]):
    """
    A subclass of a built-in class.
    """


class Ordered(collections.OrderedDict[str, object]):
    """
    A subclass of a subclass of a built-in class.
    """


class Point(NamedTuple):
    """
    A named tuple.
    """

    x: int
    y: int


class Colour(enum.Enum):
    """
    An enumeration.
    """

    RED = 1


class Plain:
    """
    A class of the client's own.
    """

    def __init__(self) -> None:
        self.user = "alice"


class Odd(Exception):
    """
    An exception with an attribute.
    """


class HalfSlots:
    """
    A class the state of which comes in two halves.
    """

    __slots__ = ("__dict__", "slot")

    def __init__(self) -> None:
        self.slot = 1
        self.other = 2


class Zone(datetime.tzinfo):
    """
    A time zone of the client's own.
    """

    def utcoffset(self, moment: datetime.datetime | None, /) -> None:
        """
        Not known.
        """

    dst = tzname = utcoffset


def odd() -> Odd:
    """
    Make an exception with an attribute.
    """
    error = Odd("what", 3)
    error.code = 7  # type: ignore[attr-defined]
    return error


def sent(value: object, protocol: int = 1) -> object:
    """
    Send a value as a client does.

    @param protocol: The pickle protocol; that of the stock handlers is 1.
    @return: The value as it arrives.
    """
    return pickles.loads(pickle.dumps({"value": value}, protocol))["value"]


def converted(value: object, size: int = SIZE) -> JSONValue:
    """
    Convert what must be converted without loss.
    """
    result, exact = Converter(size).convert(value)
    assert exact, result
    return result


def shown(name: str, *args: object, **state: object) -> dict[str, object]:
    """
    Make the form of an instance of a class of a test module's.
    """
    return {"$class": f"{__name__}.{name}", "args": list(args), "state": state}


def moment(*zone: object) -> Call:
    """
    Make the placeholder of a datetime.
    """
    return Call(
        Global("datetime", "datetime"),
        (b"\x07\xea\x0b\x16\x0a\x1e\x00\x01\xe2\x40", *zone),
    )


def nested(depth: int) -> list[object]:
    """
    Make lists in lists.
    """
    result: list[object] = []
    for _ in range(depth):
        result = [result]
    return result


def depthOf(value: JSONValue) -> int:
    """
    Measure how many lists are around one another.
    """
    depth = 0
    while isinstance(value, list) and value:
        (value,) = value
        depth += 1
    return depth


class TableTests(SynchronousTestCase):
    """
    Tests for what becomes of values, by the table of the record form.
    """

    def assertForms(self, table: Mapping[str, tuple[object, object]]) -> None:
        """
        Check what values become when a client has sent them.
        """
        for what, (value, form) in table.items():
            result = converted(sent(value))
            self.assertEqual(result, form, what)
            self.assertIs(type(result), type(form), what)

    def test_plain(self) -> None:
        """
        What JSON has stays itself.
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
        no repair: a reader can get back what it was.
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
        huge = 2**values.DECIMAL_BITS
        self.assertEqual(converted(huge, 10**6), hex(huge))
        self.assertEqual(converted(sent(huge, 2), 10**6), hex(huge))

    def test_arrays(self) -> None:
        """
        Everything that is a series of items becomes an array.
        """
        self.assertForms(
            {
                "tuple": ((1, (2,)), [1, [2]]),
                "set": ({1}, [1]),
                "empty set": (set(), []),
                "frozenset": (frozenset(["x"]), ["x"]),
                "deque": (collections.deque([1, 2]), [1, 2]),
                "bounded deque": (collections.deque([1, 2], 5), [1, 2]),
                "named tuple": (Point(1, 2), [1, 2]),
                "subclass of list": (Items([1, 2]), [1, 2]),
            }
        )

    def test_objects(self) -> None:
        """
        Everything that is a mapping becomes an object, in its order.
        """
        ordered = collections.OrderedDict([("b", 1), ("a", [2])])
        self.assertForms(
            {
                "OrderedDict": (ordered, {"b": 1, "a": [2]}),
                "defaultdict": (
                    collections.defaultdict(list, {"k": [1]}),
                    {"k": [1]},
                ),
                "Counter": (collections.Counter("aab"), {"a": 2, "b": 1}),
                "Counter of numbers": (collections.Counter([7]), {"7": 1}),
                "subclass of dict": (Keys(a=1), {"a": 1}),
                "subclass of OrderedDict": (Ordered(a=1), {"a": 1}),
            }
        )
        result: Any = converted(sent(ordered))
        self.assertEqual(list(result), ["b", "a"])

    def test_python2Mappings(self) -> None:
        """
        Python 2 sends an OrderedDict as its pairs, and a deque as its list.
        """
        ordered = Call(Global("collections", "OrderedDict"), ([["b", 1], ["a", 2]],))
        self.assertEqual(converted(ordered), {"b": 1, "a": 2})
        deque = Call(Global("collections", "deque"), ([1, 2], 5))
        self.assertEqual(converted(deque), [1, 2])

    def test_times(self) -> None:
        """
        Dates and times become ISO 8601, durations seconds.
        """
        east = datetime.timezone(datetime.timedelta(hours=5, minutes=30), "IST")
        self.assertForms(
            {
                "datetime": (
                    datetime.datetime(2026, 11, 22, 10, 30, 0, 123456),
                    "2026-11-22T10:30:00.123456",
                ),
                "UTC": (
                    datetime.datetime(2026, 11, 22, tzinfo=datetime.UTC),
                    "2026-11-22T00:00:00+00:00",
                ),
                "zone": (
                    datetime.datetime(2026, 11, 22, tzinfo=east),
                    "2026-11-22T00:00:00+05:30",
                ),
                "date": (datetime.date(1, 2, 3), "0001-02-03"),
                "time": (datetime.time(1, 2, 3, 4), "01:02:03.000004"),
                "time and zone": (datetime.time(1, tzinfo=east), "01:00:00+05:30"),
                "timedelta": (
                    datetime.timedelta(days=-1, microseconds=5),
                    -86399.999995,
                ),
            }
        )

    def test_fold(self) -> None:
        """
        The bit that says which of two equal times is meant is not taken for a
        part of the month or the hour.
        """
        late = datetime.datetime(2026, 10, 25, 2, 30, fold=1)
        self.assertEqual(converted(sent(late, 4)), "2026-10-25T02:30:00")
        self.assertEqual(converted(sent(late.time(), 4)), "02:30:00")

    def test_namedZone(self) -> None:
        """
        A zone of which the wire has the key alone is given by its key: we do
        not look up what a client names.
        """
        owner = Global("zoneinfo", "ZoneInfo")
        for function in (
            Call(Global("__builtin__", "getattr"), (owner, "_unpickle")),
            Global("zoneinfo", "ZoneInfo._unpickle"),
        ):
            zone = Call(function, ("Europe/Berlin", True))
            self.assertEqual(
                converted(moment(zone)), "2026-11-22T10:30:00.123456[Europe/Berlin]"
            )

    def test_thirdPartyZones(self) -> None:
        """
        The zones of pytz and dateutil are understood where the wire has their
        offset.
        """
        local = "2026-11-22T10:30:00.123456"
        hour = Call(Global("datetime", "timedelta"), (0, 3600, 0))
        base = Global("datetime", "tzinfo")
        rebuilt = Global("copy_reg", "_reconstructor")
        tzutc = Call(rebuilt, (Global("dateutil.tz.tz", "tzutc"), base, None))
        tzoffset = Call(rebuilt, (Global("dateutil.tz.tz", "tzoffset"), base, None))
        tzoffset.state = {"_name": "x", "_offset": hour}
        berlin = ("Europe/Berlin", 3600, 0, "CET")
        for zone, suffix in (
            (Call(Global("pytz", "_UTC"), ()), "+00:00"),
            (Call(Global("pytz", "_p"), berlin), "+01:00"),
            (Call(Global("pytz", "_p"), ("Etc/GMT+1",)), "[Etc/GMT+1]"),
            (tzutc, "+00:00"),
            (tzoffset, "+01:00"),
        ):
            self.assertEqual(converted(moment(zone)), local + suffix)

    def test_unknownZone(self) -> None:
        """
        A time in a zone of a class that we do not know keeps both its local
        time and the zone as sent.
        """
        self.assertEqual(
            converted(sent(datetime.datetime(2026, 7, 1, tzinfo=Zone()))),
            {
                "$class": "datetime.datetime",
                "args": ["2026-07-01T00:00:00", shown("Zone")],
                "state": {},
            },
        )

    def test_scalarsWithText(self) -> None:
        """
        Numbers that JSON has not, identifiers and paths become text.
        """
        self.assertForms(
            {
                "Decimal": (decimal.Decimal("10.50"), "10.50"),
                "Decimal exponent": (decimal.Decimal("1E+400"), "1E+400"),
                "Decimal NaN": (decimal.Decimal("NaN"), "NaN"),
                "Decimal infinity": (decimal.Decimal("-Infinity"), "-Infinity"),
                "UUID": (uuid.UUID(int=5), "00000000-0000-0000-0000-000000000005"),
                "Fraction": (fractions.Fraction(-1, 3), "-1/3"),
                "whole Fraction": (fractions.Fraction(4), "4"),
                "path": (pathlib.PurePosixPath("/etc/hosts"), "/etc/hosts"),
                "this system's path": (pathlib.Path("a", "b"), "a/b"),
                "empty path": (pathlib.PurePosixPath(), "."),
                "Windows path": (pathlib.PureWindowsPath("C:\\a", "b"), "C:\\a\\b"),
                "subclass of str": (Text("text"), "text"),
                "subclass of int": (Whole(5), 5),
            }
        )

    def test_pathsOfAllVersions(self) -> None:
        """
        A path is one argument or many, and its module has had three names.
        """
        for module, parts in (
            ("pathlib", ("/", "etc", "hosts")),
            ("pathlib._local", ("/etc/hosts",)),
            ("pathlib", ("/etc", "hosts")),
        ):
            path = Call(Global(module, "PosixPath"), parts)
            self.assertEqual(converted(path), "/etc/hosts")

    def test_fractionOfPython2(self) -> None:
        """
        Older versions send the text of a fraction.
        """
        fraction = Call(Global("fractions", "Fraction"), (b"1/3",))
        self.assertEqual(converted(fraction), "1/3")

    def test_uuidSafe(self) -> None:
        """
        A UUID that says how it was made is a UUID all the same.
        """
        safe = uuid.UUID(int=7, is_safe=uuid.SafeUUID.safe)
        for protocol in (1, 2):
            self.assertEqual(converted(sent(safe, protocol)), str(safe))

    def test_bytes(self) -> None:
        """
        Bytes become text where they are UTF-8, else base64, whichever way the
        versions of Python send them.
        """
        self.assertForms(
            {
                "text": ("zażółć".encode(), "zażółć"),
                "no text": (b"\x00\xff\x10", {"$bytes": "AP8Q"}),
                "empty": (b"", ""),
                "bytearray": (bytearray(b"ab"), "ab"),
                "bytearray, no text": (bytearray(b"\xff"), {"$bytes": "/w=="}),
                "empty bytearray": (bytearray(), ""),
            }
        )
        for name in ("latin-1", b"latin-1"):
            array = Call(Global("__builtin__", "bytearray"), ("a\xff", name))
            self.assertEqual(converted(array), {"$bytes": "Yf8="})
        self.assertEqual(converted(sent(bytearray(b"\xff"), 5)), {"$bytes": "/w=="})
        self.assertEqual(converted(b"\xc5\xbc"), "ż")

    def test_opaque(self) -> None:
        """
        Anything else is shown as what was on the wire.
        """
        self.assertForms(
            {
                "object": (Plain(), shown("Plain", user="alice")),
                "enumeration": (Colour.RED, shown("Colour", 1)),
                "exception": (odd(), shown("Odd", "what", 3, code=7)),
                "complex": (
                    1 + 2j,
                    {"$class": "builtins.complex", "args": [1.0, 2.0], "state": {}},
                ),
                "class": (Plain, {"$class": f"{__name__}.Plain"}),
                "function": (len, {"$class": "builtins.len"}),
                "Python 2's name": (
                    KeyError("k"),
                    {"$class": "builtins.KeyError", "args": ["k"], "state": {}},
                ),
            }
        )

    def test_slots(self) -> None:
        """
        The attributes of an object with slots are together, wherever it had
        them.
        """
        self.assertEqual(
            converted(sent(HalfSlots(), 2)), shown("HalfSlots", other=2, slot=1)
        )

    def test_otherState(self) -> None:
        """
        State that is no mapping is shown as it is.
        """
        call = Call(Global("app", "Thing"), (1,))
        call.state = (1, 2)
        self.assertEqual(
            converted(call), {"$class": "app.Thing", "args": [1], "state": [1, 2]}
        )

    def test_keywordArguments(self) -> None:
        """
        Keyword arguments are shown where there are some.
        """
        call = Call(Global("app", "Thing"), (), {"size": 3})
        self.assertEqual(
            converted(call),
            {"$class": "app.Thing", "args": [], "kwargs": {"size": 3}, "state": {}},
        )

    def test_callOfNoName(self) -> None:
        """
        What calls something that has no name is shown with that as its first
        argument.
        """
        call = Call(Call(Global("app", "make"), ()), ("x",))
        self.assertEqual(
            converted(call),
            {
                "$class": "?",
                "args": [{"$class": "app.make", "args": [], "state": {}}, "x"],
                "state": {},
            },
        )

    def test_method(self) -> None:
        """
        What names a method, by way of C{getattr}, has the method's name.
        """
        owner = Global("app", "Thing")
        method = Call(Global("__builtin__", "getattr"), (owner, "load"))
        self.assertEqual(nameOf(method), "app.Thing.load")
        for args in ((owner,), (owner, 1), ("app", "load")):
            self.assertEqual(nameOf(Call(Global("builtins", "getattr"), args)), "")

    def test_newObject(self) -> None:
        """
        C{copyreg.__newobj__} stands for an instance of its first argument.
        """
        function = Global("copy_reg", "__newobj__")
        call = Call(function, (Global("app", "Thing"), 1))
        call.state = {"a": 2}
        self.assertEqual(
            converted(call), {"$class": "app.Thing", "args": [1], "state": {"a": 2}}
        )
        self.assertEqual(
            converted(Call(function, (function, function))),
            {
                "$class": "copyreg.__newobj__",
                "args": [{"$class": "copyreg.__newobj__"}] * 2,
                "state": {},
            },
        )

    def test_notWhatTheClassSends(self) -> None:
        """
        A known class with arguments that it would never send is shown as any
        other.
        """
        for module, name, args in (
            ("datetime", "datetime", ("x" * 10,)),
            ("datetime", "datetime", (b"\x00" * 10,)),
            ("datetime", "datetime", (b"\xff" * 11,)),
            ("datetime", "datetime", ()),
            ("datetime", "date", (b"\x07\xe4\x0d\x01",)),
            ("datetime", "time", (b"\x19\x00\x00\x00\x00\x00",)),
            ("datetime", "timedelta", (10**20, 0, 0)),
            ("datetime", "timedelta", ("a",)),
            ("decimal", "Decimal", ("ten",)),
            ("decimal", "Decimal", (1,)),
            ("fractions", "Fraction", ("1//3",)),
            ("fractions", "Fraction", (1, 2, 3)),
            ("fractions", "Fraction", (1.5, 2)),
            ("uuid", "UUID", ()),
            ("pathlib", "PurePosixPath", (1,)),
            ("builtins", "set", (5,)),
            ("builtins", "bytes", ("x",)),
            ("builtins", "bytearray", (7,)),
            ("builtins", "int", ("0x5",)),
            ("builtins", "int.from_bytes", (b"\x01", "big")),
            ("_codecs", "encode", ("\u0119", "latin1")),
            ("_codecs", "encode", ("a", "zlib")),
            ("collections", "OrderedDict", ([1, 2],)),
            ("copyreg", "_reconstructor", (1,)),
        ):
            form: Any = converted(Call(Global(module, name), args))
            self.assertEqual(form["$class"], f"{module}.{name}", args)
            self.assertEqual(len(form["args"]), len(args))

    def test_reconstructedOfNothingKnown(self) -> None:
        """
        A base value of another type than the base, or a class without a name,
        is shown as it was sent.
        """
        function = Global("copy_reg", "_reconstructor")
        owner, base = Global("app", "Thing"), Global("__builtin__", "list")
        top = Global("__builtin__", "object")
        for args in ((owner, base, 7), (Call(owner, ()), top, None)):
            form: Any = converted(Call(function, args))
            self.assertEqual(form["$class"], "copyreg._reconstructor")
            self.assertEqual(len(form["args"]), 3)

    def test_badUUID(self) -> None:
        """
        A UUID without a number of 128 bits is shown as an object.
        """
        owner = Global("uuid", "UUID")
        base = Global("__builtin__", "object")
        for state in (None, {}, {"int": "5"}, {"int": -1}, {"int": 2**128}):
            call = Call(Global("copy_reg", "_reconstructor"), (owner, base, None))
            call.state = state
            form: Any = converted(call)
            self.assertEqual(form["$class"], "copyreg._reconstructor")

    def test_foreign(self) -> None:
        """
        A Python object that no decoder makes is named, and never asked.
        """
        result, exact = Converter(SIZE).convert(Plain())
        self.assertEqual(result, {"$class": f"{__name__}.Plain"})
        self.assertFalse(exact)


class RepairTests(SynchronousTestCase):
    """
    Tests for what cannot be kept as it was sent.
    """

    def assertInexact(self, value: object, form: object) -> None:
        """
        Check what a value becomes that cannot be kept.
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
        Keys become text; where two become the same, one is lost and that is
        said.
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
        What contains itself is cut there.
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
        What is there twice is no cycle.
        """
        shared = ["same"]
        self.assertEqual(converted([shared, shared]), [["same"], ["same"]])

    def test_deepest(self) -> None:
        """
        Values up to the bound are kept; what is deeper is cut off there.
        """
        deepest = nested(values.DEPTH - 1)
        self.assertEqual(converted(deepest), deepest)
        result, exact = Converter(SIZE).convert(nested(values.DEPTH))
        self.assertFalse(exact)
        self.assertEqual(depthOf(result), values.DEPTH)

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

    def test_bounded(self) -> None:
        """
        Whatever is shared in whatever way, what comes of it is in proportion to
        the payload, and so is the work.
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
        What is spent grows no faster than the payload.
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
                2 * (SIZE * values.EFFORT_PER_BYTE + values.EFFORT_FLOOR),
            )

    def test_longNames(self) -> None:
        """
        Names that no class has, and paths that no file has, are not put
        together whole.
        """
        long = "x" * 10**5
        form: Any = converted(Global(long, long), 10**6)
        self.assertEqual(len(form["$class"]), 2 * values.NAME_LENGTH + 1)
        path = Call(Global("pathlib", "PosixPath"), ("x" * 10**4,) * 10)
        form = converted(path, 10**6)
        self.assertEqual(form["$class"], "pathlib.PosixPath")

    def test_nothingIsCutSilently(self) -> None:
        """
        Wherever the room ends, the value is said to be cut.
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

    def test_genuineIsNeverTooLarge(self) -> None:
        """
        Values that share nothing fit, however dense and however small the parts
        that they are made of.
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
            [Colour.RED] * 90,
            [float(n) for n in range(5000)],
        ):
            payload = pickle.dumps({"value": value}, 1)
            _, exact = Converter(len(payload)).convert(pickles.loads(payload)["value"])
            self.assertTrue(exact, value[0])


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
                [Global(*name.rsplit(".", 1)) for name in values._FORMS]
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

    @settings(max_examples=100, derandomize=True)
    @given(st.datetimes(), st.dates(), st.times(), st.timedeltas(), st.uuids())
    def test_stockClasses(
        self,
        moment: datetime.datetime,
        day: datetime.date,
        clock: datetime.time,
        span: datetime.timedelta,
        identifier: uuid.UUID,
    ) -> None:
        """
        Instances of the standard library's classes become what those say of
        themselves.
        """
        self.assertEqual(
            converted(sent([moment, day, clock, span, identifier])),
            [
                moment.isoformat(),
                day.isoformat(),
                clock.isoformat(),
                span.total_seconds(),
                str(identifier),
            ],
        )


class UnderlyingTests(SynchronousTestCase):
    """
    Tests for L{underlying}.
    """

    def test_subclasses(self) -> None:
        """
        An instance of a subclass of a text or a number is that.
        """
        self.assertEqual(underlying(sent(Text("a"))), "a")
        self.assertEqual(underlying(sent(Whole(3))), 3)
        self.assertEqual(underlying(sent(b"a\xff")), b"a\xff")

    def test_others(self) -> None:
        """
        Everything else is returned as it is.
        """
        for value in (1, "a", None, [1], sent(Plain()), sent(Items()), sent({1})):
            self.assertIs(underlying(value), value)


class LiteralTests(SynchronousTestCase):
    """
    Tests for L{parseLiteral}.
    """

    literals = st.recursive(
        st.one_of(
            st.none(),
            st.booleans(),
            st.integers(),
            st.floats(allow_nan=False),
            st.text(st.characters(exclude_categories=()), max_size=8),
            st.binary(max_size=8),
        ),
        lambda inner: st.one_of(
            st.lists(inner, max_size=3),
            st.lists(inner, max_size=3).map(tuple),
            st.dictionaries(
                st.text(max_size=3) | st.integers() | st.none(), inner, max_size=3
            ),
        ),
        max_leaves=8,
    )

    @settings(max_examples=150, derandomize=True)
    @given(literals)
    def test_repr(self, value: object) -> None:
        """
        What C{repr} writes is read as what it was written of.
        """
        result = parseLiteral(repr(value))
        self.assertEqual(result, value)
        self.assertEqual(repr(result), repr(value))

    @settings(max_examples=150, derandomize=True)
    @given(
        st.text(st.sampled_from("()[]{},: '\"\\ubx0189.-eLNonetruTFalsif"), max_size=24)
    )
    def test_any(self, text: str) -> None:
        """
        Any text is a literal or a L{ValueError}.
        """
        with contextlib.suppress(ValueError):
            parseLiteral(text)

    def test_python2(self) -> None:
        """
        The literals of Python 2 are read: text with a prefix, which is shown
        with it again; long integers; and text in bytes.
        """
        sent = "(u'za\\u0119', 12L, 'z\\xc5\\xbc', '\\\\xc5')"
        result: Any = parseLiteral(sent)
        self.assertEqual(result, ("zaę", 12, "zż", "\\xc5"))
        self.assertEqual(f"{result[0]} {result[0]!r}", "zaę u'za\\u0119'")

    def test_notANumber(self) -> None:
        """
        Floats that are no numbers are read.
        """
        self.assertEqual(repr(parseLiteral("(nan, -inf)")), "(nan, -inf)")

    def test_notLiterals(self) -> None:
        """
        Nothing but literals is read, and nothing is evaluated or warned of.
        """
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            for text in (
                "",
                " ",
                "x",
                "(",
                ")",
                "(1",
                "(1 2)",
                "(,)",
                "(1,,)",
                "[1)",
                "{1}",
                "{1 2}",
                "{1: 2 3: 4}",
                "{[]: 1}",
                "1 2",
                "1_000",
                "0x10",
                "--1",
                "1+2j",
                "1if 1else 2",
                "Nonesuch",
                "'a",
                "'a' 'b'",
                "'\\d'",
                "'\\x0'",
                "'\\N{BULLET}'",
                "'\\U00110000'",
                "b'\u0119'",
                "f'{1}'",
                "__import__('os')",
                "set()",
            ):
                self.assertRaises(ValueError, parseLiteral, text)

    def test_plainTuples(self) -> None:
        """
        Tuples of numbers and texts go the short way, up to its bound, and nothing
        else does.
        """
        for text in ("(1,)", "(-1, 'a')", "(1.5, '(, ', '\"')", "('é', 007)"):
            self.assertEqual(repr(plainTuple(text)), repr(parseLiteral(text)), text)
        for text in (
            *("", "()", "1", "(1)", "(1, )", "(1,2)", "(1, 2,)", "[1]", "(1, [2])"),
            *("(None,)", "('\\n',)", "(u'a',)", "(b'a',)", "(1e5,)", "(1L,)", "('a)"),
            *("('a' 'b',)", "(1, 2) ", "(" + "9" * 19 + ",)", "('a\n',)"),
        ):
            self.assertIsNone(plainTuple(text), text)
        longest = "('" + "a" * (values.PLAIN_LENGTH - 5) + "',)"
        self.assertIsNotNone(plainTuple(longest))
        self.assertIsNone(plainTuple(longest.replace("a", "aa", 1)))

    @settings(max_examples=150, derandomize=True)
    @given(
        st.text(st.sampled_from("(), '\"\\u0189.-eé"), max_size=24)
        | st.lists(st.integers() | st.floats() | st.text(max_size=3)).map(
            lambda items: repr(tuple(items))
        )
    )
    def test_anyPlainTuple(self, text: str) -> None:
        """
        What goes the short way comes to the same as on the long one.
        """
        found = plainTuple(text)
        if found is not None:
            self.assertEqual(repr(found), repr(parseLiteral(text)))

    def test_bounds(self) -> None:
        """
        Literals up to the bounds are read, and none past them.
        """
        depth = values.LITERAL_DEPTH
        odd = values.LITERAL_ODD_KEYS
        many = values.LITERAL_VALUES
        long = values.LITERAL_LENGTH
        for good, bad in (
            ("[" * depth + "1" + "]" * depth, "[" * 10**5 + "]" * 10**5),
            ("[" + "1," * (many - 1) + "]", "[" + "1," * many + "]"),
            (repr(dict.fromkeys(range(odd))), repr(dict.fromkeys(range(odd + 1)))),
            ("'" + "a" * (long - 2) + "'", "'" + "a" * (long - 1) + "'"),
            ("9" * 1000, "9" * 1001),
        ):
            parseLiteral(good)
            self.assertRaises(ValueError, parseLiteral, bad)
