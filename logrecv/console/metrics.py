"""
The counters of a service as metrics for Prometheus.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from attrs import define, field
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    InfoMetricFamily,
    Metric,
)

from logrecv import __version__
from logrecv.counters import InputTally, OutputTally, QuarantineTally
from logrecv.wire.pickled.machine import IMPLEMENTATION


class RepeatedBatches(Protocol):
    """
    A count of the batches that came again, such as L{SeenBatches}.

    @ivar repeated: The number of batches.
    """

    @property
    def repeated(self) -> int: ...


class Collector(Protocol):
    """
    A source of metrics.
    """

    def collect(self) -> Iterator[Metric]:
        """
        Give the metrics as they are now.
        """


@define(eq=False)
class TallyCollector:
    """
    The tallies as metrics, under the names of the design::

        registry = CollectorRegistry()
        registry.register(TallyCollector(inputs, outputs, quarantine, batches))
        text = generate_latest(registry)

    @ivar inputs: Counts of payloads, an input each.
    @ivar outputs: Counts of records, an output each.
    @ivar quarantine: Counts of the payloads that were rejected and kept.
    @ivar batches: The count of batches that came again.
    @ivar console: Counts of the connections to the console itself.
    """

    inputs: Sequence[InputTally]
    outputs: Sequence[OutputTally]
    quarantine: QuarantineTally
    batches: RepeatedBatches
    console: InputTally = field(factory=lambda: InputTally("console"))

    def collect(self) -> Iterator[Metric]:
        """
        Give the metrics, read at this moment.
        """
        yield from self._collectInputs()
        yield from self._collectOutputs()
        yield from self._collectQuarantine()
        yield CounterMetricFamily(
            "logrecv_repeated_batches",
            "Batches that had been taken before and were not taken again.",
            self.batches.repeated,
        )
        yield InfoMetricFamily(
            "logrecv_build",
            "The version that runs, and the form of the pickle machine.",
            {"version": __version__, "decoder": IMPLEMENTATION},
        )

    def _collectInputs(self) -> Iterator[Metric]:
        received = CounterMetricFamily(
            "logrecv_received", "Payloads that came.", labels=["via"]
        )
        accepted = CounterMetricFamily(
            "logrecv_accepted", "Records that were made of payloads.", labels=["via"]
        )
        rejected = CounterMetricFamily(
            "logrecv_rejected",
            "Payloads of which no record was made.",
            labels=["via", "reason"],
        )
        connections = GaugeMetricFamily(
            "logrecv_connections", "Connections that are open.", labels=["via"]
        )
        refused = CounterMetricFamily(
            "logrecv_refused",
            "Connections that were turned away.",
            labels=["via", "reason"],
        )
        for tally in self.inputs:
            received.add_metric([tally.via], tally.received)
            accepted.add_metric([tally.via], tally.accepted)
            for reason, count in tally.rejected.items():
                rejected.add_metric([tally.via, reason], count)
        for tally in (*self.inputs, self.console):
            connections.add_metric([tally.via], tally.connections)
            for reason, count in tally.refused.items():
                refused.add_metric([tally.via, reason], count)
        yield from (received, accepted, rejected, connections, refused)

    def _collectOutputs(self) -> Iterator[Metric]:
        delivered = CounterMetricFamily(
            "logrecv_output_delivered",
            "Records that reached the place the output sends to.",
            labels=["output"],
        )
        filtered = CounterMetricFamily(
            "logrecv_output_filtered",
            "Records that the output's filter kept back.",
            labels=["output"],
        )
        dropped = CounterMetricFamily(
            "logrecv_output_dropped",
            "Records that the output gave up.",
            labels=["output", "reason"],
        )
        queued = GaugeMetricFamily(
            "logrecv_output_queued", "Records that wait.", labels=["output"]
        )
        restored = CounterMetricFamily(
            "logrecv_output_restored",
            "Records that an earlier run left in the output's spool.",
            labels=["output"],
        )
        for tally in self.outputs:
            restored.add_metric([tally.output], tally.restored)
            delivered.add_metric([tally.output], tally.delivered)
            filtered.add_metric([tally.output], tally.filtered)
            queued.add_metric([tally.output], tally.queued)
            for reason, count in tally.dropped.items():
                dropped.add_metric([tally.output, reason], count)
        yield from (delivered, filtered, dropped, queued, restored)

    def _collectQuarantine(self) -> Iterator[Metric]:
        kept = CounterMetricFamily(
            "logrecv_quarantined",
            "Rejected payloads that were written to the quarantine.",
            labels=["reason"],
        )
        dropped = CounterMetricFamily(
            "logrecv_quarantine_dropped",
            "Rejected payloads that the quarantine could not keep.",
            labels=["reason"],
        )
        for reason, count in self.quarantine.kept.items():
            kept.add_metric([reason], count)
        for reason, count in self.quarantine.dropped.items():
            dropped.add_metric([reason], count)
        yield from (kept, dropped)
