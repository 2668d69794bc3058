"""
Servers that are measured: processes, and what the system says of them.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Final

#: Seconds that a server may take for anything.
PATIENCE: Final = 120.0

ROOT: Final = Path(__file__).parent.parent


class Server:
    """
    A server process that listens on one port and writes one file, in a directory
    of its own that is removed with it.

    @ivar port: Its port.
    @ivar output: Its file.
    @ivar started: Seconds that it took to listen.
    """

    def __init__(self, *words: str, stream: bool = True) -> None:
        """
        @param words: The command, after that of Python, with C{{port}} and
            C{{file}} where they belong.
        @param stream: Whether it takes connections.
        """
        self._stack = ExitStack()
        self.directory = Path(
            self._stack.enter_context(tempfile.TemporaryDirectory(dir=_memory()))
        )
        self.port = _freePort()
        self.output = self.directory / "output"
        self._read = 0
        self._lines = 0
        words = tuple(
            word.format(port=self.port, file=self.output, directory=self.directory)
            for word in words
        )
        begin = time.perf_counter()
        self._log = self._stack.enter_context((self.directory / "log").open("wb"))
        self.process = subprocess.Popen(
            [sys.executable, *words],
            cwd=self.directory,
            env={**os.environ, "PYTHONPATH": os.environ.get("PYTHONPATH", "")},
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
        )
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
        Tell the CPU time, in seconds, of user and system, of all the threads
        there are.
        """
        total = 0
        for pid in self.processes():
            for task in Path(f"/proc/{pid}/task").iterdir():
                try:
                    total += int((task / "schedstat").read_text().split()[0])
                except (FileNotFoundError, ProcessLookupError):
                    continue
        return total / 1e9

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


def logrecv(*options: str, stream: bool = True) -> Server:
    """
    Start logrecv.
    """
    command = ("-m", "twisted", "--log-level=warn", "logrecv")
    limits = ("--max-connections=5000", "--max-connections-per-peer=5000")
    return Server(*command, *limits, *options, stream=stream)


def peer(name: str, stream: bool = True) -> Server:
    """
    Start one of the programs in C{peers}.
    """
    program = str(ROOT / "bench" / "peers" / f"{name}.py")
    return Server(program, "{port}", "{file}", stream=stream)


TCP: Final = "--tcp=tcp:{port}:interface=127.0.0.1"
UDP: Final = "--udp=udp:{port}:interface=127.0.0.1"
HTTP: Final = "--http=tcp:{port}:interface=127.0.0.1"
FILE: Final = "--output=file:{file}"


def _memory() -> str | None:
    """
    @return: A directory in memory, where there is one: no disk is measured.
    """
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


def _freePort() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def _isTaken(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port)).close()
    except ConnectionRefusedError:
        return False
    return True


def _isBound(port: int) -> bool:
    return f":{port:04X} " in Path("/proc/net/udp").read_text()
