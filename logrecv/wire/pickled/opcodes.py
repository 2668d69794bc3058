"""
The opcodes of pickle that the loop of the machine does not know by itself: one
function for each, in two tables.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

from logrecv.wire.pickled.containers import addItems, setItems
from logrecv.wire.pickled.placeholders import (
    BUFFER,
    EXTENSION,
    FROZENSET,
    PERSISTENT,
    SET,
    Call,
    Global,
    makeCall,
)
from logrecv.wire.pickled.scalars import SCALARS
from logrecv.wire.pickled.state import GLOBAL_WORK, LINE_WORK, State, malformed

#: The largest index into the memo that a text can give: the largest of the four
#: bytes of a LONG_BINPUT.
MAX_MEMO_INDEX: Final = 0xFFFFFFFF
_MEMO_INDEX_LENGTH: Final = len(str(MAX_MEMO_INDEX))

_HIGHEST_PROTOCOL: Final = 5

_Stack: TypeAlias = "list[object]"
_Opcode: TypeAlias = Callable[[State], None]
_MarkOpcode: TypeAlias = Callable[[State, _Stack], None]


# Tuples, lists, dicts and sets.


def _emptyTuple(state: State) -> None:
    state.stack.append(())


def _tuple1(state: State) -> None:
    state.spend(1)
    state.stack[-1] = (state.stack[-1],)


def _tuple2(state: State) -> None:
    state.spend(1)
    second = state.stack.pop()
    state.stack[-1] = (state.stack[-1], second)


def _tuple3(state: State) -> None:
    state.spend(1)
    third = state.stack.pop()
    second = state.stack.pop()
    state.stack[-1] = (state.stack[-1], second, third)


def _emptyList(state: State) -> None:
    state.spend(1)
    state.stack.append([])


def _append(state: State) -> None:
    item = state.stack.pop()
    addItems(state.stack[-1], [item])


def _setItem(state: State) -> None:
    value = state.stack.pop()
    key = state.stack.pop()
    setItems(state.stack[-1], [key, value], state)


def _emptySet(state: State) -> None:
    state.stack.append(makeCall(SET, ([],), state))


# The stack and the memo.


def _dup(state: State) -> None:
    state.stack.append(state.stack[-1])


def _put(state: State) -> None:
    state.memo.put(_memoIndex(state), state.stack[-1])


def _longBinPut(state: State) -> None:
    state.memo.put(state.unsigned(4), state.stack[-1])


def _get(state: State) -> None:
    state.stack.append(state.memo.get(_memoIndex(state)))


def _longBinGet(state: State) -> None:
    state.stack.append(state.memo.get(state.unsigned(4)))


def _memoIndex(state: State) -> int:
    state.work(LINE_WORK)
    line = state.line()
    # isdigit first: int takes signs, spaces and any number of zeros.
    if not line.isdigit() or len(line) > _MEMO_INDEX_LENGTH:
        malformed("an index into the memo is no number")
    index = int(line)
    if index > MAX_MEMO_INDEX:
        malformed("an index into the memo is too large")
    return index


# Names, calls and references to objects outside of the pickle.


def _global(state: State) -> None:
    state.work(GLOBAL_WORK)
    module = _name(state.line())
    name = _name(state.line())
    state.spend(1)
    state.stack.append(Global(module, name))


def _name(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")


def _stackGlobal(state: State) -> None:
    name = state.stack.pop()
    module = state.stack.pop()
    if type(module) is not str or type(name) is not str:
        malformed("the name of a global is no text")
    state.spend(1)
    state.stack.append(Global(module, name))


def _reduce(state: State) -> None:
    args = state.stack.pop()
    state.stack[-1] = makeCall(state.stack[-1], args, state)


def _newObjEx(state: State) -> None:
    kwargs = state.stack.pop()
    if type(kwargs) is not dict:
        malformed("keyword arguments are no mapping")
    args = state.stack.pop()
    state.stack[-1] = makeCall(state.stack[-1], args, state, kwargs)


def _build(state: State) -> None:
    sent = state.stack.pop()
    target = state.stack[-1]
    # A pickler sets the state of the result of a call only; plain data has no
    # place for a state.
    if type(target) is Call:
        target.state = sent


def _persId(state: State) -> None:
    state.work(LINE_WORK)
    state.stack.append(makeCall(PERSISTENT, (_name(state.line()),), state))


def _binPersId(state: State) -> None:
    state.stack[-1] = makeCall(PERSISTENT, (state.stack[-1],), state)


def _ext1(state: State) -> None:
    state.stack.append(makeCall(EXTENSION, (state.unsigned(1),), state))


def _ext2(state: State) -> None:
    state.stack.append(makeCall(EXTENSION, (state.unsigned(2),), state))


def _ext4(state: State) -> None:
    state.stack.append(makeCall(EXTENSION, (state.unsigned(4),), state))


def _nextBuffer(state: State) -> None:
    state.stack.append(makeCall(BUFFER, (), state))


def _readonlyBuffer(state: State) -> None:
    # Nobody writes to the value anyway; but there must be a value.
    state.stack[-1] = state.stack[-1]


# The form of the pickle.


def _proto(state: State) -> None:
    protocol = state.data[state.pos]
    if protocol > _HIGHEST_PROTOCOL:
        malformed(f"{protocol} is no protocol of pickle")
    state.pos += 1


def _frame(state: State) -> None:
    # A frame tells how much to read at a time: all is read already.
    if state.unsigned(8) > len(state.data) - state.pos:
        malformed("a frame is past the end of the payload")


#: The opcodes that take values from the top of the stack, or none.
OPCODES: Final[dict[int, _Opcode]] = {
    **SCALARS,
    ord("2"): _dup,
    ord("P"): _persId,
    ord("Q"): _binPersId,
    ord("R"): _reduce,
    ord("]"): _emptyList,
    ord("a"): _append,
    ord("b"): _build,
    ord("c"): _global,
    ord("g"): _get,
    ord("j"): _longBinGet,
    ord("p"): _put,
    ord("r"): _longBinPut,
    ord("s"): _setItem,
    ord(")"): _emptyTuple,
    0x80: _proto,
    0x81: _reduce,  # NEWOBJ: the function is a class
    0x82: _ext1,
    0x83: _ext2,
    0x84: _ext4,
    0x85: _tuple1,
    0x86: _tuple2,
    0x87: _tuple3,
    0x8F: _emptySet,
    0x92: _newObjEx,
    0x93: _stackGlobal,
    0x95: _frame,
    0x97: _nextBuffer,
    0x98: _readonlyBuffer,
}


# The opcodes that take all values down to the mark.  These are C{items}; the
# stack of the state has the values below the mark.


def _popMark(state: State, items: _Stack) -> None:
    pass


def _tuple(state: State, items: _Stack) -> None:
    state.spend(1)
    state.stack.append(tuple(items))


def _list(state: State, items: _Stack) -> None:
    state.spend(1)
    state.stack.append(items)


def _dict(state: State, items: _Stack) -> None:
    state.spend(2)
    made: dict[str, object] = {}
    setItems(made, items, state)
    state.stack.append(made)


def _appends(state: State, items: _Stack) -> None:
    addItems(state.stack[-1], items)


def _frozenSet(state: State, items: _Stack) -> None:
    state.stack.append(makeCall(FROZENSET, (items,), state))


def _inst(state: State, items: _Stack) -> None:
    state.work(GLOBAL_WORK)
    module = _name(state.line())
    name = _name(state.line())
    state.spend(1)
    state.stack.append(makeCall(Global(module, name), tuple(items), state))


def _obj(state: State, items: _Stack) -> None:
    state.stack.append(makeCall(items[0], tuple(items[1:]), state))


#: The opcodes that take all values down to the mark.
MARK_OPCODES: Final[dict[int, _MarkOpcode]] = {
    ord("1"): _popMark,
    ord("d"): _dict,
    ord("e"): _appends,
    ord("i"): _inst,
    ord("l"): _list,
    ord("o"): _obj,
    ord("t"): _tuple,
    0x90: _appends,  # ADDITEMS
    0x91: _frozenSet,
}
