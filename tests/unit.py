"""
The fast tests: C{python -m twisted.trial tests.unit}.

These tests start no other process and cost a few seconds.  The slow properties and
floods of the same modules are in L{tests.properties}.
"""

from unittest import TestSuite

from tests.selection import isSlow, select


def testSuite() -> TestSuite:
    """
    Load the tests.
    """
    return select(lambda method: not isSlow(method))
