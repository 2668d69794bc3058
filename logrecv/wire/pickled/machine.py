"""
The data-only pickle machine: decode pickled bytes to plain data.

This is not an unpickler.  Nothing is imported, nothing is called and no
attribute is set, because no code for it is here: an opcode that names a global,
calls a global or sets a state leaves a L{Global} or a L{Call}, which keep the
words of the client and do nothing.

The machine has the three parts of any pickle machine.  The B{dispatch} is the
loop of L{loads}: the opcodes of stock handlers come first in the loop, and every
other opcode is one function in L{opcodes<logrecv.wire.pickled.opcodes>}.  The
B{stack} is a list; a MARK puts the stack aside and begins another, so an opcode
that takes all values "down to the mark" gets the stack as it stands, and cannot
reach below the mark.  The B{memo} is a L{Memo}.

Bounds
======

An opcode takes one byte at least and pushes one value at most, and every
length is held against the bytes that are left, so the size of a payload bounds
its operations, its stack and its texts.  Anything that costs much more than its
bytes has a bound of its own: a constant beside the code, with its reason.  The
opcodes of the loop take 1 ns to 20 ns a byte where it is compiled, and up to
100 ns in Python.  The work of all other opcodes is bounded absolutely, by
L{MAX_WORK<logrecv.wire.pickled.state.MAX_WORK>}.  Structures may be deep, cyclic
or shared: nothing here walks a structure, and nothing hashes a structure, because
the keys of every dict are text.
"""

from __future__ import annotations

from struct import error as StructError
from sys import intern
from typing import Final

from logrecv.reasons import MALFORMED, NOT_A_RECORD, TOO_COMPLEX
from logrecv.schema import ATTRIBUTES
from logrecv.wire.errors import WireError
from logrecv.wire.pickled.containers import setItems
from logrecv.wire.pickled.opcodes import MARK_OPCODES, OPCODES
from logrecv.wire.pickled.scalars import longText, readFloat, repairText
from logrecv.wire.pickled.state import State, malformed, tooManyOpcodes

#: The open marks at a time.  A pickler has one open mark for each level of
#: nesting, and CPython's C picklers reach 10,000 levels at most.
MAX_MARKS: Final = 16_384

#: True if this module is compiled.
COMPILED: Final = not __file__.endswith((".py", ".pyc"))

#: The name of this form of the module, as users see it.
IMPLEMENTATION: Final = "compiled" if COMPILED else "python"

#: The same as C{COMPILED}, where the loop reads it as a C variable.  Work byte by
#: byte is quick in C and slow in Python, so a few things are done in two ways.
_COMPILED: Final = COMPILED

# The opcodes that the loop itself knows.
_MARK: Final = 0x28  # (
_STOP: Final = 0x2E  # .
_POP: Final = 0x30  # 0
_BINFLOAT: Final = 0x47  # G
_BININT1: Final = 0x4B  # K
_LONG: Final = 0x4C  # L
_BININT2: Final = 0x4D  # M
_NONE: Final = 0x4E  # N
_BINUNICODE: Final = 0x58  # X
_BINPUT: Final = 0x71  # q
_SETITEMS: Final = 0x75  # u
_BINGET: Final = 0x68  # h
_SHORT_BINUNICODE: Final = 0x8C
_MEMOIZE: Final = 0x94
_EMPTY_DICT: Final = 0x7D  # }

_OPCODES: Final = OPCODES
_MARK_OPCODES: Final = MARK_OPCODES

#: A decimal integer of so many digits is less than 2**63.
_FEW_DIGITS: Final = 18
_L: Final = 0x4C
_LINE_FEED: Final = 0x0A


def loads(payload: bytes) -> dict[str, object]:
    """
    Decode one pickled mapping, of any protocol, to plain data.

    None, bool, int, float, str, bytes, bytearray, list, tuple and dict are
    themselves; sets are L{Call}s of C{builtins.set} or C{builtins.frozenset}
    with one list; everything else is a L{Global} or a L{Call}.  A byte string
    of Python 2 is bytes, and so is text that is no UTF-8.  The result may be
    deep, shared and cyclic.

    @param payload: The pickle, nothing more and nothing less.
    @return: The mapping.  All keys of the mapping, and of the dicts in it, are
        text.
    @raise WireError: C{MALFORMED}, the payload is no pickle; C{TOO_COMPLEX}, it
        is past a bound; C{NOT_A_RECORD}, it is a pickle of something else.
    """
    try:
        return _run(payload)
    except (LookupError, OverflowError, StructError, ValueError):
        # The payload is to blame for each: a stack or a payload that ends early,
        # a memo without the entry, digits that are none.
        raise WireError(MALFORMED, "the payload is no complete pickle") from None


