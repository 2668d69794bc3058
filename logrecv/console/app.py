"""
The console: how the service is, for monitoring.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import ClassVar, Protocol

from attrs import define
from klein import Klein
from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from twisted.internet.defer import Deferred, succeed
from twisted.python.failure import Failure
from twisted.web.iweb import IRequest
from twisted.web.resource import IResource
from werkzeug.exceptions import HTTPException

from logrecv import __version__
from logrecv.counters import InputTally, OutputTally, QuarantineTally
from logrecv.dedup import SeenBatches
from logrecv.web import HostGuard, answer
from logrecv.wire.pickled.machine import IMPLEMENTATION


class RepeatedBatches(Protocol):
    """
    What knows of batches that came again: L{SeenBatches}.

    @ivar repeated: How many.
    """

    @property
    def repeated(self) -> int: ...


class Collector(Protocol):
    """
    What has metrics of its own.
    """

    def collect(self) -> Iterator[Metric]:
        """
        Give them.
        """


@define(eq=False)
class TallyCollector:
    """
    Shows the tallies as metrics, read at the moment they are asked for.

    @ivar inputs: What came in.
    @ivar outputs: What became of it.
    @ivar quarantine: What became of what was rejected.
    @ivar batches: What came again.
    """

    inputs: Sequence[InputTally]
    outputs: Sequence[OutputTally]
    quarantine: QuarantineTally
    batches: RepeatedBatches

    def collect(self) -> Iterator[Metric]:
        """
        Give the metrics, under the names of the contract.
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
            "logrecv_accepted", "Records that were made of them.", labels=["via"]
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
            connections.add_metric([tally.via], tally.connections)
            for reason, count in tally.rejected.items():
                rejected.add_metric([tally.via, reason], count)
            for reason, count in tally.refused.items():
                refused.add_metric([tally.via, reason], count)
        yield from (received, accepted, rejected, connections, refused)

    def _collectOutputs(self) -> Iterator[Metric]:
        delivered = CounterMetricFamily(
            "logrecv_output_delivered",
            "Records that reached where the output sends them.",
            labels=["output"],
        )
        filtered = CounterMetricFamily(
            "logrecv_output_filtered",
            "Records that the output's filter kept back.",
            labels=["output"],
        )
        dropped = CounterMetricFamily(
            "logrecv_output_dropped",
            "Records that were given up.",
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


def _upToDate() -> Deferred[str | None]:
    return succeed(None)


class Console:
    """
    The pages of the console.
    """

    router: ClassVar[Klein] = Klein()

    def __init__(
        self,
        inputs: Sequence[InputTally],
        outputs: Sequence[OutputTally],
        quarantine: QuarantineTally | None = None,
        batches: RepeatedBatches | None = None,
        refresh: Callable[[], Deferred[str | None]] | None = None,
        collectors: Sequence[Collector] = (),
    ) -> None:
        """
        @param inputs: What came in.
        @param outputs: What became of it.
        @param quarantine: What became of what was rejected, if that is kept.
        @param batches: What came again, if that is known.
        @param refresh: Brings all of these up to date, where others count; the
            L{Deferred} fires with what is wrong with them, if anything is.
        @param collectors: What has metrics of its own.
        """
        self._refresh = refresh or _upToDate
        tallies = TallyCollector(
            inputs, outputs, quarantine or QuarantineTally(), batches or SeenBatches()
        )
        self._registry = CollectorRegistry()
        for collector in (tallies, *collectors):
            self._registry.register(collector)
        ProcessCollector(registry=self._registry)

    def resource(self) -> IResource:
        """
        Make the resource of the console.
        """
        return HostGuard(self.router.resource())

    @router.route("/healthz", methods=["GET", "HEAD"])
    async def health(self, request: IRequest) -> bytes:
        """
        Say that the service runs and answers.
        """
        problem = await self._refresh()
        return answer(request, 503 if problem else 200, problem or "ok")

    @router.route("/metrics", methods=["GET", "HEAD"])
    async def metrics(self, request: IRequest) -> bytes:
        """
        Show the counters to Prometheus.
        """
        await self._refresh()
        request.setHeader(b"content-type", CONTENT_TYPE_LATEST.encode("ascii"))
        return generate_latest(self._registry)

    @router.handle_errors(HTTPException)
    def refuse(self, request: IRequest, failure: Failure) -> bytes:
        """
        Answer a request for something that is not here.
        """
        if getattr(failure.value, "code", None) == 405:
            request.setHeader(b"allow", b"GET, HEAD")
            return answer(request, 405, "the method must be GET")
        return answer(request, 404, "nothing is here; there are /healthz and /metrics")
