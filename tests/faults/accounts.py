"""
Accounts: where every record of a test is in the end.
"""

from __future__ import annotations

import gzip
import json
import os
import re
import socket
import sys
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from threading import Event, Thread

import zstandard
from attrs import frozen

from logrecv.outputs.files.names import findRotated
from logrecv.testing import makeFrame
from tests.e2e.programs import ProgramTestCase, Service

#: True for a long run of the tests: minutes instead of seconds.
SOAK = bool(os.environ.get("LOGRECV_SOAK"))


def padding() -> str:
    """
    Make the text that gives a record its usual size: about 500 bytes as JSON.
    Compression leaves a quarter of such a record.
    """
    return os.urandom(100).hex()


TCP = "--tcp=tcp:0:interface=127.0.0.1"
CONSOLE = "--console=tcp:0:interface=127.0.0.1"


def report(text: str) -> None:
    """
    Print figures.
    """
    print(text, file=sys.stderr, flush=True)


class Sender(Thread):
    """
    Sends numbered records, as C{SocketHandler} does.

    @ivar sent: How many the kernel has taken.
    """

    def __init__(self, port: int, name: str, count: int, rate: float = 0.0) -> None:
        """
        @param port: Where to send.
        @param name: The logger's name.
        @param count: How many records.
        @param rate: How many a second; 0 for as many as are taken.
        """
        super().__init__(name=name, daemon=True)
        self.count = count
        self.rate = rate
        self.sent = 0
        self._ending = Event()
        self.connection = socket.create_connection(("127.0.0.1", port))

    def end(self) -> None:
        """
        Send no more, and wait for what is being sent.
        """
        self._ending.set()
        self.join()

    def run(self) -> None:
        """
        Send, until all is sent or the connection breaks.
        """
        begun = time.monotonic()
        with suppress(OSError), self.connection:
            while self.sent < self.count and not self._ending.is_set():
                if self.rate:
                    early = self.sent / self.rate - (time.monotonic() - begun)
                    time.sleep(max(early, 0))
                group = range(self.sent, min(self.sent + 20, self.count))
                self.connection.sendall(
                    b"".join(
                        makeFrame(msg=f"{number} {padding()}", name=self.name)
                        for number in group
                    )
                )
                self.sent = group.stop


@frozen
class Lines:
    """
    The lines of some files.

    @ivar records: The name and number of each record, in order.
    @ivar torn: Lines that are no record.
    @ivar ends: True if each file ends in a whole line.
    """

    records: Sequence[tuple[str, int]]
    torn: Sequence[bytes]
    ends: bool

    @classmethod
    def read(cls, paths: Iterable[Path]) -> Lines:
        """
        Read files, which may be compressed, in the order in which they were
        written.
        """
        records, torn, ends = [], [], True
        for path in paths:
            data = path.read_bytes()
            if path.suffix == ".gz":
                data = gzip.decompress(data)
            elif path.suffix == ".zst":
                data = zstandard.ZstdDecompressor().decompressobj().decompress(data)
            ends = ends and data[-1:] in (b"", b"\n")
            for line in data.splitlines():
                try:
                    record = json.loads(line)
                except ValueError:
                    torn.append(line)
                else:
                    number = int(record["message"].partition(" ")[0])
                    records.append((record["name"], number))
        return cls(records, torn, ends)

    def numbers(self, name: str) -> list[int]:
        """
        The numbers of the records of one logger.
        """
        return [number for each, number in self.records if each == name]


def filesOf(path: Path) -> list[Path]:
    """
    Find a file and those that were rotated away from it, oldest first.  One
    that is there compressed and not, because a crash came before its removal,
    is given once.
    """
    found = findRotated(str(path.parent), path.name)
    whole = {
        each.stamp: path.with_name(each.name) for each in found if not each.partial
    }
    return [*whole.values(), *([path] if path.exists() else [])]


_METRIC = re.compile(r"^(logrecv_\w+?)(?:_total)?(?:\{(.*)\})? (\S+)$", re.MULTILINE)


class Metrics:
    """
    The counters at one moment.
    """

    def __init__(self, page: str) -> None:
        """
        @param page: The page of the console.
        """
        self._samples = [
            (name, dict(re.findall(r'(\w+)="([^"]*)"', labels)), float(value))
            for name, labels, value in _METRIC.findall(page)
        ]

    @classmethod
    def ask(cls, service: Service) -> Metrics:
        """
        Ask a service.
        """
        return cls(service.get("/metrics"))

    def total(self, name: str, **labels: str) -> int:
        """
        Add up the values of a metric.

        @param name: Its name without C{logrecv_} and C{_total}.
        @param labels: The labels that count.
        """
        return int(
            sum(
                value
                for each, has, value in self._samples
                if each == f"logrecv_{name}" and labels.items() <= has.items()
            )
        )

    def outputs(self) -> set[str]:
        """
        The names of the outputs.
        """
        return {
            labels["output"]
            for name, labels, _ in self._samples
            if name == "logrecv_output_delivered"
        }


class FaultTestCase(ProgramTestCase):
    """
    A test that ends with an account.
    """

    def assertConserved(self, metrics: Metrics) -> None:
        """
        Make sure that nothing has disappeared uncounted.
        """
        accepted = metrics.total("accepted")
        self.assertEqual(
            metrics.total("received"), accepted + metrics.total("rejected")
        )
        for output in metrics.outputs():
            parts = {
                part: metrics.total(f"output_{part}", output=output)
                for part in ("filtered", "delivered", "queued", "dropped")
            }
            taken = accepted + metrics.total("output_restored", output=output)
            self.assertEqual(taken, sum(parts.values()), (output, parts))

    def awaitDelivered(self, service: Service, output: str, count: int) -> Metrics:
        """
        Wait until an output has delivered so many records.
        """

        def delivered() -> Metrics | None:
            metrics = Metrics.ask(service)
            done = metrics.total("output_delivered", output=output)
            return metrics if done >= count else None

        metrics: Metrics = service.waitFor(delivered)
        return metrics

    def assertAll(self, lines: Lines, name: str, count: int) -> None:
        """
        Make sure that each record of a sender is there once, in order, and that
        no line is torn.
        """
        self.assertEqual(list(lines.torn), [])
        self.assertTrue(lines.ends)
        numbers = lines.numbers(name)
        missing = sorted(set(range(count)) - set(numbers))
        self.assertEqual(missing, [], "these are lost")
        self.assertEqual(numbers, list(range(count)), "order, or twice")

    def send(self, service: Service, name: str, count: int, rate: float = 0) -> Sender:
        """
        Begin to send.
        """
        sender = Sender(service.port("tcp"), name, count, rate)
        self.addCleanup(sender.join)
        self.addCleanup(sender.connection.close)
        sender.start()
        return sender
