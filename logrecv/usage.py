"""
Errors of the command line, which end the program.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeVar

from twisted.python.usage import UsageError

_T = TypeVar("_T")


def parseValue(option: str, text: str, parse: Callable[[str], _T]) -> _T:
    """
    Parse the value of an option.

    @param option: The name of the option, without dashes.
    @param parse: Parses the value; the text of a L{ValueError} names the right form.
    @raise UsageError: The value cannot be used.  The text names the option, the value
        and the right form.
    """
    try:
        return parse(text)
    except ValueError as error:
        raise UsageError(f"--{option} {text!r}: {error}") from None


def numberUpTo(most: int) -> Callable[[str], int]:
    """
    Make a function that parses a number from 1 on.

    @param most: The largest number.
    """

    def parse(text: str) -> int:
        if text.isascii() and text.isdigit() and 0 < int(text[:20]) <= most:
            return int(text)
        raise ValueError(f"must be a number from 1 to {most}")

    return parse


def exitFor(error: UsageError) -> SystemExit:
    """
    Make the exception that ends the program, with one line on standard error and
    status 1.
    """
    line = " ".join(str(error).split())
    return SystemExit(f"logrecv: {line}")


def hostName(text: str) -> str:
    """
    Parse the name of a host, and return it in lower case.

    @raise ValueError: The text is no such name.
    """
    if not re.fullmatch(r"[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?", text):
        raise ValueError("is no name of a host; write logs.example, without a port")
    return text.lower()
