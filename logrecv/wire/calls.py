"""
Pickled calls as data: the name of the function, the arguments, and the forms
that a call may take on its way to JSON.

A function that a client named is never looked up.  Its name is only compared
with the names in the tables of L{logrecv.wire.reconstruct}.
"""

from __future__ import annotations

from _compat_pickle import IMPORT_MAPPING, NAME_MAPPING
from collections.abc import Iterable
from itertools import chain
from typing import Final

from logrecv.wire.pickled.placeholders import Call, Global

#: The longest name of a module, and of a class in a module, in characters.  No
#: real name is longer.  A client can build a long name by repeating one text.
NAME_LENGTH: Final = 1000


class Pairs:
    """
    The keys and values of a mapping, before the keys are made text.

    @ivar pairs: The keys and values, in their order.
    """

    __slots__ = ("pairs",)

    def __init__(self, pairs: Iterable[tuple[object, object]]) -> None:
        self.pairs = pairs


class Opaque:
    """
    An instance of a class that has no JSON form of its own.

    @ivar name: The full name of the class.
    @ivar args: The arguments of the call that makes the instance.
    @ivar kwargs: The keyword arguments, if there are any.
    @ivar state: The attributes of the instance; empty if none were sent.
    """

    __slots__ = ("args", "kwargs", "name", "state")

    def __init__(
        self,
        name: str,
        args: Iterable[object],
        kwargs: dict[str, object] | None = None,
        state: object = None,
    ) -> None:
        self.name = name
        self.args = args
        self.kwargs = kwargs
        self.state = {} if state is None else _mergedState(state)


def _mergedState(state: object) -> object:
    """
    Merge the two halves in which an object with C{__slots__} sends its state.

    @return: All attributes; any other state as it is.
    """
    if not isinstance(state, tuple) or len(state) != 2:
        return state
    attributes, slots = state
    if not isinstance(slots, dict) or not isinstance(attributes, (dict, type(None))):
        return state
    return Pairs(chain((attributes or {}).items(), slots.items()))


def nameOf(function: object) -> str:
    """
    Name the function or class that a pickle calls.

    @param function: The function of a L{Call}, or any other value.
    @return: The full name, as Python 3 spells it (the stock handlers write the
        module names of Python 2); empty if C{function} has no name.
    """
    if isinstance(function, Global):
        module = function.module[:NAME_LENGTH]
        name = function.name[:NAME_LENGTH]
        if (module, name) in NAME_MAPPING:
            module, name = NAME_MAPPING[module, name]
        return f"{IMPORT_MAPPING.get(module, module)}.{name}"
    if isinstance(function, Call) and isinstance(function.function, Global):
        return _methodName(function)
    return ""


def _methodName(call: Call) -> str:
    """
    Name the method that a call of C{getattr} finds: a pickle of the stock
    handlers spells methods so.

    @return: The full name; empty for any other call.
    """
    if nameOf(call.function) != "builtins.getattr" or len(call.args) != 2:
        return ""
    owner, name = call.args
    if not isinstance(owner, Global) or not isinstance(name, str):
        return ""
    return f"{nameOf(owner)}.{name[:NAME_LENGTH]}"


def readText(value: object) -> str:
    """
    Read an argument that has to be text.

    @param value: Text, or the ASCII bytes that Python 2 sends for text.
    @raise TypeError: C{value} is neither text nor bytes.
    @raise UnicodeDecodeError: The bytes are not ASCII.
    """
    if isinstance(value, bytes):
        return value.decode("ascii")
    if not isinstance(value, str):
        raise TypeError
    return value


def readBytes(value: object) -> bytes:
    """
    Read an argument that has to be bytes.

    @param value: Bytes, or the call that Python 3 sends for bytes.
    @raise TypeError: C{value} is of another type.
    @raise ValueError: C{value} is another call, or has characters that are no
        bytes.
    """
    if isinstance(value, bytes):
        return value
    if not isinstance(value, Call):
        raise TypeError
    name = nameOf(value.function)
    if name == "_codecs.encode":
        return encodedText(value)
    if name == "builtins.bytes" and not value.args:
        return b""
    raise ValueError


def encodedText(call: Call) -> bytes:
    """
    Read bytes that were sent as a text and C{latin1}, the name of its encoding.

    @raise TypeError: The arguments are others.
    @raise ValueError: There are more or fewer arguments, or characters that are
        no bytes.
    """
    text, encoding = call.args
    isLatin1 = encoding in ("latin1", "latin-1", b"latin1", b"latin-1")
    if not isLatin1 or not isinstance(text, str):
        raise TypeError
    return text.encode("latin-1")
