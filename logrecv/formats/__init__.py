r"""
Formats: functions that write records as bytes.

C{json} is for programs, C{text} for files that people read, and C{pretty} for a
person at a terminal.

C{json} is exact.  In C{text} and C{pretty} the text of a client cannot act on the
terminal, hide, turn the direction of writing or pass for another record.  There a
record begins on a line of its own, each further line of the record begins with a
bar, and a character that is unsafe to show is escaped as in a Python literal
(C{\x1b}, C{\u202e}).  A backslash stays as it is, so a client that sends the four
characters C{\x1b} looks the same there; C{json} tells the two apart.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

from logrecv.record import Record

#: A function that writes a batch of records as whole lines, in UTF-8.  Each line
#: ends with one line feed.
Format: TypeAlias = Callable[[Sequence[Record]], bytes]

#: The text that C{text} and C{pretty} show for an attribute that a record lacks.
MISSING: Final = "-"
