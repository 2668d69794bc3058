"""
Python literals as C{repr} writes them, read at a bounded cost.

An C{HTTPHandler} sends the arguments of a message as such a literal.
"""

from __future__ import annotations

import re
from typing import Final

#: The longest literal that is read, in characters: the text of an argument as
#: large as the largest record by default.
LITERAL_LENGTH: Final = 1048576

#: The bounds of one literal: the values in all (about a microsecond each), the
#: depth in containers, and the keys of dicts that are not text.  The hash of a
#: text cannot be foreseen, but numbers can be chosen so that all hashes collide.
LITERAL_VALUES: Final = 10000
LITERAL_DEPTH: Final = 32
LITERAL_ODD_KEYS: Final = 256

#: The most escapes of one literal, each with one backslash at least: 30 ns each.
LITERAL_ESCAPES: Final = 200_000

#: The longest tuple that L{plainTuple} reads, in characters.  A text that fails
#: there is read a second time.
PLAIN_LENGTH: Final = 4096

_PLAIN_ITEM: Final = re.compile(r"-?[0-9]{1,18}+(?:\.[0-9]{1,18}+)?|'[^'\\\n]*+'")
_PLAIN_TUPLE: Final = re.compile(
    rf"\((?:{_PLAIN_ITEM.pattern})(?:,|(?:, (?:{_PLAIN_ITEM.pattern}))++)\)"
)

_ESCAPE: Final = r"\\(?:[\\'\"nrt]|x[0-9a-f]{2}|u[0-9a-f]{4}|U[0-9a-f]{8})"
_ATOM: Final = re.compile(
    rf"""
    (?P<quoted> [ub]? (?: '(?: [^'\\\n]++ | {_ESCAPE} )*+'
                        | "(?: [^"\\\n]++ | {_ESCAPE} )*+" ) )
    | (?P<real> -? (?: [0-9]{{1,32}} (?: \.[0-9]{{1,32}} (?: e[-+]?[0-9]{{1,3}} )?
                                       | e[-+]?[0-9]{{1,3}} )
                     | inf | nan ) \b )
    | (?P<integer> -? [0-9]{{1,1000}} (?: L | \b ) )
    | (?P<constant> (?: None | True | False ) \b )
    """,
    re.VERBOSE,
)
_CONSTANTS: Final = {"None": None, "True": True, "False": False}

#: The lead byte of a UTF-8 sequence, as an escape.  Python 3 writes the
#: characters with these numbers as themselves.  So a text without a prefix that
#: has such an escape is a byte string of Python 2.
_PYTHON2_BYTES: Final = re.compile(r"(?<!\\)(?:\\\\)*+\\x(?:c[2-9a-f]|[de]|f[0-4])")


