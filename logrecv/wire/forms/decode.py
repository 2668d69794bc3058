"""
The urlencoded form that an HTTPHandler sends, as the attributes it was made of.

The handler sends C{str()} of every attribute.  What that was is known for the
standard attributes, and they become it again; everything else stays text.
"""

from __future__ import annotations

import re
from binascii import a2b_qp
from collections.abc import Callable
from typing import Final

from logrecv.reasons import MALFORMED, TOO_COMPLEX
from logrecv.wire.errors import WireError

#: The most fields that a form may have.  A record has 23 attributes and what
#: its program adds.
FIELDS: Final = 1000

#: Bytes that are unquoted at a time: each escape that stands alone takes 90 bytes
#: of memory while it is.
_SLICE: Final = 64 * 1024

#: What begins an escape, as the number that it is among bytes: to look for bytes
#: takes five times as long.
_PERCENT: Final = 0x25

#: A percent sign that begins no escape.
_STRAY: Final = re.compile(rb"%(?![0-9A-Fa-f]{2})")

#: A run of escapes.
_ESCAPES: Final = re.compile(rb"(?:%[0-9A-Fa-f]{2})++")

#: Numbers as C{str} writes them, and not so long that reading them takes time.
_isInteger: Final = re.compile(r"-?[0-9]{1,20}").fullmatch
_isFloat: Final = re.compile(
    r"-?[0-9]{1,20}(?:\.[0-9]{1,20})?(?:e[-+]?[0-9]{1,3})?"
).fullmatch


def _integer(text: str) -> object:
    return int(text) if _isInteger(text) else text


def _float(text: str) -> object:
    return float(text) if _isFloat(text) else text


def _optional(text: str) -> object:
    return None if text == "None" else text


def _optionalInteger(text: str) -> object:
    return None if text == "None" else _integer(text)


def _arguments(text: str) -> object:
    return None if text in ("None", "()") else text


#: What makes an attribute what it was, where that is not always text.  Only some
#: are None for some records; the others may well be the text "None".
_READERS: Final[dict[str, Callable[[str], object]]] = {
    "args": _arguments,
    "created": _float,
    "exc_info": _optional,
    "exc_text": _optional,
    "funcName": _optional,
    "levelno": _integer,
    "lineno": _integer,
    "msecs": _float,
    "process": _optionalInteger,
    "processName": _optional,
    "relativeCreated": _float,
    "stack_info": _optional,
    "taskName": _optional,
    "thread": _optionalInteger,
    "threadName": _optional,
}


def parseForm(body: bytes) -> dict[str, object]:
    """
    Read a query string or the body of a POST.

    Fields are separated by C{&} alone; of a field that is there twice the last
    counts; a percent sign that begins no escape is itself.

    @param body: The form, urlencoded.
    @return: The attributes of the record.  Standard attributes have their type
        again if they had its form, the arguments stay a literal; values that
        are no UTF-8 are bytes; all else is text.
    @raise WireError: C{MALFORMED}, there are no fields; C{TOO_COMPLEX}, there
        are more than L{FIELDS}.
    """
    if body.count(b"&") >= FIELDS:
        raise WireError(TOO_COMPLEX, f"the form has more than {FIELDS} fields")
    attributes: dict[str, object] = {}
    for field in body.replace(b"+", b" ").split(b"&"):
        if field:
            key, _, value = field.partition(b"=")
            value = unquote(value)
            name = unquote(key).decode("utf-8", "backslashreplace")
            read = _READERS.get(name)
            try:
                text = value.decode()
            except UnicodeDecodeError:
                attributes[name] = value
            else:
                attributes[name] = text if read is None else read(text)
    if not attributes:
        raise WireError(MALFORMED, "the form has no fields")
    return attributes


def unquote(quoted: bytes) -> bytes:
    """
    Undo escapes.

    @param quoted: What may have some.  A percent sign that begins none is itself.
    """
    if _PERCENT not in quoted:
        return quoted
    # Not unquote_to_bytes, which takes half a second and 180 MiB for a million
    # percent signs.
    if _STRAY.search(quoted) is None:
        # Quoted-printable is the same with another sign, and read in C.
        return a2b_qp(quoted.replace(b"=", b"=3D").replace(b"%", b"="))
    return _unquotedWithStrays(quoted)


def _unquotedWithStrays(quoted: bytes) -> bytes:
    slices = []
    start = 0
    while start < len(quoted):
        end = start + _SLICE
        percent = quoted.find(b"%", end - 2, end)
        # No escape has a percent sign in it but at its beginning.
        end = percent if percent > start else end
        slices.append(_ESCAPES.sub(_unescaped, quoted[start:end]))
        start = end
    return b"".join(slices)


def _unescaped(run: re.Match[bytes]) -> bytes:
    return bytes.fromhex(run[0].replace(b"%", b" ").decode("ascii"))
