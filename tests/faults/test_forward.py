"""
Forwarding over HTTP with spools: kills, a receiver that comes and goes, and
spools that are damaged.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import socket
import time
from pathlib import Path

from tests.e2e.programs import Service, waitUntil
from tests.faults.accounts import (
    CONSOLE,
    SOAK,
    FaultTestCase,
    Metrics,
    report,
)
from tests.faults.receiver import Poster, Receiver

#: Records in a batch at most: what may come twice for a kill.
BATCH = 500

#: The points of the spool, and when to kill there.
POINTS = [
    *(("append", when) for when in ("before", "after")),
    *(("mark", when) for when in ("before", "after")),
    *(("acknowledge", when) for when in ("before", "after")),
    *(("delete", when) for when in ("before", "after")),
    *(("checkpoint", when) for when in ("before", "middle", "after")),
]

CRASHING = str(Path(__file__).with_name("crashing_spool.py"))


def keptPort() -> int:
    """
    Find a port that nobody listens on, and that nobody will be given who does
    not care for which: it stays free while a service is being restarted.
    """
    while True:
        port = random.randrange(15_000, 30_000)
        # Trial takes a global suppress for its own.
        with (
            contextlib.suppress(OSError),
            socket.create_server(("127.0.0.1", port)),
        ):
            return port


class ForwardTestCase(FaultTestCase):
    """
    A sender, a receiver and who is behind it.
    """

    def setUp(self) -> None:
        """
        Choose ports that stay the same over restarts.
        """
        super().setUp()
        self.last = self.collect(keptPort())

    def collect(self, port: int) -> Receiver:
        """
        Start one who only takes.
        """
        receiver = Receiver(port)
        self.addCleanup(receiver.end)
        return receiver

    def relay(
        self,
        name: str,
        port: int,
        target: int,
        runner: tuple[str, ...] = ("logrecv",),
        more: str = "",
    ) -> Service:
        """
        Start a logrecv that takes batches and forwards them.

        @param name: The name in front of its spool and its state.
        @param port: The port that logrecv listens on.
        @param target: The port to forward to.
        """
        return self.serve(
            f"--http=tcp:{port}:interface=127.0.0.1",
            CONSOLE,
            f"--state={name}-state",
            f"--output=forward:http:127.0.0.1:{target}:spool={name}-spool{more}",
            runner=runner,
        )

    def post(self, port: int, count: int, size: int = 100, rate: float = 1e9) -> Poster:
        """
        Begin to send.
        """
        poster = Poster(port, count, size, rate)
        self.addCleanup(poster.join)
        self.addCleanup(setattr, poster, "ended", True)
        poster.start()
        return poster

    def awaitAll(self, services: list[Service], count: int) -> None:
        """
        Wait until everything has arrived, and nothing is left anywhere.
        """

        def arrived() -> bool:
            return len(set(self.last.once())) >= count

        waitUntil(
            arrived, lambda: "\n".join(service.describe() for service in services)
        )
        for service in services:
            service.waitFor(
                lambda each=service: not Metrics.ask(each).total("output_queued")
            )
            metrics = Metrics.ask(service)
            self.assertConserved(metrics)
            self.assertEqual(metrics.total("output_dropped"), 0)

    def assertArrived(self, count: int, kills: int) -> int:
        """
        Make sure that all has arrived, in order, and that no more came twice
        than may.

        @param kills: How often the one who sent it was killed.
        @return: How many came twice for who does not know batches.
        """
        self.assertEqual(self.last.once(), list(range(count)))
        twice = len(self.last.everything()) - count
        self.assertLessEqual(twice, kills * BATCH)
        return twice


class KillTests(ForwardTestCase):
    """
    C{kill -9}.
    """

    def test_random(self) -> None:
        """
        Of either side, at any moment: nothing that was accepted is lost,
        nothing comes twice for who knows batches, no more than a batch for each
        kill for who does not, and the order stays.
        """
        kills, count = (50, 100_000) if SOAK else (6, 10_000)
        ports = {"first": keptPort(), "second": keptPort()}
        targets = {"first": ports["second"], "second": self.last.server_port}
        services = {
            name: self.relay(name, ports[name], targets[name]) for name in ports
        }
        poster = self.post(ports["first"], count, rate=count / kills / 1.5)
        chance = random.Random(os.environ.get("LOGRECV_SEED"))
        killed = dict.fromkeys(ports, 0)
        for _ in range(kills):
            time.sleep(chance.uniform(0.1, 1.0))
            name = chance.choice(list(ports))
            killed[name] += 1
            services[name].stop(signal.SIGKILL)
            services[name] = self.relay(name, ports[name], targets[name])
        waitUntil(lambda: poster.accepted == count, "not everything was accepted")
        self.awaitAll(list(services.values()), count)
        twice = self.assertArrived(count, killed["second"])
        report(
            f"{kills} kills at random ({killed['first']} of the sender, "
            f"{killed['second']} of the receiver) while {count} records were "
            f"forwarded: 0 lost, 0 twice where batches are known, {twice} twice "
            "where they are not, all in order"
        )

    def test_points(self) -> None:
        """
        At each named point of the spool.
        """
        for point, when in POINTS:
            for number in (1, 2, 3, 5, 8, 13) if SOAK else (3,):
                self.crash(point, when, number)

    def crash(self, point: str, when: str, number: int) -> None:
        """
        Kill once.

        @param number: Which time the point is reached.
        """
        directory = self.directory / f"{point}-{when}-{number}"
        directory.mkdir()
        count = 4000
        self.last = self.collect(keptPort())
        port = keptPort()
        target = self.last.server_port
        name = directory.name + "/one"
        runner = ("python", CRASHING, point, when, str(number))
        service = self.relay(name, port, target, runner)
        poster = self.post(port, count)
        self.assertEqual(service.end(), -signal.SIGKILL, service.describe())
        service = self.relay(name, port, target)
        waitUntil(lambda: poster.accepted == count, "not everything was accepted")
        self.awaitAll([service], count)
        twice = self.assertArrived(count, 1)
        restored = Metrics.ask(service).total("output_restored")
        service.stop()
        report(
            f"killed {when} {point} ({number}): {restored} of {count} records were "
            f"in the spool, 0 lost, {twice} twice where batches are not known"
        )


class DownstreamTests(ForwardTestCase):
    """
    A receiver that is not there.
    """

    def test_upAndDown(self) -> None:
        """
        The receiver is dead for a while, then up and down every 2 s: nothing is
        lost, and what waits goes at least three times as fast as records come.
        """
        dead, cycles, rate = (60.0, 10, 1000.0) if SOAK else (6.0, 2, 1000.0)
        target = self.last.server_port
        self.last.end()
        port = keptPort()
        service = self.relay("one", port, target)
        poster = self.post(port, 1_000_000_000, rate=rate)
        time.sleep(dead)
        waited = Metrics.ask(service).total("output_queued")
        receivers = [self.collect(target)]
        service.waitFor(lambda: receivers[0].batches)
        begun = time.monotonic()
        service.waitFor(lambda: Metrics.ask(service).total("output_queued") < BATCH)
        drained = time.monotonic() - begun
        for _ in range(cycles):
            receivers[-1].end()
            time.sleep(2)
            receivers.append(self.collect(target))
            time.sleep(2)
        poster.ended = True
        poster.join()
        self.last = receivers.pop()
        self.last.batches[:0] = [
            batch for receiver in receivers for batch in receiver.batches
        ]
        self.awaitAll([service], poster.accepted)
        twice = self.assertArrived(poster.accepted, cycles)
        speed = waited / drained
        report(
            f"dead for {dead:.0f} s, then {cycles} times for 2 s: 0 of "
            f"{poster.accepted} records lost, {twice} twice where batches are not "
            f"known; {waited} that waited went in {drained:.2f} s, {speed:.0f} a "
            f"second, while {rate:.0f} a second came"
        )
        self.assertGreater(speed, 3 * rate)
