"""
A log record and where it came from, as plain data.

The fields of L{Record}, in their order, are the keys of a record's JSON form:
a record B{is} the contract of the record form, so encoding one is a single call
that cannot disagree with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias

from msgspec import Struct, ValidationError, field

#: A value that has a JSON form as it stands.
if TYPE_CHECKING:
    JSONValue: TypeAlias = (
        "bool | int | float | str | list[JSONValue] | dict[str, JSONValue] | None"
    )
else:
    # msgspec reads no recursive types.
    JSONValue = Any


class Origin(Struct, frozen=True):
    """
    When, how and from whom a record was received.

    @ivar at: The time of reception: ISO 8601, UTC, microseconds, C{Z}.
    @ivar via: C{"tcp"}, C{"udp"}, C{"http"} or C{"json"}.
    @ivar peer: C{host:port} of the sender, or the path of the socket.
    """

    at: str
    via: str
    peer: str


def _missing() -> NoReturn:
    # By this a field that has to be given can stand behind one that need not be,
    # and a record can be made by position, which takes half the time.
    raise ValidationError("a record has a message and says where it was received")


class Record(Struct, omit_defaults=True):
    """
    One log record.

    The names are those that the C{logging} documentation gives the attributes
    of a C{LogRecord}.  An attribute that the client did not send, or sent as
    L{None}, is L{None} here and is left out of the JSON form.

    @ivar time: C{created} as ISO 8601, UTC, microseconds, C{Z}; the time of
        reception where the client sent no usable C{created}.
    @ivar created: Seconds since the epoch.
    @ivar msecs: The millisecond part of C{created}.
    @ivar relativeCreated: Milliseconds since the client loaded C{logging}.
    @ivar message: The rendered message.
    @ivar msg: The template, only where it is not the message.
    @ivar args: The template's arguments as text, beside C{msg}.
    @ivar exc_text: The traceback, as the client formatted it.
    @ivar extra: Every other attribute, as plain JSON values.
    @ivar received: Where the record came from: from whom the first logrecv had
        it.
    @ivar hops: From whom each further logrecv had it, in their order.
    @ivar repaired: The names of the fields that could not be kept as sent.
    """

    time: str
    created: float | None = None
    msecs: float | None = None
    relativeCreated: float | None = None
    name: str | None = None
    levelname: str | None = None
    levelno: int | None = None
    message: str = field(default_factory=_missing)
    msg: str | None = None
    args: str | None = None
    pathname: str | None = None
    filename: str | None = None
    module: str | None = None
    lineno: int | None = None
    funcName: str | None = None
    process: int | None = None
    processName: str | None = None
    thread: int | None = None
    threadName: str | None = None
    taskName: str | None = None
    exc_text: str | None = None
    stack_info: str | None = None
    extra: dict[str, JSONValue] | None = None
    received: Origin = field(default_factory=_missing)
    hops: list[Origin] | None = None
    repaired: list[str] | None = None


class PickledBatch(list[Record]):
    """
    Records that came as pickles.

    @ivar payloads: Those, in their order, where all are as stock handlers write
        them: nothing but data, of which nothing was merged or repaired.  They can
        be sent on as they are.  L{None} otherwise.
    """

    __slots__ = ("payloads",)

    payloads: Sequence[bytes] | None
