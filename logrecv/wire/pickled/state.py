"""
The state of the pickle machine: the bytes, the stack, the memo, and the nodes that
are left to spend.
"""

from __future__ import annotations

from typing import Final, NoReturn

from logrecv.reasons import MALFORMED, TOO_COMPLEX
from logrecv.wire.errors import WireError

#: The most entries of the memo.  A stock handler writes 6 bytes at least for
#: each entry after the first 256 (C{]r} and an index of four bytes), which
#: makes 175,000 entries in the largest payload taken by default, 1 MiB.
MAX_MEMO: Final = 200_000

#: The nodes that a payload may have for nothing, and the bytes that pay for one
#: node more.  A list or a tuple counts as one node, a dict or a L{Call} as two,
#: because that is how their sizes compare (50 to 130 and 190 to 260 bytes); a
#: L{Global} counts as one.  Texts to repair and keys to render cost nodes by the
#: time that they take.  A stock handler writes 6 bytes for a list with its memo
#: entry and 11 for a dict of one key, save for the first 256 entries, which are
#: shorter; protocol 4 is shorter still.
FREE_NODES: Final = 1_000
BYTES_PER_NODE: Final = 4

#: The most nodes of any payload: 30 MiB of memory at most.
MAX_NODES: Final = 200_000

#: The work of any payload, counted in opcodes that the loop of the machine does not
#: know by itself: 0.03 us to 0.1 us each where the machine is compiled, and 0.2 us to
#: 0.5 us in Python (CPython 3.11, x86-64, 2.5 GHz: the CPU time of a payload of 1 MiB
#: with one opcode over and over, by their number).  So they take 20 ms at most, or
#: 100 ms.  Opcodes that take longer count as several.
MAX_WORK: Final = 200_000

#: The work of an opcode of protocol 0 beyond that: 0.2 us, for a line and the digits
#: in it; and of a GLOBAL, for its two lines: 0.3 us.
LINE_WORK: Final = 2
GLOBAL_WORK: Final = 4

#: The first item of the list of memo entries while there is no entry 0.
_ABSENT: Final = object()

#: The items that fill the list of memo entries once a dict has the entries: one
#: more than the number of a BINPUT can reach.
_UNUSED_ENTRIES: Final = 257


def malformed(detail: str) -> NoReturn:
    """
    Refuse a payload that is no pickle.

    @param detail: The reason in a few words, without anything that was sent.
    @raise WireError: Always: C{MALFORMED}.
    """
    raise WireError(MALFORMED, detail)


def tooManyOpcodes() -> NoReturn:
    """
    Refuse a payload that is too much work.

    @raise WireError: Always: C{TOO_COMPLEX}.
    """
    raise WireError(TOO_COMPLEX, "the pickle has too many opcodes")


class Memo:
    """
    The values that a pickle may refer to again, by number.

    Picklers number the entries one after the other, from 0 on or, in Python 2,
    from 1 on: a list holds such entries.  Once a client gives any other number,
    a dict takes over.

    @ivar entries: The list; its first item is L{_ABSENT} while there is no
        entry 0.
    @ivar scattered: The dict, or L{None}.  Beside a dict, C{entries} is a filler
        longer than any number of a BINPUT, so that no number seems to be the
        next.
    """

    __slots__ = ("entries", "scattered")

    def __init__(self) -> None:
        self.entries: list[object] = [_ABSENT]
        self.scattered: dict[int, object] | None = None

    def size(self) -> int:
        """
        @return: The number of entries.
        """
        if self.scattered is not None:
            return len(self.scattered)
        return len(self.entries) - (self.entries[0] is _ABSENT)

    def put(self, index: int, value: object) -> None:
        """
        Set an entry.

        @raise WireError: C{TOO_COMPLEX}, the memo is full.
        """
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
            self.entries[:] = [_ABSENT] * _UNUSED_ENTRIES
        self.scattered[index] = value

    def get(self, index: int) -> object:
        """
        Look up an entry.

        @raise LookupError: There is no such entry.
        """
        if self.scattered is not None:
            return self.scattered[index]
        value = self.entries[index]
        if value is _ABSENT:
            raise LookupError(index)
        return value


class State:
    """
    The state of the machine between two opcodes of one pickle.

    The methods that read an operand move C{pos} behind the operand.

    @ivar data: The pickle.
    @ivar pos: The position of the next byte to read.
    @ivar stack: The values above the last open mark.
    @ivar memo: The memo.
    @ivar left: The nodes that the payload has left to spend.
    @ivar workLeft: The work that the payload may still be.
    """

    __slots__ = ("data", "left", "memo", "pos", "stack", "workLeft")

    def __init__(self, data: bytes) -> None:
        self.data: bytes = data
        self.pos: int = 0
        self.stack: list[object] = []
        self.memo: Memo = Memo()
        self.workLeft: int = MAX_WORK
        self.left: int = min(FREE_NODES + len(data) // BYTES_PER_NODE, MAX_NODES)

    def spend(self, nodes: int) -> None:
        """
        Pay for nodes.

        @raise WireError: C{TOO_COMPLEX}, there are not so many nodes left.
        """
        self.left -= nodes
        if self.left < 0:
            raise WireError(TOO_COMPLEX, "the pickle has too many nodes for its size")

    def work(self, amount: int) -> None:
        """
        Count work.

        @raise WireError: C{TOO_COMPLEX}, the payload may not be so much work.
        """
        self.workLeft -= amount
        if self.workLeft < 0:
            tooManyOpcodes()

    def unsigned(self, width: int) -> int:
        """
        Read an unsigned integer, little-endian.

        @param width: The number of its bytes.
        """
        start = self.pos
        self.pos = start + width
        return int.from_bytes(self.data[start : self.pos], "little")

    def counted(self, width: int) -> bytes:
        """
        Read bytes that have their length before them.

        @param width: The number of bytes of the length.
        """
        start = self.pos + width
        length = int.from_bytes(self.data[self.pos : start], "little")
        if length > len(self.data) - start:
            malformed("a length is past the end of the payload")
        self.pos = start + length
        return self.data[start : self.pos]

    def line(self) -> bytes:
        """
        Read up to a line feed, and pass over the line feed.

        @raise ValueError: There is no line feed.
        """
        start = self.pos
        end = self.data.index(b"\n", start)
        self.pos = end + 1
        return self.data[start:end]
