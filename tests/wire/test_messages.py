"""
Tests of L{logrecv.wire.messages}.
"""

from __future__ import annotations

import ast
import logging
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from logrecv.wire import literals, messages, values
from logrecv.wire.attributes import makeRecord
from logrecv.wire.messages import mergeMessage
from logrecv.wire.pickled.placeholders import Global
from tests.wire.samples import ORIGIN, SIZE, make


def rendered(template: str, args: Any) -> str:
    """
    Render a message as a LogRecord does.
    """
    record = logging.LogRecord("app", 20, "app.py", 1, template, (), None)
    if isinstance(args, tuple) and isinstance(args[0], dict):
        (args,) = args
    record.args = args
    return record.getMessage()


class MergeTests(SynchronousTestCase):
    """
    Tests for messages that are merged from a template and arguments.
    """

    def test_merged(self) -> None:
        """
        Template and arguments are merged as a LogRecord does it, from arguments
        and from the text of arguments.
        """
        for template, args in (
            ("user %s from %s took %d ms", ("alice", "10.0.0.1", 42)),
            ("%(who)s did %(n)05d", {"who": "bob", "n": 7}),
            ("%s", ({"a": 1},)),
            ("%s and %%", ("x",)),
            ("%r %a", ("é", "é")),
            ("%s %r", (None, True)),
            ("%-10s|%+.3f|%#x|%e|%g|%c", ("a", 3.14159, 255, 1e300, 2.5, "z")),
            ("%f", (1e300,)),
            ("%s", ([1, (2,), {"a": b"\xff"}],)),
            ("%s", ({1: 5, None: 6},)),
            ("%(a)s %(a)s", {"a": "x" * 500}),
            ("%s", ("",)),
            ("%s", (2**70,)),
            ("%999d", (1,)),
        ):
            expected = rendered(template, args)
            for sent in (args, repr(args)):
                record = make(msg=template, args=sent)
                self.assertEqual(record.message, expected, template)
                self.assertEqual(record.msg, template)
                self.assertEqual(record.args, repr(args))
                self.assertIsNone(record.repaired)

    def test_list(self) -> None:
        """
        The array that a JSON client sends is a sequence of arguments, or one
        mapping.
        """
        self.assertEqual(make(msg="%s-%d", args=["a", 7]).message, "a-7")
        self.assertEqual(make(msg="%(a)s", args=[{"a": 7}]).message, "7")
        self.assertEqual(make(msg="%s", args=[[7]]).message, "[7]")

    def test_noArguments(self) -> None:
        """
        Without arguments the template is the message, whatever is in it.
        """
        nothing: tuple[object, ...] = (None, (), [], {}, "", "()", "{}")
        for args in nothing:
            record = make(msg="100% %s", args=args)
            self.assertEqual(record.message, "100% %s")
            self.assertEqual((record.msg, record.args), (None, None))
            self.assertIsNone(record.repaired)

    def test_unmergeable(self) -> None:
        """
        Template and arguments are both kept where they cannot be merged.
        """
        for template, args, text in (
            ("%s", ("a", "b"), "('a', 'b')"),
            ("%d", ("a",), "('a',)"),
            ("%(b)s", {"a": 1}, "{'a': 1}"),
            ("100%", (1,), "(1,)"),
            ("%y", (1,), "(1,)"),
            ("%s", 7, "7"),
            ("%s", "(<object at 0x7f>,)", "(<object at 0x7f>,)"),
            ("plain", "gibberish", "gibberish"),
            ("%*d", (5, 1), "(5, 1)"),
            ("%.*f", (5, 1), "(5, 1)"),
            ("%1000d", (1,), "(1,)"),
            ("%.1000f", (1,), "(1,)"),
            ("%((a))s", {"(a)": 1}, "{'(a)': 1}"),
            ("%c", (0x110000,), "(1114112,)"),
            ("%d", (float("inf"),), "(inf,)"),
            ("%s", (Global("app", "f"),), '[{"$class":"app.f"}]'),
            ("%s", b"\xff", "\\xff"),
        ):
            record = make(msg=template, args=args)
            self.assertEqual(record.message, template)
            self.assertEqual(record.msg, template)
            self.assertEqual(record.args, text)
            self.assertIn("message", record.repaired or ())

    def test_bounded(self) -> None:
        """
        The length of a message is in proportion to the payload, whatever the
        template asks for.  A message that would be longer is not rendered.
        """
        deep: object = ()
        for _ in range(40):
            deep = (deep, deep)
        cyclic: list[object] = []
        cyclic.append(cyclic)
        for template, args in (
            ("%999d" * 200, (1,) * 200),
            ("%(a)999s" * 1000, {"a": 1}),
            ("%(a)s" * 100, {"a": "x" * 1000}),
            ("%(a)r" * 100, {"a": "\0" * 1000}),
            ("%(a).999f" * 100, {"a": 1.5}),
            ("%s", (deep,)),
            ("%s", (cyclic,)),
            ("%s", (["x" * SIZE] * 100,)),
            ("%s", (10**10000,)),
            ("%s", ([0] * literals.LITERAL_VALUES,)),
            ("%1000000000d", (1,)),
            ("%0*d", (10**9, 1)),
        ):
            record = make(msg=template, args=args)
            self.assertEqual((record.message, record.msg), (template, template))
            self.assertEqual(record.repaired, ["message"])
            self.assertLess(
                len(record.args or ""), values.RENDERED_PER_BYTE * SIZE + 10**5
            )

    def test_effort(self) -> None:
        """
        A message of too many conversions, or of arguments that take too long to
        write, is not merged, however large the payload.
        """
        most = messages.CONVERSIONS
        for good, bad, argument in (
            ("%%" * (most - 1) + "%s", "%%" * most + "%s", 1),
            ("%(a)s" * most, "%(a)s" * (most + 1), {"a": ""}),
        ):
            mergeMessage(good, (argument,), 10**7)
            self.assertRaises(ValueError, mergeMessage, bad, (argument,), 10**7)
        half = literals.LITERAL_VALUES // 2
        for taken, refused in (
            ([0.5] * (half - 1), [0.5] * (half + 1)),
            ([2**8000] * 9, [2**8000] * 12),
        ):
            mergeMessage("%s", (taken,), 10**7)
            self.assertRaises(ValueError, mergeMessage, "%s", (refused,), 10**7)

    def test_shortTemplates(self) -> None:
        """
        A message that is merged on the fast path cannot become long: no conversion
        there makes more than a little of its argument.
        """
        for template, args in (
            ("%99d", "(1,)"),
            ("%.99f", "(1.5,)"),
            ("%-5i%%%r", "(1, 'a')"),
            ("%s" * 300, repr(("x",) * 300)),
        ):
            self.assertTrue(messages._isSimple(template), template)
            self.assertEqual(
                mergeMessage(template, args, SIZE), template % ast.literal_eval(args)
            )
        for template in (
            *("%100d", "%.100f", "%*d", "%(a)s", "%c", "%", "%5%", "%ld"),
            "%s" * literals.PLAIN_LENGTH,
        ):
            self.assertFalse(messages._isSimple(template), template)

    def test_longest(self) -> None:
        """
        A message up to the bound is merged, and none past it.
        """
        longest = messages.MERGED_PER_BYTE * SIZE + messages.MERGED_FLOOR
        template = "%(a)s" * 6
        for length, args in (
            (longest, {"a": "x" * (longest // 6)}),
            (longest + 6, {"a": "x" * (longest // 6 + 1)}),
        ):
            if length <= longest:
                self.assertEqual(len(mergeMessage(template, args, SIZE)), longest)
            else:
                self.assertRaises(ValueError, mergeMessage, template, args, SIZE)

    def test_genuineLong(self) -> None:
        """
        A long argument is merged, as itself and as a client shows it.
        """
        for text in ("x" * 10**5, "\u65e5" * 10**5, "'\"\n" * 10**4):
            args = (text, 7)
            record = makeRecord({"msg": "%s %d", "args": repr(args)}, ORIGIN, 10**5)
            self.assertEqual(record.message, f"{text} 7")


class AnyMessageTests(SynchronousTestCase):
    """
    Tests with generated templates and arguments.
    """

    @settings(max_examples=150, derandomize=True)
    @given(
        st.lists(
            st.sampled_from(
                ["%s", "%d", "%(a)r", "%5.2f", "%%", "%", "(", ")", "x", "*"]
            )
        ).map("".join),
        st.lists(
            st.none() | st.integers() | st.floats() | st.text() | st.binary(),
            min_size=1,
            max_size=4,
        ).map(tuple)
        | st.dictionaries(st.just("a"), st.integers() | st.text(), min_size=1),
    )
    def test_asLogRecords(self, template: str, args: Any) -> None:
        """
        The message is the one of a LogRecord; where that has none, or one that
        is not taken here, the template and the arguments are kept.
        """
        record = make(msg=template, args=args)
        try:
            message = rendered(template, args)
        except Exception:
            message = None
        if record.repaired is None:
            self.assertEqual(record.message, message)
        else:
            self.assertEqual(record.msg, template)
            self.assertIsNotNone(record.args)
