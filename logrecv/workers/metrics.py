"""
The metrics of the workers themselves.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from attrs import define, field
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from logrecv.workers.process import WorkerProcess


@define(eq=False)
class WorkersCollector:
    """
    Shows how the workers are.

    @ivar workers: The workers, by number.
    @ivar restarts: How many were started in the place of another.
    """

    workers: Mapping[int, WorkerProcess]
    restarts: int = field(default=0, init=False)

    def collect(self) -> Iterator[Metric]:
        """
        Give the metrics of the workers themselves.
        """
        yield GaugeMetricFamily(
            "logrecv_workers",
            "Workers that serve.",
            sum(worker.serving for worker in self.workers.values()),
        )
        yield CounterMetricFamily(
            "logrecv_worker_restarts",
            "Workers that were started in the place of one that had ended.",
            self.restarts,
        )
        connections = GaugeMetricFamily(
            "logrecv_worker_connections",
            "Connections that a worker has open.",
            labels=["worker"],
        )
        memory = GaugeMetricFamily(
            "logrecv_worker_memory_bytes",
            "What a worker has in memory.",
            labels=["worker"],
        )
        time = CounterMetricFamily(
            "logrecv_worker_cpu_seconds",
            "What a worker has used of processors.",
            labels=["worker"],
        )
        for number, worker in sorted(self.workers.items()):
            report = worker.report
            if report is not None:
                count = sum(tally.connections for tally in report.inputs)
                connections.add_metric([str(number)], count)
                memory.add_metric([str(number)], report.memory)
                time.add_metric([str(number)], report.time)
        yield from (connections, memory, time)
