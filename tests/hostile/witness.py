"""
Witnesses of a service under attack: a healthy client beside the attacker, and a
prober that keeps asking C{/healthz}.
"""

from __future__ import annotations

import json
import re
import resource
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.e2e.programs import PATIENCE, Program, ProgramTestCase, Service, waitUntil

#: The directory that has the package of the tests.
ROOT = Path(__file__).resolve().parent.parent.parent

#: The limits of the issue for C{/healthz} and for memory: seconds at the 99th
#: percentile and at worst, and bytes of growth.  The limits hold on an idle
#: machine.  For a busy machine, tests multiply the limits of time by L{MARGIN}.
P99 = 0.050
WORST = 0.500
GROWTH = 64 * 1024 * 1024
MARGIN = 6.0


def memory(process: Any, key: str = "VmHWM") -> int:
    """
    Give the size of the memory of a process, in bytes: at its peak, or now if the
    key is C{VmRSS}.
    """
    status = Path(f"/proc/{process.pid}/status").read_text("ascii")
    found = re.search(rf"{key}:\s+(\d+) kB", status)
    assert found is not None
    return int(found[1]) * 1024


def forgetPeak(process: Any) -> None:
    """
    Let L{memory} tell the peak from now on.
    """
    Path(f"/proc/{process.pid}/clear_refs").write_text("5", "ascii")


class Prober:
    """
    A client that asks C{/healthz} over and over, in a process of its own.

    @ivar times: The seconds that each answer took, once the prober has ended.
    @ivar failures: The requests that went wrong.
    """

    def __init__(self, port: int) -> None:
        self.times: list[float] = []
        self.failures: list[str] = []
        self._port = port

    def __enter__(self) -> Prober:
        self._process = _start("prober.py", str(self._port))
        return self

    def __exit__(self, *exception: object) -> None:
        found = json.loads(_finish(self._process))
        self.times, self.failures = found["times"], found["failures"]

    def percentile(self, part: float) -> float:
        """
        Give the time within which that part of all answers came.
        """
        ordered = sorted(self.times)
        return ordered[min(int(len(ordered) * part), len(ordered) - 1)]

    def __str__(self) -> str:
        return (
            f"/healthz {len(self.times)} times: "
            f"median {1000 * self.percentile(0.5):.1f} ms, "
            f"99% {1000 * self.percentile(0.99):.1f} ms, "
            f"worst {1000 * max(self.times):.1f} ms"
        )


class HostileTestCase(ProgramTestCase):
    """
    A test of a service that is attacked.
    """

    def report(self, what: object) -> None:
        """
        Print a figure where a person who runs the test sees it.
        """
        print(f"\n      {self.id().rpartition('.')[2]}: {what}", end="", flush=True)

    def attack(self, kind: str, port: int, rounds: int = 1) -> Program:
        """
        Start an attacker.
        """
        self._count += 1
        program = f"import sys; sys.path.insert(0, {str(ROOT)!r}); "
        program += "from tests.hostile.attacker import main; main(*sys.argv[1:])"
        attacker = Program(
            [sys.executable, "-c", program, kind, str(port), str(rounds)],
            self.directory,
            name=f"attacker{self._count}",
        )
        self.addCleanup(attacker.kill)
        return attacker

    @contextmanager
    def healthy(
        self, service: Service, inputs: Sequence[str] = ("tcp", "udp", "http")
    ) -> Iterator[None]:
        """
        Have a healthy client log beside what is done; then make sure that all of
        its records have come, in their order.
        """
        ports = [
            str(service.port(name) if name in inputs else 0)
            for name in ("tcp", "udp", "http")
        ]
        client = _start("healthy.py", "127.0.0.1", *ports)
        try:
            yield
        finally:
            out = _finish(client)
        self.assertRegex(out, r"^\d+\n$")
        count = int(out)
        self.assertGreater(count, 10)
        wanted = [f"number {number}" for number in range(count)]
        for name in inputs:
            self._awaitAll(service, f"healthy.{name}", wanted)

    def _awaitAll(self, service: Service, name: str, wanted: list[str]) -> None:
        def received() -> list[str]:
            return [
                each["message"]
                for each in service.records(self.output)
                if each.get("name") == name
            ]

        waitUntil(
            lambda: len(received()) >= len(wanted),
            lambda: f"{name}: {len(received())} of {len(wanted)}",
        )
        self.assertEqual(received(), wanted, name)

    #: The file that the service writes to.
    output = "out.jsonl"

    def serveAll(self, *options: str, loggers: str = "*") -> Service:
        """
        Start a service that writes to a file, with all inputs and the console.

        @param loggers: Those whose records are written.
        """
        return self.serve(
            "--tcp=tcp:0:interface=127.0.0.1",
            "--udp=udp:0:interface=127.0.0.1",
            "--http=tcp:0:interface=127.0.0.1",
            "--console=tcp:0:interface=127.0.0.1",
            f"--output=file:{self.directory / self.output}:logger={loggers}",
            *options,
        )

    def checkBooks(self, service: Service) -> dict[str, float]:
        """
        Make sure that what came in is what was accepted and rejected, and that
        every output knows where it is.

        @return: The metrics.
        """

        def sums(metrics: dict[str, float], name: str, key: str) -> dict[str, float]:
            found: dict[str, float] = {}
            for each, value in metrics.items():
                match = re.fullmatch(rf'logrecv_{name}\{{.*{key}="([^"]*)".*\}}', each)
                if match is not None:
                    found[match[1]] = found.get(match[1], 0) + value
            return found

        metrics = service.metrics()
        received = sums(metrics, "received_total", "via")
        accepted = sums(metrics, "accepted_total", "via")
        rejected = sums(metrics, "rejected_total", "via")
        for via, count in received.items():
            self.assertEqual(count, accepted[via] + rejected.get(via, 0), via)
        outcomes = ("filtered_total", "delivered_total", "queued", "dropped_total")
        totals: dict[str, float] = {}
        for outcome in outcomes:
            for output, count in sums(metrics, f"output_{outcome}", "output").items():
                totals[output] = totals.get(output, 0) + count
        self.assertEqual(set(totals.values()), {sum(accepted.values())})
        return metrics

    def checkQuiet(self, service: Service, most: int = 40) -> None:
        """
        Make sure that the service has not written about its clients.
        """
        self.assertNotIn("Traceback", service.log)
        self.assertNotIn("Unhandled", service.log)
        self.assertLess(service.log.count("\n"), most, service.log[-4000:])


def _start(name: str, *arguments: str) -> subprocess.Popen[str]:
    """
    Start a program of this directory, and wait until it is ready.
    """
    process = subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name(name)), *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    if line != "ready\n":
        raise AssertionError(line + _finish(process))
    return process


def _finish(process: subprocess.Popen[str]) -> str:
    """
    Let a program end.

    @return: The text that the program prints at its end.
    """
    try:
        return process.communicate("\n", PATIENCE)[0]
    except subprocess.TimeoutExpired:
        process.kill()
        raise AssertionError(process.communicate()[0]) from None


def raiseLimit(wanted: int) -> bool:
    """
    Let this process open that many files.

    @return: True if the system allows so many files.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < wanted:
        return False
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return True
