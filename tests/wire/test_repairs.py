"""
Tests of L{logrecv.wire.repairs}.
"""

from __future__ import annotations

from logrecv.wire.pickled.placeholders import Call, Global
from tests.wire.samples import FieldTestCase, subclassed


class TypesTests(FieldTestCase):
    """
    Tests for the types of standard attributes.
    """

    def test_text(self) -> None:
        """
        Text is kept, and the byte strings of Python 2 are text if they are
        UTF-8.
        """
        for name in ("name", "levelname", "pathname", "threadName", "stack_info"):
            for sent, kept, repaired in (
                ("żółć\0\n", "żółć\0\n", False),
                ("", "", False),
                ("żółć".encode(), "żółć", False),
                (subclassed("unicode", "a"), "a", False),
                (b"\xff\xc5\xbc", "\\xffż", True),
                (bytearray(b"ab"), "ab", True),
                ("a\udcff", "a\\udcff", True),
                (7, "7", True),
                (True, "true", True),
                (float("nan"), "nan", True),
                (["a", {"b": 1}], '["a",{"b":1}]', True),
                (Global("app", "f"), '{"$class":"app.f"}', True),
            ):
                self.assertField(name, sent, kept, repaired)

    def test_integers(self) -> None:
        """
        Integers have 64 bits.  A value that can only mean an integer becomes one.
        """
        for name in ("lineno", "process", "thread"):
            for sent, kept, repaired in (
                (0, 0, False),
                (-(2**63), -(2**63), False),
                (2**64 - 1, 2**64 - 1, False),
                (subclassed("int", 7), 7, False),
                (-(2**63) - 1, None, True),
                (2**64, None, True),
                (7.0, 7, True),
                (7.5, None, True),
                (1e300, None, True),
                (float("nan"), None, True),
                (float("inf"), None, True),
                ("7", 7, True),
                (" -7 ", -7, True),
                (b"7", 7, True),
                ("7.0", 7, True),
                ("7.5", None, True),
                ("", None, True),
                ("seven", None, True),
                ("1_0", None, True),
                ("\u0663", None, True),
                ("9" * 10**6, None, True),
                (True, None, True),
                ([7], None, True),
                (Call(Global("app", "Level"), (7,)), 7, True),
                (Call(Global("app", "Level"), (True,)), None, True),
                (Call(Global("app", "Level"), (7, 8)), None, True),
            ):
                self.assertField(name, sent, kept, repaired)

    def test_floats(self) -> None:
        """
        Floats are finite; integers are floats.
        """
        for name in ("msecs", "relativeCreated"):
            for sent, kept, repaired in (
                (1.5, 1.5, False),
                (-7, -7.0, False),
                (subclassed("float", 1.5), 1.5, False),
                (float("nan"), None, True),
                (float("-inf"), None, True),
                (10**400, None, True),
                ("1.5", 1.5, True),
                ("-1e3", -1000.0, True),
                (".5", 0.5, True),
                ("1e999", None, True),
                ("nan", None, True),
                ("0x1p3", None, True),
                (False, None, True),
                ({}, None, True),
            ):
                self.assertField(name, sent, kept, repaired)
