"""
Templates of the format C{text}, compiled once so that each record is quick to write.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from operator import attrgetter
from typing import Final, TypeAlias

from attrs import frozen
from msgspec import structs

from logrecv.formats import MISSING
from logrecv.formats.clock import LocalClock
from logrecv.formats.json import encodeValue
from logrecv.formats.safe import firstLine
from logrecv.record import Record

#: The template of the format C{text} where none is given.
DEFAULT_TEMPLATE: Final = "%(asctime)s %(levelname)-8s %(name)s: %(message)s"

#: A conversion of a template.  Nobody wants a width of four digits or more.
_CONVERSION: Final = re.compile(
    r"%(?:%|\((?P<name>[^()]+)\)"
    r"(?P<flags>[#0 +-]*)(?P<width>\d{0,3})(?P<precision>\.\d{0,3})?(?P<type>[a-zA-Z]))"
)

#: The attributes of L{Origin} that a template can name.
_ORIGIN: Final = ("at", "via", "peer")

#: A value of each type that a field of L{Record} has, where a template can name
#: the field.
_SAMPLES: Final[dict[object, object]] = {
    str: "",
    str | None: "",
    int | None: 0,
    float | None: 0.0,
}

#: Reads a value out of a record; returns L{None} where the record lacks the value.
_Getter: TypeAlias = Callable[[Record], object]

#: Writes one field of a record.
_Field: TypeAlias = Callable[[Record], str]


@cache
def _attributes() -> dict[str, object]:
    """
    Collect the names that a template can use, but for the names of extras.

    @return: The names, each with a value of its type.
    """
    own = dict.fromkeys(("asctime", "extra", *_ORIGIN), "")
    return {
        **{
            each.name: _SAMPLES[each.type]
            for each in structs.fields(Record)
            if each.type in _SAMPLES
        },
        **own,
    }


def _extraGetter(name: str) -> _Getter:
    def get(record: Record) -> object:
        extra = record.extra
        if extra is None or name not in extra:
            return None
        value = extra[name]
        # None means that the value is missing; this None was sent.
        return "null" if value is None else value

    return get


def _getter(name: str) -> _Getter:
    if name == "asctime":
        return LocalClock("%Y-%m-%d %H:%M:%S,").timeOf
    if name == "msg":
        return lambda record: record.message if record.msg is None else record.msg
    if name == "extra":
        return lambda record: record.extra or {}
    if name in _ORIGIN:
        return attrgetter(f"received.{name}")
    if name in _attributes():
        return attrgetter(name)
    return _extraGetter(name)


def _textField(get: _Getter) -> _Field:
    def write(record: Record) -> str:
        value = get(record)
        if value is None:
            return MISSING
        return value if isinstance(value, str) else encodeValue(value)

    return write


def _convertedField(get: _Getter, conversion: str, fallback: str) -> _Field:
    """
    Make the field of a conversion to something else than plain text.

    @param conversion: The conversion of the template: C{"%05d"}.
    @param fallback: A conversion to text of the same width, for values that the
        conversion does not take.
    """
    asText = _textField(get)

    def write(record: Record) -> str:
        value = get(record)
        if value is not None:
            try:
                return conversion % (value,)
            except (TypeError, ValueError, OverflowError):
                pass
        return fallback % asText(record)

    return write


def _messageField(record: Record) -> str:
    return firstLine(record.message)


@frozen
class _Conversion:
    """
    One conversion of a template: C{%(name)-8s}.

    @ivar text: The whole conversion.
    """

    text: str
    name: str
    flags: str
    width: str
    precision: str
    type: str

    @property
    def isWholeMessage(self) -> bool:
        """
        C{True} if this is the message as a whole, so that its further lines follow.
        """
        return self.name == "message" and self.type == "s" and not self.precision

    def check(self) -> None:
        """
        Refuse a conversion that is never right.

        @raise ValueError: The conversion is never right.
        """
        folded = {name.lower(): name for name in _attributes()}
        meant = folded.get(self.name.lower(), self.name)
        if meant != self.name:
            raise ValueError(f"{self.text} names no attribute; write %({meant})s")
        if self.name == "exc_info":
            raise ValueError(
                "%(exc_info)s is never sent; leave it out, tracebacks follow anyway"
            )
        if self.type == "c" or not self._fits():
            raise ValueError(
                f"{self.text} does not suit the attribute; write %({self.name})s"
            )

    def _fits(self) -> bool:
        try:
            # An extra may be a number.
            self._specification % (_attributes().get(self.name, 0),)
        except (TypeError, ValueError):
            return False
        return True

    @property
    def _specification(self) -> str:
        return f"%{self.flags}{self.width}{self.precision}{self.type}"

    def compile(self) -> tuple[str, _Field]:
        """
        @return: A conversion for the skeleton of the line, and the function that
            writes the text for this conversion.
        """
        if self.isWholeMessage:
            return f"%{self.flags}{self.width}s", _messageField
        get = _getter(self.name)
        if self.type == "s":
            return self._specification, _textField(get)
        left = "-" if "-" in self.flags else ""
        fallback = f"%{left}{self.width}s"
        return "%s", _convertedField(get, self._specification, fallback)


def _parse(text: str) -> Iterator[str | _Conversion]:
    """
    Take a template apart into its own text, where C{%} is doubled, and its
    conversions.

    @raise ValueError: The text is no template.
    """
    position = 0
    while position < len(text):
        start = text.find("%", position)
        if start < 0:
            yield text[position:]
            return
        yield text[position:start]
        match = _CONVERSION.match(text, start)
        if match is None:
            raise ValueError(
                f"{text[start : start + 20]!r} is no conversion; "
                "write %(name)s for an attribute, %% for a percent sign"
            )
        if match["name"] is None:
            yield "%%"
        else:
            parts = match.groupdict(default="")
            yield _Conversion(text=match[0], **parts)
        position = match.end()


@frozen(eq=False)
class Template:
    """
    A template, compiled.

    @ivar skeleton: A line with a conversion to text for each of the fields.
    @ivar fields: The functions that write the fields of a record.
    @ivar hasWholeMessage: C{True} if the line has the first line of the message, so
        that the further lines of the message follow.
    """

    skeleton: str
    fields: Sequence[_Field]
    hasWholeMessage: bool

    @classmethod
    def compile(cls, text: str) -> Template:
        """
        Compile a template.

        @param text: One line with C{%(name)s} conversions.
        @raise ValueError: The template cannot be used.  The message names the mistake
            and the right form in one line.
        """
        if text.splitlines() != [text]:
            # On a second line a client's text could begin, and pass for a record.
            raise ValueError(
                f"a template is one line; write such as {DEFAULT_TEMPLATE}"
            )
        if any(0xD800 <= ord(character) <= 0xDFFF for character in text):
            raise ValueError("a template is text in UTF-8; other bytes are in it")
        skeleton = ""
        fields: list[_Field] = []
        hasWholeMessage = False
        for part in _parse(text):
            if isinstance(part, str):
                skeleton += part
                continue
            part.check()
            conversion, write = part.compile()
            skeleton += conversion
            fields.append(write)
            hasWholeMessage = hasWholeMessage or part.isWholeMessage
        if not fields:
            raise ValueError(
                f"a line needs an attribute; write such as {DEFAULT_TEMPLATE}"
            )
        return cls(skeleton, fields, hasWholeMessage)
