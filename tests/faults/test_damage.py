"""
Spools that are not what was written.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from attrs import frozen
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.task import Clock
from twisted.logger import LogEvent, formatEvent, globalLogPublisher

from logrecv.formats.json import encodeJSON
from logrecv.outputs.spool.spool import Spool
from logrecv.testing import makeRecord
from tests.e2e.programs import freePort
from tests.faults.accounts import CONSOLE, SOAK, FaultTestCase, Metrics, report
from tests.faults.receiver import Receiver

#: Parts in a spool, and of these, those that were sent before it was damaged.
PARTS = 200
SENT = 50

#: Bytes of a page.
PAGE = 4096

#: Parts that are on one page at most: what a damaged page may cost.
PER_PAGE = 12

FILE = "spool.sqlite"
LOG = "spool.sqlite-wal"


class DirectRunner:
    """
    Runs functions at once.
    """

    def run(self, function: object) -> Deferred[None]:
        """
        See L{logrecv.threads.ISerialExecutor.run}.
        """
        return maybeDeferred(function)  # type: ignore[arg-type]

    def end(self) -> None:
        """
        Do nothing.
        """


def openSpool(directory: Path) -> Spool:
    """
    Open a spool without a service around it.
    """
    spool = Spool(str(directory), "json", "1-forward", Clock(), DirectRunner())
    spool.open()
    return spool


def makeParts() -> Iterator[tuple[bytes, int]]:
    """
    Make parts of which some share a page, some fill one and some fill several.
    """
    chance = random.Random(1)
    for number in range(PARTS):
        size = chance.choice([50, 300, 300, 3000, 9000])
        yield encodeJSON([makeRecord(f"{number} {'x' * size}")]), 1


def drain(spool: Spool) -> list[int]:
    """
    Take everything out.
    """
    numbers = []
    while chunk := spool.next(1 << 20, 500):
        for line in chunk.data.splitlines():
            numbers.append(int(json.loads(line)["message"].partition(" ")[0]))
        spool.done()
    return numbers


@frozen
class Outcome:
    """
    The end of a damaged spool.

    @ivar lost: The number of parts that did not come out.
    @ivar again: The number of parts that came out though they had been sent.
    @ivar seconds: The time that the spool took to open.
    @ivar told: The text of the log.
    """

    lost: int
    again: int
    seconds: float
    told: str


class DamageTests(FaultTestCase):
    """
    A damaged spool opens within 5 s, loses only what was damaged, and says so.
    """

    def setUp(self) -> None:
        """
        Make a spool, as it is after C{kill -9} and as it is after a stop.
        """
        super().setUp()
        running = self.directory / "running"
        with closing(openSpool(running)) as spool:
            parts = list(makeParts())
            spool.append(parts[: PARTS // 2])
            for part in parts[PARTS // 2 :]:
                spool.append([part])
            for _ in range(SENT):
                self.assertEqual(spool.next(1, 1).count, 1)  # type: ignore[union-attr]
                spool.done()
            shutil.copytree(running, self.directory / "killed")
        shutil.copytree(running, self.directory / "stopped")

    def damage(self, name: str, file: str, data: bytes) -> Outcome:
        """
        Open a copy of a spool in which a file is another one.
        """
        copy = self.directory / "copy"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(self.directory / name, copy)
        (copy / file).write_bytes(data)
        told: list[str] = []

        def observe(event: LogEvent) -> None:
            told.append(formatEvent(event))

        globalLogPublisher.addObserver(observe)
        try:
            begun = time.monotonic()
            spool = openSpool(copy)
            seconds = time.monotonic() - begun
            with closing(spool):
                numbers = drain(spool)
        finally:
            globalLogPublisher.removeObserver(observe)
        self.assertEqual(numbers, sorted(set(numbers)), "in order, and once")
        kept = [number for number in numbers if number >= SENT]
        lost = PARTS - SENT - len(kept)
        return Outcome(lost, len(numbers) - len(kept), seconds, "; ".join(told))

    def summarize(self, what: str, outcomes: list[Outcome]) -> None:
        """
        Check and print what became of several.
        """
        slowest = max(outcome.seconds for outcome in outcomes)
        worst = max(outcome.lost for outcome in outcomes)
        again = max(outcome.again for outcome in outcomes)
        silent = sum(1 for outcome in outcomes if outcome.lost and not outcome.told)
        report(
            f"{what} {len(outcomes)} times: opened within {slowest:.2f} s, "
            f"lost {worst} of {PARTS - SENT} batches at most, {again} twice at most, "
            f"{sum(1 for outcome in outcomes if outcome.lost)} times any, "
            f"{silent} times without a word"
        )
        self.assertLess(slowest, 5)
        self.assertLessEqual(worst, PER_PAGE)
        self.assertEqual(silent, 0)

    def test_cut(self) -> None:
        """
        Cut at each byte of its last page.
        """
        step = 1 if SOAK else 31
        for name, file in (("stopped", FILE), ("killed", FILE), ("killed", LOG)):
            data = (self.directory / name / file).read_bytes()
            outcomes = [
                self.damage(name, file, data[:-cut]) for cut in range(1, PAGE + 1, step)
            ]
            self.summarize(f"{name}, {file} cut", outcomes)

    def test_flipped(self) -> None:
        """
        With a bit flipped anywhere.
        """
        chance = random.Random(os.environ.get("LOGRECV_SEED"))
        for name, file in (("stopped", FILE), ("killed", FILE), ("killed", LOG)):
            data = (self.directory / name / file).read_bytes()
            outcomes = []
            for _ in range(2000 if SOAK else 100):
                flipped = bytearray(data)
                flipped[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
                outcomes.append(self.damage(name, file, bytes(flipped)))
            self.summarize(f"{name}, {file} with a bit flipped", outcomes)

    def test_schemaFlipped(self) -> None:
        """
        With a bit flipped in the header or in the definition of a table.
        """
        data = (self.directory / "stopped" / FILE).read_bytes()
        used = [byte for byte in range(PAGE) if byte < 100 or data[byte]]
        bits = [(byte, bit) for byte in used for bit in range(8)]
        # The kind of the records: the spool is refused, and stays as it is.
        bits = [place for place in bits if place[0] not in range(68, 72)]
        chance = random.Random(os.environ.get("LOGRECV_SEED"))
        outcomes = []
        for byte, bit in bits if SOAK else chance.sample(bits, 100):
            flipped = bytearray(data)
            flipped[byte] ^= 1 << bit
            outcomes.append(self.damage("stopped", FILE, bytes(flipped)))
        self.summarize("a bit of the schema flipped", outcomes)

    def test_firstPages(self) -> None:
        """
        With nothing left of the pages from which SQLite finds the others.
        """
        data = (self.directory / "stopped" / FILE).read_bytes()
        outcomes = [
            self.damage(
                "stopped",
                FILE,
                data[: page * PAGE] + os.urandom(PAGE) + data[(page + 1) * PAGE :],
            )
            for page in (0, 1, 2)
        ]
        self.summarize("a first page overwritten", outcomes)

    def test_service(self) -> None:
        """
        A service with a damaged spool starts, says so, sends what is whole and
        has an account of it.
        """
        data = bytearray((self.directory / "stopped" / FILE).read_bytes())
        data[len(data) // 2 // PAGE * PAGE] ^= 0xFF
        copy = self.directory / "copy"
        shutil.copytree(self.directory / "stopped", copy)
        (copy / FILE).write_bytes(data)
        receiver = Receiver()
        self.addCleanup(receiver.end)
        begun = time.monotonic()
        service = self.serve(
            f"--http=tcp:{freePort()}:interface=127.0.0.1",
            CONSOLE,
            f"--output=forward:http:127.0.0.1:{receiver.server_port}:spool={copy}",
        )
        self.assertLess(time.monotonic() - begun, 5)
        service.waitFor(lambda: not Metrics.ask(service).total("output_queued"))
        metrics = Metrics.ask(service)
        self.assertConserved(metrics)
        self.assertEqual(metrics.total("output_delivered"), len(receiver.everything()))
        self.assertGreaterEqual(len(receiver.everything()), PARTS - SENT - PER_PAGE)
        self.assertIn("the spool was damaged", service.log)
        self.assertIn("is set aside as", service.log)
