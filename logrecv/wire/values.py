"""
Values as clients had them, out of the spellings that the wire has for them: the
placeholders that L{logrecv.wire.pickled.machine} built, and Python literals.

A class that a client named is only ever compared with names in this module's
tables; what it says is read out of its arguments and state as data.
"""

from __future__ import annotations

import re
from _compat_pickle import IMPORT_MAPPING, NAME_MAPPING
from base64 import b64encode
from collections.abc import Callable, Iterable
from datetime import date, datetime, time, timedelta, timezone
from itertools import chain
from math import isfinite
from pathlib import PurePosixPath, PureWindowsPath
from typing import Final
from uuid import UUID

from msgspec.json import encode

from logrecv.record import JSONValue
from logrecv.wire.pickled.machine import Call, Global

#: How deep a converted value may be, in containers.  Each level takes three
#: Python frames here and one level of every JSON reader after us, of which
#: those of other languages often stop at 100.
DEPTH: Final = 64

#: What may be spent on one record's C{extra}, in what a number or a constant
#: costs (about 0.15 us): as much as there are bytes in its payload, and some
#: more for small records that share parts.  What costs more than its share is
#: longer on the wire too, so only shared parts, which are written out wherever
#: they are referred to, can come to more than that.
EFFORT_PER_BYTE: Final = 1
EFFORT_FLOOR: Final = 1000

#: What other values cost: a list, without its items; the key of a dict; bytes,
#: which may be no text; and a placeholder, without its arguments and state.
CONTAINER_EFFORT: Final = 3
KEY_EFFORT: Final = 1
BYTES_EFFORT: Final = 5
CALL_EFFORT: Final = 6

#: Bytes of JSON that one record may take, by the bytes of its payload.  An
#: object of a few pickled bytes is written with the whole name of its class,
#: a NUL as six characters.
RENDERED_PER_BYTE: Final = 16
RENDERED_FLOOR: Final = 8192

#: The most bytes of JSON that one character takes: it is escaped.
BYTES_PER_CHARACTER: Final = 6

#: The integers that are kept: those that fit 64 bits with or without a sign,
#: which is what readers of JSON can be hoped to take.
SMALLEST_INTEGER: Final = -(2**63)
LARGEST_INTEGER: Final = 2**64 - 1

#: The largest integer that is written in decimal digits, in bits.  Python takes
#: time quadratic in the digits, and refuses more than 4300 of them (about 14,000
#: bits); longer ones are written in hexadecimal digits, which is linear.
DECIMAL_BITS: Final = 8192

#: How much of a text is read at the cost of a number, in characters, by what
#: only looks through it.
CHARACTERS_PER_EFFORT: Final = 64

#: How much of the name of a module, and of a class in it, is kept, and how long
#: a path may be, in characters.  There are no longer ones, and some can be put
#: together of one text over and over.
NAME_LENGTH: Final = 1000
PATH_LENGTH: Final = 65536

#: The longest tuple that is tried the short way, in characters: what fails there
#: is tried again.
PLAIN_LENGTH: Final = 4096

#: What stands for a part that contains itself, that lies deeper than L{DEPTH},
#: or for which there was no room left.
CYCLE: Final = "<cycle>"
TOO_DEEP: Final = "<too deep>"
TOO_LARGE: Final = "<too large>"

#: The longest literal that is parsed, in characters: the text of an argument
#: as large as the largest record by default.
LITERAL_LENGTH: Final = 1048576

#: How many values a literal may have in all (about a microsecond each), how
#: deep they may be, and how many keys of dicts may be other than text: unlike
#: those of text, the hashes of numbers can be chosen so that all collide.
LITERAL_VALUES: Final = 10000
LITERAL_DEPTH: Final = 32
LITERAL_ODD_KEYS: Final = 256


