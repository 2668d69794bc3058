"""
Tests of L{logrecv.wire.forms.decode}.
"""

from __future__ import annotations

import logging
from urllib.parse import unquote_to_bytes, urlencode

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from logrecv.reasons import MALFORMED, TOO_COMPLEX
from logrecv.wire.errors import WireError
from logrecv.wire.forms import decode as forms
from logrecv.wire.forms.decode import parseForm


class ParseFormTests(SynchronousTestCase):
    """
    Tests for L{parseForm}.
    """

    def test_stockRecord(self) -> None:
        """
        Standard attributes have the values of the client's record, except for the
        arguments, which stay a literal.
        """
        record = logging.LogRecord(
            "app", logging.INFO, "/srv/app.py", 7, "user %s", ("alice",), None, "login"
        )
        sent = record.__dict__
        parsed = parseForm(urlencode(sent).encode("ascii"))
        self.assertEqual(parsed, {**sent, "args": "('alice',)"})
        for name, value in parsed.items():
            if name != "args":
                self.assertIs(type(value), type(sent[name]), name)

    def test_noArguments(self) -> None:
        """
        An empty tuple of arguments is none.
        """
        self.assertEqual(parseForm(b"args=%28%29"), {"args": None})

    def test_none(self) -> None:
        """
        None is read as such where a record may have it, and stays text where it
        is text in all likelihood.
        """
        for name in ("taskName", "exc_info", "exc_text", "thread", "funcName"):
            self.assertEqual(parseForm(name.encode() + b"=None"), {name: None})
        for name in ("name", "msg", "levelname", "pathname", "request"):
            self.assertEqual(parseForm(name.encode() + b"=None"), {name: "None"})

    def test_numbers(self) -> None:
        """
        Numbers become numbers in standard attributes alone, and only where they
        have the form in which Python writes them.
        """
        for field, value in (
            (b"levelno=-5", -5),
            (b"created=1.5e-07", 1.5e-07),
            (b"created=7", 7.0),
            (b"lineno=1e3", "1e3"),
            (b"lineno=+7", " 7"),
            (b"lineno=1_0", "1_0"),
            (b"lineno=%D9%A3", "\u0663"),
            (b"process=" + b"1" * 21, "1" * 21),
            (b"created=nan", "nan"),
            (b"created=inf", "inf"),
            (b"created=", ""),
            (b"msecs=0x1p3", "0x1p3"),
            (b"retries=3", "3"),
        ):
            name = field.decode().partition("=")[0]
            self.assertEqual(parseForm(field), {name: value})
            self.assertIs(type(parseForm(field)[name]), type(value), field)

    def test_encoding(self) -> None:
        """
        Escapes, plus signs and UTF-8 are decoded.  A percent sign that begins no
        escape stays itself.
        """
        for field, value in (
            (b"m=a+b%20c%2B", "a b c+"),
            (b"m=za%C5%BC%c3%b3", "zażó"),
            (b"m=za\xc5\xbc", "zaż"),
            (b"m=100%25+%zz%4", "100% %zz%4"),
            (b"m=%00%0A", "\0\n"),
            (b"m=a=b=c", "a=b=c"),
            (b"m=a;b", "a;b"),
            (b"m=a%26b", "a&b"),
            (b"m", ""),
            (b"&m=1&&", "1"),
        ):
            self.assertEqual(parseForm(field), {"m": value}, field)

    def test_noText(self) -> None:
        """
        A value that is no UTF-8 stays the bytes that it was, whatever its name;
        a name is made text.
        """
        self.assertEqual(
            parseForm(b"msg=%FF&levelno=%ED%B3%BF&x%FF=%00%ff"),
            {"msg": b"\xff", "levelno": b"\xed\xb3\xbf", "x\\xff": b"\x00\xff"},
        )

    def test_repeated(self) -> None:
        """
        Of a field that is there twice the last counts.
        """
        self.assertEqual(parseForm(b"a=1&b=2&a=3"), {"a": "3", "b": "2"})

    def test_noSemicolon(self) -> None:
        """
        A semicolon separates nothing.
        """
        self.assertEqual(parseForm(b"a=1;b=2&c=3"), {"a": "1;b=2", "c": "3"})

    def test_noFields(self) -> None:
        """
        A body without fields is refused.
        """
        for body in (b"", b"&", b"&&&"):
            error = self.assertRaises(WireError, parseForm, body)
            self.assertEqual(error.reason, MALFORMED)

    def test_tooManyFields(self) -> None:
        """
        As many fields as the bound are taken, and no more, wherever they are
        empty.
        """
        self.assertEqual(len(parseForm(self.fields(forms.FIELDS))), forms.FIELDS)
        for body in (self.fields(forms.FIELDS + 1), b"&" * 10**6):
            error = self.assertRaises(WireError, parseForm, body)
            self.assertEqual(error.reason, TOO_COMPLEX)

    def fields(self, count: int) -> bytes:
        """
        Make a form.
        """
        return b"&".join(b"f%d=1" % number for number in range(count))

    @settings(max_examples=150, derandomize=True)
    @given(
        st.binary(max_size=40)
        | st.lists(
            st.sampled_from(
                (
                    *(b"msg", b"args", b"levelno", b"created", b"=", b"&", b"%"),
                    *(b"+", b"1", b"None", b"%C5", b"%BC", b"\xff", b"e", b".", b"-"),
                )
            ),
            max_size=12,
        ).map(b"".join)
    )
    def test_any(self, body: bytes) -> None:
        """
        Any bytes give attributes with names that are text, or a refusal.
        """
        try:
            attributes = parseForm(body)
        except WireError as error:
            self.assertEqual(error.reason, MALFORMED)
        else:
            self.assertTrue(all(type(name) is str for name in attributes))

    @settings(max_examples=100, derandomize=True)
    @given(
        st.lists(
            st.sampled_from(
                (
                    b"%",
                    b"%4",
                    b"%41",
                    b"%e2",
                    b"%%%",
                    b"%25",
                    b"+",
                    b"=",
                    b"\r\n",
                    b"\xff",
                )
            )
        ),
        st.integers(4, 9),
    )
    def test_unquoted(self, pieces: list[bytes], size: int) -> None:
        """
        Values are unquoted as the standard library does it, but in slices, so
        that it takes no more memory for long ones.
        """
        self.patch(forms, "_SLICE_SIZE", size)
        quoted = b"".join(pieces)
        value = parseForm(b"x=" + quoted)["x"]
        if isinstance(value, str):
            value = value.encode("utf-8")
        self.assertEqual(value, unquote_to_bytes(quoted.replace(b"+", b" ")))

    @settings(max_examples=100, derandomize=True)
    @given(
        st.dictionaries(st.text(min_size=1).map("x-".__add__), st.text(), min_size=1)
    )
    def test_extras(self, extras: dict[str, str]) -> None:
        """
        An attribute that a client adds is the text that C{urlencode} was given.
        """
        self.assertEqual(parseForm(urlencode(extras).encode("ascii")), extras)
