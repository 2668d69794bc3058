"""
Tests for L{logrecv.wire.pickled.placeholders}.
"""

from __future__ import annotations

import sys
import threading

from twisted.trial.unittest import SynchronousTestCase

from logrecv.wire.pickled.placeholders import Call, Global
from logrecv.wire.pickled.state import MAX_NODES
from tests.selection import slow
from tests.wire.pickled.captures import value


class PlaceholderTests(SynchronousTestCase):
    """
    Tests for L{Call} and L{Global}.
    """

    def test_repr(self) -> None:
        """
        The C{repr} of a placeholder is short, however deep it is nested.
        """
        self.assertEqual(
            repr(value(b"cos\nsystem\n)R")), "<Call of <Global os.system>>"
        )
        self.assertEqual(repr(value(b")" + b")R" * 200)), "<Call>")

    @slow
    def test_deepOnASmallStack(self) -> None:
        """
        A placeholder that is nested more deeply than in any payload is freed with
        little stack.  Otherwise the process would end.
        """

        def freed() -> None:
            for way in "function", "state":
                nested: object = Global("m", "n")
                for _ in range(MAX_NODES):
                    outer = Call(None, ())
                    setattr(outer, way, nested)
                    nested = outer
                del outer, nested
                done.append(way)

        done: list[str] = []
        # From 3.13 on CPython frees up to 10,000 levels before it stops nesting.
        size = 1 << (18 if sys.version_info < (3, 13) else 22)
        before = threading.stack_size(size)
        self.addCleanup(threading.stack_size, before)
        thread = threading.Thread(target=freed)
        thread.start()
        thread.join()
        self.assertEqual(done, ["function", "state"])
