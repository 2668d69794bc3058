"""
The house: which part of the package may import which, and how large a part may be.
"""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path
from typing import Final

from twisted.trial.unittest import SkipTest, SynchronousTestCase

import logrecv

#: The parts of the package from the ground up.  A part imports parts below, and never
#: a part of its own floor or above.  A folder is one part.
FLOORS: Final = (
    (
        *("backoff", "certificates", "counters", "descriptions", "group", "hangup"),
        *("memory", "ownlog", "paths", "reasons", "record", "schema", "sniffing"),
        *("sqlite", "threads", "usage", "web"),
    ),
    ("dedup", "formats", "interfaces", "losses", "process", "rejections", "wire"),
    ("batch", "quarantine", "service", "testing"),
    ("outputs", "replay"),
    ("intake",),
    ("inputs",),
    ("compose", "console", "options"),
    ("receiver", "runners"),
    ("workers",),
    ("tap",),
    ("foreground",),
    ("__main__",),
)

#: The most lines of a module, and the most methods of a class.
MAX_LINES: Final = 380
MAX_METHODS: Final = 25

_ROOT: Final = Path(logrecv.__file__).resolve().parent


@cache
def modules() -> dict[str, ast.Module]:
    """
    Parse every module of the package.

    @return: The modules by their dotted names, C{logrecv.outputs} for a package.
    """
    found = {}
    for path in sorted(_ROOT.rglob("*.py")):
        parts = path.relative_to(_ROOT.parent).with_suffix("").parts
        name = ".".join(parts).removesuffix(".__init__")
        found[name] = ast.parse(path.read_text("utf-8"))
    return found


def imports(parsed: dict[str, ast.Module]) -> dict[str, set[str]]:
    """
    Find the modules that each module imports: at its top, in functions, and for type
    checkers alone.
    """
    found: dict[str, set[str]] = {}
    for name, module in parsed.items():
        names: set[str] = set()
        for node in ast.walk(module):
            if isinstance(node, ast.Import):
                names.update(alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module:
                # The name may be that of a module, or of something in the module.
                full = {f"{node.module}.{alias.name}" for alias in node.names}
                modules = full & parsed.keys()
                names |= modules
                if modules != full:
                    names.add(node.module)
        found[name] = names & parsed.keys() - {name}
    return found


def part(module: str) -> str:
    """
    Name the part of the package that a module belongs to.
    """
    return f"{module}.".split(".")[1]


class LayerTests(SynchronousTestCase):
    """
    Tests of the imports.
    """

    def setUp(self) -> None:
        if not (_ROOT / "__main__.py").exists():
            raise SkipTest("the source is not here")
        self.imports = imports(modules())

    def test_everyPartHasAFloor(self) -> None:
        """
        Every part of the package stands on one floor.
        """
        placed = [name for floor in FLOORS for name in floor]
        parts = {part(module) for module in self.imports} - {""}
        self.assertEqual(sorted(placed), sorted(parts))

    def test_downwards(self) -> None:
        """
        No part imports a part of its own floor or of a floor above.
        """
        floors = {name: floor for floor, names in enumerate(FLOORS) for name in names}
        upwards = [
            f"{module} imports {imported}"
            for module, names in self.imports.items()
            for imported in sorted(names)
            # The package itself has nothing but its version.
            if part(imported) not in ("", part(module))
            and floors[part(imported)] >= floors[part(module)]
        ]
        self.assertEqual(upwards, [])

    def test_noCircle(self) -> None:
        """
        No module imports itself by way of others.
        """
        left = dict(self.imports)
        while ready := [
            name for name, names in left.items() if not names & left.keys()
        ]:
            for name in ready:
                del left[name]
        self.assertEqual(left, {})

    def test_wireWithoutTwisted(self) -> None:
        """
        The modules of the wire know no Twisted.
        """
        for name, module in modules().items():
            if part(name) == "wire":
                for node in ast.walk(module):
                    if isinstance(node, ast.ImportFrom):
                        self.assertFalse(f"{node.module}.".startswith("twisted."), name)


class SizeTests(SynchronousTestCase):
    """
    Tests of sizes.
    """

    def test_files(self) -> None:
        """
        No module is too long to be read in one go.
        """
        for path in _ROOT.rglob("*.py"):
            lines = len(path.read_text("utf-8").splitlines())
            self.assertLessEqual(lines, MAX_LINES, path.name)

    def test_classes(self) -> None:
        """
        No class has so many methods that it is two.
        """
        for module in modules().values():
            for node in ast.walk(module):
                if isinstance(node, ast.ClassDef):
                    methods = [
                        each for each in node.body if isinstance(each, ast.FunctionDef)
                    ]
                    self.assertLessEqual(len(methods), MAX_METHODS, node.name)
