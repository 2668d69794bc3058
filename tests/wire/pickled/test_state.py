"""
Tests for L{logrecv.wire.pickled.state}.
"""

from __future__ import annotations

import tracemalloc

from twisted.trial.unittest import SynchronousTestCase

from logrecv.wire.pickled.machine import loads
from tests.wire.pickled.captures import value


class MemoTests(SynchronousTestCase):
    """
    Tests of the memo.
    """

    def test_memo(self) -> None:
        """
        Every way to put into the memo and to get out of it names one object.
        """
        for put in (b"p300\n", b"r\x2c\x01\0\0"):
            for get in (b"g300\n", b"j\x2c\x01\0\0"):
                first, second = value(b"]" + put + get + b"\x86")
                self.assertIs(first, second)
        for put in (b"p0\n", b"q\0", b"r\0\0\0\0", b"\x94"):
            for pushed in (b"]", b"X\0\0\0\0"):
                first, second = value(pushed + put + b"h\0\x86")
                self.assertIs(first, second)

    def test_cycle(self) -> None:
        """
        A list that holds itself is kept as such.
        """
        result = value(b"]q\0h\0a")
        self.assertIs(result[0], result)

    def test_memoIndex(self) -> None:
        """
        A large index into the memo costs no more than a small one.
        """
        for put in (b"r\xff\xff\xff\xff", b"p4294967295\n"):
            tracemalloc.start()
            try:
                self.assertEqual(loads(b"}" + put + b"."), {})
                peak = tracemalloc.get_traced_memory()[1]
            finally:
                tracemalloc.stop()
            self.assertLess(peak, 1 << 16)
