"""
Bytes of hostile clients: the pickles in C{tests/data/hostile.jsonl.gz}, and cases
of our own for each kind of input.

Each generator gives pairs of a name and bytes, and no more pairs than a test has
time for.  No case may hurt anybody but the client that sends the bytes.
"""

from __future__ import annotations

import gzip
import json
import random
import struct
from base64 import b64decode
from collections.abc import Iterable, Iterator
from pathlib import Path

_DATA = Path(__file__).resolve().parent.parent / "data"

#: A name that identifies the case, and the bytes that a test sends.
Case = tuple[str, bytes]

#: The largest payload of a datagram over IPv4, less the length before a pickle.
LARGEST_DATAGRAM = 65507 - 4

_KIB = 1024
_MIB = 1024 * 1024


def corpus() -> list[Case]:
    """
    Read the pickles that are known to hurt.
    """
    with gzip.open(_DATA / "hostile.jsonl.gz", "rt", encoding="utf-8") as file:
        lines = [json.loads(line) for line in file]
    return [(line["name"], b64decode(line["pickle"])) for line in lines]


def text(value: str | bytes) -> bytes:
    """
    Push a text: BINUNICODE.
    """
    raw = value.encode("utf-8", "surrogatepass") if isinstance(value, str) else value
    return b"X" + struct.pack("<I", len(raw)) + raw


def record(*pairs: tuple[str, bytes], message: str = "a") -> bytes:
    """
    Make the pickle of a dict with a message and other attributes.

    @param pairs: Names, and the opcodes that push their values.
    """
    items = text("msg") + text(message)
    items += b"".join(text(name) + value for name, value in pairs)
    return b"}(" + items + b"u."


