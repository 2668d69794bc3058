"""
The service's own log: where it goes, and that nobody waits for its reader.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

from tests.e2e.programs import PATIENCE, ProgramTestCase, environment, script
from tests.e2e.test_commands import RUNNERS

_TCP = "--tcp=tcp:0:interface=127.0.0.1"

#: The smallest size of a pipe under Linux.
_PIPE_SIZE = 4096


class SeparateTests(ProgramTestCase):
    """
    The log and the records go different ways.
    """

    def test_standardError(self) -> None:
        """
        Under every runner, standard output has records alone, and standard error has
        the whole log, to the last line.
        """
        for name, runner in RUNNERS.items():
            service = self.serve(_TCP, runner=runner)
            self.log("socket", service.port("tcp"), "app")
            self.assertEqual(len(service.awaitRecords(3)), 3)
            service.stop()
            self.assertEqual(service.out.count("\n"), 3, name)
            self.assertIn("listening on", service.err)
            self.assertIn("nothing was lost", service.err)

    def test_standardOutput(self) -> None:
        """
        Where no records go to standard output, the runners of Twisted write the log
        there, as usual.
        """
        for name in ("twistd", "twist"):
            service = self.serve(_TCP, "--output=file:out", runner=RUNNERS[name])
            service.stop()
            self.assertEqual(service.err, "")
            self.assertIn("nothing was lost", service.out)

    def test_logfile(self) -> None:
        """
        C{twistd} and C{twist} write the log to the file that they were told.
        """
        for runner in (
            ("twistd", "-n", "--pidfile=", "--logfile=log", "logrecv"),
            ("twist", "--log-file=log", "--log-format=text", "logrecv"),
        ):
            log = self.directory / "log"
            program = self.begin(script(runner[0]), *runner[1:], _TCP)
            program.waitFor(lambda log=log: log.exists() and "listening" in _text(log))
            program.stop()
            self.assertIn("nothing was lost", _text(log))
            self.assertEqual((program.out, program.err), ("", ""))
            log.unlink()

    def test_logRotated(self) -> None:
        """
        SIGUSR1 has C{twistd} begin another file for the log.
        """
        program = self.begin(
            *(script("twistd"), "-n", "--pidfile=", "--logfile=log", "logrecv", _TCP)
        )
        log = self.directory / "log"
        program.waitFor(lambda: log.exists() and "listening on" in _text(log))
        program.process.send_signal(signal.SIGUSR1)
        program.waitFor((self.directory / "log.1").exists)
        program.stop()
        self.assertIn("listening on", _text(self.directory / "log.1"))
        self.assertIn("nothing was lost", _text(log))

    def test_json(self) -> None:
        """
        C{twist} writes the log in its own format.
        """
        program = self.begin(script("twist"), "--log-format=json", "logrecv", _TCP)
        program.waitFor(lambda: "listening on" in program.err)
        program.stop()
        for line in program.err.replace("\x1e", "").splitlines():
            json.loads(line)


def _text(path: Path) -> str:
    return path.read_text("utf-8")


class StalledTests(ProgramTestCase):
    """
    Nobody reads the log, which goes into a pipe that is full from the start.
    """

    def fullPipe(self) -> tuple[int, int]:
        """
        Make a pipe without room.

        @return: The ends for reading and writing.
        """
        read, write = os.pipe()
        self.addCleanup(os.close, read)
        fcntl.fcntl(write, fcntl.F_SETPIPE_SZ, _PIPE_SIZE)
        os.set_blocking(write, False)
        os.write(write, b"x" * _PIPE_SIZE)
        os.set_blocking(write, True)
        return read, write

    def start(self, *arguments: str, stdout: Any, stderr: Any) -> subprocess.Popen[Any]:
        """
        Start a program.
        """
        process = subprocess.Popen(
            [script(arguments[0]), *arguments[1:]],
            cwd=self.directory,
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
        )
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def records(self, name: str) -> int:
        """
        Count the lines of a file.
        """
        path = self.directory / name
        return path.read_bytes().count(b"\n") if path.exists() else 0

    def test_stalled(self) -> None:
        """
        Under every runner, with standard output and standard error in one such pipe,
        the service starts, writes to its other outputs, and stops.
        """
        runners = {**RUNNERS, "workers": ("logrecv", "--workers=2")}
        started = {name: self.startStalled(name, *runners[name]) for name in runners}
        for name in runners:
            socket = self.directory / f"{name}.socket"
            self.waitFor(socket.exists)
            self.log("socket", str(socket), "app")
            self.waitFor(lambda name=name: self.records(name) == 3)
        for process, _ in started.values():
            process.terminate()
        for process, read in started.values():
            self.assertIsNotNone(process.wait(PATIENCE))
            self.assertEqual(os.read(read, 2 * _PIPE_SIZE).strip(b"x"), b"")

    def startStalled(
        self, name: str, *runner: str
    ) -> tuple[subprocess.Popen[Any], int]:
        """
        Start a service with standard output and standard error in a full pipe.

        @return: The process, and the end of the pipe for reading.
        """
        read, write = self.fullPipe()
        process = self.start(
            *(*runner, f"--tcp=unix:{name}.socket", "--drain=1"),
            *("--output=stdout", f"--output=file:{name}"),
            stdout=write,
            stderr=write,
        )
        os.close(write)
        return process, read

    def waitFor(self, condition: Any) -> None:
        """
        Wait for a condition.
        """
        deadline = time.monotonic() + 20
        while not condition():
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.02)

    def test_readLater(self) -> None:
        """
        The lines that waited come when somebody reads, the last line among them.
        """
        read, write = self.fullPipe()
        process = self.start(
            *("logrecv", "--tcp=unix:socket", "--output=file:out"),
            stdout=subprocess.DEVNULL,
            stderr=write,
        )
        os.close(write)
        self.waitFor((self.directory / "socket").exists)
        process.terminate()
        with os.fdopen(os.dup(read), "rb") as reader:
            lines = reader.read().lstrip(b"x").decode().splitlines()
        self.assertEqual(process.wait(PATIENCE), 0)
        self.assertIn("listening on", "".join(lines))
        self.assertIn("nothing was lost", lines[-2] + lines[-1])

    def test_cannotStart(self) -> None:
        """
        A service that cannot start ends with status 1, though nobody reads why.
        """
        _, write = self.fullPipe()
        process = self.start(
            *("logrecv", "--tcp=unix:/nowhere/at/all"),
            stdout=subprocess.DEVNULL,
            stderr=write,
        )
        os.close(write)
        self.assertEqual(process.wait(PATIENCE), 1)
