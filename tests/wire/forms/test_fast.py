"""
Tests of L{logrecv.wire.forms.fast}: the fast path and the slow path come to the
same.
"""

from __future__ import annotations

from base64 import b64decode
from typing import Any
from urllib.parse import quote_plus, urlencode

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from logrecv.formats.json import encodeJSON
from logrecv.record import Origin, Record
from logrecv.schema import STANDARD
from logrecv.wire.attributes import makeRecord
from logrecv.wire.errors import WireError
from logrecv.wire.forms import fast
from logrecv.wire.forms.decode import FIELDS, parseForm
from logrecv.wire.forms.fast import readForm
from tests.selection import slow
from tests.wire.pickled.captures import DATA, lines
from tests.wire.pickled.test_attributes_fast import STOCK

ORIGIN = Origin("2026-11-22T10:30:00.000000Z", "http", "192.0.2.1:5000")


def stockForm(**others: object) -> bytes:
    """
    Write a form as a handler does.
    """
    return urlencode({**STOCK, **others}).encode("ascii")


def captures() -> list[bytes]:
    """
    @return: The forms that the handlers of every Python posted.
    """
    return [
        b64decode(capture["wire"]).partition(b"\r\n\r\n")[2]
        for path in sorted((DATA / "wire").glob("*.jsonl.gz"))
        for capture in lines(path)
        if capture["via"] == "http-post"
    ]


def outcome(read: Any, body: bytes) -> object:
    """
    @return: The bytes of the record of a form, or the reason why there is none.
    """
    try:
        return encodeJSON([read(body, ORIGIN)])
    except WireError as error:
        return error.reason


def slowPath(body: bytes, origin: Origin) -> Record:
    """
    Make a record on the slow path.
    """
    return makeRecord(parseForm(body), origin, len(body))


