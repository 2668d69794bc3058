"""
The metrics of the workers themselves.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from attrs import define
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from logrecv.workers.lifecycle import State, WorkerLifecycle


@define(eq=False)
class WorkersCollector:
    """
    Shows the state of the workers as metrics.

    @ivar workers: The workers, by number.
    """

    workers: Mapping[int, WorkerLifecycle]

    def collect(self) -> Iterator[Metric]:
        """
        Give the metrics of the workers.
        """
        workers = self.workers.values()
        yield GaugeMetricFamily(
            "logrecv_workers",
            "Workers that serve.",
            sum(worker.state is State.SERVING for worker in workers),
        )
        yield CounterMetricFamily(
            "logrecv_worker_restarts",
            "Workers that were started in the place of a worker that had ended.",
            sum(worker.restarts for worker in workers),
        )
        connections = GaugeMetricFamily(
            "logrecv_worker_connections",
            "Connections that a worker has open.",
            labels=["worker"],
        )
        memory = GaugeMetricFamily(
            "logrecv_worker_memory_bytes",
            "The resident memory of a worker.",
            labels=["worker"],
        )
        time = CounterMetricFamily(
            "logrecv_worker_cpu_seconds",
            "The processor time that a worker has used.",
            labels=["worker"],
        )
        for number, worker in sorted(self.workers.items()):
            report = worker.process.report if worker.process else None
            if report is not None:
                count = sum(tally.connections for tally in report.inputs)
                connections.add_metric([str(number)], count)
                memory.add_metric([str(number)], report.memory)
                time.add_metric([str(number)], report.time)
        yield from (connections, memory, time)
