"""
The slow tests in one process: C{python -m twisted.trial tests.properties}.

Properties that Hypothesis looks for counterexamples of, and floods: each stands
beside the fast tests of its module, and is marked with L{tests.selection.slow}.
"""

from unittest import TestSuite

from tests.selection import isSlow, select


def testSuite() -> TestSuite:
    """
    Load the tests.
    """
    return select(isSlow)