class ReadFormTests(SynchronousTestCase):
    """
    Tests for L{readForm}.
    """

    def check(self, body: bytes) -> None:
        """
        Read a form on both paths, and twice: the second time some texts are known.
        """
        expected = outcome(slowPath, body)
        self.assertEqual(outcome(readForm, body), expected, body)
        self.assertEqual(outcome(readForm, body), expected, body)

    def isFast(self, body: bytes) -> bool:
        """
        Return C{True} if a form takes the fast path.
        """
        try:
            fast._stockRecord(body, ORIGIN)
        except Exception:
            return False
        return True

    @slow
    def test_captures(self) -> None:
        """
        The forms of every Python's handler come to the same.  Those of Python 3
        take the fast path, unless a value is not text or the arguments do not fit
        or tell nothing.
        """
        bodies = captures()
        self.assertGreater(len(bodies), 250)
        for body in bodies:
            self.check(body)
        stock = [self.isFast(body) for body in bodies if b"&stack_info=" in body]
        self.assertGreater(sum(stock), 0.9 * len(stock))

    def test_stock(self) -> None:
        """
        All that a handler sends takes the fast path: arguments, a traceback, the
        text of a stack, and the attributes that a program adds.
        """
        for others in (
            {},
            {"args": ()},
            {"msg": "%s: order %d of %.2f %%", "args": ("älice", 17, 2.5)},
            {"msg": "%(who)r", "args": {"who": "bob"}},
            {"exc_info": (ValueError, ValueError("a=b&c"), None)},
            {"exc_text": "Traceback:\n  é", "exc_info": "x"},
            {"stack_info": "Stack (most recent call last):\n +"},
            {"thread": None, "threadName": None, "process": None},
            {"user": "älice", "count": 3, "a b": "c+d"},
            {"pathname": "/very/long" * 100},
        ):
            body = stockForm(**others)
            self.assertTrue(self.isFast(body), body)
            self.check(body)
        # No handler writes these, and they come to the same.
        for name in ("funcName", "threadName", "processName", "taskName", "exc_text"):
            self.check(stockForm(**{name: None}).replace(b"None", b"%4Eone"))
        self.check(
            stockForm(exc_info="x").replace(b"exc_text=None", b"exc_text=N%6Fne")
        )
        before = {name: STOCK[name] for name in STOCK if name != "taskName"}
        body = urlencode(before).encode("ascii")
        self.assertTrue(self.isFast(body))
        self.check(body)

    def test_fields(self) -> None:
        """
        Every attribute becomes the field of its name, on the fast path, and every
        standard attribute that a handler sends is in the table of patterns.
        """
        sent: dict[str, object] = {
            name: f"the {name}" if type(value) is str or value is None else value
            for name, value in STOCK.items()
        }
        for number, name in enumerate(("levelno", "lineno", "thread", "process")):
            sent[name] = number + 1
        sent.update(created=1.5, msecs=2.5, relativeCreated=3.5)
        sent.update(msg="%s", args=("merged",), exc_info=None)
        body = urlencode({**sent, "user": "bob"}).encode("ascii")
        self.assertTrue(self.isFast(body))
        record = readForm(body, ORIGIN)
        kept = {**sent, "message": "merged", "args": "('merged',)"}
        del kept["exc_info"]
        kept["time"] = "1970-01-01T00:00:01.500000Z"
        kept["extra"] = {"user": "bob"}
        kept["received"] = ORIGIN
        for field in Record.__struct_fields__:
            self.assertEqual(getattr(record, field), kept.get(field), field)
        self.assertEqual([*fast.PATTERNS, "taskName"], [*STOCK])
        self.assertEqual({*fast.PATTERNS, "taskName", "message"}, STANDARD)

    def test_template(self) -> None:
        """
        The template and the arguments stand beside a merged message.
        """
        record = readForm(stockForm(msg="%s!", args=("a",)), ORIGIN)
        self.assertEqual(
            (record.message, record.msg, record.args), ("a!", "%s!", "('a',)")
        )
        record = readForm(stockForm(msg="a", args={"b": 1}), ORIGIN)
        self.assertEqual((record.message, record.msg, record.args), ("a", None, None))

    def test_notStock(self) -> None:
        """
        A form with something to repair, or which no handler writes, takes the slow
        path.
        """
        for body in (
            b"msg=a",
            stockForm(levelno="high"),
            stockForm(levelno=10**18),
            stockForm(created="nan"),
            stockForm(created=1e80),
            stockForm(created=float("1e12")),
            stockForm(msg="%d", args=("a",)),
            stockForm(msg="%s", args="x"),
            stockForm(msg="cannot open %s", args=("caf\udce9.txt",)),
            stockForm(msg="%(a)s", args={"a": "\udc80"}),
            stockForm().replace(b"created=1795340750.25", b"created=1e+9"),
            stockForm().replace(b"msecs=250.0", b"msecs=1e+2"),
            stockForm(message="x"),
            stockForm() + b"&args=None",
            stockForm() + b"&a=%FF",
            stockForm() + b"&",
            stockForm() + b"&a=1" * FIELDS,
            stockForm().replace(b"msg=hello", b"msg=%FF"),
            stockForm().replace(b"msg=", b"%6dsg="),
            stockForm().replace(b"msg=hello&args=None", b"args=None&msg=hello"),
        ):
            self.assertFalse(self.isFast(body), body[:600])
            self.check(body)

    @slow
    def test_longMessages(self) -> None:
        """
        A merged message takes no more room than the slow path gives it.
        """
        for count in range(14, 20):
            for length in (1000, 2000, 4000):
                self.check(stockForm(msg="%(a)s" * count, args={"a": "\1" * length}))
        for length in range(0, 20_000, 1900):
            self.check(stockForm(msg="%(a)s" * 20, args={"a": "\1" * length}))
            self.check(stockForm(msg="%099d" * (length // 50), args=(1,) * length))

    def test_commonTexts(self) -> None:
        """
        Texts that records have in common are made once, and long ones are not kept.
        """
        one, two = (readForm(stockForm(name="app"), ORIGIN) for _ in range(2))
        self.assertIs(one.name, two.name)
        name = "a" * 300
        one, two = (readForm(stockForm(name=name), ORIGIN) for _ in range(2))
        self.assertIsNot(one.name, two.name)

    @settings(derandomize=True)
    @given(
        st.dictionaries(
            st.sampled_from([*STOCK]) | st.text(max_size=9),
            st.none()
            | st.integers(-(2**70), 2**70)
            | st.floats()
            | st.text(max_size=300)
            | st.sampled_from(["None", "é" * 200, "%", "+", "\0"])
            | st.binary(max_size=3),
        )
    )
    def test_anyAttributes(self, others: dict[str, Any]) -> None:
        """
        A form with any attributes makes the same record on the fast path and on the
        slow path.
        """
        self.check(stockForm(**others))

    @settings(derandomize=True)
    @given(
        st.lists(
            st.sampled_from(
                [
                    "%s",
                    "%d",
                    "%r",
                    "%(a)s",
                    "%",
                    "%%",
                    "é",
                    "x",
                    "%-5.2f",
                    "% x",
                    "%05i",
                ]
            )
        ),
        st.lists(st.text(max_size=9) | st.integers() | st.floats(), max_size=4).map(
            tuple
        )
        | st.tuples(st.none(), st.booleans())
        | st.tuples(st.text(st.characters(codec=None), max_size=3))
        | st.tuples(st.fixed_dictionaries({"a": st.text(max_size=3)})),
        st.sampled_from(["", "x", " " * 4096]),
    )
    def test_anyMessage(
        self, template: list[str], args: tuple[object, ...], after: str
    ) -> None:
        """
        A form with any template and arguments makes the same record on the fast
        path and on the slow path.
        """
        self.check(stockForm(msg="".join(template), args=repr(args) + after))

    @settings(derandomize=True)
    @given(
        st.sampled_from(captures()),
        st.sampled_from(
            [
                b"%",
                b"&",
                b"=",
                b"+",
                b"\xff",
                b"1",
                b"%4E",
                b"e+2",
                quote_plus("é").encode(),
            ]
        ),
        st.data(),
    )
    def test_anyDamage(self, body: bytes, piece: bytes, data: st.DataObject) -> None:
        """
        However a form is damaged or cut off, both paths come to the same.
        """
        at = data.draw(st.integers(0, len(body) - 1))
        self.check(body[:at] + piece + body[at + 1 :])
        self.check(body[:at] + piece + body[at:])
        self.check(body[:at])
