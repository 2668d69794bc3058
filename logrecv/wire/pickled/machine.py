"""
The data-only pickle machine: pickled bytes in, plain data out.

This is not an unpickler.  Nothing is imported, nothing is called and no
attribute is set, because no code for it is here: an opcode that names a global,
calls one or sets state leaves a L{Global} or a L{Call}, which say what the
client wrote and do nothing.

There are the three parts that any pickle machine has.  The B{dispatch} is the
loop of L{loads}: what stock handlers send comes first in it, all else is one
function an opcode in two tables.  The B{stack} is a list; a MARK puts it aside
and begins another, so what an opcode takes "down to the mark" is a list as it
stands, and nothing below a mark can be reached.  The B{memo} is a dict.

Bounds
======

An opcode takes one byte at least and pushes one value at most, and every
length is held against the bytes that are left, so whoever bounds the bytes
bounds operations, stack and text.  What costs much more than its bytes has a
bound of its own: the constants below, each with its reason.  Work is linear in
the bytes whatever they are.  Structures may be deep, cyclic or shared: nothing
here walks them, and nothing hashes them, for the keys of every dict are text.
"""

from __future__ import annotations

import re
from codecs import escape_decode
from collections.abc import Callable
from struct import Struct
from struct import error as StructError
from sys import intern
from typing import Final, NoReturn, TypeAlias

from logrecv.reasons import MALFORMED, NOT_A_RECORD, TOO_COMPLEX
from logrecv.wire.errors import WireError

#: The longest integer that becomes an int: 256 bits hold an address, a UUID or
#: a SHA-256.  Reading decimal digits and writing them takes time in the square
#: of their number, and CPython refuses it from 640 digits on where it is so
#: configured; at this size both cost no more than a short text.  Longer ones
#: stay as sent, in the arguments of a L{Call}.
MAX_INTEGER_BYTES: Final = 32
MAX_INTEGER_DIGITS: Final = 78

#: The longest decimal text that becomes a float.  C{repr} writes 24 characters
#: at most; longer ones stay as sent, in the arguments of a L{Call}.
MAX_FLOAT_DIGITS: Final = 64

#: The open marks at a time.  A pickler has one open for each level it is down,
#: and CPython's C picklers reach 10,000 at most.
MAX_MARKS: Final = 16_384

#: The entries of the memo.  What a stock handler sends takes 6 bytes at least
#: for each entry past the first 256 (C{]r} and a four-byte index), which makes
#: 175,000 in the largest payload taken by default, 1 MiB.
MAX_MEMO: Final = 200_000

#: The largest index into the memo that text can give: as much as the four
#: bytes of LONG_BINPUT can.
MAX_MEMO_INDEX: Final = 0xFFFFFFFF

#: The nodes: list and tuple count one, dict and L{Call} two, because that is
#: how their sizes compare (50 to 130 and 190 to 260 bytes); L{Global} one; text
#: to repair and keys to render cost by the time they take.  In what a stock
#: handler sends, a list takes 6 bytes with its memo entry and a dict of one key
#: 11, save for the 256 that have a shorter entry; protocol 4 is shorter still.
FREE_NODES: Final = 1_000
BYTES_PER_NODE: Final = 4
#: So many nodes are 30 MiB at most.
MAX_NODES: Final = 200_000

#: How many nodes it counts for to repair a text: two exceptions and two
#: handlers take as long as making so many.
REPAIR_COST: Final = 8

#: And to write a float, which is a key, as text: up to a microsecond.
FLOAT_KEY_COST: Final = 3

#: The bytes of a key that are decoded at the cost of one node; a key is decoded
#: each time it is used, and one long key can be used at 2 bytes a time.
KEY_BYTES_PER_NODE: Final = 64

#: A tuple of values, or a call with such arguments, is its own text as a key
#: when it has no more values than this, each of them a number, a constant or
#: a text of up to so many characters.
MAX_KEY_PARTS: Final = 6
MAX_KEY_PART: Final = 64

# The opcodes that the loop itself knows; the tables at the end have the rest.
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
_LONG_BINPUT: Final = 0x72  # r
_SETITEMS: Final = 0x75  # u
_EMPTY_DICT: Final = 0x7D  # }

_HIGHEST_PROTOCOL: Final = 5

# What is where the memo has no entry.
_ABSENT: Final = object()

_float = Struct(">d").unpack_from

