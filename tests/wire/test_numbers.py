"""
Tests of L{logrecv.wire.numbers}.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from logrecv.wire.numbers import (
    DECIMAL_BITS,
    NUMBER_LENGTH,
    integerText,
    readNumber,
)


class NumbersTests(SynchronousTestCase):
    """
    Tests for numbers as text.
    """

    def test_read(self) -> None:
        """
        Decimal digits are read as an integer or a float, and no other spelling
        of a number is.
        """
        for text, number in (
            ("7", 7),
            (" -7\n", -7),
            ("+7", 7),
            ("7.", 7.0),
            (".5", 0.5),
            ("-1.5e3", -1500.0),
            ("9" * NUMBER_LENGTH, int("9" * NUMBER_LENGTH)),
        ):
            result = readNumber(text)
            self.assertEqual((result, type(result)), (number, type(number)), text)
        for text in (
            *("", "-", ".", "e5", "1_0", "0x10", "nan", "inf", "1 2", "\u0663"),
            "9" * (NUMBER_LENGTH + 1),
        ):
            self.assertIsNone(readNumber(text), text)

    def test_written(self) -> None:
        """
        An integer is written in decimal digits up to the bound, and in
        hexadecimal digits beyond.
        """
        largest = 2**DECIMAL_BITS - 1
        self.assertEqual(integerText(-5), "-5")
        self.assertEqual(integerText(largest), str(largest))
        self.assertEqual(integerText(largest + 1), hex(largest + 1))