class Converter:
    """
    Makes plain JSON values for one record, and keeps what they take within
    bounds.

    Whatever it is given, it gives something that can be encoded; what cannot be
    kept as it was sent is reported as not exact.
    """

    __slots__ = ("_effort", "_exact", "_path", "_room", "_spent")

    def __init__(self, size: int) -> None:
        """
        @param size: The length of the record's payload, in bytes.
        """
        self._effort = size * EFFORT_PER_BYTE + EFFORT_FLOOR
        self._room = size * RENDERED_PER_BYTE + RENDERED_FLOOR
        self._spent = False
        self._path: set[int] = set()
        self._exact = True

    def convert(self, value: object) -> tuple[JSONValue, bool]:
        """
        Make a JSON value.

        @param value: Anything.
        @return: The JSON value, and whether it says all that C{value} does.
        """
        self._exact = True
        converted = self._value(value, 0)
        return converted, self._exact

    def text(self, text: str) -> tuple[str, bool]:
        """
        Make text that can be encoded.

        @param text: Any text.
        @return: The text, lone surrogates replaced by their escapes, and
            whether it is still the same.
        """
        self._exact = True
        valid = self._text(text)
        return valid, self._exact

    def _inexact(self, mark: str) -> str:
        self._exact = False
        return mark

    def _noRoom(self) -> str:
        """
        Give up: from here on every value is L{TOO_LARGE}, so that trying is
        not repeated for each part that would not fit either.
        """
        self._spent = True
        return self._inexact(TOO_LARGE)

    def _text(self, text: str) -> str:
        if self._spent or len(text) > self._room:
            return self._noRoom()
        text, exact = encodable(text)
        if not exact:
            self._exact = False
        self._room -= len(encode(text))
        return text if self._room >= 0 else self._noRoom()

    def _value(self, value: object, depth: int) -> JSONValue:
        self._effort -= 1
        if self._spent or self._effort < 0 or self._room < 0:
            return self._noRoom()
        self._room -= 6  # null or false, and a comma
        kind = type(value)
        if kind is str:
            return self._text(value)  # type: ignore[arg-type]
        if value is None or kind is bool:
            return value  # type: ignore[return-value]
        if kind is int:
            return self._integer(value)  # type: ignore[arg-type]
        if kind is float:
            return self._float(value)  # type: ignore[arg-type]
        if kind is bytes or kind is bytearray:
            return self._bytes(value)  # type: ignore[arg-type]
        if kind is Global:
            return {"$class": self._text(nameOf(value))}
        return self._container(value, depth)

    def _integer(self, value: int) -> int | str:
        if -100 < value < 1000:
            return value
        if SMALLEST_INTEGER <= value <= LARGEST_INTEGER:
            self._room -= 20
            return value
        return self._text(_digits(value))

    def _float(self, value: float) -> float | str:
        self._room -= 24
        return value if isfinite(value) else str(value)

    def _bytes(self, value: bytes | bytearray) -> JSONValue:
        self._effort -= BYTES_EFFORT - 1
        if len(value) > self._room:
            return self._noRoom()
        try:
            return self._text(value.decode("utf-8"))
        except UnicodeDecodeError:
            return {"$bytes": self._text(b64encode(value).decode("ascii"))}

    def _container(self, value: object, depth: int) -> JSONValue:
        if depth >= DEPTH:
            return self._inexact(TOO_DEEP)
        if id(value) in self._path:
            return self._inexact(CYCLE)
        self._effort -= CONTAINER_EFFORT - 1
        self._path.add(id(value))
        try:
            return self._contents(value, depth + 1)
        finally:
            self._path.discard(id(value))

    def _contents(self, value: object, depth: int) -> JSONValue:
        """
        @param depth: The depth of what is inside C{value}.
        """
        if isinstance(value, (list, tuple)):
            return self._array(value, depth)
        if isinstance(value, dict):
            return self._object(value.items(), depth)
        if isinstance(value, _Pairs):
            return self._object(value.pairs, depth)
        if isinstance(value, Call):
            return self._call(value, depth)
        if isinstance(value, _Opaque):
            return self._opaque(value, depth)
        kind = type(value)
        return {"$class": self._inexact(f"{kind.__module__}.{kind.__qualname__}")}

    def _array(self, items: Iterable[object], depth: int) -> list[JSONValue]:
        result: list[JSONValue] = []
        for item in items:
            result.append(self._value(item, depth))
            if self._spent:
                break
        return result

    def _object(
        self, pairs: Iterable[tuple[object, object]], depth: int
    ) -> dict[str, JSONValue]:
        result: dict[str, JSONValue] = {}
        for key, item in pairs:
            self._effort -= KEY_EFFORT
            name = self._text(key if type(key) is str else _keyText(key))
            if name in result:
                self._exact = False
            result[name] = self._value(item, depth)
            if self._spent:
                break
        return result

    def _call(self, call: Call, depth: int) -> JSONValue:
        # Paid for beforehand, as nothing may come of the arguments.
        self._effort -= CALL_EFFORT - CONTAINER_EFFORT + _extent(call.args)
        if self._effort < 0:
            return self._noRoom()
        return self._value(_unfold(call), depth)

    def _opaque(self, opaque: _Opaque, depth: int) -> dict[str, JSONValue]:
        result: dict[str, JSONValue] = {
            "$class": self._text(opaque.name),
            "args": self._array(opaque.args, depth),
        }
        self._room -= 40  # the keys of this form
        if opaque.kwargs:
            result["kwargs"] = self._value(opaque.kwargs, depth)
        result["state"] = self._value(opaque.state, depth) if opaque.state else {}
        return result


