"""
Numbers, constants, bytes and texts: the readers and the opcodes.

A number that is past a bound stays as sent, in the arguments of a L{Call}; a text
that is no text becomes bytes.
"""

from __future__ import annotations

import re
from codecs import escape_decode
from collections.abc import Callable
from struct import Struct
from typing import Final

from logrecv.wire.pickled.placeholders import FLOAT, INT, INT_FROM_BYTES, makeCall
from logrecv.wire.pickled.state import LINE_WORK, State, malformed

#: The longest integer that becomes an int: 256 bits hold an address, a UUID or
#: a SHA-256.  Reading decimal digits and writing them takes time in the square
#: of their number, and CPython refuses it from 640 digits on where it is so
#: configured; at this size both cost no more than a short text.
MAX_INTEGER_BYTES: Final = 32
MAX_INTEGER_DIGITS: Final = 78

#: The longest decimal text that becomes a float.  C{repr} writes 24 characters
#: at most.
MAX_FLOAT_DIGITS: Final = 64

#: The nodes that the repair of a text costs: two exceptions and two handlers
#: take as long as making so many nodes.
REPAIR_COST: Final = 8

#: The work of such a text, and of each of its characters that may be a surrogate:
#: 0.1 us.
REPAIR_WORK: Final = 8
SURROGATE_WORK: Final = 2

#: The work of a byte string with escapes: 0.8 us; and the bytes that are searched and
#: read in the time of one opcode.
ESCAPED_WORK: Final = 12
ESCAPED_BYTES_PER_WORK: Final = 8

#: True if this module is compiled.  A loop over bytes is the quick way to read a
#: float in C, and the slow way in Python.
_COMPILED: Final = not __file__.endswith((".py", ".pyc"))

_unpackFloat: Final = Struct(">d").unpack_from

#: The unit in the last place of a float, by its exponent: 2**-1074 for 0 and 1.
_POWERS: Final = [2.0 ** (max(exponent, 1) - 1075) for exponent in range(2047)]
_HIDDEN_BIT: Final = 1 << 52

#: A text with no escapes but those that the repr of a Python 2 byte string has.
_escaped = re.compile(rb"(?:[^\\]++|\\[\\'\"nrt]|\\x[0-9A-Fa-f]{2})*+", re.DOTALL)


def readFloat(data: bytes, pos: int) -> float:
    """
    Read a float of IEEE 754, big-endian.

    @param pos: The position of its first byte.
    """
    if not _COMPILED:
        return _unpackFloat(data, pos)[0]
    bits = 0
    for at in range(pos, pos + 8):
        bits = bits << 8 | data[at]
    fraction = bits & (_HIDDEN_BIT - 1)
    exponent = bits >> 52 & 2047
    if exponent == 2047:
        # An infinity, or no number.
        value: float = _unpackFloat(data, pos)[0]
        return value
    if exponent:
        fraction += _HIDDEN_BIT
    # Exact: the fraction has 53 bits, as many as a float has room for.
    power = _POWERS[exponent]
    return -power * fraction if bits >> 63 else power * fraction


def decimalInteger(digits: bytes, state: State) -> object:
    """
    Read a decimal integer.

    @raise ValueError: C{digits} is no decimal integer.
    """
    if len(digits) <= MAX_INTEGER_DIGITS:
        return int(digits)
    return makeCall(INT, (digits.decode("latin-1"),), state)


def binaryInteger(raw: bytes, state: State) -> object:
    """
    Read a two's-complement little-endian integer.
    """
    if len(raw) <= MAX_INTEGER_BYTES:
        return int.from_bytes(raw, "little", signed=True)
    return makeCall(INT_FROM_BYTES, (raw, "little"), state, {"signed": True})


def repairText(raw: bytes, state: State) -> object:
    """
    Decode text that is not strictly UTF-8, as a pickle of text with lone
    surrogates is.

    @return: The text; C{raw} as it is, if lone surrogates do not explain it, or are
        too many.
    """
    state.spend(REPAIR_COST)
    state.work(REPAIR_WORK)
    # The first byte of every surrogate, and of some characters.
    work = SURROGATE_WORK * raw.count(b"\xed")
    if work > state.workLeft:
        return raw
    state.work(work)
    try:
        return raw.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return raw


