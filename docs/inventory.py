"""
Write the inventory of what the API reference links to outside of logrecv, so
that building it needs no network:

    python docs/inventory.py objects.inv

It lists the built-in names, and what logrecv imports from Twisted.
"""

import ast
import builtins
import sys
import zlib
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

_PYTHON = "docs.python.org/3/library"
_TWISTED = "docs.twisted.org/en/stable/api"
_SOURCE = Path(__file__).parent.parent / "logrecv"


def _python() -> Iterator[tuple[str, str]]:
    for name, value in vars(builtins).items():
        if isinstance(value, type) and issubclass(value, BaseException):
            yield name, f"{_PYTHON}/exceptions.html#{name}"
        elif value in (None, True, False):
            yield name, f"{_PYTHON}/constants.html#{name}"
        elif callable(value):
            yield name, f"{_PYTHON}/functions.html#{name}"
    yield "None", f"{_PYTHON}/constants.html#None"
    yield "ast.literal_eval", f"{_PYTHON}/ast.html#ast.literal_eval"


def _imported() -> Iterator[tuple[str, str]]:
    for path in _SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module and not node.level:
                for alias in node.names:
                    yield node.module, alias.name


def _twisted() -> Iterator[tuple[str, str]]:
    for module, name in _imported():
        if not module.startswith("twisted."):
            continue
        full = f"{module}.{name}"
        value = getattr(import_module(module), name, None)
        if not isinstance(value, type) and not hasattr(value, "names"):
            yield full, f"{_TWISTED}/{module}.html#{name}"
            continue
        yield full, f"{_TWISTED}/{full}.html"
        members = dir(value) if isinstance(value, type) else value.names(all=True)
        for member in members:
            if not member.startswith("_"):
                yield f"{full}.{member}", f"{_TWISTED}/{full}.html#{member}"


def main(target: str) -> None:
    """
    Write the inventory.
    """
    links = {**dict(_python()), **dict(_twisted())}
    lines = [f"{name} py:obj 1 {url} -\n" for name, url in sorted(links.items())]
    header = (
        b"# Sphinx inventory version 2\n# Project: elsewhere\n# Version: 0\n"
        b"# The remainder of this file is compressed using zlib.\n"
    )
    Path(target).write_bytes(header + zlib.compress("".join(lines).encode()))


if __name__ == "__main__":
    main(sys.argv[1])