#: Whether this module is compiled.
COMPILED: Final = not __file__.endswith((".py", ".pyc"))

#: What this form of the module is called where users see it.
IMPLEMENTATION: Final = "compiled" if COMPILED else "python"

# What goes byte by byte is the fast way then and the slow way otherwise, so there
# are two ways to do a few things.
_COMPILED: Final = COMPILED

# The texts that nearly every record has: looked up, not made anew.
_KNOWN: Final = tuple(
    """
    name msg args levelname levelno pathname filename module exc_info exc_text
    stack_info lineno funcName created msecs relativeCreated thread threadName
    processName process taskName DEBUG INFO WARNING ERROR MainThread MainProcess
    """.split()  # noqa: SIM905
)
_LONGEST_NAME: Final = max(map(len, _KNOWN))
_SLOTS: Final = 64
_KNOWN_BYTES: Final = [b""] * _SLOTS
_KNOWN_TEXTS: Final = [""] * _SLOTS

# The unit in the last place of a float, by its exponent: 2**-1074 for 0 and 1.
_POWERS: Final = [2.0 ** (max(exponent, 1) - 1075) for exponent in range(2047)]
_HIDDEN_BIT: Final = 1 << 52

# A decimal integer of so many digits is less than 2**63.
_FEW_DIGITS: Final = 18
_L: Final = 0x4C
_LINE_FEED: Final = 0x0A

# The escapes that the repr of a Python 2 byte string has.
_escaped = re.compile(rb"(?:[^\\]++|\\[\\'\"nrt]|\\x[0-9A-Fa-f]{2})*+", re.DOTALL)


class Global:
    """
    A name that the client sent.  It stands for nothing but itself.

    @ivar module: What the client says is the module.
    @ivar name: What the client says is the name in it.
    """

    __slots__ = ("module", "name")

    def __init__(self, module: str, name: str) -> None:
        self.module: str = module
        self.name: str = name

    def __repr__(self) -> str:
        return f"<Global {self.module[:64]}.{self.name[:64]}>"


