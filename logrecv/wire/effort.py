"""
The effort of the values of a record: how much work they are, counted and not timed.
"""

from __future__ import annotations

from typing import Final

from logrecv.wire.numbers import digitsEffort
from logrecv.wire.pickled.placeholders import Call

#: The effort that the values of one record may take: by the bytes of its payload,
#: and at most.  The unit is the cost of a number or a constant, which is 0.15 us; the
#: most is 15 ms.  Effort is counted and never timed, so equal payloads make equal
#: records everywhere.  A value that costs more is also longer on the wire.  So only
#: shared parts, which are written out wherever they are referred to, can exceed what
#: the bytes allow; the floor is for small records that share parts.
EFFORT_PER_BYTE: Final = 4
EFFORT_FLOOR: Final = 500
MAX_EFFORT: Final = 100_000

# The effort of other values.  Measured on CPython 3.11 (x86-64, 2.5 GHz) as the CPU
# time of the conversion of a list that has one value 20,000 times, by the value, in
# the best of four runs.  The conversion is not compiled, so both forms of the
# decoder take the same time within 5 %.

#: A text beside its value: 0.12 us, and its lone surrogates: 0.6 us more.
TEXT_EFFORT: Final = 1
SURROGATES_EFFORT: Final = 4

#: The bytes that the escapes of a text take in JSON beyond its own bytes, at the effort
#: of a number: five for a NUL, which takes 8 ns.
ESCAPES_PER_EFFORT: Final = 64

#: An integer of more than 64 bits, or the key of a dict that is no text, beside its
#: text: 0.3 us.  Many digits take longer: see L{logrecv.wire.numbers.digitsEffort}.
LONG_EFFORT: Final = 2

#: A list or a dict beside its items: 0.25 us to 0.3 us, and 0.7 us where it lies
#: deep.
CONTAINER_EFFORT: Final = 4

#: The key of a dict beside its text: 0.1 us; an attribute beside its value: 0.3 us.
KEY_EFFORT: Final = 1
ATTRIBUTE_EFFORT: Final = 2

#: Bytes beside their text: 0.1 us, and bytes that are no UTF-8: 0.9 us.  A byte that
#: has to be escaped: 0.1 us.
BYTES_EFFORT: Final = 1
BASE64_EFFORT: Final = 5
ESCAPE_EFFORT: Final = 1

#: The name of a class beside its text: 0.45 us.
CLASS_EFFORT: Final = 3

#: A L{Call} beside its arguments and its result: 1.0 us (a set) to 4.3 us (a datetime
#: with its zone); a path takes 3.6 us to 6 us, a datetime 2.5 us, a number 1.5 us, an
#: instance of any other class 1.6 us.  A call that occurs again takes 0.2 us.
CALL_EFFORT: Final = 20
KNOWN_CALL_EFFORT: Final = 1

#: An argument of a call: 0.27 us where it is a part of a path.
ARGUMENT_EFFORT: Final = 2

#: The characters of an argument that are looked through, and of a text that a call
#: makes, at the effort of one number.
CHARACTERS_PER_EFFORT: Final = 64
DIGITS_PER_EFFORT: Final = 16


def effortOf(size: int) -> int:
    """
    Tell how much effort the values of one record may take.

    @param size: The length of the record's payload, in bytes.
    """
    return min(size * EFFORT_PER_BYTE + EFFORT_FLOOR, MAX_EFFORT)


def argumentsEffort(call: Call) -> int:
    """
    Estimate the effort of L{unfold<logrecv.wire.reconstruct.unfold>}: it looks at all
    arguments of a call, into the first few, and at the arguments of which these were
    made.
    """
    effort = len(call.args) * ARGUMENT_EFFORT
    for argument in call.args[:3]:
        if isinstance(argument, Call) and argument.args:
            argument = argument.args[0]
        if isinstance(argument, (list, tuple)):
            effort += len(argument)
        elif isinstance(argument, str):
            effort += len(argument) // CHARACTERS_PER_EFFORT
            # A path is divided there.
            effort += argument.count("/") + argument.count("\\")
        elif isinstance(argument, bytes):
            effort += len(argument) // CHARACTERS_PER_EFFORT
            # These may be a long integer.
            effort += digitsEffort(8 * len(argument))
    return effort
