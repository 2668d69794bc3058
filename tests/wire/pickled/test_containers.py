"""
Tests for L{logrecv.wire.pickled.containers}.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.wire.pickled.captures import value


class KeyTests(SynchronousTestCase):
    """
    Tests of the keys of dicts.
    """

    def test_keys(self) -> None:
        """
        The keys of dicts become text, whatever they are.
        """
        for opcodes, expected in (
            (b"\x8c\1k", "k"),
            (b"U\1k", "k"),
            (b"U\2\xc3\xa4", "ä"),
            (b"U\1\xe4", "ä"),
            (b"K\1", "1"),
            (b"\x88", "True"),
            (b"N", "None"),
            (b"G?\xf8\0\0\0\0\0\0", "1.5"),
            (b")", "()"),
            (b"K\1\x85", "(1,)"),
            (b"K\1\x8c\1a\x86", "(1, 'a')"),
            (b"(NNNNNNNt", "<tuple 0>"),
            (b"]\x85", "<tuple 0>"),
            (b"X\x41\0\0\0" + b"k" * 65 + b"\x85", "<tuple 0>"),
            (b"]", "<list 0>"),
            (b"}", "<dict 0>"),
            (b"\x96" + bytes(8), "<bytearray 0>"),
            (b"cos\nsystem\n", "os.system"),
            (b"capp\nColor\n(K\1tR", "app.Color(1)"),
            (b"capp\nColor\n(]tR", "<app.Color 0>"),
            (b"N)R", "<Call 0>"),
        ):
            for record in (b"}" + opcodes + b"K\5s", b"(" + opcodes + b"K\5d"):
                self.assertEqual(value(record), {expected: 5}, opcodes)

    def test_keysApart(self) -> None:
        """
        Keys that are not written out do not replace each other.
        """
        self.assertEqual(value(b"}(]K\1]K\2u"), {"<list 0>": 1, "<list 1>": 2})

    def test_hashes(self) -> None:
        """
        Containers as keys are never hashed: doubled and nested tuples, and
        numbers that collide, cost no more than their bytes.
        """
        doubled = b"K\1" + b"2\x86" * 200
        self.assertEqual(value(b"}" + doubled + b"Ns"), {"<tuple 0>": None})
        nested = b")" + b"\x85" * 900
        self.assertEqual(value(b"}" + nested + b"Ns"), {"<tuple 0>": None})
        colliding = b"".join(
            b"\x8a\x0c" + (n * (2**61 - 1)).to_bytes(12, "little") + b"N"
            for n in range(1, 3_000)
        )
        self.assertEqual(len(value(b"}(" + colliding + b"u")), 2_999)