class Call:
    """
    An object that the client would have had made, as the parts that it would
    have been made of.

    @ivar function: What was to be called: a L{Global}, as a rule.
    @ivar args: The arguments.
    @ivar kwargs: The keyword arguments, where the client sent any.
    @ivar state: The state that was to be set on the result, or L{None}.
    @ivar items: What was to be added to the result as to a list or a set.
    @ivar pairs: The keys and values that were to be set in the result.  Keys
        are as they came: only those of a plain dict become text.
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


class _Budget:
    """
    What a payload may still cost.

    @ivar left: In nodes.
    """

    __slots__ = ("left",)

    def __init__(self, size: int) -> None:
        """
        @param size: The length of the payload in bytes.
        """
        self.left: int = min(FREE_NODES + size // BYTES_PER_NODE, MAX_NODES)

    def spend(self, nodes: int) -> None:
        self.left -= nodes
        if self.left < 0:
            raise WireError(TOO_COMPLEX, "the pickle has too many nodes for its size")


class _Memo:
    """
    The values that a pickle may refer to again, by their numbers.

    Picklers number them one after the other, from 0 on or, that of Python 2,
    from 1: a list has them.  Once a client gives any other number, a dict does.

    @ivar entries: The list; its first is L{_ABSENT} until there is a number 0.
    @ivar scattered: The dict, or L{None}.  If there is one, C{entries} only has
        more items than a BINPUT can number, so that none seems to be the next.
    """

    __slots__ = ("entries", "scattered")

    def __init__(self) -> None:
        self.entries: list[object] = [_ABSENT]
        self.scattered: dict[int, object] | None = None

    def size(self) -> int:
        if self.scattered is not None:
            return len(self.scattered)
        return len(self.entries) - (self.entries[0] is _ABSENT)

    def put(self, index: int, value: object) -> None:
        if self.size() >= MAX_MEMO:
            raise WireError(TOO_COMPLEX, "the pickle's memo has too many entries")
        if self.scattered is None:
            if index < len(self.entries):
                self.entries[index] = value
                return
            if index == len(self.entries):
                self.entries.append(value)
                return
            self.scattered = dict(enumerate(self.entries))
            if self.entries[0] is _ABSENT:
                del self.scattered[0]
            self.entries[:] = [_ABSENT] * 257
        self.scattered[index] = value

    def get(self, index: int) -> object:
        """
        @raise LookupError: There is no such entry.
        """
        if self.scattered is not None:
            return self.scattered[index]
        value = self.entries[index]
        if value is _ABSENT:
            raise LookupError(index)
        return value


def loads(payload: bytes) -> dict[str, object]:
    """
    Decode one pickled mapping, of any protocol, to plain data.

    None, bool, int, float, str, bytes, bytearray, list, tuple and dict are
    themselves; sets are L{Call}s of C{builtins.set} or C{builtins.frozenset}
    with one list; everything else is a L{Global} or a L{Call}.  A byte string
    of Python 2 is bytes, and so is text that is no UTF-8.  The result may be
    deep, shared and cyclic.

    @param payload: The pickle, nothing more and nothing less.
    @return: The mapping.  Its keys are text, and so are those of all dicts in
        it.
    @raise WireError: C{MALFORMED}, it is no pickle; C{TOO_COMPLEX}, it is past
        a bound; C{NOT_A_RECORD}, it is a pickle of something else.
    """
    try:
        return _run(payload)
    except (LookupError, OverflowError, StructError, ValueError):
        # Each comes of what was sent: a stack or a payload that ends early, a
        # memo without the entry, digits that are none.
        raise WireError(MALFORMED, "the payload is no complete pickle") from None


def _run(data: bytes) -> dict[str, object]:
    """
    Run the opcodes up to the STOP.
    """
    budget = _Budget(len(data))
    memo = _Memo()
    entries = memo.entries
    marks: list[list[object]] = []
    stack: list[object] = []
    pos = 0
    while True:
        code = data[pos]
        pos += 1

        # Text and the memo entry that follows it are most of any record, and
        # one text often follows another.  A text that reaches past the end is
        # cut short by its slice, and then there is no next opcode.
        while code == _BINUNICODE:
            start = pos + 4
            length = data[pos]
            if data[pos + 1] or data[pos + 2] or data[pos + 3]:
                length = int.from_bytes(data[pos:start], "little")
            pos = start + length
            text: object = None
            if _COMPILED and 0 < length <= _LONGEST_NAME:
                text = _knownText(data, start, pos)
            if text is None:
                try:
                    text = data[start:pos].decode()
                except UnicodeDecodeError:
                    text = _repairText(data[start:pos], budget)
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
            stack.append(readFloat(data, pos) if _COMPILED else _float(data, pos)[0])
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
                pos = _long(data, pos, stack, memo, budget)
        elif code == _EMPTY_DICT:
            budget.spend(2)
            stack.append({})
        elif code == _SETITEMS:
            items = stack
            stack = marks.pop()
            _setItems(stack[-1], items, budget)
        elif code in _OPCODES:
            pos = _OPCODES[code](data, pos, stack, memo, budget)
        elif code in _MARK_OPCODES:
            items = stack
            stack = marks.pop()
            pos = _MARK_OPCODES[code](items, data, pos, stack, budget)
        elif code == _POP:
            if stack:
                stack.pop()
            else:
                stack = marks.pop()
        elif code == _STOP:
            if pos != len(data):
                _malformed("bytes follow the STOP")
            if marks or len(stack) != 1:
                _malformed("the STOP finds more than one value, or none")
            root = stack[0]
            if type(root) is not dict:
                raise WireError(NOT_A_RECORD, "the pickle is not one of a mapping")
            return root
        else:
            _malformed(f"0x{code:02x} is no opcode")


def _knownText(data: bytes, start: int, end: int) -> str | None:
    """
    @return: The text from C{start} to C{end}, if it is one of L{_KNOWN}.
    """
    slot = _slot(data, start, end)
    known = _KNOWN_BYTES[slot]
    if len(known) == end - start and data.startswith(known, start, end):
        return _KNOWN_TEXTS[slot]
    return None


def _slot(data: bytes, start: int, end: int) -> int:
    """
    @return: Where the tables have a known text, if this is one: each has a slot
        of its own.
    """
    middle = data[(start + end) >> 1]
    return (data[start] + middle + data[end - 1] * 22 + end - start) & (_SLOTS - 1)


def readFloat(data: bytes, pos: int) -> float:
    """
    Read a float of IEEE 754, big-endian.
    """
    if not _COMPILED:
        return _float(data, pos)[0]
    bits = 0
    for at in range(pos, pos + 8):
        bits = bits << 8 | data[at]
    fraction = bits & (_HIDDEN_BIT - 1)
    exponent = bits >> 52 & 2047
    if exponent == 2047:
        # An infinity, or no number.
        value: float = _float(data, pos)[0]
        return value
    if exponent:
        fraction += _HIDDEN_BIT
    # Exact: the fraction has 53 bits, as many as there is room for.
    power = _POWERS[exponent]
    return -power * fraction if bits >> 63 else power * fraction


def _malformed(detail: str) -> NoReturn:
    raise WireError(MALFORMED, detail)


# What several opcodes have in common.


def _take(data: bytes, pos: int, width: int) -> tuple[bytes, int]:
    """
    Read bytes with their length before them.

    @param pos: Where the length begins.
    @param width: The number of bytes that the length is written in.
    @return: The bytes, and the position after them.
    """
    start = pos + width
    length = int.from_bytes(data[pos:start], "little")
    if length > len(data) - start:
        _malformed("a length is past the end of the payload")
    end = start + length
    return data[start:end], end


def _line(data: bytes, pos: int) -> tuple[bytes, int]:
    """
    Read up to a line feed.

    @return: The bytes before it, and the position after it.
    """
    end = data.index(b"\n", pos)
    return data[pos:end], end + 1


def _repairText(raw: bytes, budget: _Budget) -> object:
    """
    Decode what is not strictly UTF-8: with lone surrogates, as pickles of text
    that has them do, or not at all.

    @return: The text, or C{raw} as it is.
    """
    budget.spend(REPAIR_COST)
    try:
        return raw.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return raw


def _text(raw: bytes, budget: _Budget) -> object:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return _repairText(raw, budget)


def _integer(digits: bytes, budget: _Budget) -> object:
    """
    Read a decimal integer.
    """
    if len(digits) <= MAX_INTEGER_DIGITS:
        return int(digits)
    return _placeholder(_INT, (digits.decode("latin-1"),), budget)


def _longInteger(raw: bytes, budget: _Budget) -> object:
    """
    Read a two's-complement little-endian integer.
    """
    if len(raw) <= MAX_INTEGER_BYTES:
        return int.from_bytes(raw, "little", signed=True)
    return _placeholder(_INT_FROM_BYTES, (raw, "little"), budget, {"signed": True})


def _placeholder(
    function: object,
    args: object,
    budget: _Budget,
    kwargs: dict[str, object] | None = None,
) -> Call:
    """
    Note down a call.  Arguments that are no tuple, which no pickler writes, are
    taken for the one argument.
    """
    budget.spend(2)
    return Call(function, args if type(args) is tuple else (args,), kwargs)


def _setItems(target: object, items: list[object], budget: _Budget) -> None:
    """
    Set keys and values, which alternate in C{items}, in a dict or a L{Call}.
    """
    if not items:
        return
    if len(items) % 2:
        _malformed("a key has no value")
    if type(target) is dict:
        mapping = target
        for at in range(0, len(items), 2):
            key = items[at]
            if type(key) is not str:
                key = _keyText(key, len(mapping), budget)
            mapping[key] = items[at + 1]
    elif type(target) is Call:
        if target.pairs is None:
            target.pairs = []
        target.pairs.extend(zip(items[::2], items[1::2], strict=True))
    else:
        _malformed("a key is set in what is no mapping")


def _addItems(target: object, items: list[object]) -> None:
    """
    Add to a list or a L{Call}.
    """
    if type(target) is list:
        target.extend(items)
    elif type(target) is not Call:
        _malformed("an item is added to what is no list")
    elif target.function is _SET:
        # The names of this module are its own: no client can send this one, so
        # this is what EMPTY_SET made.
        _addItems(target.args[0], items)
    elif target.items is None:
        target.items = list(items)
    else:
        target.items.extend(items)


def _keyText(key: object, position: int, budget: _Budget) -> str:
    """
    Make a text of the key of a dict, in bounded time.

    Numbers and constants are written as C{str} does; bytes are read as UTF-8,
    or else as Latin-1, in which every byte is a character.  A name, a small
    tuple or a call with few and simple arguments is written out, anything else
    is its kind and its position, which tells it from its neighbours.

    @param position: The number of keys before this one.
    """
    if type(key) is bytes:
        budget.spend(len(key) // KEY_BYTES_PER_NODE)
        try:
            return key.decode()
        except UnicodeDecodeError:
            budget.spend(REPAIR_COST)
            return key.decode("latin-1")
    if key is None or type(key) is int or type(key) is bool:
        return str(key)
    if type(key) is float:
        budget.spend(FLOAT_KEY_COST)
        return str(key)
    budget.spend(1)
    if type(key) is Global:
        return _globalText(key)
    kind = type(key).__name__
    if type(key) is tuple:
        parts = _partsText(key, budget)
        if parts is not None:
            return f"({parts},)" if len(key) == 1 else f"({parts})"
    elif type(key) is Call and type(key.function) is Global:
        kind = _globalText(key.function)
        parts = _partsText(key.args, budget)
        if parts is not None:
            return f"{kind}({parts})"
    return f"<{kind} {position}>"


def _globalText(name: Global) -> str:
    return f"{name.module[:MAX_KEY_PART]}.{name.name[:MAX_KEY_PART]}"


def _partsText(values: tuple[object, ...], budget: _Budget) -> str | None:
    """
    Write out a few simple values.

    @return: The text; L{None} if they are too many, not simple, or if what
        there is to spend is better kept for the rest of the record.
    """
    count = len(values)
    if count > MAX_KEY_PARTS or budget.left < FREE_NODES // 2:
        return None
    budget.left -= count + 1
    for value in values:
        if type(value) is str:
            if len(value) > MAX_KEY_PART:
                return None
        elif value is not None and type(value) not in _SIMPLE:
            return None
    return ", ".join(map(repr, values))


_SIMPLE: Final = (int, float, bool)

_SET: Final = Global("builtins", "set")
_FROZENSET: Final = Global("builtins", "frozenset")
_INT: Final = Global("builtins", "int")
_INT_FROM_BYTES: Final = Global("builtins", "int.from_bytes")
_FLOAT: Final = Global("builtins", "float")
_PERSISTENT: Final = Global("pickle", "persistent_load")
_EXTENSION: Final = Global("pickle", "get_extension")
_BUFFER: Final = Global("pickle", "next_buffer")


# The opcodes that take nothing down to a mark.  Each gets the position after
# itself and returns that after its operand.

_Stack: TypeAlias = "list[object]"
_Opcode: TypeAlias = Callable[[bytes, int, _Stack, _Memo, _Budget], int]


def _proto(data: bytes, pos: int, stack: _Stack, memo: _Memo, budget: _Budget) -> int:
    if data[pos] > _HIGHEST_PROTOCOL:
        _malformed(f"{data[pos]} is no protocol of pickle")
    return pos + 1


def _frame(data: bytes, pos: int, stack: _Stack, memo: _Memo, budget: _Budget) -> int:
    # Frames tell how much to read at a time: here all is read.
    start = pos + 8
    if int.from_bytes(data[pos:start], "little") > len(data) - start:
        _malformed("a frame is past the end of the payload")
    return start


def _int(data: bytes, pos: int, stack: _Stack, memo: _Memo, budget: _Budget) -> int:
    line, pos = _line(data, pos)
    if line == b"01":
        stack.append(True)
    elif line == b"00":
        stack.append(False)
    else:
        stack.append(_integer(line, budget))
    return pos


def _binInt(data: bytes, pos: int, stack: _Stack, memo: _Memo, budget: _Budget) -> int:
    stack.append(int.from_bytes(data[pos : pos + 4], "little", signed=True))
    return pos + 4


def _long(data: bytes, pos: int, stack: _Stack, memo: _Memo, budget: _Budget) -> int:
    line, pos = _line(data, pos)
    stack.append(_integer(line.removesuffix(b"L"), budget))
    return pos


def _long1(data: bytes, pos: int, stack: _Stack, memo: _Memo, budget: _Budget) -> int:
    raw, pos = _take(data, pos, 1)
    stack.append(_longInteger(raw, budget))
    return pos


def _long4(data: bytes, pos: int, stack: _Stack, memo: _Memo, budget: _Budget) -> int:
    raw, pos = _take(data, pos, 4)
    stack.append(_longInteger(raw, budget))
    return pos


def _newTrue(data: bytes, pos: int, stack: _Stack, memo: _Memo, budget: _Budget) -> int:
    stack.append(True)
    return pos


def _newFalse(
    data: bytes, pos: int, stack: _Stack, memo: _Memo, budget: _Budget
) -> int:
    stack.append(False)
    return pos


def _floatText(
    data: bytes, pos: int, stack: _Stack, memo: _Memo, budget: _Budget
) -> int:
    line, pos = _line(data, pos)
    if len(line) <= MAX_FLOAT_DIGITS:
        stack.append(float(line))
    else:
        stack.append(_placeholder(_FLOAT, (line.decode("latin-1"),), budget))
    return pos


def _string(data: bytes, pos: int, stack: _Stack, memo: _Memo, budget: _Budget) -> int:
    line, pos = _line(data, pos)
    quote = line[:1]
    if len(line) < 2 or quote not in (b"'", b'"') or not line.endswith(quote):
        _malformed("a string has no quotes")
    raw = line[1:-1]
    # Other escapes are no repr's, and escape_decode would warn of them.
    if b"\\" in raw and _escaped.fullmatch(raw):
        raw = escape_decode(raw)[0]
    stack.append(raw)
    return pos


def _bytes1(data: bytes, pos: int, stack: _Stack, memo: _Memo, budget: _Budget) -> int:
    raw, pos = _take(data, pos, 1)
    stack.append(raw)
    return pos


def _bytes4(data: bytes, pos: int, stack: _Stack, memo: _Memo, budget: _Budget) -> int:
    raw, pos = _take(data, pos, 4)
    stack.append(raw)
    return pos


def _bytes8(data: bytes, pos: int, stack: _Stack, memo: _Memo, budget: _Budget) -> int:
    raw, pos = _take(data, pos, 8)
    stack.append(raw)
    return pos


def _bytearray8(
    data: bytes, pos: int, stack: _Stack, memo: _Memo, budget: _Budget
) -> int:
    raw, pos = _take(data, pos, 8)
    stack.append(bytearray(raw))
    return pos


def _unicode(data: bytes, pos: int, stack: _Stack, memo: _Memo, budget: _Budget) -> int:
    raw, pos = _line(data, pos)
    if b"\\" not in raw or not (b"\\u" in raw or b"\\U" in raw):
        stack.append(raw.decode("latin-1"))
        return pos
    text: object
    try:
        text = raw.decode("raw-unicode-escape")
    except UnicodeDecodeError:
        budget.spend(REPAIR_COST)
        text = raw
    stack.append(text)
    return pos


def _unicode1(
    data: bytes, pos: int, stack: _Stack, memo: _Memo, budget: _Budget
) -> int:
    raw, pos = _take(data, pos, 1)
    stack.append(_text(raw, budget))
    return pos


def _unicode8(
    data: bytes, pos: int, stack: _Stack, memo: _Memo, budget: _Budget
) -> int:
    raw, pos = _take(data, pos, 8)
    stack.append(_text(raw, budget))
    return pos


def _emptyTuple(
    data: bytes, pos: int, stack: _Stack, memo: _Memo, budget: _Budget
) -> int:
    stack.append(())
    return pos


def _tuple1(data: bytes, pos: int, stack: _Stack, memo: _Memo, budget: _Budget) -> int:
    budget.spend(1)
    stack[-1] = (stack[-1],)
    return pos


def _tuple2(data: bytes, pos: int, stack: _Stack, memo: _Memo, budget: _Budget) -> int:
    budget.spend(1)
    second = stack.pop()
    stack[-1] = (stack[-1], second)
    return pos


def _tuple3(data: bytes, pos: int, stack: _Stack, memo: _Memo, budget: _Budget) -> int:
    budget.spend(1)
    third = stack.pop()
    second = stack.pop()
    stack[-1] = (stack[-1], second, third)
    return pos


def _emptyList(
    data: bytes, pos: int, stack: _Stack, memo: _Memo, budget: _Budget
) -> int:
    budget.spend(1)
    stack.append([])
    return pos


def _append(data: bytes, pos: int, stack: _Stack, memo: _Memo, budget: _Budget) -> int:
    item = stack.pop()
    _addItems(stack[-1], [item])
    return pos


def _setItem(data: bytes, pos: int, stack: _Stack, memo: _Memo, budget: _Budget) -> int:
    value = stack.pop()
    key = stack.pop()
    _setItems(stack[-1], [key, value], budget)
    return pos


def _emptySet(
    data: bytes, pos: int, stack: _Stack, memo: _Memo, budget: _Budget
) -> int:
    stack.append(_placeholder(_SET, ([],), budget))
    return pos


def _dup(data: bytes, pos: int, stack: _Stack, memo: _Memo, budget: _Budget) -> int:
    stack.append(stack[-1])
    return pos


def _put(data: bytes, pos: int, stack: _Stack, memo: _Memo, budget: _Budget) -> int:
    index, pos = _memoIndex(data, pos)
    memo.put(index, stack[-1])
    return pos


def _longBinPut(
    data: bytes, pos: int, stack: _Stack, memo: _Memo, budget: _Budget
) -> int:
    memo.put(int.from_bytes(data[pos : pos + 4], "little"), stack[-1])
    return pos + 4


def _memoize(data: bytes, pos: int, stack: _Stack, memo: _Memo, budget: _Budget) -> int:
    memo.put(memo.size(), stack[-1])
    return pos


def _get(data: bytes, pos: int, stack: _Stack, memo: _Memo, budget: _Budget) -> int:
    index, pos = _memoIndex(data, pos)
    stack.append(memo.get(index))
    return pos


def _binGet(data: bytes, pos: int, stack: _Stack, memo: _Memo, budget: _Budget) -> int:
    stack.append(memo.get(data[pos]))
    return pos + 1


def _longBinGet(
    data: bytes, pos: int, stack: _Stack, memo: _Memo, budget: _Budget
) -> int:
    stack.append(memo.get(int.from_bytes(data[pos : pos + 4], "little")))
    return pos + 4


def _memoIndex(data: bytes, pos: int) -> tuple[int, int]:
    line, pos = _line(data, pos)
    # isdigit first: int takes signs, spaces and any number of zeros.
    if not line.isdigit() or len(line) > len(str(MAX_MEMO_INDEX)):
        _malformed("an index into the memo is no number")
    index = int(line)
    if index > MAX_MEMO_INDEX:
        _malformed("an index into the memo is too large")
    return index, pos


def _global(data: bytes, pos: int, stack: _Stack, memo: _Memo, budget: _Budget) -> int:
    module, pos = _line(data, pos)
    name, pos = _line(data, pos)
    budget.spend(1)
    stack.append(Global(_name(module), _name(name)))
    return pos


def _name(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")


def _stackGlobal(
    data: bytes, pos: int, stack: _Stack, memo: _Memo, budget: _Budget
) -> int:
    name = stack.pop()
    module = stack.pop()
    if type(module) is not str or type(name) is not str:
        _malformed("the name of a global is no text")
    budget.spend(1)
    stack.append(Global(module, name))
    return pos


def _reduce(data: bytes, pos: int, stack: _Stack, memo: _Memo, budget: _Budget) -> int:
    args = stack.pop()
    stack[-1] = _placeholder(stack[-1], args, budget)
    return pos


def _newObjEx(
    data: bytes, pos: int, stack: _Stack, memo: _Memo, budget: _Budget
) -> int:
    kwargs = stack.pop()
    if type(kwargs) is not dict:
        _malformed("keyword arguments are no mapping")
    args = stack.pop()
    stack[-1] = _placeholder(stack[-1], args, budget, kwargs)
    return pos


def _build(data: bytes, pos: int, stack: _Stack, memo: _Memo, budget: _Budget) -> int:
    state = stack.pop()
    target = stack[-1]
    # No pickler sets the state of anything but what a call made; plain data
    # has no place for it.
    if type(target) is Call:
        target.state = state
    return pos


def _persId(data: bytes, pos: int, stack: _Stack, memo: _Memo, budget: _Budget) -> int:
    line, pos = _line(data, pos)
    stack.append(_placeholder(_PERSISTENT, (_name(line),), budget))
    return pos


def _binPersId(
    data: bytes, pos: int, stack: _Stack, memo: _Memo, budget: _Budget
) -> int:
    stack[-1] = _placeholder(_PERSISTENT, (stack[-1],), budget)
    return pos


def _extension(
    data: bytes, pos: int, width: int, stack: _Stack, budget: _Budget
) -> int:
    end = pos + width
    code = int.from_bytes(data[pos:end], "little")
    stack.append(_placeholder(_EXTENSION, (code,), budget))
    return end


def _ext1(data: bytes, pos: int, stack: _Stack, memo: _Memo, budget: _Budget) -> int:
    return _extension(data, pos, 1, stack, budget)


def _ext2(data: bytes, pos: int, stack: _Stack, memo: _Memo, budget: _Budget) -> int:
    return _extension(data, pos, 2, stack, budget)


def _ext4(data: bytes, pos: int, stack: _Stack, memo: _Memo, budget: _Budget) -> int:
    return _extension(data, pos, 4, stack, budget)


def _nextBuffer(
    data: bytes, pos: int, stack: _Stack, memo: _Memo, budget: _Budget
) -> int:
    stack.append(_placeholder(_BUFFER, (), budget))
    return pos


def _readonlyBuffer(
    data: bytes, pos: int, stack: _Stack, memo: _Memo, budget: _Budget
) -> int:
    # A view of what is there, which nobody writes to anyway; but it must be.
    stack[-1] = stack[-1]
    return pos


_OPCODES: Final[dict[int, _Opcode]] = {
    ord("2"): _dup,
    ord("B"): _bytes4,  # BINBYTES
    ord("C"): _bytes1,  # SHORT_BINBYTES
    ord("F"): _floatText,
    ord("I"): _int,
    ord("J"): _binInt,
    ord("P"): _persId,
    ord("Q"): _binPersId,
    ord("R"): _reduce,
    ord("S"): _string,
    ord("T"): _bytes4,  # BINSTRING
    ord("U"): _bytes1,  # SHORT_BINSTRING
    ord("V"): _unicode,
    ord("]"): _emptyList,
    ord("a"): _append,
    ord("b"): _build,
    ord("c"): _global,
    ord("g"): _get,
    ord("h"): _binGet,
    ord("j"): _longBinGet,
    ord("p"): _put,
    _LONG_BINPUT: _longBinPut,
    ord("s"): _setItem,
    ord(")"): _emptyTuple,
    0x80: _proto,
    0x81: _reduce,  # NEWOBJ: with a class for the function
    0x82: _ext1,
    0x83: _ext2,
    0x84: _ext4,
    0x85: _tuple1,
    0x86: _tuple2,
    0x87: _tuple3,
    0x88: _newTrue,
    0x89: _newFalse,
    0x8A: _long1,
    0x8B: _long4,
    0x8C: _unicode1,  # SHORT_BINUNICODE
    0x8D: _unicode8,  # BINUNICODE8
    0x8E: _bytes8,  # BINBYTES8
    0x8F: _emptySet,
    0x92: _newObjEx,
    0x93: _stackGlobal,
    0x94: _memoize,
    0x95: _frame,
    0x96: _bytearray8,
    0x97: _nextBuffer,
    0x98: _readonlyBuffer,
}


# The opcodes that take what is down to the mark, which is C{items}; C{stack}
# is what was below it.

_MarkOpcode: TypeAlias = Callable[[_Stack, bytes, int, _Stack, _Budget], int]


def _popMark(
    items: _Stack, data: bytes, pos: int, stack: _Stack, budget: _Budget
) -> int:
    return pos


def _tuple(items: _Stack, data: bytes, pos: int, stack: _Stack, budget: _Budget) -> int:
    budget.spend(1)
    stack.append(tuple(items))
    return pos


def _list(items: _Stack, data: bytes, pos: int, stack: _Stack, budget: _Budget) -> int:
    budget.spend(1)
    stack.append(items)
    return pos


def _dict(items: _Stack, data: bytes, pos: int, stack: _Stack, budget: _Budget) -> int:
    budget.spend(2)
    made: dict[str, object] = {}
    _setItems(made, items, budget)
    stack.append(made)
    return pos


def _appends(
    items: _Stack, data: bytes, pos: int, stack: _Stack, budget: _Budget
) -> int:
    _addItems(stack[-1], items)
    return pos


def _frozenSet(
    items: _Stack, data: bytes, pos: int, stack: _Stack, budget: _Budget
) -> int:
    stack.append(_placeholder(_FROZENSET, (items,), budget))
    return pos


def _inst(items: _Stack, data: bytes, pos: int, stack: _Stack, budget: _Budget) -> int:
    module, pos = _line(data, pos)
    name, pos = _line(data, pos)
    budget.spend(1)
    function = Global(_name(module), _name(name))
    stack.append(_placeholder(function, tuple(items), budget))
    return pos


def _obj(items: _Stack, data: bytes, pos: int, stack: _Stack, budget: _Budget) -> int:
    stack.append(_placeholder(items[0], tuple(items[1:]), budget))
    return pos


_MARK_OPCODES: Final[dict[int, _MarkOpcode]] = {
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

for _known in _KNOWN:
    _at = _slot(_known.encode(), 0, len(_known))
    _KNOWN_BYTES[_at] = _known.encode()
    # Found again by their identity, where names are written in code.
    _KNOWN_TEXTS[_at] = intern(_known)