class Python2Text(str):
    """
    A text that C{%r} shows as Python 2 did: in ASCII, with the prefix C{u}.
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return "u" + ascii(str(self))


def plainTuple(text: str) -> tuple[int | float | str, ...] | None:
    """
    Read a tuple on the fast path: a short tuple of numbers and of texts without
    escapes.  The arguments of most messages are such a tuple.

    @param text: Any text.
    @return: The value that L{parseLiteral} gives; L{None} if C{text} is not such
        a tuple.
    """
    if len(text) > PLAIN_LENGTH or _PLAIN_TUPLE.fullmatch(text) is None:
        return None
    return tuple(
        [
            item[1:-1] if item[0] == "'" else float(item) if "." in item else int(item)
            for item in _PLAIN_ITEM.findall(text)
        ]
    )


def parseLiteral(text: str) -> object:
    """
    Read a literal of Python 2 or 3: a text, bytes, a number, a constant, or a
    tuple, list or dict of these.

    C{ast.literal_eval} is not used: its parser takes much memory, can be made to
    run out of stack, and warns about the text that it reads.

    @param text: Any text.
    @return: The value of the literal.
    @raise ValueError: C{text} is not a literal, or exceeds one of the bounds of
        this module.
    """
    if len(text) > LITERAL_LENGTH:
        raise ValueError("too long")
    if text.count("\\") > LITERAL_ESCAPES:
        raise ValueError("too many escapes")
    return _LiteralParser(text).parse()


class _LiteralParser:
    """
    A recursive descent into one literal.
    """

    __slots__ = ("_oddKeysLeft", "_position", "_text", "_valuesLeft")

    def __init__(self, text: str) -> None:
        self._text = text
        self._position = 0
        self._valuesLeft = LITERAL_VALUES
        self._oddKeysLeft = LITERAL_ODD_KEYS

    def parse(self) -> object:
        value = self._value(LITERAL_DEPTH)
        if self._position != len(self._text):
            raise ValueError("something follows the literal")
        return value

    def _value(self, depth: int) -> object:
        """
        Read a value.

        @param depth: How deep the value may be, in containers.
        """
        self._valuesLeft -= 1
        if depth < 0 or self._valuesLeft < 0:
            raise ValueError("too large")
        if self._text[self._position : self._position + 1] not in "([{":
            return self._atom()
        if self._accept("("):
            return self._tuple(depth - 1)
        if self._accept("["):
            return self._items("]", depth - 1)[0]
        if self._accept("{"):
            return self._dict(depth - 1)
        return self._atom()

    def _accept(self, mark: str) -> bool:
        """
        Skip a mark.

        @return: C{True} if the mark was there.
        """
        if not self._text.startswith(mark, self._position):
            return False
        self._position += len(mark)
        return True

    def _acceptComma(self) -> bool:
        return self._accept(", ") or self._accept(",")

    def _items(self, close: str, depth: int) -> tuple[list[object], bool]:
        """
        Read the items up to a closing bracket.

        @return: The items, and C{True} if a comma stands before the bracket or
            there are no items.
        """
        items: list[object] = []
        hasComma = True
        while not self._accept(close):
            if not hasComma:
                raise ValueError("no comma")
            items.append(self._value(depth))
            hasComma = self._acceptComma()
        return items, hasComma

    def _tuple(self, depth: int) -> object:
        """
        Read a tuple, or one value in parentheses.
        """
        items, hasComma = self._items(")", depth)
        return items[0] if len(items) == 1 and not hasComma else tuple(items)

    def _dict(self, depth: int) -> dict[object, object]:
        result: dict[object, object] = {}
        hasComma = True
        while not self._accept("}"):
            if not hasComma:
                raise ValueError("no comma")
            key = self._key()
            if not (self._accept(": ") or self._accept(":")):
                raise ValueError("no colon")
            result[key] = self._value(depth)
            hasComma = self._acceptComma()
        return result

    def _key(self) -> object:
        key = self._atom()
        if not isinstance(key, str):
            self._oddKeysLeft -= 1
            if self._oddKeysLeft < 0:
                raise ValueError("too many keys that are not text")
        return key

    def _atom(self) -> object:
        """
        Read a value that is no container.
        """
        found = _ATOM.match(self._text, self._position)
        if found is None:
            raise ValueError("not a literal")
        self._position = found.end()
        kind = found.lastgroup
        token = found[0]
        if kind == "constant":
            return _CONSTANTS[token]
        if kind == "real":
            return float(token)
        if kind == "integer":
            return int(token.rstrip("L"))
        return _unquoted(token)


def _unquoted(token: str) -> str | bytes:
    """
    Read a text or bytes in quotes.

    @param token: The literal, with no other escapes than C{repr} writes.
    """
    prefix, _, quoted = token.partition(token[-1])
    content = quoted[:-1]
    if "\\" in content:
        ascii = content.encode("latin-1", "backslashreplace")
        content = ascii.decode("unicode_escape")
    if prefix == "b":
        return content.encode("latin-1")
    if prefix == "u":
        return Python2Text(content)
    if _PYTHON2_BYTES.search(token):
        return content.encode("latin-1").decode("utf-8")
    return content