def encodable(text: str) -> tuple[str, bool]:
    """
    @param text: Any text.
    @return: The text with the escapes of lone surrogates in their place, and
        whether it is still the same.
    """
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return text.encode("utf-8", "backslashreplace").decode("utf-8"), False
    return text, True


def underlying(value: object) -> object:
    """
    See through the ways in which a pickle wraps a text or a number.

    @param value: Anything.
    @return: The text, bytes or number that C{value} is, or is an instance of a
        subclass of; else C{value} as it is.
    """
    if not isinstance(value, Call):
        return value
    if nameOf(value.function) not in _SAME_VALUE:
        return value
    inner = _unfold(value)
    return inner if type(inner) in _SCALARS else value


def nameOf(function: object) -> str:
    """
    @param function: What a pickle calls.
    @return: The name, as Python 3 spells it, of what that is or would be: a
        pickle of the stock handlers names modules as Python 2 did.
    """
    if isinstance(function, Global):
        module = function.module[:NAME_LENGTH]
        name = function.name[:NAME_LENGTH]
        if (module, name) in NAME_MAPPING:
            module, name = NAME_MAPPING[module, name]
        return f"{IMPORT_MAPPING.get(module, module)}.{name}"
    if isinstance(function, Call) and isinstance(function.function, Global):
        return _attributeName(function)
    return ""


def _attributeName(call: Call) -> str:
    """
    @return: The name of what C{getattr}, which is how a pickle of the stock
        handlers names a method, would find; else no name.
    """
    if nameOf(call.function) != "builtins.getattr" or len(call.args) != 2:
        return ""
    owner, name = call.args
    if not isinstance(owner, Global) or not isinstance(name, str):
        return ""
    return f"{nameOf(owner)}.{name[:NAME_LENGTH]}"


class _Pairs:
    """
    Keys and values that become an object, before their keys are text.
    """

    __slots__ = ("pairs",)

    def __init__(self, pairs: Iterable[tuple[object, object]]) -> None:
        self.pairs = pairs


class _Opaque:
    """
    An instance of a class that has no JSON form of its own.
    """

    __slots__ = ("args", "kwargs", "name", "state")

    def __init__(
        self,
        name: str,
        args: Iterable[object],
        kwargs: dict[str, object] | None = None,
        state: object = None,
    ) -> None:
        self.name = name
        self.args = args
        self.kwargs = kwargs
        self.state = {} if state is None else _mergedState(state)


def _mergedState(state: object) -> object:
    """
    @return: C{state}; or, where it is what an object with C{__slots__} gives,
        the attributes of its two halves.
    """
    if not isinstance(state, tuple) or len(state) != 2:
        return state
    attributes, slots = state
    if not isinstance(slots, dict) or not isinstance(attributes, (dict, type(None))):
        return state
    return _Pairs(chain((attributes or {}).items(), slots.items()))


