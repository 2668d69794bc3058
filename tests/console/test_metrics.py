"""
Tests for L{logrecv.console.metrics}.
"""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

from logrecv import __version__
from logrecv.wire.pickled.machine import COMPILED
from tests.console.case import ConsoleTestCase


class TallyCollectorTests(ConsoleTestCase):
    """
    Tests for L{TallyCollector}, as Prometheus sees its metrics.
    """

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

    def test_input(self) -> None:
        """
        Counts of payloads are shown under the names of the design, and add up.
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
        Counts of records are shown under the names of the design.
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
        Counts of quarantined payloads are shown.
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
