"""
Descriptions: the C{kind:positional:keyword=value} strings of the command line.

The syntax and its quoting are those of Twisted's endpoint descriptions: parts
are separated by colons, the first equals sign of a part makes it a keyword, and
a backslash takes the character after it as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TypeVar

from attrs import define, field

_T = TypeVar("_T")


class DescriptionError(ValueError):
    """
    A description that cannot be used.  Its text says what is wrong and what
    would be right, in one line.
    """


def quote(text: str) -> str:
    """
    Quote a text so that it is one part of a description.
    """
    return text.replace("\\", "\\\\").replace(":", "\\:").replace("=", "\\=")


def _parts(text: str) -> Iterator[tuple[str | None, str]]:
    """
    Split a description into its parts.

    @return: Pairs of keyword (L{None} for a positional part) and value.
    """
    keyword: str | None = None
    current = ""
    characters = iter(text)
    for character in characters:
        if character == "\\":
            escaped = next(characters, None)
            if escaped is None:
                raise DescriptionError(
                    "it ends in a lone backslash; write \\\\ for a backslash"
                )
            current += escaped
        elif character == ":":
            yield keyword, current
            keyword, current = None, ""
        elif character == "=" and keyword is None:
            keyword, current = current, ""
        else:
            current += character
    yield keyword, current


@define(eq=False)
class Description:
    """
    A description, taken apart.  Whoever understands a part takes it out; what
    is left at the end is nobody's.

    @ivar text: The description as given.
    @ivar kind: Its first part.
    @ivar positional: The positional parts after the kind that were not taken.
    @ivar keywords: The keyword parts that were not taken.
    """

    text: str
    kind: str
    positional: list[str] = field(factory=list)
    keywords: dict[str, str] = field(factory=dict)

    @classmethod
    def fromText(cls, text: str) -> Description:
        """
        Take a description apart.

        @raise DescriptionError: The text is not of the form of a description.
        """
        parts = _parts(text)
        keyword, kind = next(parts)
        if keyword is not None or not kind:
            raise DescriptionError("it begins with no kind; write KIND:…")
        description = cls(text, kind)
        for keyword, value in parts:
            if keyword is None:
                description.positional.append(value)
            elif keyword in description.keywords:
                raise DescriptionError(f"{keyword}= is given twice")
            else:
                description.keywords[keyword] = value
        return description

    def takePositional(self, what: str, convert: Callable[[str], _T]) -> _T:
        """
        Take the next positional part.

        @param what: What the part is, for the error: C{"PATH"}.
        @param convert: As in L{takeKeyword}.
        @raise DescriptionError: There is none, it is empty, or it cannot be
            converted.
        """
        if not self.positional or not self.positional[0]:
            raise DescriptionError(f"{what} is missing; write {self.kind}:{what}")
        text = self.positional.pop(0)
        try:
            return convert(text)
        except ValueError as error:
            raise DescriptionError(f"{text!r}: {error}") from None

    def takeKeyword(
        self, keyword: str, convert: Callable[[str], _T], default: _T
    ) -> _T:
        """
        Take a keyword.

        @param convert: Makes the value of the text; what it raises as
            L{ValueError} says what would be right.
        @param default: The value where the keyword is not given.
        @raise DescriptionError: The text cannot be converted.
        """
        text = self.keywords.pop(keyword, None)
        if text is None:
            return default
        try:
            return convert(text)
        except ValueError as error:
            raise DescriptionError(f"{keyword}={text}: {error}") from None

    def takeRest(self) -> str:
        """
        Take everything that is left, as a description of its own.
        """
        parts = [quote(part) for part in self.positional]
        parts += [f"{name}={quote(value)}" for name, value in self.keywords.items()]
        self.positional, self.keywords = [], {}
        return ":".join(parts)

    def finish(self, known: Iterable[str] = ()) -> None:
        """
        Make sure that nothing is left.

        @param known: The keywords that would have been right, for the error.
        @raise DescriptionError: A part is left that nobody took.
        """
        if self.keywords:
            names = ", ".join(f"{name}=" for name in sorted(known)) or "no keyword"
            raise DescriptionError(
                f"{next(iter(self.keywords))}= is not a keyword of {self.kind}; "
                f"it takes {names}"
            )
        if self.positional:
            raise DescriptionError(
                f"{self.positional[0]!r} is one part too many; write \\: for a colon"
            )


def choice(options: Iterable[str]) -> Callable[[str], str]:
    """
    Make a converter that takes one of a few words.
    """
    words = tuple(options)

    def convert(text: str) -> str:
        if text not in words:
            raise ValueError(f"must be one of {', '.join(words)}")
        return text

    return convert


def mapped(options: Mapping[str, _T]) -> Callable[[str], _T]:
    """
    Make a converter that takes one of a few words and gives what it stands for.
    """
    oneOf = choice(options)

    def convert(text: str) -> _T:
        return options[oneOf(text)]

    return convert


def portNumber(text: str) -> int:
    """
    Convert the number of a port; 0 lets the system choose one.
    """
    if not (text.isascii() and text.isdigit() and int(text) <= 65535):
        raise ValueError("a port is a number from 0 to 65535")
    return int(text)


def fileMode(text: str) -> int:
    """
    Convert the permissions of a file, as C{chmod} takes them: C{660}.
    """
    if not (text.isascii() and text.isdigit()) or len(text) > 4:
        raise ValueError("a mode is up to four octal digits, such as 660")
    try:
        return int(text, 8)
    except ValueError:
        raise ValueError("a mode is up to four octal digits, such as 660") from None


def sizeInBytes(text: str) -> int:
    """
    Convert a size: a number of bytes, or of C{K}, C{M} or C{G} of them (1024,
    1024², 1024³).
    """
    number, shift = text, 0
    if text[-1:] in _SHIFTS:
        number, shift = text[:-1], _SHIFTS[text[-1:]]
    if not (number.isascii() and number.isdigit()) or int(number) == 0:
        raise ValueError("a size is a number of bytes, or such as 512K, 16M, 1G")
    return int(number) << shift


_SHIFTS = {"K": 10, "M": 20, "G": 30}