def _extent(args: tuple[object, ...]) -> int:
    """
    @return: What it takes to look through arguments as the functions below do:
        at all of them, into the first few, and at what those were made of.
    """
    extent = len(args)
    for argument in args[:3]:
        if isinstance(argument, Call) and argument.args:
            argument = argument.args[0]
        if isinstance(argument, (list, tuple)):
            extent += len(argument)
        elif isinstance(argument, (str, bytes)):
            extent += len(argument) // CHARACTERS_PER_EFFORT
    return extent


def _unfold(call: Call) -> object:
    """
    @return: What a placeholder stands for, as a value one step nearer to plain
        data and never a placeholder itself.
    """
    name = nameOf(call.function)
    try:
        return _FORMS[name](call)
    except (ArithmeticError, LookupError, TypeError, ValueError):
        # Not one of the known classes, or not what it would have sent.
        pass
    if call.pairs:
        return _Pairs(call.pairs)
    if call.items:
        return call.items
    args = call.args if name else (call.function, *call.args)
    return _Opaque(name or "?", args, call.kwargs, call.state)


def _keyText(key: object) -> str:
    if isinstance(key, (bytes, bytearray)):
        return key.decode("utf-8", "backslashreplace")
    if type(key) is int:
        return _digits(key)
    if key is None or type(key) in (bool, float):
        return str(key)
    return f"<{type(key).__name__}>"


def _digits(value: int) -> str:
    return str(value) if value.bit_length() <= DECIMAL_BITS else hex(value)


def _elements(call: Call) -> object:
    sent = call.args[0] if call.args else ()
    if not isinstance(sent, (list, tuple)):
        raise TypeError
    return [*sent, *(call.items or ())]


def _longInteger(call: Call) -> str:
    """
    What the pickle machine makes of the decimal digits of a long integer.
    """
    (text,) = map(_asText, call.args)
    if not _INTEGER.fullmatch(text):
        raise ValueError
    return text.removesuffix("L")


def _longIntegerBytes(call: Call) -> str:
    """
    What the pickle machine makes of the bytes of a long integer.
    """
    raw, order = call.args
    if order != "little":
        raise ValueError
    return _digits(int.from_bytes(_octets(raw), "little", signed=True))


def _mapping(call: Call) -> object:
    pairs: Iterable[tuple[object, object]] = ()
    # A defaultdict's argument is what makes its values.
    (sent,) = call.args or (None,)
    if isinstance(sent, dict):
        pairs = sent.items()
    elif isinstance(sent, (list, tuple)):
        pairs = [(key, value) for key, value in sent]
    return _Pairs(chain(pairs, call.pairs or ()))


def _octets(value: object) -> bytes:
    """
    @param value: Bytes, or the placeholder that Python 3 sends for them.
    """
    if isinstance(value, bytes):
        return value
    if not isinstance(value, Call):
        raise TypeError
    name = nameOf(value.function)
    if name == "_codecs.encode":
        return _latin1(value)
    if name == "builtins.bytes" and not value.args:
        return b""
    raise ValueError


def _latin1(call: Call) -> bytes:
    text, encoding = call.args
    known = encoding in ("latin1", "latin-1", b"latin1", b"latin-1")
    if not known or not isinstance(text, str):
        raise TypeError
    return text.encode("latin-1")


def _bytearray(call: Call) -> bytes:
    if len(call.args) == 2:
        return _latin1(call)
    (sent,) = call.args or (b"",)
    return _octets(sent)


def _reconstructed(call: Call) -> object:
    """
    What C{copyreg._reconstructor} would make: protocol 1's way of sending an
    instance of a class, as the class, its built-in base and the base's value.
    """
    owner, base, value = call.args
    baseName = nameOf(base)
    if baseName == "builtins.object" and isinstance(owner, Global):
        if nameOf(owner) == "uuid.UUID":
            return _uuid(call)
        return _Opaque(nameOf(owner), (), None, call.state)
    if baseName == "builtins.bytes":
        return _octets(value)
    if type(value) is not _BASES[baseName]:
        raise TypeError
    return value


