"""
Items and keys that opcodes add to lists, dicts and placeholders.

The keys of every dict become text, so that nothing a client sent is hashed but
text.
"""

from __future__ import annotations

from typing import Final

from logrecv.wire.pickled.placeholders import SET, Call, Global
from logrecv.wire.pickled.scalars import REPAIR_COST
from logrecv.wire.pickled.state import FREE_NODES, State, malformed

#: The nodes that a key costs which is a float: writing it as text takes up to a
#: microsecond.
FLOAT_KEY_COST: Final = 3

#: The bytes of a key that are decoded at the cost of one node.  A key is decoded
#: each time it is used, and two bytes of the payload can use one long key again.
KEY_BYTES_PER_NODE: Final = 64

#: A tuple, or a call, is written out as a key if it has no more values than
#: this, each of them a number, a constant or a text of so many characters.
MAX_KEY_PARTS: Final = 6
MAX_KEY_PART: Final = 64

_SIMPLE_TYPES: Final = (int, float, bool)


def setItems(target: object, items: list[object], state: State) -> None:
    """
    Set keys and values in a dict or a L{Call}.

    @param items: The keys and the values in turns.
    @raise WireError: C{MALFORMED}, a key has no value, or C{target} is neither.
    """
    if not items:
        return
    if len(items) % 2:
        malformed("a key has no value")
    if type(target) is dict:
        mapping = target
        for at in range(0, len(items), 2):
            key = items[at]
            if type(key) is not str:
                key = _keyText(key, len(mapping), state)
            mapping[key] = items[at + 1]
    elif type(target) is Call:
        if target.pairs is None:
            target.pairs = []
        target.pairs.extend(zip(items[::2], items[1::2], strict=True))
    else:
        malformed("a key is set in a value that is no mapping")


def addItems(target: object, items: list[object]) -> None:
    """
    Add items to a list or a L{Call}.

    @raise WireError: C{MALFORMED}, C{target} is neither.
    """
    if type(target) is list:
        target.extend(items)
    elif type(target) is not Call:
        malformed("an item is added to a value that is no list")
    elif target.function is SET:
        # No client can send this very object: EMPTY_SET made the call.
        addItems(target.args[0], items)
    elif target.items is None:
        target.items = list(items)
    else:
        target.items.extend(items)


def _keyText(key: object, position: int, state: State) -> str:
    """
    Make a text of the key of a dict, in bounded time.

    Numbers and constants are written as C{str} does; bytes are read as UTF-8,
    or else as Latin-1, in which every byte is a character.  A name, a small
    tuple or a call with few and simple arguments is written out.  Any other key
    becomes its type and its position, so that two such keys differ.

    @param position: The number of keys before this key.
    """
    if type(key) is bytes:
        state.spend(len(key) // KEY_BYTES_PER_NODE)
        state.work(1)
        try:
            return key.decode()
        except UnicodeDecodeError:
            state.spend(REPAIR_COST)
            return key.decode("latin-1")
    state.work(1)
    if key is None or type(key) is int or type(key) is bool:
        return str(key)
    if type(key) is float:
        state.spend(FLOAT_KEY_COST)
        return str(key)
    state.spend(1)
    if type(key) is Global:
        return _globalText(key)
    kind = type(key).__name__
    if type(key) is tuple:
        parts = _partsText(key, state)
        if parts is not None:
            return f"({parts},)" if len(key) == 1 else f"({parts})"
    elif type(key) is Call and type(key.function) is Global:
        kind = _globalText(key.function)
        parts = _partsText(key.args, state)
        if parts is not None:
            return f"{kind}({parts})"
    return f"<{kind} {position}>"


def _globalText(name: Global) -> str:
    return f"{name.module[:MAX_KEY_PART]}.{name.name[:MAX_KEY_PART]}"


def _partsText(values: tuple[object, ...], state: State) -> str | None:
    """
    Write out a few simple values.

    @return: The text; L{None} if the values are too many or not simple, or if
        the rest of the record needs the nodes that are left.
    """
    count = len(values)
    if count > MAX_KEY_PARTS or state.left < FREE_NODES // 2:
        return None
    state.left -= count + 1
    for value in values:
        if type(value) is str:
            if len(value) > MAX_KEY_PART:
                return None
        elif value is not None and type(value) not in _SIMPLE_TYPES:
            return None
    return ", ".join(map(repr, values))
