"""
Numbers as text, read and written at a bounded cost.
"""

from __future__ import annotations

import re
from typing import Final

#: The longest text that is read as a number, in characters: more than any
#: number that is kept needs.
NUMBER_LENGTH: Final = 40

#: The largest integer that is written in decimal digits, in bits.  Python takes
#: time quadratic in the digits, and refuses more than 4300 digits (about 14,000
#: bits).  Larger integers are written in hexadecimal digits, which is linear.
DECIMAL_BITS: Final = 8192

#: The square of the bits that are written in decimal digits in the time of a small
#: number.  Measured on CPython 3.11: 2,048 bits take 8 us, 4,096 bits 34 us and 8,192
#: bits 140 us.
_SQUARED_BITS_PER_EFFORT: Final = 65536

_INTEGER: Final = re.compile(r"[-+]?[0-9]+")
_NUMBER: Final = re.compile(r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?")


def integerText(value: int) -> str:
    """
    Write an integer, in hexadecimal digits where it is very large.
    """
    return str(value) if value.bit_length() <= DECIMAL_BITS else hex(value)


def digitsEffort(bits: int) -> int:
    """
    Tell how long L{integerText} takes.

    @param bits: The length of the integer, in bits.
    @return: The effort, in small numbers.
    """
    bits = bits if bits <= DECIMAL_BITS else 0
    return bits * bits // _SQUARED_BITS_PER_EFFORT


def readNumber(text: str) -> int | float | None:
    """
    Read a number in decimal digits.

    @param text: Any text.  White space around the number is skipped.
    @return: The number; L{None} if C{text} is anything else or is longer than
        L{NUMBER_LENGTH}.
    """
    if len(text) > NUMBER_LENGTH:
        return None
    text = text.strip()
    if _INTEGER.fullmatch(text):
        return int(text)
    return float(text) if _NUMBER.fullmatch(text) else None
