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

_INTEGER: Final = re.compile(r"[-+]?[0-9]+")
_NUMBER: Final = re.compile(r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?")


def integerText(value: int) -> str:
    """
    Write an integer, in hexadecimal digits where it is very large.
    """
    return str(value) if value.bit_length() <= DECIMAL_BITS else hex(value)


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