def _newObject(call: Call) -> object:
    """
    What C{copyreg.__newobj__} would make: protocol 2's way, told by REDUCE.
    """
    owner = call.args[0]
    made = Call(owner, call.args[1:])
    made.state, made.items, made.pairs = call.state, call.items, call.pairs
    if nameOf(owner) in _INDIRECT:
        raise ValueError
    return _unfold(made)


def _timedelta(value: object) -> timedelta:
    if not isinstance(value, Call) or nameOf(value.function) != "datetime.timedelta":
        raise TypeError
    days, seconds, microseconds = value.args
    return timedelta(days, seconds, microseconds)  # type: ignore[arg-type]


def _date(call: Call) -> str:
    (state,) = call.args
    high, low, month, day = _octets(state)
    return date(high << 8 | low, month, day).isoformat()


def _datetime(call: Call) -> object:
    state, zone = call.args if len(call.args) == 2 else (*call.args, None)
    high, low, month, day, hour, minute, second, *fraction = _octets(state)
    local = datetime(
        high << 8 | low,
        # The fold is in the month's highest bit.
        month & 0x7F,
        day,
        hour,
        minute,
        second,
        _microseconds(fraction),
        fold=month >> 7,
    )
    return _inZone("datetime.datetime", local, zone)


def _time(call: Call) -> object:
    state, zone = call.args if len(call.args) == 2 else (*call.args, None)
    hour, minute, second, *fraction = _octets(state)
    microsecond = _microseconds(fraction)
    # The fold is in the hour's highest bit.
    local = time(hour & 0x7F, minute, second, microsecond, fold=hour >> 7)
    return _inZone("datetime.time", local, zone)


def _microseconds(fraction: list[int]) -> int:
    high, middle, low = fraction
    return high << 16 | middle << 8 | low


def _inZone(name: str, local: datetime | time, zone: object) -> object:
    """
    @return: ISO 8601: with the offset where the wire says it; with the zone's
        key in brackets (as in RFC 9557) where it says that, because what the
        key means is not for us to look up; the placeholder's form, with the
        local time and the zone as arguments, where it says neither.
    """
    if zone is None:
        return local.isoformat()
    known = _zone(zone) if isinstance(zone, Call) else None
    if isinstance(known, timedelta):
        return local.replace(tzinfo=timezone(known)).isoformat()
    if isinstance(known, str):
        return f"{local.isoformat()}[{known}]"
    return _Opaque(name, (local.isoformat(), zone))


