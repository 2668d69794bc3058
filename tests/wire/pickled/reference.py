"""
The harmless unpickler of the standard library, and the comparison of its results
with the results of the pickle machine.
"""

from __future__ import annotations

import pickle
from typing import Any

from logrecv.wire.pickled.placeholders import Call, Global


class Stub:
    """
    The object that L{Reference} makes of a global: a function or a class to call.
    """

    def __init__(self, name: tuple[str, str]) -> None:
        self.name = name

    def __call__(self, *args: object) -> StubCall:
        return StubCall(self, args)

    def __reduce__(self) -> Any:
        raise NotImplementedError


class StubCall:
    """
    The result of calling a L{Stub}: notes the state, the items and the pairs.
    """

    def __init__(self, function: Stub, args: tuple[object, ...]) -> None:
        self.function = function
        self.args = args
        self.state: object = None
        self.items: list[object] = []
        self.pairs: list[tuple[object, object]] = []

    def __setstate__(self, state: object) -> None:
        self.state = state

    def append(self, item: object) -> None:
        self.items.append(item)

    def __setitem__(self, key: object, value: object) -> None:
        self.pairs.append((key, value))


class Reference(pickle._Unpickler):  # type: ignore[name-defined,misc]
    """
    The unpickler of the standard library with stubs for globals.
    """

    def find_class(self, module: str, name: str) -> Any:
        return Stub((module, name))


def neutral(root: object) -> object:
    """
    Bring a result of the machine or of the reference to a form that can be compared.
    Placeholders become tuples, and a container that was seen before becomes its
    number.
    """
    seen: dict[int, int] = {}

    def walk(each: Any) -> Any:
        if isinstance(each, (Global, Stub)):
            name = (each.module, each.name) if isinstance(each, Global) else each.name
            return ("global", *name)
        if not isinstance(each, (list, tuple, dict, Call, StubCall)) or each == ():
            return (type(each).__name__, repr(each))
        if id(each) in seen:
            return ("seen", seen[id(each)])
        seen[id(each)] = len(seen)
        if isinstance(each, (list, tuple)):
            return (type(each).__name__, [walk(item) for item in each])
        if isinstance(each, dict):
            return ("dict", [(key, walk(item)) for key, item in each.items()])
        return (
            "call",
            walk(each.function),
            walk(each.args),
            walk(each.state),
            [walk(item) for item in each.items or ()],
            [(walk(key), walk(item)) for key, item in each.pairs or ()],
        )

    return walk(root)
