"""
Any mapping of LogRecord attributes as a L{Record}: types, message, repairs.

No name, type or number is trusted.  An attribute that cannot be kept as it was
sent is repaired or left out, its field is named in C{repaired}, and the record is
kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import NoneType
from typing import Any, Final, NamedTuple

from logrecv.reasons import NOT_A_RECORD
from logrecv.record import JSONValue, Origin, Record
from logrecv.schema import STANDARD, Kind, ofKind
from logrecv.wire.errors import WireError
from logrecv.wire.messages import MERGE_ERRORS, checkPlain, mergeMessage
from logrecv.wire.pickled.attributes_fast import hasExtra, stockRecord
from logrecv.wire.repairs import AttributeReader
from logrecv.wire.timestamps import isoTime
from logrecv.wire.values import encodable

_TEXTS: Final = ofKind(Kind.TEXT)
_INTEGERS: Final = ofKind(Kind.INTEGER)
_FLOATS: Final = ofKind(Kind.FLOAT)

#: The attributes that are never C{extra}, whatever their values: see L{_isOdd}.
_NEVER_EXTRA: Final = STANDARD - {"exc_info"}

#: The attributes of which a log record has at least one.
IDENTIFYING: Final = ("name", "msg", "message", "levelno", "levelname")

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


def makeRecord(attributes: dict[str, object], origin: Origin, size: int) -> Record:
    """
    Make a record of the attributes that a client sent.

    @param attributes: The attributes by name: plain data and the placeholders
        of L{logrecv.wire.pickled.placeholders}.  Is not changed.
    @param origin: Where the attributes came from.
    @param size: The length of the payload that the attributes came in, in bytes.
        The bounds of the record are in proportion to the length.
    @return: A record that can be encoded.
    @raise WireError: C{NOT_A_RECORD}: there is none of L{IDENTIFYING}.
    """
    record = stockRecord(attributes, origin, size)
    if record is None:
        return _repairedRecord(attributes, origin, size)
    if hasExtra(attributes):
        reader = AttributeReader(attributes, size)
        record.extra = _extra(attributes, reader)
        record.repaired = reader.repaired()
    return record


def _repairedRecord(
    attributes: Mapping[str, object], origin: Origin, size: int
) -> Record:
    """
    Make a record on the slow path.
    """
    if not any(name in attributes for name in IDENTIFYING):
        raise WireError(NOT_A_RECORD, f"there is none of {', '.join(IDENTIFYING)}")
    reader = AttributeReader(attributes, size)
    # The order of these lines is the order of the names in C{repaired}.
    message = _message(reader, size)
    values: dict[str, Any] = {name: reader.text(name) for name in _TEXTS}
    values.update((name, reader.integer(name)) for name in _INTEGERS)
    values.update((name, reader.finite(name)) for name in _FLOATS)
    created, time = _created(reader)
    _completeLevel(values)
    return Record(
        time=time or origin.at,
        created=created,
        message=message.text,
        msg=message.template,
        args=message.args,
        exc_text=_exception(reader),
        extra=_extra(attributes, reader),
        received=origin,
        repaired=reader.repaired(),
        **values,
    )


def _extra(
    attributes: Mapping[str, object], reader: AttributeReader
) -> dict[str, JSONValue] | None:
    """
    Read the attributes that are not standard.  Once there is no room left, the others
    are left out, and C{extra} is named in C{repaired}.
    """
    converter = reader.converter
    convert = converter.convert
    extra: dict[str, JSONValue] = {}
    for key, sent in attributes.items():
        if key in _NEVER_EXTRA or (key == "exc_info" and not _isOdd(sent)):
            continue
        name, exactName = (key, True) if key.isascii() else encodable(key)
        converted, exactValue = convert(sent)
        if not exactName or not exactValue or name in extra:
            reader.repair(name)
        extra[name] = converted
        if converter.exhausted:
            reader.repair("extra")
            break
    return extra or None


def _isOdd(exceptionInfo: object) -> bool:
    """
    Return C{True} if C{exc_info} is neither text nor L{None}, such as C{True}.  No
    stock handler sends that.
    """
    return not isinstance(exceptionInfo, (str, bytes, NoneType))


def _created(reader: AttributeReader) -> tuple[float | None, str | None]:
    """
    @return: C{created}, and the same time as text; L{None} for both if there is no
        usable time.
    """
    created = reader.finite("created")
    time = None if created is None else isoTime(created)
    if time is None:
        if created is not None:
            reader.repair("created")
        return None, None
    return created, time


def _completeLevel(values: dict[str, Any]) -> None:
    """
    Derive the number of the level from its name, or the name from the number.
    """
    level, name = values["levelno"], values["levelname"]
    if level is None and name is not None:
        values["levelno"] = _LEVELS.get(name.upper())
    elif name is None and level is not None:
        values["levelname"] = _LEVEL_NAMES.get(level, f"Level {level}")


def _exception(reader: AttributeReader) -> str | None:
    """
    @return: The traceback; else the exception alone, which an C{HTTPHandler}
        sends as C{exc_info}.
    """
    text = reader.text("exc_text")
    info = reader.sent("exc_info")
    if text is None and isinstance(info, (str, bytes)):
        return reader.asText("exc_text", info)
    return text


class _Message(NamedTuple):
    """
    The message of a record.

    @ivar text: The message itself.
    @ivar template: C{msg}, where it is not the message.
    @ivar args: The arguments as text, beside C{template}.
    """

    text: str
    template: str | None = None
    args: str | None = None


def _message(reader: AttributeReader, size: int) -> _Message:
    """
    Read C{message}, or merge C{msg} and C{args}.
    """
    if reader.sent("message") is not None:
        return _sentMessage(reader, size)
    msg = reader.sent("msg")
    template = "" if msg is None else reader.asText("message", msg)
    args = reader.sent("args")
    if not args:
        return _Message(template)
    try:
        merged = mergeMessage(template, args, size)
    except MERGE_ERRORS:
        reader.repair("message")
        return _Message(template, template, _argsText(reader, args, size))
    text = reader.asText("message", merged)
    if text == template:
        return _Message(text)
    return _Message(text, template, _argsText(reader, args, size))


def _sentMessage(reader: AttributeReader, size: int) -> _Message:
    text = reader.text("message") or ""
    template = reader.text("msg")
    if template is None or template == text:
        return _Message(text)
    return _Message(text, template, _argsText(reader, reader.sent("args"), size))


def _argsText(reader: AttributeReader, args: object, size: int) -> str | None:
    """
    Write arguments as Python does; as JSON if they are not plain data.
    """
    if not args:
        return None
    if not isinstance(args, (str, bytes)):
        try:
            checkPlain(args, size)
        except ValueError:
            return reader.asJSONText(args)
        args = repr(args)
    return reader.asText("args", args)
