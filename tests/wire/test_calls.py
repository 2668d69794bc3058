"""
Tests of L{logrecv.wire.calls}.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from logrecv.wire.calls import nameOf
from logrecv.wire.pickled.placeholders import Call, Global


class NameTests(SynchronousTestCase):
    """
    Tests for L{nameOf}.
    """

    def test_method(self) -> None:
        """
        A call of C{getattr} that names a method has the name of the method.
        """
        owner = Global("app", "Thing")
        method = Call(Global("__builtin__", "getattr"), (owner, "load"))
        self.assertEqual(nameOf(method), "app.Thing.load")
        for args in ((owner,), (owner, 1), ("app", "load")):
            self.assertEqual(nameOf(Call(Global("builtins", "getattr"), args)), "")
