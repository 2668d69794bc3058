"""
The tests that start no other process: C{python -m twisted.trial tests.unit}.
"""

from unittest import TestSuite

from twisted.python.modules import getModule
from twisted.trial.runner import TestLoader

#: What starts programs, interpreters and environments, and so takes its time.
SLOW = (
    "tests.e2e.",
    "tests.hostile.",
    "tests.faults.",
    "tests.test_examples",
    "tests.test_packaging",
    "tests.test_readme",
    "tests.test_secure_examples",
)


def testSuite() -> TestSuite:
    """
    Load them.
    """
    names = [module.name for module in getModule("tests").walkModules()]
    return TestLoader().loadByNames(
        [
            name
            for name in sorted(names)
            if name.rpartition(".")[2].startswith("test_") and not name.startswith(SLOW)
        ]
    )
