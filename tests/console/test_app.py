"""
Tests for L{logrecv.console.app}.
"""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families
from treq.testing import StubTreq
from twisted.trial.unittest import SynchronousTestCase

from logrecv import __version__
from logrecv.console.app import Console
from logrecv.counters import InputTally, OutputTally, QuarantineTally
from logrecv.wire.pickled.machine import COMPILED


class ConsoleTests(SynchronousTestCase):
    """
    Tests for L{Console}.
    """

    def setUp(self) -> None:
        """
        Make a console of two tallies.
        """
        self.input = InputTally("tcp")
        self.output = OutputTally("1-file")
        self.quarantine = QuarantineTally()
        console = Console([self.input], [self.output], self.quarantine)
        self.treq = StubTreq(console.resource())

    def get(self, path: str, method: str = "GET") -> tuple[int, str]:
        """
        Ask for a page.
        """
        url = f"http://localhost{path}"
        response = self.successResultOf(self.treq.request(method, url))
        return response.code, self.successResultOf(self.treq.text_content(response))

    def samples(self) -> dict[tuple[str, ...], float]:
        """
        Read the metrics as Prometheus does.
        """
        code, text = self.get("/metrics")
        self.assertEqual(code, 200)
        return {
            (sample.name, *(v for _, v in sorted(sample.labels.items()))): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }

    def test_health(self) -> None:
        """
        C{/healthz} says that the service is well.
        """
        self.assertEqual(self.get("/healthz"), (200, "ok\n"))

    def test_input(self) -> None:
        """
        What came in is shown under the names of the contract, and adds up.
        """
        self.input.accept(5)
        self.input.reject("malformed")
        self.input.reject("too-long", 2)
        self.input.reject("malformed")
        self.input.connections = 3
        samples = self.samples()
        self.assertEqual(samples["logrecv_received_total", "tcp"], 9)
        self.assertEqual(samples["logrecv_accepted_total", "tcp"], 5)
        self.assertEqual(samples["logrecv_rejected_total", "malformed", "tcp"], 2)
        self.assertEqual(samples["logrecv_rejected_total", "too-long", "tcp"], 2)
        self.assertEqual(samples["logrecv_connections", "tcp"], 3)

    def test_output(self) -> None:
        """
        What became of records is shown under the names of the contract.
        """
        self.output.filtered = 1
        self.output.delivered = 2
        self.output.queued = 3
        self.output.drop("queue-full", 4)
        self.output.drop("stopped", 0)
        samples = self.samples()
        self.assertEqual(samples["logrecv_output_filtered_total", "1-file"], 1)
        self.assertEqual(samples["logrecv_output_delivered_total", "1-file"], 2)
        self.assertEqual(samples["logrecv_output_queued", "1-file"], 3)
        dropped = "logrecv_output_dropped_total"
        self.assertEqual(samples[dropped, "1-file", "queue-full"], 4)
        self.assertNotIn((dropped, "1-file", "stopped"), samples)

    def test_quarantine(self) -> None:
        """
        What became of rejected payloads is shown.
        """
        self.quarantine.keep("malformed")
        self.quarantine.keep("malformed")
        self.quarantine.drop("queue-full", 3)
        samples = self.samples()
        self.assertEqual(samples["logrecv_quarantined_total", "malformed"], 2)
        self.assertEqual(samples["logrecv_quarantine_dropped_total", "queue-full"], 3)

    def test_process(self) -> None:
        """
        The version, the form of the pickle machine and the memory of the process
        are there too.
        """
        names = {name for name, *_ in self.samples()}
        decoder = "compiled" if COMPILED else "python"
        build = f'logrecv_build_info{{decoder="{decoder}",version="{__version__}"}} 1.0'
        self.assertIn(build, self.get("/metrics")[1].splitlines())
        names = {name for name, *_ in self.samples()}
        self.assertIn("process_resident_memory_bytes", names)

    def test_oddHost(self) -> None:
        """
        A Host header that is no name of a host is refused, and logs nothing.
        """
        for host in ["a" * 64 + ".", "a..b", "\xff"]:
            response = self.successResultOf(
                self.treq.get("http://localhost/healthz", headers={"host": host})
            )
            self.assertEqual(response.code, 400, host)

    def test_others(self) -> None:
        """
        What is not here is refused with one line of plain text.
        """
        for path, method, code in [
            ("/", "GET", 404),
            ("/healthz/", "GET", 404),
            ("/records", "POST", 404),
            ("/metrics", "POST", 405),
        ]:
            answered, text = self.get(path, method)
            self.assertEqual(answered, code, path)
            self.assertEqual(text.count("\n"), 1)
            self.assertNotIn("<", text)
