"""
A log record and its origin, as plain data.

The fields of L{Record}, in their order, are the keys of a record's JSON form.  The
class B{is} the contract of this form: encoding a record is a single call, which
cannot disagree with the contract.
"""

from __future__ import annotations

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
    The time, the way and the sender of a record's reception::

        Origin("2026-01-01T00:00:00.000000Z", "tcp", "192.0.2.1:50000")

    @ivar at: The time of reception: ISO 8601, UTC, microseconds, C{Z}.
    @ivar via: C{"tcp"}, C{"udp"}, C{"http"} or C{"json"}.
    @ivar peer: C{host:port} of the sender, or the path of the socket.
    """

    at: str
    via: str
    peer: str


def _missing() -> NoReturn:
    # With a default factory a required field can stand behind an optional field.
    # So the fields keep their order, and a record can be made by position, which
    # takes half the time.
    raise ValidationError("a record has a message and says where it was received")


class Record(Struct, omit_defaults=True):
    """
    One log record.

    The fields have the names of the attributes of a C{LogRecord}, which are in
    L{logrecv.schema}.  An attribute that the client did not send, or sent as L{None},
    is L{None} here and is left out of the JSON form::

        received = Origin("2026-01-01T00:00:00.250000Z", "tcp", "192.0.2.1:50000")
        record = Record(
            time="2026-01-01T00:00:00.125000Z",
            created=1767225600.125,
            levelname="INFO",
            levelno=20,
            message="Order 17 of alice",
            received=received,
        )

    @ivar time: C{created} as ISO 8601, UTC, microseconds, C{Z}; the time of
        reception where the client sent no usable C{created}.
    @ivar created: Seconds since the epoch.
    @ivar msecs: The millisecond part of C{created}.
    @ivar relativeCreated: Milliseconds since the client loaded C{logging}.
    @ivar message: The rendered message.
    @ivar msg: The template, if it differs from the message.
    @ivar args: The arguments of the template as text, beside C{msg}.
    @ivar exc_text: The traceback, as the client formatted it.
    @ivar extra: Every other attribute, as plain JSON values.
    @ivar received: The origin of the record, as the first logrecv noted it.
    @ivar hops: The origins that further logrecvs noted, in their order.
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
