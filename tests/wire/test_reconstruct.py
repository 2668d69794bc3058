"""
Tests of L{logrecv.wire.reconstruct}.
"""

from __future__ import annotations

import collections
import decimal
import fractions
import pathlib
import uuid
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from logrecv.wire.pickled.placeholders import Call, Global
from logrecv.wire.reconstruct import underlying
from tests.wire.samples import (
    Colour,
    FormsTestCase,
    HalfSlots,
    Items,
    Keys,
    Ordered,
    Plain,
    Point,
    Text,
    Whole,
    converted,
    odd,
    sent,
    shown,
)


class ReconstructTests(FormsTestCase):
    """
    Tests for the calls that pickles make, by the table of the record form.
    """

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
        Anything else is shown as it was on the wire.
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
                "class": (Plain, {"$class": f"{Plain.__module__}.Plain"}),
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
        A call of something that has no name is shown with that thing as the first
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
