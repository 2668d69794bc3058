"""
Servers that are measured: processes, and their CPU time, memory and output.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Final
from urllib.request import urlopen

from bench.rows import NotHere

#: Seconds that a server may take for anything.
PATIENCE: Final = 120.0

#: Seconds after which a file that has not grown is complete.
_STILL: Final = 0.5

ROOT: Final = Path(__file__).parent.parent

#: Bytes that have to be free where servers write.
ROOM: Final = 1 << 30

# The package that a peer needs beside the packages of logrecv.
_NEEDED: Final = {"bare_tcp": "orjson", "bare_udp": "orjson", "flask_form": "flask"}

# The counters of the console for records that an output is done with.
_PASSED: Final = (
    "logrecv_output_delivered_total{",
    "logrecv_output_filtered_total{",
)

# Of the three clocks that Linux has for a process, the one of its scheduler.
_CPUCLOCK_SCHED: Final = 2


class Server:
    """
    A server process that listens on one port and writes one file.  The directory of
    the file belongs to the server, and is removed with the server.

    @ivar port: The port of the server.
    @ivar console: The port of its console, if its command asks for a console.
    @ivar output: The file that the server writes.
    @ivar started: The seconds from the start of the process until it listened.
    """

    def __init__(
        self, *words: str, stream: bool = True, cores: int | None = None
    ) -> None:
        """
        @param words: The command, after that of Python, with C{{port}},
            C{{console}}, C{{file}} and C{{directory}} where these belong.
        @param stream: True if the server takes connections.
        @param cores: The number of processors that the server may use; L{None} for
            all.
        """
        self._stack = ExitStack()
        self.directory = Path(
            self._stack.enter_context(tempfile.TemporaryDirectory(dir=memory()))
        )
        self.port, self.console = _freePorts(2)
        self.output = self.directory / "output"
        self._read = 0
        self._lines = 0
        words = tuple(
            word.format(
                port=self.port,
                console=self.console,
                file=self.output,
                directory=self.directory,
            )
            for word in words
        )
        begin = time.perf_counter()
        self._log = self._stack.enter_context((self.directory / "log").open("wb"))
        self.process = subprocess.Popen(
            [sys.executable, *words],
            cwd=self.directory,
            env=_environment(),
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
        )
        if cores is not None:
            # Before the process has threads or children: these inherit the setting.
            allowed = sorted(os.sched_getaffinity(0))[:cores]
            os.sched_setaffinity(self.process.pid, allowed)
        try:
            self._awaitListening(stream)
        except BaseException:
            self.__exit__(None, None, None)
            raise
        self.started = time.perf_counter() - begin

    def _awaitListening(self, stream: bool) -> None:
        end = time.monotonic() + PATIENCE
        while not (_isTaken(self.port) if stream else _isBound(self.port)):
            if self.process.poll() is not None or time.monotonic() > end:
                raise RuntimeError((self.directory / "log").read_text("utf-8"))
            time.sleep(0.002)

    def __enter__(self) -> Server:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._stack.close()

    def processes(self) -> list[int]:
        """
        Give the process, and its children.
        """
        pid = self.process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return [pid, *map(int, children)]

    def cpu(self) -> float:
        """
        Tell the CPU time that the server has had, in seconds.
        """
        return sum(map(cpuTime, self.processes()))

    def memory(self) -> int:
        """
        Tell the memory that is resident, in bytes.
        """
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
        raise RuntimeError("the system does not tell")

    def written(self) -> int:
        """
        Count the lines that have been written.
        """
        if self.output.exists():
            with self.output.open("rb") as file:
                file.seek(self._read)
                while data := file.read(1 << 20):
                    self._read += len(data)
                    self._lines += data.count(b"\n")
        return self._lines

    def awaitWritten(self, count: int) -> None:
        """
        Wait until so many lines have been written.
        """
        end = time.monotonic() + PATIENCE
        while self.written() < count:
            if self.process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"{self._lines} of {count} records were written")
            time.sleep(0.005)
        if self._lines > count:
            raise RuntimeError(f"{self._lines} records were written, not {count}")

    def awaitStill(self) -> float:
        """
        Wait until the file grows no more.

        The lines are not counted meanwhile: counting would take CPU time from the
        server.

        @return: The time at which the file last grew, by C{time.perf_counter}.
        """
        size, grown = -1, time.perf_counter()
        while time.perf_counter() - grown < _STILL:
            now = self.output.stat().st_size if self.output.exists() else 0
            if now != size:
                size, grown = now, time.perf_counter()
            time.sleep(0.002)
        return grown

    def settle(self) -> None:
        """
        Wait until the server uses no more CPU time.
        """
        end = time.monotonic() + PATIENCE
        last = -1.0
        while (now := self.cpu()) - last > 0.001:
            if self.process.poll() is not None or time.monotonic() > end:
                raise RuntimeError("the server does not come to rest")
            last = now
            time.sleep(0.1)

    def checkPassed(self, count: int) -> None:
        """
        Check the counters of the console against the number of records that were
        sent.
        """
        url = f"http://127.0.0.1:{self.console}/metrics"
        with urlopen(url, timeout=PATIENCE) as answer:
            lines = answer.read().decode().splitlines()
        passed = sum(
            float(line.rpartition(" ")[2]) for line in lines if line.startswith(_PASSED)
        )
        if passed != count:
            raise RuntimeError(f"{passed:.0f} of {count} records went through")


def _environment() -> dict[str, str]:
    """
    Give the environment of a server: the environment of this process, except that
    modules are kept compiled to bytecode, as an installation keeps its modules.
    """
    environment = {**os.environ, "PYTHONPATH": os.environ.get("PYTHONPATH", "")}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    return environment


def cpuTime(process: int) -> float:
    """
    Tell the CPU time that a process has had, in seconds.  The time is exact to the
    moment.  It has the user time and the system time of all threads of the process,
    and of threads that have ended.

    @param process: The number of the process.
    """
    # The result of clock_getcpuclockid in C, for which Python has no name.
    return time.clock_gettime((~process << 3) | _CPUCLOCK_SCHED)


def logrecv(*options: str, stream: bool = True, cores: int | None = None) -> Server:
    """
    Start logrecv.

    @param cores: The number of processors that logrecv may use; L{None} for all.
    """
    command = ("-m", "twisted", "--log-level=warn", "logrecv")
    limits = ("--max-connections=5000", "--max-connections-per-peer=5000")
    return Server(*command, *limits, *options, stream=stream, cores=cores)


def peer(name: str, stream: bool = True) -> Server:
    """
    Start one of the programs in C{peers}.

    @raise NotHere: A package that the program needs is not installed.
    """
    needed = _NEEDED.get(name)
    if needed is not None and find_spec(needed) is None:
        raise NotHere(f"{needed} is not installed")
    program = str(ROOT / "bench" / "peers" / f"{name}.py")
    return Server(program, "{port}", "{file}", stream=stream)


TCP: Final = "--tcp=tcp:{port}:interface=127.0.0.1"
UDP: Final = "--udp=udp:{port}:interface=127.0.0.1"
HTTP: Final = "--http=tcp:{port}:interface=127.0.0.1"
CONSOLE: Final = "--console=tcp:{console}:interface=127.0.0.1"
FILE: Final = "--output=file:{file}"


def memory() -> str | None:
    """
    @return: A directory in memory, so that no disk is measured; L{None} if memory
        has no directory with room.
    """
    where = "/dev/shm"
    if not os.access(where, os.W_OK):
        return None
    free = os.statvfs(where)
    return where if free.f_bavail * free.f_frsize >= ROOM else None


def _freePorts(count: int) -> list[int]:
    with ExitStack() as stack:
        probes = [
            stack.enter_context(socket.create_server(("127.0.0.1", 0)))
            for _ in range(count)
        ]
        return [probe.getsockname()[1] for probe in probes]


def _isTaken(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port)).close()
    except ConnectionRefusedError:
        return False
    return True


def _isBound(port: int) -> bool:
    return f":{port:04X} " in Path("/proc/net/udp").read_text()
