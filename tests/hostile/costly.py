"""
Payloads that take long for their bytes: as large as a service takes, and with as much
work in them as fits.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from tests.hostile.cases import Case, record, text

#: The largest payload that is taken by default, in bytes.
SIZE = 1 << 20

#: The most records of a body.
_RECORDS = 4000

_DATETIME = b"cdatetime\ndatetime\nC\x0a\x07\xe0" + b"\1" * 8 + b"\x85R"
_PATH = b"cpathlib\nPosixPath\n" + text("/var/log/app.log") + b"\x85R"
_UUID = (
    b"ccopy_reg\n_reconstructor\ncuuid\nUUID\nc__builtin__\nobject\nN\x87R}"
    + text("int")
    + b"\x8a\x10"
    + b"\x7f" * 16
    + b"sb"
)


def _filled(head: bytes, unit: bytes, name: str = "e", close: bytes = b"l") -> bytes:
    """
    Make a record with an attribute that repeats C{unit}.
    """
    room = SIZE - len(record((name, head + close)))
    return record((name, head + unit * (room // len(unit)) + close))


def _shared(value: bytes, name: str = "e", close: bytes = b"l") -> bytes:
    """
    Make a record that refers to one value over and over, in two bytes each.
    """
    return _filled(b"(" + value + b"q\1", b"h\1", name, close)


def frames() -> Iterator[Case]:
    """
    Make pickles.
    """
    for name, value in (
        ("path", _PATH),
        ("datetime", _DATETIME),
        ("UUID", _UUID),
        ("Decimal", b"cdecimal\nDecimal\n" + text("1.25") + b"\x85R"),
        ("set", b"\x8f(K\1K\2K\3\x90"),
        ("object", b"capp\nThing\n)R}" + text("a") + b"K\1sb"),
        ("class", b"capp\nThing\n"),
        ("text that is no UTF-8", text(b"\xff")),
        ("lone surrogate", text("\ud800")),
        ("text to escape", text("\0" * 30)),
        ("long integer", b"\x8a\xff" + b"\x7f" * 255),
        ("list", b"]"),
        ("dict", b"}" + text("k") + b"Ns"),
        ("deep list", b"(" * 60 + b"N" + b"l" * 60),
    ):
        yield f"one {name}", _shared(value)
    yield "datetimes as arguments", _shared(_DATETIME, "args", b"t")
    yield "numbers", _filled(b"(", b"K\1")
    yield "integers", _filled(b"(", b"\x8a\x20" + b"\x7f" * 32)
    yield "texts that are no UTF-8", _filled(b"(", b"U\1\xff")
    yield "attributes", record(*[(f"{n:x}", b"N") for n in range(SIZE // 11)])
    yield "a message that is no UTF-8", record(("message", text(b"\xff" * (SIZE - 99))))
    yield "conversions", record(("args", b"K\1\x85"), message="%%" * (SIZE // 2 - 40))
    yield "escapes", b"S'\\n'\n0" * (SIZE // 7 - 20) + record()
    yield "decimal integers", b"I1\n0" * (SIZE // 4 - 20) + record()


def bodies() -> Iterator[Case]:
    """
    Make bodies of JSON.
    """
    sent = {"msg": "user %s did %d things", "args": ["alice", 7], "name": "a" * 160}
    for name, line, count in (
        ("records with arguments", json.dumps(sent).encode(), _RECORDS),
        ("lists", b'{"msg":"a","e":[' + b"[]," * 60 + b"1]}", _RECORDS),
        ("many lists", b'{"msg":"a","e":[' + b"[]," * 99_000 + b"1]}", 1),
        ("numbers", b'{"msg":"a","e":[' + b"0," * 500_000 + b"1]}", 1),
        ("wide fields", b'{"msg":"%s","args":["a"]}' % (b"%999d" * 20), _RECORDS),
    ):
        yield f"JSON: {name}", (line + b"\n") * count
