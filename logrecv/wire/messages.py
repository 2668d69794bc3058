"""
The message of a record, merged from a template and arguments at a bounded cost.
"""

from __future__ import annotations

import re
from typing import Final

from logrecv.wire.literals import (
    LITERAL_DEPTH,
    LITERAL_VALUES,
    PLAIN_LENGTH,
    Python2Text,
    parseLiteral,
    plainTuple,
)
from logrecv.wire.numbers import DECIMAL_BITS, digitsEffort

#: The longest message that is merged, in characters, by the bytes of the payload:
#: a template may use an argument twice or escape an argument, and a small record
#: may have wide fields.
MERGED_PER_BYTE: Final = 4
MERGED_FLOOR: Final = 2048

#: The longest estimate of a message that is still merged, in characters.  The
#: estimate is up to twenty times the length of the message.
ESTIMATE_PER_BYTE: Final = 20
ESTIMATE_FLOOR: Final = 65536

#: The characters that a number takes at most without a width or precision: the
#: digits of the largest float.
NUMBER_TEXT: Final = 320

#: The most conversions of a template that is measured before it is merged: 0.5 us
#: each.  The merging itself takes less.
CONVERSIONS: Final = 10_000

#: The errors that C{%} and L{mergeMessage} raise.
MERGE_ERRORS: Final = (ArithmeticError, LookupError, TypeError, ValueError)

#: A conversion of C{%} formatting of which the width and the precision are
#: known and small; or a percent sign that begins anything else.
_CONVERSION: Final = re.compile(
    r"%(?:"
    r"(?:\((?P<key>[^()]*)\))?[-#0 +]*+"
    r"(?P<width>[0-9]{0,3})(?:\.(?P<precision>[0-9]{0,3}))?"
    r"[hlL]?(?P<type>[diouxXeEfFgGcrsa%])"
    r"|(?P<other>))"
)

#: A template in which each conversion takes one argument, and makes little more
#: than a hundred characters of a number, and of a text the text itself.
_SIMPLE: Final = re.compile(
    r"[^%]*+(?:%(?:%|[-+ 0]?[0-9]{0,2}+(?:\.[0-9]{1,2}+)?[sdirfx])[^%]*+)*+"
)


def mergeMessage(template: str, args: object, size: int) -> str:
    """
    Merge a message as C{LogRecord.getMessage} does, at a bounded cost.

    @param template: The text to be formatted.
    @param args: The arguments, or the literal of the arguments.
    @param size: The length of the payload, in bytes.
    @return: The message.
    @raise ValueError: The arguments are not plain data, or the message exceeds
        the bounds of this module.
    @raise Exception: Another of L{MERGE_ERRORS}: the arguments do not fit the
        template.
    """
    if isinstance(args, str):
        # Most messages: a template of plain conversions, and plain arguments.
        plain = plainTuple(args) if _isSimple(template) else None
        if plain is not None:
            return _bounded(template % plain, size)
        args = parseLiteral(args)
    if isinstance(args, list):
        args = tuple(args)
    if isinstance(args, tuple) and len(args) == 1:
        # LogRecord takes a single mapping for the names in the template.
        (only,) = args
        if isinstance(only, dict) and only:
            args = only
    if not isinstance(args, (tuple, dict)):
        raise ValueError("the arguments are neither a sequence nor a mapping")
    if not args:
        return template
    checkPlain(args, size)
    _checkEstimate(template, args, ESTIMATE_PER_BYTE * size + ESTIMATE_FLOOR)
    return _bounded(template % args, size)


def checkPlain(args: object, size: int) -> None:
    """
    Check that arguments are plain data of which the C{repr} is short.

    @param size: The length of the payload, in bytes.
    @raise ValueError: A value is not plain data, or the values are too many, too
        deep or too long.
    """
    _PlainBudget(size).check(args, LITERAL_DEPTH)


def _isSimple(template: str) -> bool:
    """
    Return C{True} if short arguments can only make a short message of C{template}.
    """
    return len(template) <= PLAIN_LENGTH and bool(_SIMPLE.fullmatch(template))


def _bounded(merged: str, size: int) -> str:
    if len(merged) > MERGED_PER_BYTE * size + MERGED_FLOOR:
        raise ValueError("the message is too long")
    return merged


class _PlainBudget:
    """
    The number of values and of characters that arguments may still have.
    """

    __slots__ = ("_characters", "_values")

    def __init__(self, size: int) -> None:
        self._values = LITERAL_VALUES
        # A text that is written once is shorter than the payload; shared texts
        # may be longer together.
        self._characters = size + MERGED_FLOOR

    def check(self, value: object, depth: int) -> None:
        """
        Check a value and its parts.

        @param depth: How deep the value may be, in containers.
        """
        self._values -= 1
        if depth < 0 or self._values < 0:
            raise ValueError("the values are too many or too deep")
        kind = type(value)
        if kind in (str, bytes, Python2Text):
            self._characters -= len(value)  # type: ignore[arg-type]
            if self._characters < 0:
                raise ValueError("the values are too long")
        elif kind is int:
            bits = value.bit_length()  # type: ignore[attr-defined]
            if bits > DECIMAL_BITS:
                raise ValueError("an integer is too large")
            self._values -= digitsEffort(bits)
        elif kind is tuple or kind is list:
            for item in value:  # type: ignore[attr-defined]
                self.check(item, depth - 1)
        elif kind is dict:
            for key, item in value.items():  # type: ignore[attr-defined]
                self.check(key, depth - 1)
                self.check(item, depth - 1)
        elif kind is float:
            # The repr takes 1 us, several times that of other values.
            self._values -= 1
        elif value is not None and kind is not bool:
            raise ValueError("a value is not plain")


def _checkEstimate(
    template: str, args: tuple[object, ...] | dict[object, object], limit: int
) -> None:
    """
    Estimate the length of a message before it is merged.

    @raise ValueError: C{template % args} could have more characters than
        C{limit}, or has a conversion of which the length is hard to estimate.
    """
    allArguments = _longestText(args)
    # Each argument is measured once, however often the template uses it.
    lengths: dict[str | None, int] = {None: allArguments}
    estimate = len(template) + allArguments
    for count, conversion in enumerate(_CONVERSION.finditer(template), start=1):
        if count > CONVERSIONS:
            raise ValueError("there are too many conversions")
        if conversion["other"] is not None:
            raise ValueError("a conversion is not taken")
        if conversion["type"] == "%":
            continue
        estimate += int(conversion["width"] or 0) + int(conversion["precision"] or 0)
        if conversion["type"] not in "rsa":
            estimate += NUMBER_TEXT
        if isinstance(args, dict):
            key = conversion["key"]
            if key not in lengths:
                lengths[key] = _longestText(args.get(key))
            estimate += lengths[key]
        if estimate > limit:
            raise ValueError("the message could be too long")


def _longestText(value: object) -> int:
    """
    Return the most characters that any conversion makes of C{value}, without its
    width and precision.
    """
    # Octal digits are more than decimal digits, but less than twice as many.
    return 2 * len(ascii(value))
