"""
A chain of three services with two workers each, whose processes are killed together.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import time
from pathlib import Path

from tests.e2e.programs import Service, waitUntil
from tests.faults.accounts import CONSOLE, SOAK, Lines, Metrics, report
from tests.faults.test_forward import ForwardTestCase, keptPort


class ChainTests(ForwardTestCase):
    """
    Kills of a supervisor together with its workers.
    """

    def link(self, name: str, port: int, output: str) -> Service:
        """
        Start a service of the chain.

        @param name: The name in front of its spool and its state.
        @param port: The port that the service listens on.
        @param output: The output in front of the spool.
        """
        service = self.serve(
            "--workers=2",
            f"--http=tcp:{port}:interface=127.0.0.1",
            CONSOLE,
            f"--state={name}-state",
            f"--output={output}:spool={name}-spool:full=pause",
        )
        service.waitFor(lambda: "workers serve" in service.log)
        return service

    def kill(self, service: Service) -> None:
        """
        Kill a supervisor and its workers.
        """
        pid = service.process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        for each in (pid, *map(int, children)):
            # Trial takes a global suppress for its own.
            with contextlib.suppress(ProcessLookupError):
                os.kill(each, signal.SIGKILL)
        service.end()

    def test_killedTogether(self) -> None:
        """
        Of three services that forward to each other, any can be killed with all its
        workers at any moment: no record that was accepted is lost or comes twice.
        """
        kills, count = (140, 100_000) if SOAK else (6, 6_000)
        ports = [keptPort() for _ in range(3)]
        file = self.directory / "records.jsonl"
        outputs = [
            f"forward:http:127.0.0.1:{ports[1]}",
            f"forward:http:127.0.0.1:{ports[2]}",
            f"file:{file}",
        ]
        services = [
            self.link(f"link{number}", port, output)
            for number, (port, output) in enumerate(zip(ports, outputs, strict=True))
        ]
        poster = self.post(ports[0], count, rate=count / kills / 2)
        chance = random.Random(os.environ.get("LOGRECV_SEED"))
        for _ in range(kills):
            time.sleep(chance.uniform(0.1, 1.0))
            number = chance.randrange(3)
            self.kill(services[number])
            services[number] = self.link(
                f"link{number}", ports[number], outputs[number]
            )
        waitUntil(lambda: poster.accepted == count, "not everything was accepted")
        for service in services:
            service.waitFor(
                lambda each=service: not Metrics.ask(each).total("output_queued")
            )
        found = Lines.read([file])
        self.assertEqual((list(found.torn), found.ends), ([], True))
        self.assertEqual(sorted(found.numbers("app")), list(range(count)))
        report(
            f"{kills} kills of a service with its workers: {count} records, each once"
        )
