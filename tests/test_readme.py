"""
The README: everything that it shows is run here.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import sys
from pathlib import Path
from textwrap import dedent

from twisted.trial.unittest import SkipTest

from tests.e2e.programs import (
    Program,
    ProgramTestCase,
    Service,
    awaitDaemon,
    defaultPorts,
    freePort,
    isListening,
    post,
)

_ROOT = Path(__file__).resolve().parent.parent

_BLOCK = re.compile(
    r"^\.\. code-block:: \w+\n   :name: (?P<name>[\w-]+)\n\n(?P<text>(?:   .*\n|\n)+)",
    re.M,
)


def blocks() -> dict[str, str]:
    """
    Find the code blocks of the README, by their names.
    """
    readme = (_ROOT / "README.rst").read_text("utf-8")
    found = {match["name"]: dedent(match["text"]) for match in _BLOCK.finditer(readme)}
    assert len(found) == readme.count("code-block::"), "a block has no name"
    return found


class ReadmeTests(ProgramTestCase):
    """
    The blocks of the README, one test for each.
    """

    def setUp(self) -> None:
        """
        Read the README.
        """
        super().setUp()
        self.blocks = blocks()

    def _shell(self, line: str) -> list[str]:
        """
        Make a shell line one for this environment and directory.
        """
        scripts = str(Path(sys.executable).parent)
        line = line.replace("\\\n", " ").replace("/tmp/", f"{self.directory}/")
        words = shlex.split(line.rpartition("&&")[2])
        return [f"{scripts}/{Path(words[0]).name}", *words[1:]]

    def _paste(self, name: str, ports: dict[str, int] | None = None) -> None:
        """
        Run a block as a person would: in an interactive shell of Python.
        """
        text = self.blocks[name]
        for shown, port in (ports or {}).items():
            self.assertIn(shown, text)
            text = text.replace(shown, str(port))
        (self.directory / "pasted").write_text(text, "utf-8")
        with (self.directory / "pasted").open("rb") as pasted:
            program = Program(
                [sys.executable, "-i", "-q"], self.directory, name=name, stdin=pasted
            )
        self.addCleanup(program.kill)
        self.assertEqual(program.end(), 0, program.describe())
        self.assertNotIn("Error", program.err)

    def test_everyBlockHasATest(self) -> None:
        """
        There is a test for each block, and no other.
        """
        tests = {name for name in dir(self) if name.startswith("test_")}
        named = {f"test_{name.replace('-', '')}".lower() for name in self.blocks}
        self.assertEqual(named - {name.lower() for name in tests}, set())

    def test_start(self) -> None:
        """
        The line that starts it, on the default ports, and each client pasted as
        it stands: the records come out.
        """
        line = self.blocks["start"].strip()
        self.assertTrue(
            line.startswith("python3 -m venv .venv && .venv/bin/pip install . ")
        )
        with defaultPorts():
            service = Service(self._shell(line), self.directory, name="service")
            self.addCleanup(service.kill)
            service.awaitListening(dict.fromkeys(("console", "tcp", "udp", "http"), 1))
            for name in "socket-handler", "datagram-handler", "http-handler":
                self._paste(name)
            self._paste("dict-config")
            records = service.awaitRecords(6)
            service.stop()
        self.assertEqual(
            sorted((r["received"]["via"], r["message"]) for r in records),
            [
                ("http", "configured"),
                ("http", "order 17 failed"),
                ("tcp", "configured"),
                ("tcp", "order 17 accepted"),
                ("udp", "configured"),
                ("udp", "order 17 is late"),
            ],
        )

    def _client(self, name: str, option: str, shown: str, message: str) -> None:
        service = self.serve(f"--{option}={self._endpoint(option)}")
        self._paste(name, {shown: service.port(option)})
        (record,) = service.awaitRecords(1)
        self.assertEqual((record["message"], record["name"]), (message, "app.orders"))

    def _endpoint(self, option: str) -> str:
        return f"{'udp' if option == 'udp' else 'tcp'}:0:interface=127.0.0.1"

    def test_socketHandler(self) -> None:
        """
        The program that logs over TCP.
        """
        self._client("socket-handler", "tcp", "9020", "order 17 accepted")

    def test_datagramHandler(self) -> None:
        """
        The program that logs over UDP.
        """
        self._client("datagram-handler", "udp", "9021", "order 17 is late")

    def test_httpHandler(self) -> None:
        """
        The program that logs over HTTP.
        """
        self._client("http-handler", "http", "9022", "order 17 failed")

    def test_dictConfig(self) -> None:
        """
        The configuration of all three.
        """
        service = self.serve(
            *(
                f"--{option}={self._endpoint(option)}"
                for option in ("tcp", "udp", "http")
            )
        )
        ports = {"9020": service.port("tcp"), "9021": service.port("udp")}
        self._paste("dict-config", {**ports, "9022": service.port("http")})
        records = service.awaitRecords(3)
        self.assertEqual(
            {r["received"]["via"] for r in records}, {"tcp", "udp", "http"}
        )
        self.assertEqual({r["message"] for r in records}, {"configured"})

    def test_json(self) -> None:
        """
        The line of a program that is not written in Python.
        """
        curl = shutil.which("curl")
        if curl is None:
            raise SkipTest("there is no curl here")
        service = self.serve(f"--http={self._endpoint('http')}")
        line = self.blocks["json"].replace("9022", str(service.port("http")))
        done = self.call(curl, "--silent", "--show-error", *shlex.split(line)[1:])
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))
        (record,) = service.awaitRecords(1)
        self.assertEqual(
            (record["name"], record["levelname"], record["message"]),
            ("backup", "INFO", "done"),
        )

    def test_outputs(self) -> None:
        """
        The line that names inputs and outputs.
        """
        end = self.serve(f"--tcp={self._endpoint('tcp')}")
        line = self.blocks["outputs"].replace("9120", str(end.port("tcp")))
        for port in "9020", "9023":
            line = line.replace(port, "0")
        service = self.serve(*self._shell(line)[1:])
        self.log("socket", service.port("tcp"), "app")
        self.log("socket", f"{self.directory}/logrecv.socket", "app.unix")
        self.assertEqual(len(service.awaitRecords(6)), 6)
        self.assertEqual(len(service.awaitRecords(6, "logrecv.jsonl")), 6)
        self.assertEqual(
            {record["name"] for record in end.awaitRecords(3)}, {"app.unix"}
        )
        self.assertEqual(service.get("/healthz"), "ok\n")
        service.stop()
        errors = (self.directory / "errors.log").read_text("utf-8")
        self.assertRegex(errors, r"(?m)^\d{4}-\d\d-\d\d .* app\.unix it failed$")

    def test_record(self) -> None:
        """
        The record that is shown has the keys of a real one, in their order, and
        values of their types.
        """
        service = self.serve(f"--tcp={self._endpoint('tcp')}")
        self._paste("socket-handler", {"9020": service.port("tcp")})
        (real,) = service.awaitRecords(1)
        shown = json.loads(self.blocks["record"])
        self.assertEqual(
            [(key, type(value)) for key, value in shown.items()],
            [(key, type(value)) for key, value in real.items()],
        )
        self.assertEqual(list(shown["received"]), list(real["received"]))

    def test_twistd(self) -> None:
        """
        The line that starts it in the background.
        """
        with defaultPorts():
            done = self.call(*self._shell(self.blocks["twistd"]))
            self.assertEqual(done.returncode, 0, done)
            pid = awaitDaemon(self, self.directory / "logrecv.pid")
            self.log("socket", 9020, "app")
            pid.end(signal.SIGTERM)
        lines = (self.directory / "records.jsonl").read_text("utf-8").splitlines()
        self.assertEqual(len(lines), 3)

    def test_systemd(self) -> None:
        """
        The unit of systemd starts a logrecv that writes records, and reloads
        logrecv so that a removed file is created again.
        """
        unit = dict(re.findall(r"^(\w+)=(.*)$", self.blocks["systemd"], re.M))
        command = unit["ExecStart"].replace("/var/log/logrecv", str(self.directory))
        words = shlex.split(command.replace("9020", "0"))
        self.assertEqual(words[0], "/opt/logrecv/bin/logrecv")
        service = self.serve(*words[1:])
        self.log("socket", service.port("tcp"), "app")
        service.awaitRecords(3, "records.jsonl")
        (self.directory / "records.jsonl").unlink()
        reload = unit["ExecReload"].replace("$MAINPID", str(service.process.pid))
        self.call(*shlex.split(reload))
        service.waitFor((self.directory / "records.jsonl").exists)

    def test_composed(self) -> None:
        """
        The web application that receives too.
        """
        web, tcp = freePort(), freePort()
        text = (
            self.blocks["composed"].replace("8080", str(web)).replace("9020", str(tcp))
        )
        (self.directory / "app.py").write_text(text, "utf-8")
        app = self.begin(sys.executable, "app.py")
        app.waitFor(lambda: isListening(tcp))
        self.log("socket", tcp, "app.tcp")
        url = f"http://127.0.0.1:{web}/logs"
        record = {"name": "app.json", "levelno": 40, "message": "bad"}
        self.assertEqual(post(f"{url}/records", json.dumps(record))[0], 204)
        self.assertEqual(
            post(url, "name=app.form&msg=fine", "application/x-www-form-urlencoded"),
            (204, ""),
        )
        app.waitFor(lambda: "ALARM: app.json bad" in app.err)
        self.assertIn("ALARM: app.tcp it failed", app.err)
        app.stop()
        lines = (self.directory / "records.jsonl").read_text("utf-8").splitlines()
        self.assertEqual(
            sorted(json.loads(line)["name"] for line in lines),
            ["app.form", "app.json", "app.tcp", "app.tcp", "app.tcp"],
        )

    def test_testing(self) -> None:
        """
        The tests of a sink.
        """
        (self.directory / "test_sink.py").write_text(self.blocks["testing"], "utf-8")
        done = self.call(sys.executable, "-m", "twisted.trial", "test_sink")
        self.assertEqual(done.returncode, 0, done)
        self.assertIn("PASSED (successes=2)", done.stdout)

    def test_tests(self) -> None:
        """
        The line that runs the tests finds them; this is one of them.
        """
        line = self.blocks["tests"].strip()
        start = self.blocks["start"].partition("&&")[0]
        self.assertTrue(
            line.startswith(f"{start}&& .venv/bin/pip install '.[test]' && ")
        )
        words = shlex.split(line.rpartition("&&")[2])
        self.assertEqual(words[:3], [".venv/bin/python", "-m", "twisted.trial"])
        os.symlink(_ROOT / "tests", self.directory / "tests")
        done = self.call(sys.executable, "-m", "twisted.trial", "--dry-run", *words[3:])
        self.assertEqual(done.returncode, 0, done)
        self.assertIn("test_tests", done.stdout)
