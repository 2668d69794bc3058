"""
Tests of the examples in the docstrings of L{logrecv.wire}.
"""

from __future__ import annotations

import doctest

from twisted.trial.unittest import SynchronousTestCase

from logrecv.wire import repairs, timestamps, values
from logrecv.wire.forms import decode as forms
from logrecv.wire.jsonlines import decode as lines


class ExampleTests(SynchronousTestCase):
    """
    Tests for examples.
    """

    def test_examples(self) -> None:
        """
        Each example gives the result that stands below it.
        """
        for module in (forms, lines, repairs, timestamps, values):
            failed, attempted = doctest.testmod(module)
            self.assertEqual(failed, 0, module)
            # There is none to be found in a compiled module.
            if (module.__file__ or "").endswith(".py"):
                self.assertGreater(attempted, 0, module)
