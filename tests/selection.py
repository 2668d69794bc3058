"""
Selection of tests by their cost.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeVar
from unittest import TestSuite

from twisted.python.modules import getModule
from twisted.trial.runner import TestLoader

_Method = TypeVar("_Method", bound=Callable[..., object])

#: The modules whose tests start programs, interpreters or environments.
PROGRAMS = (
    "tests.e2e.",
    "tests.hostile.",
    "tests.faults.",
    "tests.test_examples",
    "tests.test_packaging",
    "tests.test_readme",
    "tests.test_secure_examples",
)


def slow(method: _Method) -> _Method:
    """
    Mark a test that takes more than some 50 ms: a flood, a wait, or many cases.
    """
    method.slow = True  # type: ignore[attr-defined]
    return method


def isSlow(method: Callable[..., object]) -> bool:
    """
    Tell whether a test is marked as slow, or is a property of Hypothesis.
    """
    return bool(
        getattr(method, "slow", False) or getattr(method, "is_hypothesis_test", False)
    )


def select(isWanted: Callable[[Callable[..., object]], bool]) -> TestSuite:
    """
    Load the tests that start no other process.

    @param isWanted: Tells of the method of a test whether the test is wanted.
    """
    names = sorted(module.name for module in getModule("tests").walkModules())
    loaded = TestLoader().loadByNames(
        [
            name
            for name in names
            if name.rpartition(".")[2].startswith("test_")
            and not name.startswith(PROGRAMS)
        ]
    )
    suite = TestSuite()
    for test in _tests(loaded):
        method = getattr(test, getattr(test, "_testMethodName", ""), None)
        # A module that cannot be imported is a test without a method: an error.
        if method is None or isWanted(method):
            suite.addTest(test)
    return suite


def _tests(suite: Any) -> Iterator[Any]:
    if not isinstance(suite, TestSuite):
        yield suite
        return
    for each in suite:
        yield from _tests(each)
