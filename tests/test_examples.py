"""
Tests for the examples: each example runs against a real service.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from urllib.request import urlopen

from tests.e2e.programs import ProgramTestCase, Service, freePort, post

_EXAMPLES = Path(__file__).resolve().parent.parent / "examples"


class ExampleTests(ProgramTestCase):
    """
    One test for each example.
    """

    def example(self, name: str, *arguments: str) -> None:
        done = self.call(sys.executable, str(_EXAMPLES / name), *arguments)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))

    def test_everyExampleHasATest(self) -> None:
        """
        Each example has a test that names it.
        """
        modules = Path(__file__).parent.glob("test_*examples.py")
        source = "".join(path.read_text("utf-8") for path in modules)
        for path in _EXAMPLES.glob("*.py"):
            self.assertIn(f'"{path.name}"', source)

    def test_socketClient(self) -> None:
        """
        The client over TCP sends a record with extra attributes, and one with a
        traceback.
        """
        service = self.serve("--tcp=tcp:0:interface=127.0.0.1")
        self.example("socket_client.py", "127.0.0.1", str(service.port("tcp")))
        accepted, failed = service.awaitRecords(2)
        self.assertEqual(accepted["message"], "order 17 accepted")
        self.assertEqual(accepted["extra"], {"user": "alice", "items": [3, 4]})
        self.assertIn("TypeError: unsupported operand", failed["exc_text"])

    def test_datagramClient(self) -> None:
        """
        The client over UDP sends a record.
        """
        service = self.serve("--udp=udp:0:interface=127.0.0.1")
        self.example("datagram_client.py", "127.0.0.1", str(service.port("udp")))
        (record,) = service.awaitRecords(1)
        self.assertEqual(record["message"], "order 17 is late")

    def test_httpClient(self) -> None:
        """
        The client over HTTP sends a record.
        """
        service = self.serve("--http=tcp:0:interface=127.0.0.1")
        self.example("http_client.py", f"127.0.0.1:{service.port('http')}")
        (record,) = service.awaitRecords(1)
        self.assertEqual(record["message"], "order 17 failed")
        self.assertEqual(record["extra"], {"user": "alice"})

    def test_dictConfig(self) -> None:
        """
        The configuration sends each record with the handlers of its level.
        """
        service = self.serve(
            "--tcp=tcp:0:interface=127.0.0.1",
            "--udp=udp:0:interface=127.0.0.1",
            "--http=tcp:0:interface=127.0.0.1",
        )
        ports = [str(service.port(option)) for option in ("tcp", "udp", "http")]
        self.example("dict_config.py", *ports)
        records = service.awaitRecords(6)
        self.assertEqual(
            sorted((r["received"]["via"], r["levelname"]) for r in records),
            [
                ("http", "ERROR"),
                ("tcp", "ERROR"),
                ("tcp", "INFO"),
                ("tcp", "WARNING"),
                ("udp", "ERROR"),
                ("udp", "WARNING"),
            ],
        )

    def test_ownSink(self) -> None:
        """
        The sink is found as a plugin.  It is described, filtered and counted as any
        other output, and so are mistakes in its description.
        """
        plugins = self.directory / "twisted" / "plugins"
        plugins.mkdir(parents=True)
        shutil.copy(_EXAMPLES / "own_sink.py", plugins / "count_output.py")
        # With -m, since the directory of plugins has to be on the path.
        command = [sys.executable, "-m", "logrecv"]
        service = Service(
            [
                *command,
                "--tcp=tcp:0:interface=127.0.0.1",
                "--console=tcp:0:interface=127.0.0.1",
                "--output=count:every=2:level=WARNING",
            ],
            self.directory,
        )
        self.addCleanup(service.kill)
        service.awaitListening({"tcp": 1, "console": 1})
        self.log("socket", service.port("tcp"), "app", 5)
        service.waitFor(lambda: "{'app': 4}" in service.out)
        metrics = service.metrics()
        self.assertEqual(metrics['logrecv_output_delivered_total{output="1-count"}'], 4)
        self.assertEqual(metrics['logrecv_output_filtered_total{output="1-count"}'], 1)
        service.stop()
        self.assertEqual(service.out.splitlines(), ["{'app': 2}"] + ["{'app': 4}"] * 2)
        done = self.call(*command, "--output=count:every=none")
        self.assertEqual(done.returncode, 1)
        self.assertIn("every=none: must be a number from 1 on", done.stderr)

    def test_composedApp(self) -> None:
        """
        The web application takes records on its own port and on two further ports,
        shows the errors and writes all records.
        """
        web, tcp, udp = freePort(), freePort(), freePort()
        app = self.begin(
            sys.executable,
            str(_EXAMPLES / "composed_app.py"),
            *map(str, (web, tcp, udp)),
        )
        app.waitFor(lambda: "ready" in app.out)
        self.log("socket", tcp, "app.tcp")
        self.log("datagram", udp, "app.udp")
        url = f"http://127.0.0.1:{web}"
        record = {"name": "app.json", "levelno": 50, "message": "lights are out"}
        self.assertEqual(post(f"{url}/logs/records", json.dumps(record))[0], 204)

        def page() -> str:
            with urlopen(f"{url}/") as response:
                text: str = response.read().decode("utf-8")
                return text

        app.waitFor(lambda: page().count("\n") == 3)
        for error in "app.tcp: it failed", "app.udp: it failed", "app.json: lights":
            self.assertIn(error, page())
        app.stop()
        lines = (self.directory / "records.jsonl").read_text("utf-8").splitlines()
        self.assertEqual(len(lines), 7)
