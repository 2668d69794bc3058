"""
Packaging: what is built, and what is there once it is installed.
"""

from __future__ import annotations

import configparser
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterable
from importlib.metadata import distribution
from pathlib import Path
from zipfile import ZipFile

from twisted.trial.unittest import FailTest, SkipTest

from tests.e2e.programs import ProgramTestCase, Service, environment, script

_ROOT = Path(__file__).resolve().parent.parent

#: The sources of a wheel.
_SOURCES = (
    "setup.cfg",
    "setup.py",
    "MANIFEST.in",
    "pyproject.toml",
    "README.rst",
    "LICENSE",
    "logrecv",
    "twisted",
)


class WheelTests(ProgramTestCase):
    """
    What C{pip install .} builds and installs.
    """

    def setUp(self) -> None:
        """
        Copy the sources: building leaves files behind.
        """
        super().setUp()
        if not (_ROOT / "logrecv").is_dir():
            raise SkipTest("the sources are not here")
        self.source = self.directory / "source"
        self.source.mkdir()
        for name in _SOURCES:
            if (_ROOT / name).is_dir():
                ignored = shutil.ignore_patterns("__pycache__", "dropin.cache", "*.so")
                shutil.copytree(_ROOT / name, self.source / name, ignore=ignored)
            else:
                shutil.copy(_ROOT / name, self.source)

    def _pip(self, python: str, *arguments: str) -> None:
        """
        Run pip, with what the environment of the tests has to build with: a
        test needs no network.
        """
        done = self.call(
            python, "-m", "pip", "--disable-pip-version-check", "--quiet", *arguments
        )
        self.assertEqual(done.returncode, 0, done.stderr)

    def _wheel(self) -> set[str]:
        """
        Build a wheel.

        @return: The names in it.
        """
        self._pip(
            sys.executable,
            *("wheel", "--no-build-isolation", "--no-deps", "--no-index"),
            *("--wheel-dir", str(self.directory), str(self.source)),
        )
        (self.wheel,) = self.directory.glob("logrecv-*.whl")
        return set(ZipFile(self.wheel).namelist())

    def _compiled(self, names: Iterable[str]) -> set[str]:
        return {Path(name).name.partition(".")[0] for name in names if ".so" in name}

    def _environment(self) -> Path:
        """
        Make an environment with all that the one of the tests has, but logrecv.

        @return: Its directory of commands.
        """
        home = self.directory / "environment"
        subprocess.run(
            [sys.executable, "-m", "venv", "--without-pip", str(home)],
            env=environment(),
            check=True,
        )
        library = subprocess.check_output(
            [home / "bin" / "python", "-c", _PURELIB], text=True
        ).strip()
        for path in Path(sysconfig.get_path("purelib")).iterdir():
            target = Path(library, path.name)
            own = path.name.startswith(("logrecv", "__editable__", "_logrecv"))
            if path.name == "twisted":
                # Installing writes into it.
                shutil.copytree(
                    path, target, ignore=shutil.ignore_patterns("test", "*logrecv*")
                )
            elif not own and not target.exists():
                target.symlink_to(path)
        (Path(library) / "twisted/plugins/dropin.cache").unlink(missing_ok=True)
        for name in "twistd", "twist":
            _, rest = Path(script(name)).read_text().split("\n", 1)
            command = home / "bin" / name
            command.write_text(f"#!{home}/bin/python\n{rest}")
            command.chmod(0o755)
        return home / "bin"

    def _tryOut(self, commands: Path) -> None:
        """
        The three commands are there, from any directory, and work.
        """
        for command in (
            ["logrecv"],
            ["twistd", "-n", "--pidfile="],
            ["twist", "--log-format=text"],
        ):
            name = command[0]
            words = [str(commands / name), *command[1:]]
            words += ["logrecv"] if name != "logrecv" else []
            service = Service(
                [
                    *words,
                    "--tcp=tcp:0:interface=127.0.0.1",
                    f"--output=file:{name}.jsonl",
                ],
                self.directory,
                name=name,
            )
            self.addCleanup(service.kill)
            service.awaitListening({"tcp": 1})
            self.log("socket", service.port("tcp"), "app")
            service.awaitRecords(3, f"{name}.jsonl")
            service.stop()

    def test_editable(self) -> None:
        """
        An editable installation has the plugin and the commands, and follows
        the sources.
        """
        commands = self._environment()
        self._pip(
            str(commands / "python"),
            *("install", "--no-build-isolation", "--no-deps", "--no-index"),
            *("--editable", str(self.source)),
        )
        self._tryOut(commands)
        done = self.call(str(commands / "python"), "-c", _WHERE)
        self.assertEqual(done.stdout.strip(), str(self.source / "logrecv"))
        # The modules that run are the sources that a programmer edits.
        self.assertEqual(list(self.source.rglob("*.so")), [])

    def test_noCompiler(self) -> None:
        """
        A wheel is built without a compiler too.  The build fails only if compiled
        modules are asked for.
        """
        self.patch(os, "environ", {**os.environ, "CC": "false"})
        os.environ.pop("LOGRECV_COMPILE", None)
        names = self._wheel()
        self.assertEqual(self._compiled(names), set())
        self.assertIn("logrecv/wire/pickled/machine.py", names)
        os.environ["LOGRECV_COMPILE"] = "1"
        with self.assertRaises(FailTest):
            self._wheel()

    def test_wheel(self) -> None:
        """
        The wheel holds each module, the plugin file and the marker of types.  The
        wheel holds no cache, and no file that makes C{twisted} or
        C{twisted.plugins} a package of its own.  The installed wheel has the
        commands.  A module that has its types in C is compiled, where there is a
        compiler.
        """
        compiler = shutil.which((sysconfig.get_config_var("CC") or "cc").split()[0])
        wanted = "1" if compiler else ""
        self.patch(os, "environ", {**os.environ, "LOGRECV_COMPILE": wanted})
        names = self._wheel()
        typed = {path.stem for path in (_ROOT / "logrecv").rglob("*.pxd")}
        self.assertEqual(self._compiled(names), typed if compiler else set())
        modules = {
            str(path.relative_to(_ROOT)) for path in (_ROOT / "logrecv").rglob("*.py")
        }
        self.assertEqual(modules - names, set())
        self.assertIn("logrecv/py.typed", names)
        self.assertEqual(
            {name for name in names if name.startswith("twisted")},
            {"twisted/plugins/logrecv_plugins.py"},
        )
        self.assertEqual(
            {name.partition("/")[0].partition("-")[0] for name in names},
            {"logrecv", "twisted"},
        )
        commands = self._environment()
        self._pip(
            str(commands / "python"),
            "install",
            "--no-deps",
            "--no-index",
            str(self.wheel),
        )
        self._tryOut(commands)


