"""
The console: the health and the metrics of the service, for monitoring.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import ClassVar

from klein import Klein
from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from twisted.internet.defer import Deferred, succeed
from twisted.python.failure import Failure
from twisted.web.iweb import IRequest
from twisted.web.resource import IResource
from werkzeug.exceptions import HTTPException

from logrecv.console.guard import ConsoleGuard
from logrecv.console.metrics import Collector, RepeatedBatches, TallyCollector
from logrecv.counters import InputTally, OutputTally, QuarantineTally
from logrecv.dedup import SeenBatches
from logrecv.web import answer


def _upToDate() -> Deferred[str | None]:
    return succeed(None)


class Console:
    """
    The Klein app of the console::

        console = Console(list(intake.tallies.values()), [])
        endpoint.listen(ConsoleSite(console.resource(), reactor))
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
        tally: InputTally | None = None,
        names: Collection[str] = (),
    ) -> None:
        """
        @param inputs: Counts of payloads, an input each.
        @param outputs: Counts of records, an output each.
        @param quarantine: Counts of the payloads that were rejected and kept, if
            the service has a quarantine.
        @param batches: The count of batches that came again, if it is known.
        @param refresh: Brings these counts up to date, where other processes count.
            The L{Deferred} fires with a problem of these processes, or L{None}.
        @param collectors: Further sources of metrics.
        @param tally: Counts of the connections to the console itself.
        @param names: Names of the console: see L{ConsoleGuard}.
        """
        self._refresh = refresh or _upToDate
        self._names = names
        self._tally = tally or InputTally("console")
        tallies = TallyCollector(
            inputs,
            outputs,
            quarantine or QuarantineTally(),
            batches or SeenBatches(),
            self._tally,
        )
        self._registry = CollectorRegistry()
        for collector in (tallies, *collectors):
            self._registry.register(collector)
        ProcessCollector(registry=self._registry)

    def resource(self) -> IResource:
        """
        Make the resource of the console, which can be the root of a site.
        """
        return ConsoleGuard(self.router.resource(), self._names, self._tally)

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
