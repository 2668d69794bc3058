"""
Hostile pickles.
"""

from __future__ import annotations

import pickle
import struct


class Hostile:
    """
    Pickles that try to cost much or to mislead.
    """

    @staticmethod
    def filled(before: bytes, unit: bytes, after: bytes, size: int) -> bytes:
        """
        Repeat C{unit} to fill a payload of C{size} bytes.
        """
        count = (size - len(before) - len(after)) // len(unit)
        return before + unit * count + after

    @classmethod
    def floods(cls, size: int) -> dict[str, bytes]:
        """
        Make payloads of C{size} bytes that try to cost more than their bytes.
        """
        double = b"G\x7f\xef\xff\xff\xff\xff\xff\xff"
        units = {
            "put": (b"N", b"q\0"),
            "memoize": (b"N", b"\x94"),
            "get": (b"Nq\0", b"h\0"),
            "dup": (b"N", b"2"),
            "mark": (b"", b"("),
            "mark-pop": (b"", b"(1"),
            "push-pop": (b"", b"N0"),
            "lists": (b"", b"]"),
            "dicts": (b"", b"}"),
            "sets": (b"", b"\x8f"),
            "tuples-in-tuples": (b"N", b"\x85"),
            "doubled-tuples": (b"N", b"2\x86"),
            "frozensets": (b"", b"(\x91"),
            "persistent": (b"N", b"Q"),
            "persistent-text": (b"", b"P\n"),
            "buffers": (b"", b"\x97"),
            "extensions": (b"", b"\x82\x01"),
            "globals": (b"", b"c\n\n"),
            "instances": (b"", b"(i\n\n"),
            "reduce": (b"N", b"2)R"),
            "build": (b"N)R", b"Nb"),
            "one-key-dicts": (b"", b"}K\1Ns"),
            "one-item-lists": (b"", b"]Na"),
            "keys-none": (b"}", b"NNs"),
            "empty-text": (b"", b"\x8c\0"),
            "empty-lines": (b"", b"V\n"),
            "bad-utf8": (b"", b"\x8c\x01\xff"),
            "bad-surrogates": (b"", b"\x8c\x02\xed\xff"),
            "surrogates": (b"", b"X\x03\0\0\0\xed\xa0\x80"),
            "bad-escapes": (b"", b"V\\u\n"),
            "string-escapes": (b"", b"S'\\n'\n"),
            "digits": (b"", b"I" + b"9" * 78 + b"\n"),
            "many-digits": (b"", b"L" + b"9" * 79 + b"\n"),
            "float-digits": (b"", b"F1." + b"9" * 55 + b"e-300\n"),
            "long1": (b"", b"\x8a\x21" + b"\x7f" * 33),
            "tuples": (b"", b"(NNNNt"),
            "appends-nothing": (b"]", b"(e"),
            "sets-nothing": (b"}", b"(u"),
            "protocols": (b"", b"\x80\x05"),
        }
        floods = {
            name: cls.filled(before, unit, b".", size)
            for name, (before, unit) in units.items()
        }
        keys = {
            "float": double,
            "integer": b"\x8a\x20" + b"\x7f" * 32,
            "bytes": b"B" + struct.pack("<I", size // 4) + b"k" * (size // 4),
            "latin": b"U\x01\xff",
            "tuple": b"((" + double * 6 + b"tt",
            "texts": b"(" + (b"\x8c\x40" + b"\x01" * 64) * 6 + b"t",
            "call": b"cos\nsystem\n)R",
            "global": b"cos\nsystem\n",
            "list": b"]",
            "bytearray": b"\x96" + bytes(8),
        }
        for name, key in keys.items():
            floods[f"key-{name}"] = cls.filled(b"}(" + key, b"2", b"u.", size)
        half = size // 2 - 1
        floods["nested-marks"] = b"(" * half + b"t" * half + b"."
        floods["one-big-tuple"] = b"N(" + b"N" * half + b"t" + b"2" * (half - 4) + b"."
        floods["memo-collisions"] = (
            b"N"
            + b"".join(
                b"r" + struct.pack("<I", n << 17 & 0xFFFFFFFF) for n in range(size // 5)
            )
            + b"."
        )
        floods["surrogate-text"] = (
            b"X" + struct.pack("<I", 3 * (size // 3)) + b"\xed\xa0\x80" * (size // 3)
        )
        floods["no-text"] = b"X" + struct.pack("<I", size) + b"\xff" * size
        floods["string-hex"] = b"S'" + b"\\x41" * (size // 4) + b"'\n."
        return floods

    @staticmethod
    def lies() -> dict[str, bytes]:
        """
        Make small payloads that are no pickle of a mapping.
        """
        cases = {
            "empty": b"",
            "stop": b".",
            "none": b"N.",
            "no-stop": b"}",
            "after-stop": b"}.N",
            "two-stops": b"}..",
            "two-values": b"N}.",
            "open-mark": b"(}.",
            "value-below-mark": b"}(.",
            "get-missing": b"}h\0.",
            "get-negative": b"}q\0g-0\n.",
            "get-text": b"}q\0gx\n.",
            "get-long": b"}g" + b"0" * 5000 + b"\n.",
            "put-negative": b"}p-1\n.",
            "put-huge": b"}p4294967296\n.",
            "put-unicode": b"}p\xb2\n.",
            "put-nothing": b"p0\n.",
            "memoize-nothing": b"\x94.",
            "binput-nothing": b"q\0.",
            "dup-nothing": b"2.",
            "dup-below-mark": b"}(2.",
            "pop-nothing": b"0.",
            "pop-mark-nothing": b"1.",
            "setitem-below-mark": b"}(NNs.",
            "setitem-short": b"}Ns.",
            "setitems-odd": b"}(Nu.",
            "setitems-no-target": b"(NNu.",
            "setitems-list": b"](NNu.",
            "dict-odd": b"(Nd.",
            "append-none": b"NNa.",
            "appends-dict": b"}(Ne.",
            "additems-dict": b"}(N\x90.",
            "reduce-short": b")R.",
            "build-short": b"}b.",
            "obj-nothing": b"(o.",
            "newobj-ex-kwargs": b"N)N\x92.",
            "stack-global-none": b"NN\x93.",
            "stack-global-bytes": b"C\1aC\1b\x93.",
            "stack-global-short": b"\x8c\1a\x93.",
            "global-one-line": b"cos\n.",
            "global-no-line": b"cos",
            "protocol-6": b"\x80\x06}.",
            "protocol-none": b"\x80",
            "int-empty": b"I\n.",
            "int-text": b"Ix\n.",
            "int-no-line": b"I1",
            "long-empty": b"LL\n.",
            "long-text": b"L0xL\n.",
            "float-text": b"Fx\n.",
            "string-bare": b"Sx\n.",
            "string-one-quote": b"S'\n.",
            "string-two-quotes": b"S'x\"\n.",
            "text-long": b"X\xff\xff\xff\xff.",
            "text-cut": b"X\x05\0\0\0abc",
            "text-cut-length": b"X\x05\0",
            "int-cut": b"J\x05\0",
            "float-cut": b"G\x05\0",
            "frame-cut": b"\x95\x00",
            "ext-cut": b"\x84\0",
            "readonly-nothing": b"\x98.",
            "tuple1-nothing": b"\x85.",
            "tuple2-short": b"N\x86.",
            "tuple3-short": b"NN\x87.",
        }
        for name, opcode, width in (
            ("string", b"T", 4),
            ("short-string", b"U", 1),
            ("bytes", b"B", 4),
            ("short-bytes", b"C", 1),
            ("bytes8", b"\x8e", 8),
            ("bytearray8", b"\x96", 8),
            ("long1", b"\x8a", 1),
            ("long4", b"\x8b", 4),
            ("short-text", b"\x8c", 1),
            ("text8", b"\x8d", 8),
            ("frame", b"\x95", 8),
        ):
            cases[f"{name}-most"] = opcode + b"\xff" * width + b"."
            cases[f"{name}-one-more"] = opcode + b"\2" + bytes(width - 1) + b"."
            cases[f"{name}-sign"] = opcode + bytes(width - 1) + b"\x80."
        for code in set(range(256)) - set(pickleOpcodes()):
            cases[f"opcode-{code:02x}"] = b"}" + bytes([code]) + b"."
        return cases


def pickleOpcodes() -> list[int]:
    """
    List the opcodes that the standard library knows.
    """
    return list(pickle._Unpickler.dispatch)  # type: ignore[attr-defined]