def _zone(zone: Call) -> timedelta | str | None:
    """
    @return: The offset from UTC, or the key of the zone, or neither.
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


def _asText(value: object) -> str:
    if isinstance(value, bytes):
        return value.decode("ascii")
    if not isinstance(value, str):
        raise TypeError
    return value


def _decimal(call: Call) -> str:
    (text,) = map(_asText, call.args)
    if not _DECIMAL.fullmatch(text):
        raise ValueError
    return text


def _fraction(call: Call) -> str:
    if len(call.args) == 1:
        text = _asText(call.args[0])
        if not _FRACTION.fullmatch(text):
            raise ValueError
        return text
    numerator, denominator = call.args
    if type(numerator) is not int or type(denominator) is not int:
        raise TypeError
    if denominator == 1:
        return _digits(numerator)
    return f"{_digits(numerator)}/{_digits(denominator)}"


def _uuid(call: Call) -> str:
    if not isinstance(call.state, dict):
        raise TypeError
    number = call.state["int"]
    if type(number) is not int:
        raise TypeError
    return str(UUID(int=number))


def _posixPath(call: Call) -> str:
    return str(PurePosixPath(*_pathParts(call)))


def _windowsPath(call: Call) -> str:
    return str(PureWindowsPath(*_pathParts(call)))


def _pathParts(call: Call) -> list[str]:
    parts = list(map(_asText, call.args))
    if sum(map(len, parts)) > PATH_LENGTH:
        raise ValueError
    return parts


_DECIMAL: Final = re.compile(
    r"[-+]?(?:[0-9]++(?:\.[0-9]*+)?(?:E[-+]?[0-9]++)?|Infinity|s?NaN[0-9]*+)"
)
_INTEGER: Final = re.compile(r"-?[0-9]++L?")
_FRACTION: Final = re.compile(r"-?[0-9]++(?:/[0-9]++)?")

#: The built-in classes a value of which may be the base of an instance.
_BASES: Final[dict[str, type]] = {
    "builtins.dict": dict,
    "builtins.float": float,
    "builtins.int": int,
    "builtins.list": list,
    "builtins.str": str,
    "builtins.tuple": tuple,
}
_SCALARS: Final = {str, bytes, int, float}

#: Functions that other functions' results pass through.
_INDIRECT: Final = {"copyreg._reconstructor", "copyreg.__newobj__"}
_SAME_VALUE: Final = {"_codecs.encode", "builtins.bytes", "copyreg._reconstructor"}

#: How to read what is sent for an instance of a class, by the class's name.
#: Each raises where that is not what the class would have sent.
_FORMS: Final[dict[str, Callable[[Call], object]]] = {
    "_codecs.encode": _octets,
    "builtins.bytearray": _bytearray,
    "builtins.bytes": _octets,
    "builtins.int": _longInteger,
    "builtins.int.from_bytes": _longIntegerBytes,
    "builtins.frozenset": _elements,
    "builtins.set": _elements,
    "collections.Counter": _mapping,
    "collections.OrderedDict": _mapping,
    "collections.defaultdict": _mapping,
    "collections.deque": _elements,
    "copyreg.__newobj__": _newObject,
    "copyreg._reconstructor": _reconstructed,
    "datetime.date": _date,
    "datetime.datetime": _datetime,
    "datetime.time": _time,
    "datetime.timedelta": lambda call: _timedelta(call).total_seconds(),
    "decimal.Decimal": _decimal,
    "fractions.Fraction": _fraction,
    "uuid.UUID": _uuid,
    **{
        f"{module}.{pure}PosixPath": _posixPath
        for module in ("pathlib", "pathlib._local")
        for pure in ("", "Pure")
    },
    **{
        f"{module}.{pure}WindowsPath": _windowsPath
        for module in ("pathlib", "pathlib._local")
        for pure in ("", "Pure")
    },
}


def plainTuple(text: str) -> tuple[int | float | str, ...] | None:
    """
    Read the literal of a tuple as the arguments of most messages are: short, of
    numbers and of texts without escapes.

    @return: As L{parseLiteral}; L{None} if it is anything else.
    """
    if len(text) > PLAIN_LENGTH or _PLAIN_TUPLE.fullmatch(text) is None:
        return None
    return tuple(
        [
            item[1:-1] if item[0] == "'" else float(item) if "." in item else int(item)
            for item in _PLAIN_ITEM.findall(text)
        ]
    )


def parseLiteral(text: str) -> object:
    """
    Read a Python literal as C{repr} writes it, of Python 2 as well as 3: texts,
    bytes, numbers, constants, and tuples, lists and dicts of them.

    Not by L{ast.literal_eval}, whose parser takes much memory, can be made to
    run out of stack, and warns about what it reads.

    @param text: What may be a literal.
    @return: Its value.
    @raise ValueError: It is not a literal, or a longer or deeper one than is
        taken.
    """
    if len(text) > LITERAL_LENGTH:
        raise ValueError("too long")
    return _LiteralParser(text).parse()


class _LiteralParser:
    """
    A recursive descent into one literal.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._values = LITERAL_VALUES
        self._oddKeys = LITERAL_ODD_KEYS

    def parse(self) -> object:
        value = self._value(LITERAL_DEPTH)
        if self._at != len(self._text):
            raise ValueError("something follows the literal")
        return value

    def _value(self, depth: int) -> object:
        self._values -= 1
        if depth < 0 or self._values < 0:
            raise ValueError("too large")
        if self._text[self._at : self._at + 1] not in "([{":
            return self._atom()
        if self._accept("("):
            return self._tuple(depth - 1)
        if self._accept("["):
            return self._items("]", depth - 1)[0]
        if self._accept("{"):
            return self._dict(depth - 1)
        return self._atom()

    def _accept(self, mark: str) -> bool:
        if not self._text.startswith(mark, self._at):
            return False
        self._at += len(mark)
        return True

    def _separated(self) -> bool:
        """
        Take a comma, and say whether there was one.
        """
        return self._accept(", ") or self._accept(",")

    def _items(self, close: str, depth: int) -> tuple[list[object], bool]:
        """
        @return: The items up to the closing bracket, and whether a comma was
            the last thing before it.
        """
        items: list[object] = []
        separated = True
        while not self._accept(close):
            if not separated:
                raise ValueError("no comma")
            items.append(self._value(depth))
            separated = self._separated()
        return items, separated

    def _tuple(self, depth: int) -> object:
        items, separated = self._items(")", depth)
        return items[0] if len(items) == 1 and not separated else tuple(items)

    def _dict(self, depth: int) -> dict[object, object]:
        result: dict[object, object] = {}
        separated = True
        while not self._accept("}"):
            if not separated:
                raise ValueError("no comma")
            key = self._key()
            if not (self._accept(": ") or self._accept(":")):
                raise ValueError("no colon")
            result[key] = self._value(depth)
            separated = self._separated()
        return result

    def _key(self) -> object:
        key = self._atom()
        if not isinstance(key, str):
            self._oddKeys -= 1
            if self._oddKeys < 0:
                raise ValueError("too many keys that are no text")
        return key

    def _atom(self) -> object:
        found = _ATOM.match(self._text, self._at)
        if found is None:
            raise ValueError("not a literal")
        self._at = found.end()
        kind = found.lastgroup
        token = found[0]
        if kind == "constant":
            return _CONSTANTS[token]
        if kind == "real":
            return float(token)
        if kind == "integer":
            return int(token.rstrip("L"))
        return _unquoted(token)


