"""
Tests for L{logrecv.compose}: its names, and the examples in the docstrings of its
classes.
"""

from __future__ import annotations

import ast
import doctest
import inspect
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from twisted.internet.endpoints import TCP4ServerEndpoint
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.trial.unittest import SkipTest, SynchronousTestCase

from logrecv import compose, testing

#: The modules that examples may use.
PUBLIC: Final = {
    "logrecv.compose",
    "logrecv.interfaces",
    "logrecv.record",
    "logrecv.testing",
}

_EXAMPLES: Final = Path(__file__).resolve().parent.parent / "examples"


def classesOf(module: Any) -> Iterator[tuple[str, type]]:
    """
    Find the public classes of a module, without exceptions.
    """
    for name in sorted(module.__all__):
        value = getattr(module, name)
        if isinstance(value, type) and not issubclass(value, Exception):
            yield name, value


class NamesTests(SynchronousTestCase):
    """
    Tests for the names.
    """

    def test_promised(self) -> None:
        """
        The parts of the composing guide are attributes of the module.
        """
        for name in (
            "FanOut",
            "Intake",
            "OutputFactory",
            "RecordDatagramProtocol",
            "RecordFactory",
            "RecordProtocol",
            "RecordResource",
        ):
            self.assertIsInstance(vars(compose)[name], type, name)

    def test_all(self) -> None:
        """
        C{__all__} has every name that the module imports.
        """
        names = {
            name
            for name, value in vars(compose).items()
            if inspect.getmodule(value) and not name.startswith("_")
        }
        self.assertEqual(set(compose.__all__), names - {"annotations"})

    def test_examples(self) -> None:
        """
        The programs in C{examples} use no other modules of logrecv.
        """
        if not _EXAMPLES.is_dir():
            raise SkipTest("the examples are not here")
        for path in _EXAMPLES.glob("*.py"):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                imported = [node.module] if isinstance(node, ast.ImportFrom) else []
                if isinstance(node, ast.Import):
                    imported = [alias.name for alias in node.names]
                ours = {name for name in imported if f"{name}.".startswith("logrecv.")}
                self.assertEqual(ours - PUBLIC, set(), path.name)


class DocstringTests(SynchronousTestCase):
    """
    The examples in docstrings.
    """

    def runExamples(self, name: str, documented: Any, namespace: dict[str, Any]) -> int:
        """
        Run the examples of a class or module, with the names that examples take for
        granted.

        @return: The number of statements.
        """
        reactor = MemoryReactorClock()
        given = {
            **vars(testing),
            **namespace,
            "StringTransport": StringTransport,
            "TCP4ServerEndpoint": TCP4ServerEndpoint,
            "endpoint": TCP4ServerEndpoint(reactor, 9020, interface="127.0.0.1"),
            "reactor": reactor,
            "sink": testing.MemorySink(),
        }
        text = inspect.getdoc(documented) or ""
        test = doctest.DocTestParser().get_doctest(text, given, name, None, None)
        runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
        report: list[str] = []
        runner.run(test, out=report.append)
        self.assertEqual(report, [], "".join(report))
        return len(test.examples)

    def test_module(self) -> None:
        """
        The example of the module gives the result that it shows.
        """
        self.assertGreater(self.runExamples("compose", compose, {}), 0)

    def test_classes(self) -> None:
        """
        Every class has an example, which gives the result that it shows.
        """
        without = set()
        for name, documented in classesOf(compose):
            namespace = vars(sys.modules[documented.__module__])
            if not self.runExamples(name, documented, namespace):
                without.add(name)
        self.assertEqual(without, set())
