"""
Tests for L{logrecv.wire.pickled.scalars}.
"""

from __future__ import annotations

import struct
import warnings

from twisted.trial.unittest import SynchronousTestCase

from logrecv.wire.pickled.placeholders import Call
from logrecv.wire.pickled.scalars import (
    MAX_INTEGER_BYTES,
    MAX_INTEGER_DIGITS,
    readFloat,
)
from tests.wire.pickled.captures import value


class TextTests(SynchronousTestCase):
    """
    Tests of texts and strings that are damaged or odd.
    """

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


class NumberTests(SynchronousTestCase):
    """
    Tests of numbers at their bounds.
    """

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

    def test_floats(self) -> None:
        """
        A float is read bit by bit as C{struct} reads it: zeros, the smallest and
        the largest numbers, infinities and NaN.
        """
        for bits in (
            *(0, 1 << 63, 1, (1 << 52) - 1, 1 << 52, 0x3FF0000000000000),
            *(0x7FEFFFFFFFFFFFFF, 0x7FF0000000000000, 0xFFF0000000000000),
            *(0x7FF8000000000000, 0xBFB999999999999A, 0x41DAC0E4B8100000),
        ):
            raw = bits.to_bytes(8, "big")
            self.assertEqual(struct.pack(">d", readFloat(b"G" + raw, 1)), raw)