class Python2Text(str):
    """
    A text that Python 2 shows, where C{%r} asks for that, with its prefix and
    all in ASCII.
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return "u" + ascii(str(self))


def _unquoted(token: str) -> str | bytes:
    """
    @param token: A quoted text or bytes, every escape in which is one that
        C{repr} writes.
    """
    prefix, _, quoted = token.partition(token[-1])
    content = quoted[:-1]
    if "\\" in content:
        ascii = content.encode("latin-1", "backslashreplace")
        content = ascii.decode("unicode_escape")
    if prefix == "b":
        return content.encode("latin-1")
    if prefix == "u":
        return Python2Text(content)
    if _PYTHON2_BYTES.search(token):
        return content.encode("latin-1").decode("utf-8")
    return content


_PLAIN_ITEM: Final = re.compile(r"-?[0-9]{1,18}+(?:\.[0-9]{1,18}+)?|'[^'\\\n]*+'")
_PLAIN_TUPLE: Final = re.compile(
    rf"\((?:{_PLAIN_ITEM.pattern})(?:,|(?:, (?:{_PLAIN_ITEM.pattern}))++)\)"
)
_ESCAPE: Final = r"\\(?:[\\'\"nrt]|x[0-9a-f]{2}|u[0-9a-f]{4}|U[0-9a-f]{8})"
_ATOM: Final = re.compile(
    rf"""
    (?P<quoted> [ub]? (?: '(?: [^'\\\n]++ | {_ESCAPE} )*+'
                        | "(?: [^"\\\n]++ | {_ESCAPE} )*+" ) )
    | (?P<real> -? (?: [0-9]{{1,32}} (?: \.[0-9]{{1,32}} (?: e[-+]?[0-9]{{1,3}} )?
                                       | e[-+]?[0-9]{{1,3}} )
                     | inf | nan ) \b )
    | (?P<integer> -? [0-9]{{1,1000}} (?: L | \b ) )
    | (?P<constant> (?: None | True | False ) \b )
    """,
    re.VERBOSE,
)
_CONSTANTS: Final = {"None": None, "True": True, "False": False}

#: The lead byte of a UTF-8 sequence, as an escape.  Python 3 writes characters
#: with these numbers as themselves, so a text without a prefix that has one is
#: a byte string of Python 2.
_PYTHON2_BYTES: Final = re.compile(r"(?<!\\)(?:\\\\)*+\\x(?:c[2-9a-f]|[de]|f[0-4])")
