"""
Tests of L{logrecv.wire.literals}.
"""

from __future__ import annotations

import contextlib
import warnings
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from logrecv.wire import literals as bounds
from logrecv.wire.literals import parseLiteral, plainTuple


class LiteralTests(SynchronousTestCase):
    """
    Tests for L{parseLiteral} and L{plainTuple}.
    """

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
        The fast path reads tuples of numbers and texts, up to its bound, and
        nothing else.
        """
        for text in ("(1,)", "(-1, 'a')", "(1.5, '(, ', '\"')", "('é', 007)"):
            self.assertEqual(repr(plainTuple(text)), repr(parseLiteral(text)), text)
        for text in (
            *("", "()", "1", "(1)", "(1, )", "(1,2)", "(1, 2,)", "[1]", "(1, [2])"),
            *("(None,)", "('\\n',)", "(u'a',)", "(b'a',)", "(1e5,)", "(1L,)", "('a)"),
            *("('a' 'b',)", "(1, 2) ", "(" + "9" * 19 + ",)", "('a\n',)"),
        ):
            self.assertIsNone(plainTuple(text), text)
        longest = "('" + "a" * (bounds.PLAIN_LENGTH - 5) + "',)"
        self.assertIsNotNone(plainTuple(longest))
        self.assertIsNone(plainTuple(longest.replace("a", "aa", 1)))

    def test_bounds(self) -> None:
        """
        Literals up to the bounds are read, and none past them.
        """
        depth = bounds.LITERAL_DEPTH
        odd = bounds.LITERAL_ODD_KEYS
        many = bounds.LITERAL_VALUES
        long = bounds.LITERAL_LENGTH
        escapes = bounds.LITERAL_ESCAPES
        for good, bad in (
            ("[" * depth + "1" + "]" * depth, "[" * 10**5 + "]" * 10**5),
            ("[" + "1," * (many - 1) + "]", "[" + "1," * many + "]"),
            (repr(dict.fromkeys(range(odd))), repr(dict.fromkeys(range(odd + 1)))),
            ("'" + "a" * (long - 2) + "'", "'" + "a" * (long - 1) + "'"),
            ("9" * 1000, "9" * 1001),
            ("'" + r"\n" * escapes + "'", "'" + r"\n" * escapes + r"\n'"),
        ):
            parseLiteral(good)
            self.assertRaises(ValueError, parseLiteral, bad)


class AnyLiteralTests(SynchronousTestCase):
    """
    Tests with generated literals.
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
        A literal that C{repr} writes is read as the same value.
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

    @settings(max_examples=150, derandomize=True)
    @given(
        st.text(st.sampled_from("(), '\"\\u0189.-eé"), max_size=24)
        | st.lists(st.integers() | st.floats() | st.text(max_size=3)).map(
            lambda items: repr(tuple(items))
        )
    )
    def test_anyPlainTuple(self, text: str) -> None:
        """
        The fast path, where it is taken, comes to the same as the slow path.
        """
        found = plainTuple(text)
        if found is not None:
            self.assertEqual(repr(found), repr(parseLiteral(text)))
