"""
Tests for L{logrecv.wire.pickled.opcodes}.
"""

from __future__ import annotations

import sys

from twisted.trial.unittest import SynchronousTestCase

from logrecv.wire.pickled.machine import loads
from logrecv.wire.pickled.placeholders import Call, Global
from tests.wire.pickled.captures import value

#: The arguments of each call of L{canary}.
ran: list[object] = []


def canary(*args: object) -> None:
    """
    Note the call.
    """
    ran.append(args)


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


class CallTests(SynchronousTestCase):
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
        Every opcode that calls keeps the function and the arguments.
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
        A value that is no function can be the function of a call.
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
        A part that the client did not send is L{None}.
        """
        result = self.check(b"ca\nB\n)R", "a.B")
        self.assertEqual(
            (result.kwargs, result.state, result.items, result.pairs),
            (None, None, None, None),
        )

    def test_buildOnData(self) -> None:
        """
        A state for plain data is dropped, and the data kept.
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
