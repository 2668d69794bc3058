"""
Running programs: the installed C{logrecv}, C{twistd} and C{twist}, and clients
in every Python that is at hand.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from glob import glob
from pathlib import Path
from tempfile import gettempdir
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from twisted.python.lockfile import FilesystemLock
from twisted.trial.unittest import SkipTest, SynchronousTestCase

#: Seconds that anything may take.  Far more than it does: a machine may be busy.
PATIENCE = 120.0

CLIENT = Path(__file__).with_name("client.py")

_LISTENING = re.compile(
    r"listening on (?:\S+ port (?P<tcp>\d+)|.*?port=(?P<udp>\d+)|(?P<path>\S+))"
)


def script(name: str) -> str:
    """
    Find a console script of the environment that runs the tests.
    """
    path = Path(sys.executable).with_name(name)
    if not path.exists():
        raise AssertionError(f"{path} is not there: install logrecv first")
    return str(path)


def waitUntil(condition: Callable[[], Any], what: Callable[[], str] | str) -> Any:
    """
    Wait for something to be true, and return it.
    """
    deadline = time.monotonic() + PATIENCE
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > deadline:
            raise AssertionError(
                f"after {PATIENCE} s: {what if isinstance(what, str) else what()}"
            )
        time.sleep(0.02)


def environment() -> dict[str, str]:
    """
    The environment of the programs: nothing leads them back to the checkout.
    """
    without = ("PYTHONPATH", "PYTHONHOME", "PYTHONSAFEPATH", "NO_COLOR")
    return {k: v for k, v in os.environ.items() if k not in without}


class Program:
    """
    A program that runs.

    @ivar directory: Where it runs, and where its output goes.
    """

    def __init__(
        self,
        arguments: Sequence[str],
        directory: Path,
        stdout: Any = None,
        name: str = "program",
        stdin: Any = subprocess.DEVNULL,
    ) -> None:
        """
        @param stdout: The target of its standard output, if that is not a file.
        @param name: The name of the files that its output goes to.
        """
        self.directory = directory
        self._out = directory / f"{name}.out"
        self._err = directory / f"{name}.err"
        with self._out.open("wb") as out, self._err.open("wb") as err:
            self.process = subprocess.Popen(
                arguments,
                cwd=directory,
                env=environment(),
                stdin=stdin,
                stdout=stdout or out,
                stderr=err,
            )

    @property
    def out(self) -> str:
        """
        The text that the program has written to standard output.
        """
        return self._out.read_text("utf-8", "replace")

    @property
    def err(self) -> str:
        """
        The text that the program has written to standard error.
        """
        return self._err.read_text("utf-8", "replace")

    def describe(self) -> str:
        """
        Describe the program, for a test that failed.
        """
        return (
            f"{self.process.args} status {self.process.poll()}\n"
            f"stdout:\n{self.out[-4000:]}\nstderr:\n{self.err[-4000:]}"
        )

    def waitFor(self, condition: Callable[[], Any]) -> Any:
        """
        Wait for something that the program is to bring about.
        """
        return waitUntil(condition, self.describe)

    def end(self) -> int:
        """
        Wait until it has ended by itself.

        @return: Its status.
        """
        try:
            return self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            raise AssertionError(self.describe()) from None

    def stop(self, number: int = signal.SIGTERM) -> int:
        """
        End it with a signal.

        @return: Its status.
        """
        self.process.send_signal(number)
        return self.end()

    def kill(self) -> None:
        """
        Make sure that it does not run any more.
        """
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()


class Service(Program):
    """
    A logrecv that listens.

    @ivar addresses: The port or path of each description that logrecv listens on,
        in the order of the options console, tcp, udp, http.
    """

    addresses: dict[str, list[Any]]

    @property
    def log(self) -> str:
        """
        The operational log of logrecv, on standard output or standard error.
        """
        return self.out + self.err

    def awaitListening(self, wanted: dict[str, int]) -> None:
        """
        Wait until it listens.

        @param wanted: How many descriptions each option was given.
        """

        def listening() -> list[Any]:
            if self.process.poll() is not None:
                raise AssertionError(self.describe())
            found = [
                int(match["tcp"] or match["udp"] or 0) or match["path"]
                for match in _LISTENING.finditer(self.log)
            ]
            return found if len(found) >= sum(wanted.values()) else []

        found = iter(self.waitFor(listening))
        self.addresses = {
            option: [next(found) for _ in range(wanted.get(option, 0))]
            for option in ("console", "tcp", "udp", "http")
        }

    def port(self, option: str) -> Any:
        """
        Give the first port or path of an option.
        """
        return self.addresses[option][0]

    def records(self, name: str | None = None) -> list[dict[str, Any]]:
        """
        Read records of the JSON form, without a last line that is not whole.

        @param name: A file in its directory; standard output if left out.
        """
        path = self._out if name is None else self.directory / name
        if not path.exists():
            return []
        whole = path.read_bytes().rpartition(b"\n")[0]
        return [json.loads(line) for line in whole.splitlines()]

    def awaitRecords(self, count: int, name: str | None = None) -> list[dict[str, Any]]:
        """
        Wait for records to come out.
        """
        self.waitFor(lambda: len(self.records(name)) >= count)
        return self.records(name)

    def get(self, path: str) -> str:
        """
        Read a page of the console.
        """
        with urlopen(f"http://127.0.0.1:{self.port('console')}{path}", timeout=10) as r:
            text: str = r.read().decode("utf-8")
            return text

    def metrics(self) -> dict[str, float]:
        """
        Read the metrics: the name with its labels, and the value.
        """
        lines = (line for line in self.get("/metrics").splitlines() if line[:1] != "#")
        pairs = (line.rpartition(" ") for line in lines)
        return {name: float(value) for name, _, value in pairs}


class ProgramTestCase(SynchronousTestCase):
    """
    A test that runs programs, in a directory of its own outside of the
    checkout.
    """

    def setUp(self) -> None:
        """
        Make the directory.
        """
        # Not self.mktemp: the path of a UNIX socket may have about 100 bytes.
        self.directory = Path(
            subprocess.check_output(["mktemp", "-d"], text=True).strip()
        )
        self.addCleanup(shutil.rmtree, self.directory, ignore_errors=True)
        self._count = 0

    def call(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """
        Run a program to its end.
        """
        return subprocess.run(
            arguments,
            cwd=self.directory,
            env=environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )

    def begin(self, *arguments: str, stdout: Any = None) -> Program:
        """
        Start a program that the end of the test ends.
        """
        self._count += 1
        name = f"program{self._count}"
        program = Program(arguments, self.directory, stdout, name)
        self.addCleanup(program.kill)
        return program

    def serve(
        self,
        *options: str,
        runner: Sequence[str] = ("logrecv",),
        defaults: bool = False,
        stdout: Any = None,
    ) -> Service:
        """
        Start logrecv and wait until logrecv listens.

        @param options: The options of logrecv.
        @param runner: The command in front of the options.
        @param defaults: True if the default inputs are served.
        """
        self._count += 1
        command = [script(runner[0]), *runner[1:], *options]
        service = Service(command, self.directory, stdout, f"service{self._count}")
        self.addCleanup(service.kill)
        names = ("console", "tcp", "udp", "http")
        wanted = {name: int(defaults) for name in names}
        for option in options:
            name = option[2:].partition("=")[0]
            if option.startswith("--") and name in names:
                wanted[name] += 1
        service.awaitListening(wanted)
        return service

    def log(
        self,
        handler: str,
        address: Any,
        name: str,
        count: int = 3,
        python: str = sys.executable,
        host: str = "127.0.0.1",
    ) -> None:
        """
        Run a client to its end.

        @param address: The number of a port, or the path of a socket.
        """
        where = [host, str(address)] if isinstance(address, int) else [address, "0"]
        done = self.call(python, str(CLIENT), handler, *where, name, str(count))
        self.assertEqual((done.returncode, done.stderr), (0, ""), done)


class Daemon:
    """
    A program that has gone into the background.

    @ivar number: The number of its process.
    """

    def __init__(self, number: int) -> None:
        self.number = number

    def runs(self) -> bool:
        """
        Return C{True} if the process runs.
        """
        try:
            os.kill(self.number, 0)
        except ProcessLookupError:
            return False
        # The process that adopts orphans may reap this process late.
        with suppress(OSError):
            status = Path(f"/proc/{self.number}/stat").read_text()
            return status.rpartition(")")[2].split()[0] != "Z"
        return True

    def end(self, number: int = signal.SIGTERM) -> None:
        """
        End it with a signal.
        """
        os.kill(self.number, number)
        waitUntil(lambda: not self.runs(), f"process {self.number} does not end")


def awaitDaemon(case: SynchronousTestCase, pidfile: Path) -> Daemon:
    """
    Wait for a program to be in the background; the end of the test ends it.
    """
    text = waitUntil(
        lambda: pidfile.exists() and pidfile.read_text(), f"there is no {pidfile}"
    )
    daemon = Daemon(int(text))

    def kill() -> None:
        with suppress(ProcessLookupError):
            os.kill(daemon.number, signal.SIGKILL)

    case.addCleanup(kill)
    return daemon


def freePort() -> int:
    """
    Find a port that nobody listens on, for a program that cannot say which it
    was given.
    """
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
        return port


def isListening(port: int) -> bool:
    """
    Return C{True} if a program listens on a port of this machine.
    """
    with suppress(OSError):
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    return False


@contextmanager
def defaultPorts() -> Iterator[None]:
    """
    Have the default ports, or skip the test.  Another run of these tests, or a
    service of the machine, may use the default ports.
    """
    lock = FilesystemLock(os.path.join(gettempdir(), "logrecv-default-ports"))
    waitUntil(lock.lock, "another run of the tests has the default ports")
    try:
        for port in (9020, 9021, 9022, 9023):
            with socket.socket() as probe, socket.socket(type=socket.SOCK_DGRAM) as udp:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    probe.bind(("127.0.0.1", port))
                    udp.bind(("127.0.0.1", port))
                except OSError:
                    raise SkipTest(f"port {port} is in use") from None
        yield
    finally:
        lock.unlock()


@cache
def interpreters() -> dict[str, str]:
    """
    Find the Pythons at hand.

    @return: The path of one for each version, such as C{2.7}.
    """
    pyenv = os.environ.get("PYENV_ROOT", os.path.expanduser("~/.pyenv"))
    candidates = [sys.executable, *glob(f"{pyenv}/versions/*/bin/python")]
    names = ["python2.7", *(f"python3.{minor}" for minor in range(6, 16))]
    candidates += [path for name in names if (path := shutil.which(name))]
    found: dict[str, str] = {}
    program = "import logging.handlers, sys; print('%d.%d' % sys.version_info[:2])"
    for candidate in candidates:
        with suppress(OSError, subprocess.SubprocessError):
            version = subprocess.check_output(
                [candidate, "-c", program], stderr=subprocess.DEVNULL, text=True
            ).strip()
            found.setdefault(version, candidate)
    return found


def post(url: str, body: str, contentType: str = "application/json") -> tuple[int, str]:
    """
    Send a POST request.

    @return: The status and the body of the answer.
    """
    request = Request(url, body.encode("utf-8"), {"content-type": contentType})
    try:
        with urlopen(request, timeout=PATIENCE) as response:
            return response.status, response.read().decode("utf-8")
    except HTTPError as error:
        with error:
            return error.code, error.read().decode("utf-8")
