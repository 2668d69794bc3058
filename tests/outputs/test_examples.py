"""
The examples in the docstrings of outputs are right.
"""

from __future__ import annotations

import doctest
from types import ModuleType

from twisted.trial.unittest import SynchronousTestCase

from logrecv import batch, testing
from logrecv.outputs import factory, fanout, filter, guard


class ExampleTests(SynchronousTestCase):
    """
    Docstrings with examples.
    """

    def check(self, module: ModuleType) -> None:
        results = doctest.testmod(module)
        self.assertEqual(results.failed, 0)
        self.assertGreater(results.attempted, 0)

    def test_batch(self) -> None:
        """
        L{batch} has an example.
        """
        self.check(batch)

    def test_factory(self) -> None:
        """
        L{factory} has an example.
        """
        self.check(factory)

    def test_fanOut(self) -> None:
        """
        L{fanout} has an example.
        """
        self.check(fanout)

    def test_filter(self) -> None:
        """
        L{filter} has an example.
        """
        self.check(filter)

    def test_guard(self) -> None:
        """
        L{guard} has an example, of a sink whose failure is logged.
        """
        self.check(guard)
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)

    def test_testing(self) -> None:
        """
        L{testing} has examples.
        """
        self.check(testing)
