"""
Text of clients, made safe to show: escaped, and taken apart into lines.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Final

#: Ranges of code points that are never shown as they are: the controls and the
#: line breaks that C{str.splitlines} knows (Unicode's Cc, Zl and Zp); characters
#: that are drawn as nothing (Unicode's Default_Ignorable_Code_Point, which has the
#: bidirectional controls among them; but for the joiners and variation selectors
#: of L{_STRAY}); interlinear annotations; and surrogates, which have no UTF-8.
_UNSAFE: Final = (
    (0x00, 0x1F),
    (0x7F, 0x9F),
    (0xAD, 0xAD),
    (0x34F, 0x34F),
    (0x61C, 0x61C),
    (0x115F, 0x1160),
    (0x17B4, 0x17B5),
    (0x180B, 0x180F),
    (0x200B, 0x200B),
    (0x200E, 0x200F),
    (0x2028, 0x202E),
    (0x2060, 0x206F),
    (0x3164, 0x3164),
    (0xD800, 0xDFFF),
    (0xFEFF, 0xFEFF),
    (0xFFA0, 0xFFA0),
    (0xFFF0, 0xFFFB),
    (0x1BCA0, 0x1BCA3),
    (0x1D173, 0x1D17A),
    (0xE0000, 0xE0FFF),
)

_SELECTORS: Final = "\ufe00-\ufe0f"
_JOINERS: Final = "\u200c\u200d"
_VISIBLE: Final = f"[^\x00-\x7f{_SELECTORS}{_JOINERS}]"

#: Variation selectors and joiners that no script and no emoji needs.  After a
#: visible character beyond ASCII one selector and one joiner are needed, in this
#: order; the pattern matches all others.
_STRAY: Final = re.compile(
    f"(?:(?<!{_VISIBLE})[{_SELECTORS}]"
    f"|(?<!{_VISIBLE})(?<!{_VISIBLE}[{_SELECTORS}])[{_JOINERS}])"
    f"[{_SELECTORS}{_JOINERS}]*"
)


def _escape(text: str) -> str:
    return text.encode("unicode_escape").decode("ascii")


@cache
def _escapes() -> dict[int, str]:
    """
    Make the table of the unsafe code points and their escapes.  The table has some
    thousand entries, and most services never need it.
    """
    return {
        code: _escape(chr(code))
        for first, last in _UNSAFE
        for code in range(first, last + 1)
    }


def isPlain(text: str) -> bool:
    """
    Return C{True} if a text is certainly safe as it is.  The check is cheap: it
    says no to all text beyond ASCII.
    """
    return text.isascii() and text.isprintable()


def oneLine(text: str) -> str:
    r"""
    Escape a text, so that it is safe to show within a line.

        >>> oneLine("\x1b[2Jfour\nlines")
        '\\x1b[2Jfour\\nlines'
    """
    if isPlain(text):
        return text
    # A table first: with a function for each match, a client could make a
    # record of 1 MiB take half a second.
    shown = text.translate(_escapes())
    if shown.isascii():
        return shown
    return _STRAY.sub(lambda match: _escape(match[0]), shown)


def splitLines(text: str) -> list[str]:
    """
    Split a text into its lines.  Line ends at the end of the text are dropped.
    """
    return text.rstrip("\r\n").replace("\r\n", "\n").split("\n")


def firstLine(text: str) -> str:
    """
    Return the first line of a text.
    """
    return splitLines(text)[0] if "\n" in text else text
