"""
The running service under everything that hurts, beside a healthy client.
"""

from __future__ import annotations

import json

from tests.hostile import cases
from tests.hostile.witness import (
    GROWTH,
    MARGIN,
    P99,
    WORST,
    HostileTestCase,
    Prober,
    forgetPeak,
    memory,
    waitUntil,
)


class EffortTests(HostileTestCase):
    """
    Tests with the payloads of L{tests.hostile.costly}.
    """

    def test_attack(self) -> None:
        """
        While ten hostile clients send payloads of 1 MiB that take as long as they
        can, the records of a healthy one all arrive in order, C{/healthz} is answered
        at once, and everything is counted.
        """
        service = self.serveAll(loggers="healthy.*")
        with self.healthy(service), Prober(service.port("console")) as prober:
            attackers = [
                self.attack(kind, service.port(via))
                for kind, via in [("frames", "tcp")] * 7 + [("bodies", "http")] * 3
            ]
            for attacker in attackers:
                self.assertEqual(attacker.end(), 0, attacker.describe())
        self.report(prober)
        metrics = self.checkBooks(service)
        sent = sum(json.loads(attacker.out)["payloads"] for attacker in attackers)
        self.assertGreaterEqual(metrics['logrecv_received_total{via="tcp"}'], sent)
        self.checkQuiet(service)
        self.assertEqual(prober.failures, [])
        self.assertLess(prober.percentile(0.99), P99 * MARGIN)
        self.assertEqual(service.stop(), 0)


class CorpusTests(HostileTestCase):
    """
    Tests with the cases of L{tests.hostile.cases}.
    """

    def test_enough(self) -> None:
        """
        There are at least as many cases of our own as are known, and each has
        its name.
        """
        known = cases.named(cases.corpus())
        own = [
            case
            for make in (cases.pickles, cases.streams, cases.requests, cases.datagrams)
            for case in cases.named(make())
        ]
        self.assertGreater(len(own), len(known))

    def test_attack(self) -> None:
        """
        While hostile clients send all cases to all inputs, the records of a
        healthy one all arrive in order, C{/healthz} is answered at once, memory
        hardly grows, everything is counted, and nothing is logged.
        """
        service = self.serveAll()
        with self.healthy(service):
            service.awaitRecords(30, self.output)
            forgetPeak(service.process)
            before = memory(service.process)
            with Prober(service.port("console")) as prober:
                attackers = {
                    kind: self.attack(kind, service.port(kind), rounds=2)
                    for kind in ("tcp", "udp", "http")
                }
                for attacker in attackers.values():
                    self.assertEqual(attacker.end(), 0, attacker.describe())
        grown = memory(service.process) - before
        self.report(f"{prober}; memory grew by {grown / 2**20:.1f} MiB at the peak")
        waitUntil(
            lambda: service.metrics()['logrecv_output_queued{output="1-file"}'] == 0,
            "records are queued",
        )
        metrics = self.checkBooks(service)
        sent = {
            kind: json.loads(attacker.out)["payloads"]
            for kind, attacker in attackers.items()
        }
        for via in ("tcp", "udp"):
            self.assertGreaterEqual(
                metrics[f'logrecv_received_total{{via="{via}"}}'], sent[via]
            )
        self.checkQuiet(service)
        self.assertEqual(prober.failures, [])
        self.assertLess(grown, GROWTH)
        self.assertLess(prober.percentile(0.99), P99 * MARGIN)
        self.assertLess(max(prober.times), WORST * MARGIN)
        self.assertEqual(service.stop(), 0)
        self.checkQuiet(service)