def _calls(function: bytes, argument: bytes, size: int = 64 * _KIB) -> bytes:
    """
    Make a record with a list of the same call over and over: 3 bytes a time.
    """
    start = b"(" + function + b"q\1" + argument + b"q\2R"
    return record(("e", start + b"h\1h\2R" * ((size - 200) // 5) + b"l"))


def _nested(opening: bytes, closing: bytes, depth: int) -> bytes:
    return record(("e", opening * depth + b"N" + closing * depth))


def doubled(levels: int, width: int = 2) -> bytes:
    """
    Make a record with lists each of which holds the one before several times.
    """
    value = text("\0" * 20) + b"q\0"
    for level in range(levels):
        value = b"](" + value + b"h" + bytes([level])
        value += (b"h" + bytes([level])) * (width - 2) + b"eq" + bytes([level + 1])
    return record(("e", value))


def pickles() -> Iterator[Case]:
    """
    Make pickles of our own.
    """
    yield "memo at 2^32", b"Nr\xff\xff\xff\xff" * 100 + b"."
    yield "memo at digits", b"Np" + b"9" * 60_000 + b"\n."
    yield (
        "memo of many",
        b"".join(b"Nr" + struct.pack("<I", index) + b"0" for index in range(8000))
        + record(),
    )
    yield "marks", b"(" * 65_000 + b"."
    yield "marks and pops", b"(1" * 32_000 + record()
    yield "dups", b"N" + b"2" * 65_000 + b"."
    yield "empty lists", record(("e", b"(" + b"]" * 15_000 + b"l"))
    yield "empty dicts", record(("e", b"(" + b"}" * 7_000 + b"l"))
    yield "empty tuples", record(("e", b"(" + b")" * 65_000 + b"l"))
    yield "sets", record(("e", b"(" + b"\x8f" * 7_000 + b"l"))
    yield "deep lists", _nested(b"(", b"l", 16_000)
    yield "deep tuples", _nested(b"", b"\x85", 15_000)
    yield "deep dicts", record(("e", b"}X\1\0\0\0k" * 3000 + b"N" + b"s" * 3000))
    yield "deep builds", record(("e", b"c\n\n)R" * 200 + b"b" * 199))
    yield "deep calls", record(("e", b"c\n\n" + b")R" * 6000))
    yield "deep sets", _nested(b"(", b"\x91", 5000)
    yield "tuple keys", record(("e", b"}" + b"N" + b"\x852\x86" * 300 + b"Ns"))
    yield "call keys", record(("e", b"}(" + b"c\n\n)RN" * 3000 + b"u"))
    yield "float keys", record(("e", b"}(" + (b"G" + b"\x3f" * 8 + b"N") * 5000 + b"u"))
    yield (
        "integer keys",
        record(
            (
                "e",
                b"}("
                + b"".join(b"M" + struct.pack("<H", n) + b"N" for n in range(9999))
                + b"u",
            )
        ),
    )
    yield (
        "long keys",
        record(("e", b"}(" + text("k" * 30_000) + b"q\1" + b"Nh\1" * 9999 + b"Nu")),
    )
    for width in (2, 5):
        for levels in (4, 28, 100):
            yield f"doubled {levels} times by {width}", doubled(levels, width)
    yield "a list in itself", record(("e", b"]q\1h\1a"))
    yield "a dict in itself", record(("e", b"}q\1X\1\0\0\0kh\1s"))
    yield "a call in itself", record(("e", b"c\n\n)Rq\1h\1b"))
    yield (
        "the record in itself",
        b"}q\1" + text("msg") + text("a") + b"s" + text("e") + b"h\1s.",
    )
    yield "the record as its message", b"}q\1" + text("msg") + b"h\1s."
    yield (
        "the record as its arguments",
        b"}q\1" + text("msg") + text("%s") + b"s" + text("args") + b"h\1s.",
    )
    yield (
        "datetimes",
        _calls(b"cdatetime\ndatetime\n", b"C\x0a\x07\xe0" + b"\1" * 8 + b"\x85"),
    )
    yield "timedeltas", _calls(b"cdatetime\ntimedelta\n", b"K\1K\2K\3\x87")
    yield (
        "endless timedelta",
        record(("e", b"cdatetime\ntimedelta\nG\x7f\xef" + b"\xff" * 6 + b"\x85R")),
    )
    yield "paths", _calls(b"cpathlib\nPosixPath\n", text("a/" * 4000) + b"\x85")
    yield (
        "Windows paths",
        _calls(b"cpathlib\nPureWindowsPath\n", text("a/.." * 2000) + b"\x85"),
    )
    yield "decimals", _calls(b"cdecimal\nDecimal\n", text("1" * 16_000) + b"\x85")
    yield (
        "fractions",
        _calls(b"cfractions\nFraction\n", b"\x8a\x20" + b"\x7f" * 32 + b"2\x86"),
    )
    yield (
        "UUIDs",
        _calls(
            b"ccopy_reg\n_reconstructor\n", b"cuuid\nUUID\nc__builtin__\nobject\nN\x87"
        ),
    )
    yield (
        "bytes",
        _calls(b"c_codecs\nencode\n", text("\xff" * 8000) + text("latin1") + b"\x86"),
    )
    yield "names", record(("e", b"(" + b"c\n\n" * 10_000 + b"l"))
    yield "a long name", record(("e", b"c" + b"a." * 30_000 + b"\nsystem\n"))
    yield (
        "a stack of names",
        record(("e", text("os") + text("system") + b"\x93(" + text("id") + b"tR")),
    )
    yield (
        "integers",
        record(
            ("e", b"(" + b"\x8a\xff" + b"\x7f" * 255 + b"q\1" + b"h\1" * 20_000 + b"l")
        ),
    )
    yield "floats", record(("e", b"(F" + b"1" * 64 + b"\nq\1" + b"h\1" * 20_000 + b"l"))
    yield "a float of digits", record(("e", b"F" + b"1" * 60_000 + b"\n"))
    yield "an integer of digits", record(("e", b"L" + b"9" * 60_000 + b"L\n"))
    yield "hexadecimal", record(("e", b"I0x" + b"f" * 60_000 + b"\n"))
    yield "underscores", record(("e", b"I1_" + b"0_" * 30_000 + b"0\n"))
    yield "spaces", record(("e", b"I" + b" " * 60_000 + b"1\n"))
    yield "escapes", record(("e", b"S'" + b"\\x41" * 15_000 + b"'\n"))
    yield "odd escapes", record(("e", b"S'" + b"\\N{DIGIT ONE}" * 4_000 + b"'\n"))
    yield "raw escapes", record(("e", b"V" + b"\\U0010ffff" * 6_000 + b"\n"))
    yield (
        "lone surrogates",
        record(("e", b"(" + text("\ud800") * 8_000 + b"l"), message="\udc80"),
    )
    yield "no UTF-8", record(("e", b"(" + text(b"\xff") * 10_000 + b"l"))
    yield "wide fields", record(("args", b"}X\1\0\0\0aK\1s"), message="%(a)999d" * 7000)
    yield (
        "precise fields",
        record(("args", b"}X\1\0\0\0aK\1s"), message="%(a).999f" * 7000),
    )
    yield (
        "a very wide field",
        record(("args", b"K\1K\1\x86"), message="%1000000000d%*d"),
    )
    yield (
        "one argument often",
        record(
            ("args", b"(" + text("z" * 8000) + b"q\1" + b"h\1" * 8000 + b"t"),
            message="%s" * 8001,
        ),
    )
    yield (
        "representations",
        record(
            ("args", b"(" + (b"G" + b"\x7f" * 8) * 4000 + b"t"), message="%r" * 4000
        ),
    )
    yield "unended conversion", record(("args", b"K\1\x85"), message="%" + "0" * 60_000)
    yield "unended key", record(("args", b"}X\1\0\0\0aK\1s"), message="%(" * 30_000)
    yield (
        "times",
        record(
            ("created", b"G\x7f\xef" + b"\xff" * 6),
            ("msecs", b"G\x7f\xf8" + bytes(6)),
            ("relativeCreated", b"L" + b"9" * 400 + b"L\n"),
        ),
    )
    yield (
        "numbers",
        record(
            ("levelno", b"\x8a\x20" + b"\xff" * 31 + b"\x7f"),
            ("lineno", b"N\x85"),
            ("process", b"}"),
            ("thread", text("x")),
        ),
    )
    yield "a level", record(("levelno", b"J\xff\xff\xff\xff"), ("levelname", b"]"))
    yield "a logger of dots", record(("name", text("." * 32_000)))
    yield "a logger of a path", record(("name", text("../../../../etc/passwd\0")))
    yield (
        "methods",
        record(
            *[
                (name, text("x"))
                for name in (
                    "getMessage",
                    "__dict__",
                    "__class__",
                    "__init__",
                    "exc_info",
                    "received",
                    "repaired",
                    "time",
                    "extra",
                )
            ]
        ),
    )
    yield (
        "a forged record",
        record(
            ("exc_text", text("\r\n2026-01-01 CRITICAL root: forged")),
            ("stack_info", text("\n{}\n")),
            message='"}\n{"message": "forged"}\n',
        ),
    )
    yield (
        "a terminal",
        record(
            ("name", text("\x1b[2J\x9b2J")),
            ("e", text("\x07\x1b]0;t\x07")),
            message="\u202e\u2066\u2028\u0085\x1b[8m",
        ),
    )
    yield "combining", record(message="e" + "\u0301" * 20_000)
    yield "lines", record(("exc_text", text("\n" * 30_000)), message="\n" * 30_000)
    yield "line endings", record(message="\r\n" * 15_000 + "\r" * 15_000)
    yield "names of extras", record(*[(f"{n:x}", b"N") for n in range(6000)])
    yield (
        "odd names of extras",
        b"}("
        + text("msg")
        + text("a")
        + b"".join(text(c) + b"N" for c in ("", "\0", "\n", "\ud800", "a" * 30_000))
        + b"u.",
    )
    yield "protocol 5", b"\x80\x05\x95" + struct.pack("<Q", len(record())) + record()
    yield "a frame that lies", b"\x80\x05\x95" + struct.pack("<Q", 1 << 62) + record()
    yield "many protocols", b"\x80\x02" * 30_000 + record()
    yield "many frames", (b"\x95" + bytes(8)) * 7_000 + record()
    yield "after the end", record() + b"\0" * 60_000
    yield "everything at once", b"".join(bytes([code]) for code in range(256)) * 200
    chance = random.Random(3)
    for number in range(40):
        yield f"chance {number}", chance.randbytes(chance.randrange(1, 4000))
    genuine = record(("levelno", b"K\x14"), ("name", text("app")), ("e", b"(K\1K\2l"))
    for number in range(60):
        mutated = bytearray(genuine)
        for _ in range(chance.randrange(1, 6)):
            mutated[chance.randrange(len(mutated))] = chance.randrange(256)
        yield f"mutation {number}", bytes(mutated)


def frame(payload: bytes) -> bytes:
    """
    Put the length before a payload.
    """
    return struct.pack(">I", len(payload)) + payload


def streams() -> Iterator[Case]:
    """
    Make what is sent to the TCP input beside single frames.
    """
    small = record()
    yield "nothing", b""
    yield "a byte", b"\0"
    yield "empty frames", bytes(4 * 16_000)
    yield "frames of one byte", frame(b".") * 13_000
    yield "small frames", frame(small) * 2_000
    yield "small frames that grow", frame(doubled(3, 5)) * 500
    yield (
        "small frames to repair",
        frame(record(("levelno", text("x")), ("name", b"K\1"))) * 900,
    )
    yield "4 GiB", b"\xff\xff\xff\xff" + bytes(200_000)
    yield "just too long", struct.pack(">I", _MIB + 1) + bytes(_MIB + 1) + frame(small)
    yield "cut off", frame(small)[:-1]
    yield "cut off in the length", frame(small) + b"\0\0"
    yield "the largest frame of zeros", frame(bytes(_MIB))
    yield (
        "the largest frame of lists",
        frame(record(("e", b"(" + b"]" * 200_000 + b"l"))[:_MIB]),
    )
    yield "HTTP", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
    yield "TLS", b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03" + bytes(600)
    yield "SSH", b"SSH-2.0-OpenSSH_9.2\r\n" * 100
    yield "chance", random.Random(4).randbytes(300_000)


def request(
    start: bytes, *headers: bytes, body: bytes = b"", length: bool = True
) -> bytes:
    """
    Make a request.

    @param start: The request line, without the version if that is 1.1.
    @param length: True to send the length of the body.
    """
    lines = [
        start if b" HTTP/" in start else start + b" HTTP/1.1",
        b"Host: x",
        *headers,
    ]
    if body and length:
        lines.append(b"Content-Length: %d" % len(body))
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


_FORM = b"Content-Type: application/x-www-form-urlencoded"
_JSON = b"Content-Type: application/json"
_CHUNKED = b"Transfer-Encoding: chunked"


def form(body: bytes) -> bytes:
    """
    Make a POST of a form.
    """
    return request(b"POST /", _FORM, body=body)


def lines(body: bytes) -> bytes:
    """
    Make a POST of JSON.
    """
    return request(b"POST /records", _JSON, body=body)


def _heads() -> Iterator[Case]:
    """
    Make requests that are odd in their heads.
    """
    get = b"GET /?msg=a"
    yield "h2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(64)
    yield "HTTP/0.9", b"GET /?msg=a\r\n\r\n"
    yield "HTTP/1.0", b"POST / HTTP/1.0\r\n\r\nmsg=a"
    yield "HTTP/9.9", request(b"GET /?msg=a HTTP/9.9")
    yield "FTP", request(b"GET /?msg=a FTP/1.1")
    yield "nothing but line ends", b"\r\n" * 20_000
    yield "line feeds", b"GET /?msg=a HTTP/1.1\nHost: x\n\n" * 100
    yield "NULs", bytes(60_000)
    yield "TLS to HTTP", b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03" + bytes(range(256))
    yield "a line of 1 MiB", b"GET /?" + b"x" * _MIB
    yield "a line of 2 MiB", b"GET /?" + b"x" * (2 * _MIB)
    yield "a path of slashes", request(b"GET " + b"/" * _MIB)
    yield "a path of parts", request(b"POST " + b"/%41" * (_MIB // 4))
    yield "a method of 1 MiB", b"A" * _MIB + b" / HTTP/1.1\r\n\r\n"
    for start in (
        b"GET http://elsewhere/?msg=a",
        b"POST http://elsewhere:99999999/records",
        b"OPTIONS *",
        b"CONNECT x:1",
        b"TRACE /",
        b"\xff\xfe /",
        b"get /?msg=a",
        b"GET /\0",
        b"GET /%00%ff%0a",
        b"GET /../../../etc/passwd",
        b"GET //////",
        b"GET /?" + b"%" * 9000,
        b"GET /?" + b"%zz" * 9000,
        b"GET /?" + b";" * 9000 + b"msg=a",
        b"GET /{x!r}%s{0}?msg={log_failure}",
        b"PUT /records",
        b"DELETE /",
        b"HEAD /?msg=a",
        b"POST /records/",
    ):
        yield f"start {start[:40]!r} of {len(start)}", request(start)
    for host in (
        b"a" * 64,
        b"a..b",
        b".",
        b"[::1",
        b"a:b:c",
        b"x:99999999999",
        b"\xff",
        b"<x>",
        b"a" * 9000,
        b"",
    ):
        name = f"host {host[:20]!r} of {len(host)}"
        yield name, b"GET / HTTP/1.1\r\nHost: %s\r\n\r\n" % host
        yield (
            name + ", JSON",
            b"POST /records HTTP/1.1\r\nHost: %s\r\nContent-Length: 11\r\n\r\n"
            b'{"msg":"a"}' % host,
        )
    for header in (
        b"Content-Length: -5",
        b"Content-Length: +5",
        b"Content-Length: 0x5",
        b"Content-Length: 5, 6",
        b"Content-Length: \xb2",
        b"Content-Length: " + b"9" * 400,
        b"Content-Length: " + b"9" * 9000,
        b"Content-Length: 5\r\nContent-Length: 6",
        b"Content-Length: 5\r\nTransfer-Encoding: chunked",
        b"Transfer-Encoding: gzip, chunked",
        b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        b"Expect: 100-continue\r\nContent-Length: 9000000",
        b"Expect: nothing\r\nContent-Length: 5",
        b"Content-Type: " + b";" * 9000,
        b"Content-Type: multipart/form-data; boundary=" + b"x" * 9000,
        _JSON + b"\r\nContent-Encoding: gzip\r\nContent-Length: 5",
        b"Cookie: " + b"a=b;" * 3000,
        b"Authorization: Basic " + b"A" * 9000,
        b"Authorization: Basic \xff\xfe",
        b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: a",
        b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c",
        b"If-Modified-Since: Sun, 99 Foo 99999999999 99:99:99 GMT",
        b"Range: bytes=" + b"0-," * 3000,
        b"X-Forwarded-For: 127.0.0.1\r\nForwarded: for=127.0.0.1",
        b"no colon\r\nnone either\r\nnor here",
        b"(bad): x",
        b"a: b\0c",
        b"a: b\r\n" + b" c\r\n" * 12_000,
        b"\r\n".join(b"h%d: v" % number for number in range(2000)),
        b"h: " + b"v" * 60_000,
    ):
        for start in (get, b"POST /", b"POST /records"):
            yield (
                f"{start!r} with {header[:40]!r} of {len(header)}",
                request(start, header, body=b"msg=a", length=False),
            )
    yield "pages not read", request(b"GET /") * 2000
    yield "records not read", request(get) * 2000


def _bodies() -> Iterator[Case]:
    """
    Make requests that are odd in their bodies.
    """
    yield (
        "chunks of a byte",
        request(b"POST /", _FORM, _CHUNKED) + b"1\r\na\r\n" * 20_000,
    )
    yield "a chunk of 2^64", request(b"POST /", _CHUNKED) + b"ffffffffffffffff\r\nmsg=a"
    yield (
        "a chunk of less than nothing",
        request(b"POST /", _CHUNKED) + b"-5\r\nmsg=a\r\n0\r\n\r\n",
    )
    yield (
        "an extension",
        request(b"POST /", _CHUNKED) + b"5;" + b"a" * 9000 + b"\r\nmsg=a\r\n0\r\n\r\n",
    )
    yield "trailers", request(b"POST /", _CHUNKED) + b"0\r\n" + b"a: b\r\n" * 15_000
    yield (
        "chunks without end",
        request(b"POST /", _CHUNKED) + (b"10000\r\n" + bytes(65536) + b"\r\n") * 40,
    )
    yield (
        "too long",
        request(b"POST /records", b"Content-Length: 314572800") + bytes(3 * _MIB),
    )
    yield (
        "multipart",
        request(
            b"POST /",
            b"Content-Type: multipart/form-data; boundary=x",
            body=b"--x\r\nContent-Disposition: form-data; name=a\r\n\r\n\r\n" * 5000
            + b"--x--",
        ),
    )
    yield (
        "gzip",
        request(b"POST /", b"Content-Encoding: gzip", body=b"\x1f\x8b\x08" + bytes(60)),
    )
    for name, body in (
        ("fields", b"&".join(b"%x=" % number for number in range(150_000))),
        ("empty fields", b"&" * _MIB),
        (
            "999 fields",
            b"msg=a&" + b"&".join(b"%x=1" % number for number in range(990)),
        ),
        ("semicolons", b"msg=a;" * 100_000),
        ("percent signs", b"msg=" + b"%" * (_MIB - 4)),
        ("escapes", b"msg=" + b"%e2%80%ae" * 100_000),
        ("single escapes", b"msg=" + b"%41a" * 260_000),
        ("no UTF-8", b"msg=%ff&name=%80&" + b"%ff=%fe"),
        ("the same field", b"msg=a&" * 900),
        ("a wide field", b"msg=%251000000000d&args=(1,)"),
        (
            "wide fields",
            b"msg=" + b"%25999d" * 50_000 + b"&args=(" + b"1," * 50_000 + b")",
        ),
        ("stars", b"msg=%25*d&args=(1000000000,1)"),
        ("deep arguments", b"msg=%25s&args=" + b"(" * 500_000),
        ("arguments in brackets", b"msg=%25s&args=" + b"[" * 90_000 + b"]" * 90_000),
        ("arguments with escapes", b"msg=%25s&args=('" + b"\\x41" * 200_000 + b"',)"),
        ("code", b"msg=%25s&args=(__import__('os').system('id'),)"),
        ("sums", b"msg=%25s&args=(" + b"1+" * 100_000 + b"1,)"),
        (
            "keys that collide",
            b"msg=%25(a)s&args={"
            + b",".join(b"%d:0" % (n * (2**61 - 1)) for n in range(9000))
            + b"}",
        ),
        ("digits", b"msg=%25d&args=(" + b"9" * 900_000 + b",)"),
        ("numbers", b"msg=a&levelno=" + b"9" * 60_000 + b"&created=1e999&lineno=0x1"),
        ("times", b"msg=a&created=-99999999999999&msecs=nan&relativeCreated=inf"),
    ):
        yield f"form: {name}", form(body)
    for name, body in (
        ("empty", b""),
        ("depth", b"[" * _MIB),
        ("deep objects", b'{"a":' * 100_000),
        ("deep enough", b'{"msg":"a","e":' + b"[" * 400 + b"]" * 400 + b"}"),
        ("empty objects", b"{}\n" * 340_000),
        ("records", b'{"msg":1}\n' * 9_999),
        ("too many records", b'{"msg":1}\n' * 10_001),
        ("one bad line", b'{"msg":"a"}\n' * 500 + b"{\n"),
        (
            "wide fields",
            b"\n".join([b'{"msg":"' + b"%(a)999d" * 10 + b'","args":{"a":1}}'] * 900),
        ),
        (
            "wider fields",
            b"\n".join([b'{"msg":"' + b"%(a)999d" * 2000 + b'","args":{"a":1}}'] * 6),
        ),
        ("a large integer", b'{"msg":"a","e":' + b"9" * 900_000 + b"}"),
        ("a surrogate", b'{"msg":"\\ud800","e":' + b"9" * 4000 + b"}"),
        (
            "many keys",
            b'{"msg":"a",' + b",".join(b'"%x":1' % n for n in range(60_000)) + b"}",
        ),
        ("the same key", b'{"msg":"a",' + b",".join([b'"a":1'] * 60_000) + b"}"),
        ("no JSON", b"NaN"),
        ("infinity", b'{"msg":"a","created":1e999,"levelno":-Infinity}'),
        ("no UTF-8", b'{"msg":"\xff"}'),
        ("UTF-16", '{"msg":"a"}'.encode("utf-16")),
        ("a byte order mark", b"\xef\xbb\xbf" * 9 + b'{"msg":"a"}'),
        (
            "a forged origin",
            b'{"msg":"a","received":{"via":"tcp","peer":"x"},"repaired":[1]}',
        ),
        ("a long time", b'{"message":"a","time":"' + b"2" * 60_000 + b'"}'),
    ):
        yield f"JSON: {name}", lines(body)


def requests() -> Iterator[Case]:
    """
    Make what is sent to the HTTP input, each on a connection of its own.
    """
    yield from _heads()
    yield from _bodies()


def datagrams() -> Iterator[Case]:
    """
    Make what is sent to the UDP input beside one pickle a datagram.
    """
    small = frame(record())
    yield "nothing", b""
    for length in range(1, 5):
        yield f"{length} bytes", b"\xff" * length
    yield "the length alone", bytes(4)
    yield "a length too long", struct.pack(">I", 1 << 31) + record()
    yield "a length too short", struct.pack(">I", 5) + record()
    yield "two frames", small * 2
    yield "the largest", bytes(LARGEST_DATAGRAM + 4)
    yield (
        "the largest of lists",
        frame(record(("e", b"(" + b"]" * 60_000 + b"l"))[:LARGEST_DATAGRAM]),
    )
    yield "HTTP by datagram", request(b"GET /?msg=a")
    yield "chance", random.Random(5).randbytes(9000)


def named(cases: Iterable[Case]) -> dict[str, bytes]:
    """
    Check that names differ, and give the cases by them.
    """
    pairs = list(cases)
    found = dict(pairs)
    if len(found) != len(pairs):
        raise AssertionError("two cases have one name")
    return found
