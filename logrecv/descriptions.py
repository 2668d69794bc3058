r"""
Descriptions: the C{kind:positional:keyword=value} texts of the command line.

The syntax and its quoting are those of Twisted's endpoint descriptions.  Colons
separate parts.  The first equals sign of a part makes the part a keyword.  A backslash
quotes the character after it.

Converters make values of the texts of parts.  A converter is a function that takes the
text and raises L{ValueError} where it cannot be used, with a message that says the
right form: C{"a port is a number from 0 to 65535"}.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final, TypeAlias, TypeVar

from attrs import define, field

_T = TypeVar("_T")

#: Converts the text of a part to a value; raises L{ValueError} where the text cannot be
#: used.
Converter: TypeAlias = Callable[[str], _T]

#: The suffixes of sizes, each with the power of two by which it multiplies.
_SHIFTS: Final = {"K": 10, "M": 20, "G": 30}


class DescriptionError(ValueError):
    """
    A description that cannot be used.  The message names the mistake and the right form
    in one line.
    """


def quote(text: str) -> str:
    r"""
    Quote a text so that it is one part of a description.

        >>> print(quote("a:b=c"))
        a\:b\=c
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
    A description, taken apart.  A parser takes out each part that it understands, and
    then refuses the parts that are left:

        >>> description = Description.fromText("file:/var/log/all.jsonl:mode=640")
        >>> description.kind
        'file'
        >>> description.takePositional("PATH", str)
        '/var/log/all.jsonl'
        >>> oct(description.takeKeyword("mode", fileMode, 0o600))
        '0o640'
        >>> description.takeKeyword("queue", sizeInBytes, 16 << 20)
        16777216
        >>> description.finish(known=["mode", "queue"])

    @ivar text: The whole description.
    @ivar kind: The first part.
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

        @raise DescriptionError: The text has not the form of a description.
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

    def takePositional(self, name: str, convert: Converter[_T]) -> _T:
        """
        Take the next positional part.

        @param name: The name of the part, for the error: C{"PATH"}.
        @param convert: Converts the text of the part.
        @raise DescriptionError: The part is missing or empty, or its text cannot be
            used.
        """
        if not self.positional or not self.positional[0]:
            raise DescriptionError(f"{name} is missing; write {self.kind}:{name}")
        text = self.positional.pop(0)
        try:
            return convert(text)
        except ValueError as error:
            raise DescriptionError(f"{text!r}: {error}") from None

    def takeKeyword(self, keyword: str, convert: Converter[_T], default: _T) -> _T:
        """
        Take a keyword part.

        @param convert: Converts the text after the equals sign.
        @param default: The value where the keyword is not given.
        @raise DescriptionError: The text cannot be used.
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
        Take all parts that are left, as the text of another description.
        """
        parts = [quote(part) for part in self.positional]
        parts += [f"{name}={quote(value)}" for name, value in self.keywords.items()]
        self.positional, self.keywords = [], {}
        return ":".join(parts)

    def finish(self, known: Iterable[str] = ()) -> None:
        """
        Refuse the parts that are left.

        @param known: The keywords that the kind takes, for the error.
        @raise DescriptionError: A part is left.
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


def choice(words: Iterable[str]) -> Converter[str]:
    """
    Make a converter that takes one of a few words.
    """
    return mapped({word: word for word in words})


def mapped(values: Mapping[str, _T]) -> Converter[_T]:
    """
    Make a converter that takes one of a few words, and returns the value of the word.

        >>> mapped({"none": 0, "always": 1})("always")
        1
    """

    def convert(text: str) -> _T:
        if text not in values:
            raise ValueError(f"must be one of {', '.join(values)}")
        return values[text]

    return convert


def portNumber(text: str) -> int:
    """
    Convert the number of a port; 0 lets the system choose a port.
    """
    if not (text.isascii() and text.isdigit() and int(text) <= 65535):
        raise ValueError("a port is a number from 0 to 65535")
    return int(text)


def fileMode(text: str) -> int:
    """
    Convert the permissions of a file, as C{chmod} takes them: C{660}.
    """
    if not re.fullmatch("[0-7]{1,4}", text):
        raise ValueError("a mode is up to four octal digits, such as 660")
    return int(text, 8)


def sizeInBytes(text: str) -> int:
    """
    Convert a size: a number of bytes, or a number with the suffix C{K}, C{M} or C{G}
    (1024, 1024² or 1024³ bytes).
    """
    number, shift = text, 0
    if text[-1:] in _SHIFTS:
        number, shift = text[:-1], _SHIFTS[text[-1:]]
    if not (number.isascii() and number.isdigit()) or int(number) == 0:
        raise ValueError("a size is a number of bytes, or such as 512K, 16M, 1G")
    return int(number) << shift