_PURELIB = "import sysconfig; print(sysconfig.get_path('purelib'))"
_WHERE = "import logrecv, os; print(os.path.dirname(logrecv.__file__))"


class InstalledTests(ProgramTestCase):
    """
    The logrecv that is installed where the tests run.
    """

    def test_metadata(self) -> None:
        """
        Name, version, licence and the least Python are what they have to be, and
        the command is declared.
        """
        found = distribution("logrecv")
        self.assertRegex(found.version, r"^\d+\.\d+")
        self.assertEqual(found.metadata["Requires-Python"], ">=3.11")
        self.assertIn(
            "MIT", found.metadata["License"] or found.metadata["License-Expression"]
        )
        commands = [entry.name for entry in found.entry_points]
        self.assertIn("logrecv", commands)

    def test_everyRequirementHasAFloor(self) -> None:
        """
        Each requirement names the lowest version that it is tested with.
        """
        for requirement in distribution("logrecv").requires or []:
            if "extra ==" not in requirement:
                self.assertRegex(requirement, r"^[\w-]+>=\d")

    def test_everyPackageIsNamed(self) -> None:
        """
        Every package of the sources is one of those that are installed.
        """
        if not (_ROOT / "logrecv").is_dir():
            raise SkipTest("the sources are not here")
        setup = configparser.ConfigParser()
        setup.read(_ROOT / "setup.cfg")
        named = setup["options"]["packages"].split()
        there = [
            ".".join(path.parent.relative_to(_ROOT).parts)
            for path in (_ROOT / "logrecv").rglob("__init__.py")
        ]
        self.assertEqual(sorted(named), sorted([*there, "twisted.plugins"]))

    def test_pluginsAreLight(self) -> None:
        """
        C{twistd --help} lists the service without importing it.
        """
        done = self.call(script("twistd"), "--help")
        self.assertTrue(
            re.search(r"^ +logrecv +Receive", done.stdout, re.M), done.stdout
        )
        program = (
            "import sys\n"
            "from twisted.application.service import IServiceMaker\n"
            "from twisted.plugin import getPlugins\n"
            "names = [maker.tapname for maker in getPlugins(IServiceMaker)]\n"
            "there = [name in sys.modules for name in ('logrecv.tap', 'klein')]\n"
            "print('logrecv' in names, *there)\n"
        )
        done = self.call(sys.executable, "-P", "-c", program)
        self.assertEqual(done.stdout, "True False False\n", done.stderr)
