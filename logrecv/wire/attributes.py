"""
Any mapping of LogRecord attributes to a L{Record}: types, message, repairs.

Nothing here trusts a name, a type or a number: what cannot be kept as it was
sent is repaired or left out, its field is named in C{repaired}, and the record
is kept.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from math import isfinite
from types import NoneType
from typing import Any, Final

from msgspec.json import encode

from logrecv.reasons import NOT_A_RECORD
from logrecv.record import JSONValue, Origin, Record
from logrecv.wire.errors import WireError
from logrecv.wire.pickled.attributes_fast import hasExtra, stockRecord
from logrecv.wire.pickled.machine import Call
from logrecv.wire.timestamps import isoTime
from logrecv.wire.values import (
    DECIMAL_BITS,
    LARGEST_INTEGER,
    LITERAL_DEPTH,
    LITERAL_VALUES,
    PLAIN_LENGTH,
    SMALLEST_INTEGER,
    Converter,
    Python2Text,
    encodable,
    parseLiteral,
    plainTuple,
    underlying,
)

#: The longest text that is read as a number, in characters: more than any
#: number that is kept needs.
NUMBER_LENGTH: Final = 40

#: The longest message that is merged from a template and arguments, in
#: characters, by the bytes of the payload: an argument may be used more than
#: once or be shown escaped, and a small record may have wide fields.
MERGED_PER_BYTE: Final = 4
MERGED_FLOOR: Final = 2048

#: The longest that a message may seem to become, and still be tried: what can
#: be told beforehand is up to twenty times what it will be.
ESTIMATE_PER_BYTE: Final = 20
ESTIMATE_FLOOR: Final = 65536

#: The characters that a number takes at most without a width or precision: the
#: digits of the largest float.
NUMBER_TEXT: Final = 320

#: What C{%} raises, and what L{mergeMessage} itself refuses.
MERGE_ERRORS: Final = (ArithmeticError, LookupError, TypeError, ValueError)

#: The attributes by which a mapping is known to be a log record.
IDENTIFYING: Final = ("name", "msg", "message", "levelno", "levelname")

_TEXTS: Final = (
    "name",
    "levelname",
    "pathname",
    "filename",
    "module",
    "funcName",
    "processName",
    "threadName",
    "taskName",
    "stack_info",
)
_INTEGERS: Final = ("levelno", "lineno", "process", "thread")
_FLOATS: Final = ("msecs", "relativeCreated")

#: The attributes that are not C{extra}.
STANDARD: Final = frozenset(
    {*_TEXTS, *_INTEGERS, *_FLOATS, "created", "message", "msg", "args"}
    | {"exc_info", "exc_text"}
)

_LEVEL_NAMES: Final = {
    50: "CRITICAL",
    40: "ERROR",
    30: "WARNING",
    20: "INFO",
    10: "DEBUG",
    0: "NOTSET",
}
_LEVELS: Final = {
    "FATAL": 50,
    "WARN": 30,
    **{name: level for level, name in _LEVEL_NAMES.items()},
}

_WHOLE_NUMBER: Final = re.compile(r"[-+]?[0-9]+")
_NUMBER: Final = re.compile(r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?")

#: A conversion of C{%} formatting of which the width and the precision are
#: known and small; or a percent sign that begins anything else.
_CONVERSION: Final = re.compile(
    r"%(?:"
    r"(?:\((?P<key>[^()]*)\))?[-#0 +]*+"
    r"(?P<width>[0-9]{0,3})(?:\.(?P<precision>[0-9]{0,3}))?"
    r"[hlL]?(?P<type>[diouxXeEfFgGcrsa%])"
    r"|(?P<other>))"
)

#: A template of which each conversion takes one argument, and makes little more
#: than a hundred characters of it, and of a text its own.
_SIMPLE: Final = re.compile(
    r"[^%]*+(?:%(?:%|[-+ 0]?[0-9]{0,2}+(?:\.[0-9]{1,2}+)?[sdirfx])[^%]*+)*+"
)


def makeRecord(attributes: dict[str, object], origin: Origin, size: int) -> Record:
    """
    Make a record of the attributes that a client sent.

    @param attributes: The attributes by name: plain data and the placeholders
        of L{logrecv.wire.pickled.machine}.  Is not changed.
    @param origin: Where they came from.
    @param size: The length of the payload that they came in, in bytes: what
        the record may take is in proportion to it.
    @return: A record that can be encoded.
    @raise WireError: C{NOT_A_RECORD}, none of L{IDENTIFYING} is there.
    """
    record = stockRecord(attributes, origin, size)
    if record is None:
        return _anyRecord(attributes, origin, size)
    if hasExtra(attributes):
        repaired: dict[str, None] = {}
        record.extra = _extra(attributes, Converter(size), repaired)
        record.repaired = list(repaired) or None
    return record


def _extra(
    attributes: Mapping[str, object], converter: Converter, repaired: dict[str, None]
) -> dict[str, JSONValue] | None:
    """
    @param repaired: Gets the names of what could not be kept.
    """
    extra: dict[str, JSONValue] = {}
    for key, value in attributes.items():
        if key in STANDARD and not _isOddException(key, value):
            continue
        name, exactName = encodable(key)
        converted, exactValue = converter.convert(value)
        if not exactName or not exactValue or name in extra:
            repaired[name] = None
        extra[name] = converted
    return extra or None


def _isOddException(key: str, value: object) -> bool:
    """
    @return: Whether this is an C{exc_info} other than the text or the absence
        of one, which no stock handler sends: C{True}, say.
    """
    return key == "exc_info" and not isinstance(value, (str, bytes, NoneType))


def _anyRecord(attributes: Mapping[str, object], origin: Origin, size: int) -> Record:
    if not any(name in attributes for name in IDENTIFYING):
        raise WireError(NOT_A_RECORD, f"there is none of {', '.join(IDENTIFYING)}")
    return _Repairer(attributes, size).record(origin)


class _Repairer:
    """
    Makes one record, and notes what could not be kept.
    """

    __slots__ = ("_attributes", "_converter", "_repaired", "_size")

    def __init__(self, attributes: Mapping[str, object], size: int) -> None:
        self._attributes = attributes
        self._converter = Converter(size)
        self._size = size
        # A dict for its order.
        self._repaired: dict[str, None] = {}

    def record(self, origin: Origin) -> Record:
        message, template, args = self._message()
        values: dict[str, Any] = {field: self._text(field) for field in _TEXTS}
        values.update((field, self._integer(field)) for field in _INTEGERS)
        values.update((field, self._float(field)) for field in _FLOATS)
        created, time = self._created()
        self._deriveLevel(values)
        return Record(
            time=time or origin.at,
            created=created,
            message=message,
            msg=template,
            args=args,
            exc_text=self._exception(),
            extra=_extra(self._attributes, self._converter, self._repaired),
            received=origin,
            repaired=list(self._repaired) or None,
            **values,
        )

    def _repair(self, field: str) -> None:
        self._repaired[field] = None

    def _sent(self, field: str) -> object:
        return underlying(self._attributes.get(field))

    def _text(self, field: str) -> str | None:
        sent = self._sent(field)
        return None if sent is None else self._asText(field, sent)

    def _asText(self, field: str, sent: object) -> str:
        """
        @param field: What to name if C{sent} is not kept as it is.
        """
        if isinstance(sent, bytes):
            # The text of Python 2.
            sent = self._decoded(field, sent)
        if isinstance(sent, str):
            text, exact = self._converter.text(sent)
            if not exact:
                self._repair(field)
            return text
        self._repair(field)
        converted, _ = self._converter.convert(sent)
        if isinstance(converted, str):
            return converted
        return encode(converted).decode("utf-8")

    def _decoded(self, field: str, sent: bytes) -> str:
        try:
            return sent.decode("utf-8")
        except UnicodeDecodeError:
            self._repair(field)
            return sent.decode("utf-8", "backslashreplace")

    def _integer(self, field: str) -> int | None:
        sent = self._sent(field)
        if sent is None:
            return None
        if type(sent) is not int:
            self._repair(field)
        number = _number(sent)
        if isinstance(number, float):
            number = int(number) if number.is_integer() else None
        if number is None or not SMALLEST_INTEGER <= number <= LARGEST_INTEGER:
            self._repair(field)
            return None
        return number

    def _float(self, field: str) -> float | None:
        sent = self._sent(field)
        if sent is None:
            return None
        if type(sent) not in (float, int):
            self._repair(field)
        number = _number(sent)
        try:
            if number is not None and isfinite(number):
                return float(number)
        except OverflowError:
            # An int that no float is as large as.
            pass
        self._repair(field)
        return None

    def _created(self) -> tuple[float | None, str | None]:
        """
        @return: C{created}, and the same as text.
        """
        created = self._float("created")
        time = None if created is None else isoTime(created)
        if time is None:
            if created is not None:
                self._repair("created")
            return None, None
        return created, time

    def _deriveLevel(self, values: dict[str, Any]) -> None:
        level, name = values["levelno"], values["levelname"]
        if level is None and name is not None:
            values["levelno"] = _LEVELS.get(name.upper())
        elif name is None and level is not None:
            values["levelname"] = _LEVEL_NAMES.get(level, f"Level {level}")

    def _message(self) -> tuple[str, str | None, str | None]:
        """
        @return: The message; and the template and the arguments, where the
            message is not the template.
        """
        if self._sent("message") is not None:
            return self._sentMessage()
        template = self._template()
        args = self._sent("args")
        if not args:
            return template, None, None
        merged = self._merged(template, args)
        if merged is None:
            self._repair("message")
            return template, template, self._argsText(args)
        if merged == template:
            return merged, None, None
        return merged, template, self._argsText(args)

    def _template(self) -> str:
        sent = self._sent("msg")
        return "" if sent is None else self._asText("message", sent)

    def _sentMessage(self) -> tuple[str, str | None, str | None]:
        message = self._text("message") or ""
        template = self._text("msg")
        if template is None or message == template:
            return message, None, None
        return message, template, self._argsText(self._sent("args"))

    def _merged(self, template: str, args: object) -> str | None:
        try:
            merged = mergeMessage(template, args, self._size)
        except MERGE_ERRORS:
            return None
        return self._asText("message", merged)

    def _argsText(self, args: object) -> str | None:
        if not args:
            return None
        if not isinstance(args, (str, bytes)):
            try:
                _checkPlain(args, self._size)
            except ValueError:
                return encode(self._converter.convert(args)[0]).decode("utf-8")
            args = repr(args)
        return self._asText("args", args)

    def _exception(self) -> str | None:
        """
        @return: The traceback; or the exception alone, which is what an
            HTTPHandler sends, as C{exc_info}.
        """
        text = self._text("exc_text")
        info = self._sent("exc_info")
        if text is None and isinstance(info, (str, bytes)):
            return self._asText("exc_text", info)
        return text


def _number(sent: object) -> int | float | None:
    """
    @param sent: A number, the text of one, or an enumeration's member that is
        one.
    """
    if isinstance(sent, Call) and len(sent.args) == 1:
        sent = sent.args[0]
    if type(sent) is int or type(sent) is float:
        return sent
    if isinstance(sent, bytes):
        sent = sent.decode("latin-1")
    if not isinstance(sent, str) or len(sent) > NUMBER_LENGTH:
        return None
    text = sent.strip()
    if _WHOLE_NUMBER.fullmatch(text):
        return int(text)
    return float(text) if _NUMBER.fullmatch(text) else None


def mergeMessage(template: str, args: object, size: int) -> str:
    """
    Do what C{LogRecord.getMessage} does, at a bounded cost.

    @param template: What is to be formatted.
    @param args: The arguments, or their text.
    @param size: The length of the payload, in bytes.
    @return: The message.
    @raise ValueError: The arguments are no plain data, or the message is longer
        than is taken.
    @raise Exception: Whatever the C{%} operator raises for arguments that do
        not fit the template.
    """
    if isinstance(args, str):
        plain = plainTuple(args) if _isSimple(template) else None
        if plain is not None:
            return _bounded(template % plain, size)
        args = parseLiteral(args)
    if isinstance(args, list):
        args = tuple(args)
    if isinstance(args, tuple) and len(args) == 1:
        (only,) = args
        if isinstance(only, dict) and only:
            args = only
    if not isinstance(args, (tuple, dict)):
        raise ValueError("the arguments are neither a sequence nor a mapping")
    if not args:
        return template
    _checkPlain(args, size)
    _checkLength(template, args, ESTIMATE_PER_BYTE * size + ESTIMATE_FLOOR)
    return _bounded(template % args, size)


def _isSimple(template: str) -> bool:
    """
    @return: Whether all that short arguments can make of it is short, too.
    """
    return len(template) <= PLAIN_LENGTH and bool(_SIMPLE.fullmatch(template))


def _bounded(merged: str, size: int) -> str:
    if len(merged) > MERGED_PER_BYTE * size + MERGED_FLOOR:
        raise ValueError("the message is too long")
    return merged


def _checkPlain(value: object, size: int) -> None:
    """
    @raise ValueError: C{value} is other than small plain data, the C{repr} of
        which has its size.
    """
    # What is written once is no longer than the payload; what is shared may be.
    left = [LITERAL_VALUES, size + MERGED_FLOOR]

    def check(value: object, depth: int) -> None:
        left[0] -= 1
        if depth < 0 or min(left) < 0:
            raise ValueError("the values are too many, too deep or too long")
        kind = type(value)
        if kind in (str, bytes, Python2Text):
            left[1] -= len(value)  # type: ignore[arg-type]
        elif kind is int:
            if value.bit_length() > DECIMAL_BITS:  # type: ignore[attr-defined]
                raise ValueError("an integer is too large")
        elif kind is tuple or kind is list:
            for item in value:  # type: ignore[attr-defined]
                check(item, depth - 1)
        elif kind is dict:
            for key, item in value.items():  # type: ignore[attr-defined]
                check(key, depth - 1)
                check(item, depth - 1)
        elif value is not None and kind not in (bool, float):
            raise ValueError("a value is not plain")

    check(value, LITERAL_DEPTH)
    if min(left) < 0:
        raise ValueError("the values are too long")


def _checkLength(
    template: str, args: tuple[object, ...] | dict[object, object], limit: int
) -> None:
    """
    @raise ValueError: C{template % args} could have more characters than
        C{limit}, or uses a conversion of which that is hard to tell.
    """
    whole = _longestText(args)
    # Of each value once, however often the template asks for it.
    longest: dict[str | None, int] = {None: whole}
    length = len(template) + whole
    for conversion in _CONVERSION.finditer(template):
        if conversion["other"] is not None:
            raise ValueError("a conversion is not taken")
        if conversion["type"] == "%":
            continue
        length += int(conversion["width"] or 0) + int(conversion["precision"] or 0)
        if conversion["type"] not in "rsa":
            length += NUMBER_TEXT
        if isinstance(args, dict):
            key = conversion["key"]
            if key not in longest:
                longest[key] = _longestText(args.get(key))
            length += longest[key]
        if length > limit:
            raise ValueError("the message could be too long")


def _longestText(value: object) -> int:
    # Octal digits are more than decimal ones, but less than twice as many.
    return 2 * len(ascii(value))
