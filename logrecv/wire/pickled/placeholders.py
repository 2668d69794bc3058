"""
Placeholders for the objects that a pickle names or would make.
"""

from __future__ import annotations

from typing import Final

from logrecv.wire.pickled.state import State


class Global:
    """
    A name that the client sent.  The name is never looked up.

    @ivar module: The module, as the client wrote it.
    @ivar name: The name in that module, as the client wrote it.
    """

    __slots__ = ("module", "name")

    def __init__(self, module: str, name: str) -> None:
        self.module: str = module
        self.name: str = name

    def __repr__(self) -> str:
        return f"<Global {self.module[:64]}.{self.name[:64]}>"


class Call:
    """
    The parts of an object that a real unpickler would make by a call.

    @ivar function: The function that would be called: a L{Global}, as a rule.
    @ivar args: The arguments.
    @ivar kwargs: The keyword arguments, or L{None} if the client sent none.
    @ivar state: The state that would be set on the result, or L{None}.
    @ivar items: The items that would be added to the result as to a list or a
        set, or L{None}.
    @ivar pairs: The keys and values that would be set in the result, or
        L{None}.  Keys stay as sent: only the keys of a plain dict become text.
    """

    __slots__ = ("args", "function", "items", "kwargs", "pairs", "state")

    def __init__(
        self,
        function: object,
        args: tuple[object, ...],
        kwargs: dict[str, object] | None = None,
    ) -> None:
        self.function: object = function
        self.args: tuple[object, ...] = args
        self.kwargs: dict[str, object] | None = kwargs
        self.state: object = None
        self.items: list[object] | None = None
        self.pairs: list[tuple[object, object]] | None = None

    def __repr__(self) -> str:
        if isinstance(self.function, Global):
            return f"<Call of {self.function!r}>"
        return "<Call>"


# The functions that the machine itself names.  No client can send these objects,
# only objects with the same names.

#: The function of an EMPTY_SET.
SET: Final = Global("builtins", "set")

#: The function of a FROZENSET.
FROZENSET: Final = Global("builtins", "frozenset")

#: The functions of numbers that are too long to be read.
INT: Final = Global("builtins", "int")
INT_FROM_BYTES: Final = Global("builtins", "int.from_bytes")
FLOAT: Final = Global("builtins", "float")

#: The functions of references to objects outside of the pickle.
PERSISTENT: Final = Global("pickle", "persistent_load")
EXTENSION: Final = Global("pickle", "get_extension")
BUFFER: Final = Global("pickle", "next_buffer")


def makeCall(
    function: object,
    args: object,
    state: State,
    kwargs: dict[str, object] | None = None,
) -> Call:
    """
    Make a placeholder for a call.

    @param args: The arguments.  No pickler writes arguments that are no tuple;
        such a value becomes the only argument.
    """
    state.spend(2)
    return Call(function, args if type(args) is tuple else (args,), kwargs)
