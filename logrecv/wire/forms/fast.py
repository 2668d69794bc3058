"""
Forms of C{HTTPHandler} to records.

A stock handler of Python 3 writes the attributes of a record always in the same
order.  The short way takes just that order, and what has nothing to repair; it
bounds nothing but the message, as all else is no larger than the form.  Where
anything is different, L{parseForm} and L{makeRecord} read the form from the
beginning.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from logrecv.record import JSONValue, Origin, Record
from logrecv.wire.attributes import MERGE_ERRORS, STANDARD, makeRecord, mergeMessage
from logrecv.wire.errors import WireError
from logrecv.wire.forms.decode import FIELDS, parseForm, unquote
from logrecv.wire.timestamps import isoTime
from logrecv.wire.values import (
    BYTES_PER_CHARACTER,
    RENDERED_FLOOR,
    RENDERED_PER_BYTE,
)

_TEXT: Final = rb"([^&]*+)"
#: An integer that is less than 2**63.
_INTEGER: Final = rb"(-?[0-9]{1,18}+)"
_INTEGER_OR_NONE: Final = rb"(-?[0-9]{1,18}+|None)"
#: A number as C{str} writes it, and no infinity.  A plus sign would be a space.
_FLOAT: Final = rb"(-?[0-9]{1,20}+(?:\.[0-9]{1,20}+)?(?:e-?[0-9]{1,2}+)?)"

_FORM: Final = re.compile(
    rb"name=" + _TEXT + rb"&msg=" + _TEXT + rb"&args=" + _TEXT
    # Since Python 3.12 there is a taskName; what its program adds comes last.
    + rb"&levelname=" + _TEXT + rb"&levelno=" + _INTEGER
    + rb"&pathname=" + _TEXT + rb"&filename=" + _TEXT + rb"&module=" + _TEXT
    + rb"&exc_info=" + _TEXT + rb"&exc_text=" + _TEXT + rb"&stack_info=" + _TEXT
    + rb"&lineno=" + _INTEGER + rb"&funcName=" + _TEXT
    + rb"&created=" + _FLOAT + rb"&msecs=" + _FLOAT + rb"&relativeCreated=" + _FLOAT
    + rb"&thread=" + _INTEGER_OR_NONE + rb"&threadName=" + _TEXT
    + rb"&processName=" + _TEXT + rb"&process=" + _INTEGER_OR_NONE
    + rb"(?:&taskName=" + _TEXT + rb")?(?:&(.+))?",
    re.DOTALL,
)  # fmt: skip

#: What a handler writes where there are no arguments.
_NO_ARGUMENTS: Final = (b"None", b"%28%29")

#: Of the room of a record, what its form takes at most by itself: six bytes of
#: JSON for each of its own, and ten for each further attribute, which has two.
_TAKEN_PER_BYTE: Final = 11
_TAKEN: Final = 1024

#: The longest text that is looked up among those of the records before, in bytes,
#: and how many of those are kept.
_COMMON_LENGTH: Final = 200
_COMMON: Final = 1024


class _NotStock(Exception):
    """
    This is not how a stock handler writes a record.
    """


def readForm(body: bytes, origin: Origin) -> Record:
    """
    Make a record.

    @param body: A query string or the body of a POST.
    @param origin: Where it came from.
    @return: As L{makeRecord} of what L{parseForm} gives.
    @raise WireError: No record can be made of it.
    """
    try:
        return _stockRecord(body, origin)
    except (_NotStock, UnicodeDecodeError, WireError, *MERGE_ERRORS):
        return makeRecord(parseForm(body), origin, len(body))


def _stockRecord(body: bytes, origin: Origin) -> Record:
    form = _FORM.fullmatch(body)
    if form is None:
        raise _NotStock
    (
        name, msg, args, levelname, levelno, pathname, filename, module, exceptionInfo,
        exceptionText, stackInfo, lineno, funcName, createdText, msecs, relativeCreated,
        thread, threadName, processName, process, taskName, further,
    ) = form.groups()  # fmt: skip
    created = float(createdText)
    time = isoTime(created)
    if time is None:
        raise _NotStock
    template = arguments = None
    message = _text(msg)
    if args not in _NO_ARGUMENTS:
        template, arguments = message, _text(args)
        message = _merged(template, arguments, len(body))
    exception = _textOrNone(exceptionText)
    if exception is None:
        exception = _textOrNone(exceptionInfo)
    # By position, in half the time: these are the fields in their order.
    return Record(
        time,
        created,
        float(msecs),
        float(relativeCreated),
        _commonText(name),
        _commonText(levelname),
        int(levelno),
        message,
        template,
        arguments,
        _commonText(pathname),
        _commonText(filename),
        _commonText(module),
        int(lineno),
        _commonTextOrNone(funcName),
        None if process == b"None" else int(process),
        _commonTextOrNone(processName),
        None if thread == b"None" else int(thread),
        _commonTextOrNone(threadName),
        None if taskName is None else _commonTextOrNone(taskName),
        exception,
        _textOrNone(stackInfo),
        None if further is None else _extra(body, further),
        origin,
    )


def _text(quoted: bytes) -> str:
    """
    @raise UnicodeDecodeError: It is not strictly UTF-8.
    """
    return unquote(quoted.replace(b"+", b" ")).decode()


_keptText: Final = lru_cache(_COMMON)(_text)


def _commonText(quoted: bytes) -> str:
    """
    Read a text that is often the same as in a record before.
    """
    return _keptText(quoted) if len(quoted) <= _COMMON_LENGTH else _text(quoted)


def _textOrNone(quoted: bytes) -> str | None:
    text = _text(quoted)
    return None if text == "None" else text


def _commonTextOrNone(quoted: bytes) -> str | None:
    text = _commonText(quoted)
    return None if text == "None" else text


def _merged(template: str, args: str, size: int) -> str:
    """
    @param size: The length of the form, in bytes.
    @raise Exception: One of L{MERGE_ERRORS}, they cannot be merged.
    """
    merged = mergeMessage(template, args, size)
    room = (RENDERED_PER_BYTE - _TAKEN_PER_BYTE) * size + RENDERED_FLOOR - _TAKEN
    # A message that is the template tells nothing by its arguments.
    if len(merged) * BYTES_PER_CHARACTER > room or merged == template:
        raise _NotStock
    # The literal of a text can have escapes of lone surrogates.
    if not merged.isascii():
        merged.encode()
    return merged


def _extra(body: bytes, further: bytes) -> dict[str, JSONValue]:
    """
    @param further: What follows the attributes that every record has.
    """
    if body.count(b"&") >= FIELDS:
        raise _NotStock
    extra: dict[str, JSONValue] = {}
    for name, value in parseForm(further).items():
        if name in STANDARD or type(value) is not str:
            raise _NotStock
        extra[name] = value
    return extra
