"""
Any urlencoded form of an C{HTTPHandler} as the attributes of its record.

The handler sends C{str()} of every attribute.  A standard attribute is given its
type again.  Any other attribute stays text.
"""

from __future__ import annotations

import re
from binascii import a2b_qp
from collections.abc import Callable
from typing import Final

from logrecv.reasons import MALFORMED, TOO_COMPLEX
from logrecv.schema import ATTRIBUTES, Kind
from logrecv.wire.errors import WireError

#: The most fields that a form may have.  A record has 23 attributes, and further
#: attributes that its program adds.
FIELDS: Final = 1000

#: The bytes that are unquoted at a time: an escape between other bytes takes 90
#: bytes of memory meanwhile.
_SLICE_SIZE: Final = 64 * 1024

#: The first byte of an escape, as a number: C{bytes} finds a number five times
#: as fast as bytes.
_PERCENT: Final = 0x25

#: A percent sign that begins no escape.
_STRAY: Final = re.compile(rb"%(?![0-9A-Fa-f]{2})")

#: An escape.
_ESCAPE: Final = re.compile(rb"%[0-9A-Fa-f]{2}")

#: Numbers in the form that C{str} writes, and short enough to be read fast.
_isInteger: Final = re.compile(r"-?[0-9]{1,20}").fullmatch
_isFloat: Final = re.compile(
    r"-?[0-9]{1,20}(?:\.[0-9]{1,20})?(?:e[-+]?[0-9]{1,3})?"
).fullmatch


def _integer(text: str) -> object:
    return int(text) if _isInteger(text) else text


def _integerOrNone(text: str) -> object:
    return None if text == "None" else _integer(text)


def _float(text: str) -> object:
    return float(text) if _isFloat(text) else text


def _textOrNone(text: str) -> object:
    return None if text == "None" else text


def _arguments(text: str) -> object:
    return None if text in ("None", "()") else text


#: The reader of a kind of attribute: of an attribute that handlers always send, and
#: of an attribute that handlers may send as L{None}.  Without a reader the attribute
#: stays text: an attribute that no handler sends as L{None} may well be the text
#: C{None}.
_READERS_OF_KIND: Final[
    dict[Kind, tuple[Callable[[str], object] | None, Callable[[str], object]]]
] = {
    Kind.TEXT: (None, _textOrNone),
    Kind.INTEGER: (_integer, _integerOrNone),
    Kind.FLOAT: (_float, _float),
    Kind.TIME: (_float, _float),
    Kind.MESSAGE: (None, _textOrNone),
    Kind.ARGUMENTS: (None, _arguments),
    Kind.EXCEPTION: (None, _textOrNone),
}

#: The reader of each standard attribute that is not always text.
READERS: Final = {
    attribute.name: reader
    for attribute in ATTRIBUTES
    if (reader := _READERS_OF_KIND[attribute.kind][attribute.isOptional])
}


def parseForm(body: bytes) -> dict[str, object]:
    """
    Read a query string or the body of a POST::

        >>> parseForm(b"msg=hello+%25s&args=None&lineno=7")
        {'msg': 'hello %s', 'args': None, 'lineno': 7}

    Only C{&} separates fields.  If a field is there twice, the last value counts.
    A percent sign that begins no escape stands for itself.

    @param body: The form, urlencoded.
    @return: The attributes of the record.  A standard attribute has its type
        again if its text has the right form.  The arguments stay a literal.  A
        value that is not UTF-8 is bytes.  Any other value is text.
    @raise WireError: C{MALFORMED}: there are no fields; C{TOO_COMPLEX}: there
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
            read = READERS.get(name)
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
    Replace escapes by the bytes that they stand for.

    @param quoted: Any bytes.  A percent sign that begins no escape stands for
        itself.
    """
    if _PERCENT not in quoted:
        return quoted
    # Not unquote_to_bytes, which takes half a second and 180 MiB for a million
    # percent signs.
    if _STRAY.search(quoted) is None:
        # Quoted-printable is the same with another sign, and is read in C.
        return a2b_qp(quoted.replace(b"=", b"=3D").replace(b"%", b"="))
    return _unquoteSlices(quoted)


def _unquoteSlices(quoted: bytes) -> bytes:
    """
    Do as L{unquote}, slice by slice, where some percent signs begin no escape.
    """
    slices = []
    start = 0
    while start < len(quoted):
        end = start + _SLICE_SIZE
        # An escape that begins at the end of the slice is left to the next one.
        percent = quoted.find(b"%", end - 2, end)
        end = percent if percent > start else end
        part = quoted[start:end]
        if _ESCAPE.search(part):
            part = unquote(_escapeStray(part))
        slices.append(part)
        start = end
    return b"".join(slices)


def _escapeStray(quoted: bytes) -> bytes:
    """
    Escape each percent sign that begins no escape.
    """
    # Of neighbours only the last can begin an escape.  Two steps, since each step
    # passes over every other pair.
    for _ in range(2):
        quoted = quoted.replace(b"%%", b"%25%")
    return _STRAY.sub(b"%25", quoted)
