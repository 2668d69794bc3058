"""
The meaning of pickled calls, by the names of the functions and classes.

A pickle writes an instance of a class as a call: the name of the class, the
arguments, and the state to set afterwards.  The tables of this module tell how
to read the calls of the standard library's classes as data.  Nothing is
imported and nothing is called.  A call of anything else becomes L{Opaque}.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from itertools import chain
from pathlib import PurePosixPath, PureWindowsPath
from typing import Final
from uuid import UUID

from logrecv.wire import datetimes
from logrecv.wire.calls import (
    Opaque,
    Pairs,
    encodedText,
    nameOf,
    readBytes,
    readText,
)
from logrecv.wire.numbers import integerText
from logrecv.wire.pickled.placeholders import Call, Global

#: The longest path, in characters.  No system has longer paths.  A client can
#: build a long path by repeating one text.
PATH_LENGTH: Final = 65536

_DECIMAL: Final = re.compile(
    r"[-+]?(?:[0-9]++(?:\.[0-9]*+)?(?:E[-+]?[0-9]++)?|Infinity|s?NaN[0-9]*+)"
)
_INTEGER: Final = re.compile(r"-?[0-9]++L?")
_FRACTION: Final = re.compile(r"-?[0-9]++(?:/[0-9]++)?")


def unfold(call: Call) -> object:
    """
    Read a call as the value that it makes.

    @return: A value that is one step nearer to plain data, and is no L{Call}.
        The parts of the value may still be calls.
    """
    name = nameOf(call.function)
    try:
        return READERS[name](call)
    except (ArithmeticError, LookupError, TypeError, ValueError):
        # Not a known class, or not a call that the class would have sent.
        pass
    if call.pairs:
        return Pairs(call.pairs)
    if call.items:
        return call.items
    args = call.args if name else (call.function, *call.args)
    return Opaque(name or "?", args, call.kwargs, call.state)


def underlying(value: object) -> object:
    """
    Unwrap a text or a number that a pickle sends as a call.

    @param value: Anything.
    @return: The text, bytes or number, if C{value} is an instance of a subclass
        of these or is sent by way of one of the functions for them; else
        C{value} as it is.
    """
    if not isinstance(value, Call):
        return value
    if nameOf(value.function) not in _WRAPPERS:
        return value
    inner = unfold(value)
    return inner if type(inner) in _SCALARS else value


# -- copyreg: the ways in which instances of any class are sent --


def _readReconstructor(call: Call) -> object:
    """
    Read C{copyreg._reconstructor}: protocol 1 sends an instance of a class so,
    as the class, the built-in base of the class, and the value of the base.
    """
    owner, base, value = call.args
    baseName = nameOf(base)
    if baseName == "builtins.object" and isinstance(owner, Global):
        if nameOf(owner) == "uuid.UUID":
            return _readUUID(call)
        return Opaque(nameOf(owner), (), None, call.state)
    if baseName == "builtins.bytes":
        return readBytes(value)
    if type(value) is not _BASES[baseName]:
        raise TypeError
    return value


def _readNewObject(call: Call) -> object:
    """
    Read C{copyreg.__newobj__}: protocol 2's way to send an instance, where it
    is sent by REDUCE.
    """
    owner = call.args[0]
    made = Call(owner, call.args[1:])
    made.state, made.items, made.pairs = call.state, call.items, call.pairs
    if nameOf(owner) in _INDIRECT:
        raise ValueError
    return unfold(made)


# -- containers and bytes --


def _readElements(call: Call) -> list[object]:
    sent = call.args[0] if call.args else ()
    if not isinstance(sent, (list, tuple)):
        raise TypeError
    return [*sent, *(call.items or ())]


def _readMapping(call: Call) -> Pairs:
    pairs: Iterable[tuple[object, object]] = ()
    # The argument of a defaultdict is the function that makes its values.
    (sent,) = call.args or (None,)
    if isinstance(sent, dict):
        pairs = sent.items()
    elif isinstance(sent, (list, tuple)):
        pairs = [(key, value) for key, value in sent]
    return Pairs(chain(pairs, call.pairs or ()))


def _readBytearray(call: Call) -> bytes:
    if len(call.args) == 2:
        return encodedText(call)
    (sent,) = call.args or (b"",)
    return readBytes(sent)


# -- numbers --


def _readLongInteger(call: Call) -> str:
    """
    Read the call that the pickle machine makes of many decimal digits.
    """
    (text,) = map(readText, call.args)
    if not _INTEGER.fullmatch(text):
        raise ValueError
    return text.removesuffix("L")


def _readLongIntegerBytes(call: Call) -> str:
    """
    Read the call that the pickle machine makes of the bytes of a long integer.
    """
    raw, order = call.args
    if order != "little":
        raise ValueError
    return integerText(int.from_bytes(readBytes(raw), "little", signed=True))


def _readDecimal(call: Call) -> str:
    (text,) = map(readText, call.args)
    if not _DECIMAL.fullmatch(text):
        raise ValueError
    return text


def _readFraction(call: Call) -> str:
    if len(call.args) == 1:
        text = readText(call.args[0])
        if not _FRACTION.fullmatch(text):
            raise ValueError
        return text
    numerator, denominator = call.args
    if type(numerator) is not int or type(denominator) is not int:
        raise TypeError
    if denominator == 1:
        return integerText(numerator)
    return f"{integerText(numerator)}/{integerText(denominator)}"


# -- identifiers and paths --


def _readUUID(call: Call) -> str:
    if not isinstance(call.state, dict):
        raise TypeError
    number = call.state["int"]
    if type(number) is not int:
        raise TypeError
    return str(UUID(int=number))


def _readPosixPath(call: Call) -> str:
    return str(PurePosixPath(*_pathParts(call)))


def _readWindowsPath(call: Call) -> str:
    return str(PureWindowsPath(*_pathParts(call)))


def _pathParts(call: Call) -> list[str]:
    parts = list(map(readText, call.args))
    if sum(map(len, parts)) > PATH_LENGTH:
        raise ValueError
    return parts


# -- the tables --

#: The built-in classes a value of which may be the base of an instance.
_BASES: Final[dict[str, type]] = {
    "builtins.dict": dict,
    "builtins.float": float,
    "builtins.int": int,
    "builtins.list": list,
    "builtins.str": str,
    "builtins.tuple": tuple,
}

#: The types that L{underlying} unwraps, and the functions that wrap these.
_SCALARS: Final = {str, bytes, int, float}
_WRAPPERS: Final = {"_codecs.encode", "builtins.bytes", "copyreg._reconstructor"}

#: The functions that return an instance of a class that is their argument.
_INDIRECT: Final = {"copyreg._reconstructor", "copyreg.__newobj__"}

#: The reader of each known function and class, by its full name.  A reader
#: raises L{ArithmeticError}, L{LookupError}, L{TypeError} or L{ValueError} if
#: the class would never have sent the call.
READERS: Final[dict[str, Callable[[Call], object]]] = {
    "_codecs.encode": readBytes,
    "builtins.bytearray": _readBytearray,
    "builtins.bytes": readBytes,
    "builtins.int": _readLongInteger,
    "builtins.int.from_bytes": _readLongIntegerBytes,
    "builtins.frozenset": _readElements,
    "builtins.set": _readElements,
    "collections.Counter": _readMapping,
    "collections.OrderedDict": _readMapping,
    "collections.defaultdict": _readMapping,
    "collections.deque": _readElements,
    "copyreg.__newobj__": _readNewObject,
    "copyreg._reconstructor": _readReconstructor,
    **datetimes.READERS,
    "decimal.Decimal": _readDecimal,
    "fractions.Fraction": _readFraction,
    "uuid.UUID": _readUUID,
    # A path of any version of Python: its module has had two names.
    **{
        f"{module}.{pure}{system}Path": read
        for module in ("pathlib", "pathlib._local")
        for pure in ("", "Pure")
        for system, read in (("Posix", _readPosixPath), ("Windows", _readWindowsPath))
    },
}