def decodeText(raw: bytes, state: State) -> object:
    """
    Decode text, with repair if necessary.

    @return: The text; C{raw} as it is, if it is no text.
    """
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return repairText(raw, state)


# Numbers and constants.


def _int(state: State) -> None:
    # The stock handlers write booleans so.
    if state.data.startswith(b"01\n", state.pos):
        state.stack.append(True)
        state.pos += 3
        return
    if state.data.startswith(b"00\n", state.pos):
        state.stack.append(False)
        state.pos += 3
        return
    state.work(LINE_WORK)
    line = state.line()
    state.stack.append(decimalInteger(line, state))


def _binInt(state: State) -> None:
    end = state.pos + 4
    state.stack.append(
        int.from_bytes(state.data[state.pos : end], "little", signed=True)
    )
    state.pos = end


def longText(state: State) -> None:
    """
    LONG: push an integer that is written in decimal digits.
    """
    state.work(LINE_WORK)
    digits = state.line().removesuffix(b"L")
    state.stack.append(decimalInteger(digits, state))


def _long1(state: State) -> None:
    state.stack.append(binaryInteger(state.counted(1), state))


def _long4(state: State) -> None:
    state.stack.append(binaryInteger(state.counted(4), state))


def _newTrue(state: State) -> None:
    state.stack.append(True)


def _newFalse(state: State) -> None:
    state.stack.append(False)


def _float(state: State) -> None:
    state.work(LINE_WORK)
    line = state.line()
    if len(line) <= MAX_FLOAT_DIGITS:
        state.stack.append(float(line))
    else:
        state.stack.append(makeCall(FLOAT, (line.decode("latin-1"),), state))


# Bytes and texts.


def _string(state: State) -> None:
    state.work(LINE_WORK)
    line = state.line()
    quote = line[:1]
    if len(line) < 2 or quote not in (b"'", b'"') or not line.endswith(quote):
        malformed("a string has no quotes")
    raw = line[1:-1]
    # No repr writes other escapes, and escape_decode would warn of them.
    if b"\\" in raw:
        state.work(ESCAPED_WORK + len(raw) // ESCAPED_BYTES_PER_WORK)
        if _escaped.fullmatch(raw):
            raw = escape_decode(raw)[0]
    state.stack.append(raw)


def _bytes1(state: State) -> None:
    start = state.pos + 1
    end = start + state.data[state.pos]
    if end > len(state.data):
        malformed("a length is past the end of the payload")
    state.pos = end
    state.stack.append(state.data[start:end])


def _bytes4(state: State) -> None:
    state.stack.append(state.counted(4))


def _bytes8(state: State) -> None:
    state.stack.append(state.counted(8))


def _bytearray8(state: State) -> None:
    state.stack.append(bytearray(state.counted(8)))


def _unicode(state: State) -> None:
    state.work(LINE_WORK)
    raw = state.line()
    if b"\\" not in raw or not (b"\\u" in raw or b"\\U" in raw):
        state.stack.append(raw.decode("latin-1"))
        return
    try:
        state.stack.append(raw.decode("raw-unicode-escape"))
    except UnicodeDecodeError:
        state.spend(REPAIR_COST)
        state.work(REPAIR_WORK)
        state.stack.append(raw)


def _unicode8(state: State) -> None:
    state.stack.append(decodeText(state.counted(8), state))


#: The opcodes of numbers, constants, bytes and texts.
SCALARS: Final[dict[int, Callable[[State], None]]] = {
    ord("B"): _bytes4,  # BINBYTES
    ord("C"): _bytes1,  # SHORT_BINBYTES
    ord("F"): _float,
    ord("I"): _int,
    ord("J"): _binInt,
    ord("S"): _string,
    ord("T"): _bytes4,  # BINSTRING
    ord("U"): _bytes1,  # SHORT_BINSTRING
    ord("V"): _unicode,
    0x88: _newTrue,
    0x89: _newFalse,
    0x8A: _long1,
    0x8B: _long4,
    0x8D: _unicode8,  # BINUNICODE8
    0x8E: _bytes8,  # BINBYTES8
    0x96: _bytearray8,
}
