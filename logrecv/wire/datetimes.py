"""
Pickled dates, times and durations, read as ISO 8601 and seconds.

Each function reads one call.  It raises L{ArithmeticError}, L{LookupError},
L{TypeError} or L{ValueError} if the class would never have sent that call.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, time, timedelta, timezone
from typing import Final

from logrecv.wire.calls import Opaque, nameOf, readBytes
from logrecv.wire.pickled.placeholders import Call


def _readDate(call: Call) -> str:
    (state,) = call.args
    high, low, month, day = readBytes(state)
    return date(high << 8 | low, month, day).isoformat()


def _readDatetime(call: Call) -> object:
    state, zone = _stateAndZone(call)
    high, low, month, day, hour, minute, second, *fraction = readBytes(state)
    local = datetime(
        high << 8 | low,
        # The highest bit of the month holds the fold.
        month & 0x7F,
        day,
        hour,
        minute,
        second,
        _microseconds(fraction),
        fold=month >> 7,
    )
    return _inZone("datetime.datetime", local, zone)


def _readTime(call: Call) -> object:
    state, zone = _stateAndZone(call)
    hour, minute, second, *fraction = readBytes(state)
    # The highest bit of the hour holds the fold.
    local = time(hour & 0x7F, minute, second, _microseconds(fraction), fold=hour >> 7)
    return _inZone("datetime.time", local, zone)


def _readDuration(call: Call) -> float:
    return _timedelta(call).total_seconds()


def _stateAndZone(call: Call) -> tuple[object, object]:
    """
    @return: The packed fields, and the time zone if there is one.
    """
    state, zone = call.args if len(call.args) == 2 else (*call.args, None)
    return state, zone


def _microseconds(fraction: list[int]) -> int:
    high, middle, low = fraction
    return high << 16 | middle << 8 | low


def _timedelta(value: object) -> timedelta:
    if not isinstance(value, Call) or nameOf(value.function) != "datetime.timedelta":
        raise TypeError
    days, seconds, microseconds = value.args
    return timedelta(days, seconds, microseconds)  # type: ignore[arg-type]


def _inZone(name: str, local: datetime | time, zone: object) -> object:
    """
    Write a time as ISO 8601, with its zone as far as the pickle tells the zone.

    A zone that is sent by its key is written as the key in brackets (RFC 9557),
    since nothing that a client names is looked up.

    @param name: The full name of the class.
    @param local: The local time.
    @param zone: The zone as it was sent; L{None} for no zone.
    @return: The text; or an instance of the class, with the local time and the
        zone as arguments, if the pickle has neither the offset nor the key.
    """
    if zone is None:
        return local.isoformat()
    known = _readZone(zone) if isinstance(zone, Call) else None
    if isinstance(known, timedelta):
        return local.replace(tzinfo=timezone(known)).isoformat()
    if isinstance(known, str):
        return f"{local.isoformat()}[{known}]"
    return Opaque(name, (local.isoformat(), zone))


def _readZone(zone: Call) -> timedelta | str | None:
    """
    Read a time zone of the standard library, pytz or dateutil.

    @return: The offset from UTC, or the key of the zone; L{None} if the pickle
        has neither.
    """
    name = nameOf(zone.function)
    args = zone.args
    if name == "copyreg._reconstructor":
        name = nameOf(args[0])
    if name == "datetime.timezone":
        return _timedelta(args[0])
    if name in ("pytz._UTC", "dateutil.tz.tz.tzutc"):
        return timedelta(0)
    if name == "dateutil.tz.tz.tzoffset" and isinstance(zone.state, dict):
        return _timedelta(zone.state["_offset"])
    if name == "pytz._p" and len(args) == 4 and type(args[1]) is int:
        return timedelta(seconds=args[1])
    if name in ("zoneinfo.ZoneInfo._unpickle", "pytz._p") and type(args[0]) is str:
        return args[0]
    return None


#: The reader of each class, by the full name of the class.
READERS: Final[dict[str, Callable[[Call], object]]] = {
    "datetime.date": _readDate,
    "datetime.datetime": _readDatetime,
    "datetime.time": _readTime,
    "datetime.timedelta": _readDuration,
}