def _run(data: bytes) -> dict[str, object]:
    """
    Run the opcodes up to the STOP.

    The position and the stack are local variables for speed; C{state} has both
    only while an opcode's function runs.
    """
    state = State(data)
    memo = state.memo
    entries = memo.entries
    marks: list[list[object]] = []
    stack = state.stack
    pos = 0
    while True:
        code = data[pos]
        pos += 1

        # Texts and their memo entries are most of any record, and one text often
        # follows another.  A text that reaches past the end is cut short by its
        # slice, and then there is no next opcode.
        while code == _BINUNICODE:
            start = pos + 4
            length = data[pos]
            if data[pos + 1] or data[pos + 2] or data[pos + 3]:
                length = int.from_bytes(data[pos:start], "little")
            pos = start + length
            text: object = None
            if _COMPILED and 0 < length <= _LONGEST_KNOWN:
                text = _knownText(data, start, pos)
            if text is None:
                try:
                    text = data[start:pos].decode()
                except UnicodeDecodeError:
                    text = repairText(data[start:pos], state)
            stack.append(text)
            code = data[pos]
            pos += 1
            if code == _BINPUT:
                index = data[pos]
                if index == len(entries):
                    entries.append(text)
                else:
                    memo.put(index, text)
                code = data[pos + 1]
                pos += 2

        if code == _NONE:
            stack.append(None)
        elif code == _BINFLOAT:
            stack.append(readFloat(data, pos))
            pos += 8
        elif code == _BININT1:
            stack.append(data[pos])
            pos += 1
        elif code == _BININT2:
            stack.append(data[pos] | data[pos + 1] << 8)
            pos += 2
        elif code == _BINPUT:
            memo.put(data[pos], stack[-1])
            pos += 1
        elif code == _MARK:
            if len(marks) == MAX_MARKS:
                raise WireError(TOO_COMPLEX, "the pickle has too many open marks")
            marks.append(stack)
            stack = []
        elif code == _LONG:
            number = 0
            end = pos
            while _COMPILED and end < pos + _FEW_DIGITS and 48 <= data[end] <= 57:
                number = number * 10 + data[end] - 48
                end += 1
            if end > pos and data[end] == _L and data[end + 1] == _LINE_FEED:
                stack.append(number)
                pos = end + 2
            else:
                state.pos = pos
                state.stack = stack
                longText(state)
                pos = state.pos
        elif code == _EMPTY_DICT:
            state.spend(2)
            stack.append({})
        elif code == _SETITEMS:
            items = stack
            stack = marks.pop()
            setItems(stack[-1], items, state)
        elif code == _BINGET:
            stack.append(memo.get(data[pos]))
            pos += 1
        elif code == _SHORT_BINUNICODE:
            start = pos + 1
            pos = start + data[pos]
            try:
                text = data[start:pos].decode()
            except UnicodeDecodeError:
                text = repairText(data[start:pos], state)
            stack.append(text)
        elif code == _MEMOIZE:
            memo.put(memo.size(), stack[-1])
        elif code in _OPCODES:
            state.workLeft -= 1
            if state.workLeft < 0:
                tooManyOpcodes()
            state.pos = pos
            state.stack = stack
            _OPCODES[code](state)
            pos = state.pos
        elif code in _MARK_OPCODES:
            state.workLeft -= 1
            if state.workLeft < 0:
                tooManyOpcodes()
            items = stack
            stack = marks.pop()
            state.pos = pos
            state.stack = stack
            _MARK_OPCODES[code](state, items)
            pos = state.pos
        elif code == _POP:
            if stack:
                stack.pop()
            else:
                state.work(1)
                stack = marks.pop()
        elif code == _STOP:
            if pos != len(data):
                malformed("bytes follow the STOP")
            if marks or len(stack) != 1:
                malformed("the STOP finds more than one value, or none")
            root = stack[0]
            if type(root) is not dict:
                raise WireError(NOT_A_RECORD, "the pickle is not one of a mapping")
            return root
        else:
            malformed(f"0x{code:02x} is no opcode")


# Nearly every record has the same few texts.  These are looked up by their bytes
# and not made anew: a table of slots has room for each text in a slot of its own.

#: The names of the attributes, and the values that most records have.
_KNOWN: Final = (
    *(attribute.name for attribute in ATTRIBUTES),
    *("DEBUG", "INFO", "WARNING", "ERROR", "MainThread", "MainProcess"),
)
_LONGEST_KNOWN: Final = max(map(len, _KNOWN))
_SLOTS: Final = 64
_KNOWN_BYTES: Final = [b""] * _SLOTS
_KNOWN_TEXTS: Final = [""] * _SLOTS


def _knownText(data: bytes, start: int, end: int) -> str | None:
    """
    Look up a known text.

    @return: The text from C{start} to C{end}; L{None} if it is not in L{_KNOWN}.
    """
    slot = _slot(data, start, end)
    known = _KNOWN_BYTES[slot]
    if len(known) == end - start and data.startswith(known, start, end):
        return _KNOWN_TEXTS[slot]
    return None


def _slot(data: bytes, start: int, end: int) -> int:
    """
    Find the slot of a text.  No two texts of L{_KNOWN} have the same slot.
    """
    middle = data[(start + end) >> 1]
    return (data[start] + middle + data[end - 1] * 22 + end - start) & (_SLOTS - 1)


for _known in _KNOWN:
    _at = _slot(_known.encode(), 0, len(_known))
    _KNOWN_BYTES[_at] = _known.encode()
    # An interned text is found quickly as a key: code compares by identity first.
    _KNOWN_TEXTS[_at] = intern(_known)
