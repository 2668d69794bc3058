"""
Records from the forms of stock C{HTTPHandler}s, on a fast path.

A stock handler of Python 3 writes the attributes of a record always in the same
order.  The fast path reads a form in just that order, in which no value needs
repair.  It bounds only the message, since everything else is no larger than the
form.  Any other form takes the slow path, from the beginning: L{parseForm} and
L{makeRecord}.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from logrecv.record import JSONValue, Origin, Record
from logrecv.schema import STANDARD
from logrecv.wire.attributes import makeRecord
from logrecv.wire.errors import WireError
from logrecv.wire.forms.decode import FIELDS, parseForm, unquote
from logrecv.wire.messages import MERGE_ERRORS, mergeMessage
from logrecv.wire.timestamps import isoTime
from logrecv.wire.values import BYTES_PER_CHARACTER, renderedSize

_TEXT: Final = rb"([^&]*+)"
#: An integer that is less than 2**63.
_INTEGER: Final = rb"(-?[0-9]{1,18}+)"
_INTEGER_OR_NONE: Final = rb"(-?[0-9]{1,18}+|None)"
#: A number as C{str} writes it, and no infinity.  A plus sign would be a space.
_FLOAT: Final = rb"(-?[0-9]{1,20}+(?:\.[0-9]{1,20}+)?(?:e-?[0-9]{1,2}+)?)"

#: The attributes of every record, in the order in which a handler writes them,
#: and the patterns of their values.
PATTERNS: Final = {
    "name": _TEXT,
    "msg": _TEXT,
    "args": _TEXT,
    "levelname": _TEXT,
    "levelno": _INTEGER,
    "pathname": _TEXT,
    "filename": _TEXT,
    "module": _TEXT,
    "exc_info": _TEXT,
    "exc_text": _TEXT,
    "stack_info": _TEXT,
    "lineno": _INTEGER,
    "funcName": _TEXT,
    "created": _FLOAT,
    "msecs": _FLOAT,
    "relativeCreated": _FLOAT,
    "thread": _INTEGER_OR_NONE,
    "threadName": _TEXT,
    "processName": _TEXT,
    "process": _INTEGER_OR_NONE,
}

#: A form: the attributes above; C{taskName}, since Python 3.12; and the
#: attributes that a program adds.
_FORM: Final = re.compile(
    b"&".join(b"%s=%s" % (name.encode(), PATTERNS[name]) for name in PATTERNS)
    + rb"(?:&taskName=%s)?(?:&(.+))?" % _TEXT,
    re.DOTALL,
)

#: The literals that a handler writes where there are no arguments.
_NO_ARGUMENTS: Final = (b"None", b"%28%29")

#: The most bytes of JSON that a record takes beside its merged message, by the
#: bytes of its form: six for each byte, and ten for each attribute that a program
#: added, which has two bytes at least.  The names of the other fields come on top.
_OTHERS_PER_BYTE: Final = 11
_OTHERS_SIZE: Final = 1024

#: The longest text that is kept to be used again by later records, in bytes, and
#: the number of texts that are kept.
_COMMON_LENGTH: Final = 200
_COMMON: Final = 1024


class _NotStock(Exception):
    """
    The form is not as a stock handler writes it.
    """


def readForm(body: bytes, origin: Origin) -> Record:
    """
    Make a record of a form.

    @param body: A query string or the body of a POST.
    @param origin: Where the form came from.
    @return: The record that L{makeRecord} makes of the result of L{parseForm}.
    @raise WireError: No record can be made of the form.
    """
    try:
        return _stockRecord(body, origin)
    except (_NotStock, UnicodeDecodeError, WireError, *MERGE_ERRORS):
        return makeRecord(parseForm(body), origin, len(body))


def _stockRecord(body: bytes, origin: Origin) -> Record:
    """
    Make a record on the fast path.

    @raise Exception: The slow path has to be taken.
    """
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
    # The fields in the order of Record: names would take 0.7 us, 6 % of a form.
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
    Read a text.

    @raise UnicodeDecodeError: The text is not strictly UTF-8.
    """
    return unquote(quoted.replace(b"+", b" ")).decode()


_keptText: Final = lru_cache(_COMMON)(_text)


def _commonText(quoted: bytes) -> str:
    """
    Read a text that many records have in common, and keep it if it is short.
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
    Merge a message.

    @param size: The length of the form, in bytes.
    @raise Exception: The slow path has to be taken: one of L{MERGE_ERRORS}, or
        the message is too large, is not UTF-8 or is the template.
    """
    merged = mergeMessage(template, args, size)
    room = renderedSize(size) - _OTHERS_PER_BYTE * size - _OTHERS_SIZE
    if len(merged) * BYTES_PER_CHARACTER > room or merged == template:
        raise _NotStock
    # The literal of a text can have escapes of lone surrogates.
    if not merged.isascii():
        merged.encode()
    return merged


def _extra(body: bytes, further: bytes) -> dict[str, JSONValue]:
    """
    Read the attributes that a program added.

    @param further: The end of the form, after the attributes of every record.
    """
    if body.count(b"&") >= FIELDS:
        raise _NotStock
    extra: dict[str, JSONValue] = {}
    for name, value in parseForm(further).items():
        if name in STANDARD or type(value) is not str:
            raise _NotStock
        extra[name] = value
    return extra
