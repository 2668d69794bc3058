"""
Tests for the examples in the docstrings of L{logrecv.formats}.
"""

from __future__ import annotations

import doctest

from logrecv.formats import json, pretty, safe, text
from tests.formats.records import InZoneTestCase, makeRecord


class ExampleTests(InZoneTestCase):
    """
    The examples in the docstrings.
    """

    def test_examples(self) -> None:
        """
        Each example gives the result that it shows.
        """
        for module in (json, pretty, safe, text):
            results = doctest.testmod(
                module,
                extraglobs={"record": makeRecord()},
                optionflags=doctest.ELLIPSIS,
            )
            self.assertEqual((results.failed, results.attempted), (0, 1))
