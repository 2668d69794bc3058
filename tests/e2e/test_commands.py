"""
The commands: what they start, what they refuse, how they end.
"""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from typing import ClassVar

from twisted.trial.unittest import SkipTest

from tests.e2e.programs import (
    ProgramTestCase,
    Service,
    awaitDaemon,
    defaultPorts,
    script,
)

#: How each runner is called in the foreground.
RUNNERS = {
    "logrecv": ("logrecv",),
    "twistd": ("twistd", "-n", "--pidfile=", "logrecv"),
    "twist": ("twist", "--log-format=text", "logrecv"),
}


class DefaultTests(ProgramTestCase):
    """
    The inputs and the output of a logrecv without any option.
    """

    def _tryOut(self, service: Service) -> None:
        self.assertEqual(
            service.addresses,
            {"console": [9023], "tcp": [9020], "udp": [9021], "http": [9022]},
        )
        self.log("socket", 9020, "app.tcp")
        self.log("datagram", 9021, "app.udp")
        self.log("get", 9022, "app.http")
        service.waitFor(lambda: service.out.count("number 2") >= 3)
        self.assertEqual(service.get("/healthz"), "ok\n")
        service.stop()

    def test_logrecv(self) -> None:
        """
        C{logrecv} serves the three default ports of C{logging.handlers} and the
        console, on loopback, and writes records, and nothing else, to standard
        output.
        """
        with defaultPorts():
            service = self.serve(defaults=True)
            self._tryOut(service)
        self.assertEqual(service.process.returncode, 0)
        records = service.records()
        self.assertEqual(
            sorted((r["name"], r["message"].split()[0]) for r in records),
            [
                (f"app.{via}", word)
                for via in ("http", "tcp", "udp")
                for word in ("hello", "it", "number")
            ],
        )
        self.assertEqual(
            {r["received"]["via"] for r in records}, {"tcp", "udp", "http"}
        )

    def test_twistd(self) -> None:
        """
        C{twistd -n logrecv} does so too.
        """
        with defaultPorts():
            self._tryOut(self.serve(runner=RUNNERS["twistd"], defaults=True))

    def test_twist(self) -> None:
        """
        C{twist logrecv} does so too.
        """
        with defaultPorts():
            self._tryOut(self.serve(runner=RUNNERS["twist"], defaults=True))

    def test_onlyWhatIsNamed(self) -> None:
        """
        With an input option nothing is served but what is named: no other input
        and no console.
        """
        service = self.serve("--tcp", "tcp:0:interface=127.0.0.1")
        self.assertEqual(service.log.count("listening on"), 1)

    def test_form(self) -> None:
        """
        The log says at the start in which form the decoder runs, once, and
        C{/metrics} says the same.
        """
        wanted = re.compile(
            r"this is logrecv (\S+), its decoder is (compiled|python)\b"
        )
        options = [f"--{name}=tcp:0:interface=127.0.0.1" for name in ("console", "tcp")]
        for runner in RUNNERS.values():
            service = self.serve(*options, runner=runner)
            service.waitFor(lambda service=service: wanted.search(service.log))
            ((version, form),) = wanted.findall(service.log)
            build = f'{{decoder="{form}",version="{version}"}}'
            self.assertIn(f"logrecv_build_info{build}", service.metrics())

    def test_daemon(self) -> None:
        """
        C{twistd logrecv} goes into the background, its records into a file that
        was named relative to where it was started, and ends on SIGTERM.
        """
        done = self.call(
            script("twistd"),
            "--pidfile=pid",
            "--logfile=twistd.log",
            "logrecv",
            "--tcp=unix:socket",
            "--output=file:records.jsonl",
        )
        self.assertEqual(done.returncode, 0, done)
        daemon = awaitDaemon(self, self.directory / "pid")
        self.log("socket", f"{self.directory}/socket", "app")
        daemon.end()
        lines = (self.directory / "records.jsonl").read_text("utf-8").splitlines()
        self.assertEqual(len(lines), 3)


class UsageTests(ProgramTestCase):
    """
    An option that cannot be used is refused before anything is started.
    """

    #: An option, its value, and the words that the line has to say beside both.
    BAD: ClassVar = [
        ("--tcp", "9020", "tcp:9020"),
        ("--tcp", "nowhere:1", "no kind of stream endpoint"),
        ("--tcp", "tcp:port", "a number from 0 to 65535"),
        ("--tcp", "tcp:70000", "a number from 0 to 65535"),
        ("--tcp", "udp:9020", "--udp"),
        ("--tcp", "", "kind"),
        ("--udp", "tcp:9021", "udp:PORT"),
        ("--udp", "udp:x", "a number from 0 to 65535"),
        ("--udp", "udp:9021:interface=here", "an IP address"),
        ("--udp", "udp:9021:color=red", "interface="),
        ("--udp", "unixgram:s:mode=rw", "octal"),
        ("--http", "http:80", "no kind of stream endpoint"),
        ("--http", "tcp:80:color=red", "color"),
        ("--console", "tcp", "PORT is missing"),
        ("--console", "udp:9023", "datagrams"),
        ("--output", "elsewhere", "not a kind of output"),
        ("--output", "file", "PATH is missing"),
        ("--output", "file:/nowhere/at/all", "no directory /nowhere/at"),
        ("--output", "file:x:format=xml", "must be one of"),
        ("--output", "file:x:level=LOUD", "a level is"),
        ("--output", "file:x:logger=", "a pattern"),
        ("--output", "file:x:text=%(name", "no conversion"),
        ("--output", "file:x:queue=much", "a size is"),
        ("--output", "stdout:format=xml", "must be one of"),
        ("--output", "stdout:stdout", "one part too many"),
        ("--output", "forward:tcp:host", "forward:tcp:HOST:PORT"),
        ("--output", "forward:nowhere:1", "forward:tcp:HOST:PORT"),
        ("--max-record", "many", "a number from 1 to"),
        ("--max-record", "0", "from 1 to"),
    ]

    def _assertRefused(
        self, done: subprocess.CompletedProcess[str], *parts: str
    ) -> None:
        self.assertEqual((done.returncode, done.stdout), (1, ""), done)
        self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
        for part in parts:
            self.assertIn(part, done.stderr)
        self.assertEqual(os.listdir(self.directory), [])

    def test_logrecv(self) -> None:
        """
        C{logrecv} says in one line on standard error which option it was, what
        it was given and what would be right, and exits with status 1; every
        part of every description is looked at.
        """
        # All of them in one process: starting one takes longer than any of it.
        program = (
            "import sys\n"
            "from logrecv.__main__ import main\n"
            "for option, value in zip(sys.argv[1::2], sys.argv[2::2]):\n"
            "    try:\n"
            "        main([option, value])\n"
            "    except SystemExit as error:\n"
            "        print(error)\n"
        )
        flat = [part for option, value, _ in self.BAD for part in (option, value)]
        done = self.call(sys.executable, "-P", "-c", program, *flat)
        lines = done.stdout.splitlines()
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual(len(lines), len(self.BAD), done.stdout)
        for line, (option, value, wanted) in zip(lines, self.BAD, strict=True):
            self.assertTrue(line.startswith(f"logrecv: {option} {value!r}: "), line)
            self.assertIn(wanted, line)

    def test_everyRunner(self) -> None:
        """
        An option that cannot be used is refused by C{logrecv}, C{twistd} and
        C{twist}.
        """
        for runner, *rest in RUNNERS.values():
            for option, value, wanted in self.BAD[3], self.BAD[15]:
                done = self.call(script(runner), *rest, f"{option}={value}")
                self._assertRefused(done, option, value, wanted)

    def test_noSuchOption(self) -> None:
        """
        An option that there is not, and an argument, are refused too.
        """
        for runner, *rest in RUNNERS.values():
            self._assertRefused(self.call(script(runner), *rest, "--loud"), "loud")
        self._assertRefused(self.call(script("logrecv"), "file"), "'file'")

    def test_portTaken(self) -> None:
        """
        An address that is taken ends every runner at its start, with one line
        that names it.
        """
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            for runner, *rest in RUNNERS.values():
                done = self.call(
                    script(runner), *rest, f"--tcp=tcp:{port}:interface=127.0.0.1"
                )
                self.assertEqual(done.returncode, 1, done)
                # twistd's own log goes to standard output and takes the line in.
                self.assertIn(
                    f":{port}: ", (done.stdout + done.stderr).splitlines()[-1]
                )
                self.assertNotIn("Traceback", done.stdout + done.stderr)
                if runner == "logrecv":
                    self.assertEqual(done.stdout, "")

    def test_daemonPortTaken(self) -> None:
        """
        C{twistd} that was to go into the background does not: it exits with
        status 1 and leaves no PID file behind.
        """
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            program = self.begin(
                script("twistd"),
                "--pidfile=pid",
                "--logfile=log",
                "logrecv",
                f"--tcp=tcp:{port}:interface=127.0.0.1",
                "--output=file:out",
            )
            self.assertEqual(program.end(), 1, program.describe())
        self.assertIn(str(port), program.err + program.out)
        self.assertFalse((self.directory / "pid").exists())

    def test_daemonStandardOutput(self) -> None:
        """
        C{twistd} that is to go into the background, where there is no standard output,
        does not take records for standard output, with or without a description.
        """
        twistd = (script("twistd"), "--pidfile=pid", "--logfile=log", "logrecv")
        for options in (
            (),
            ("--output=stdout",),
            ("--output=stdout:format=pretty",),
            ("--output=file:out", "--output=stdout:level=ERROR", "--workers=2"),
        ):
            done = self.call(*twistd, "--tcp=unix:socket", *options)
            self._assertRefused(done, "--output stdout", "file:PATH", "twistd -n")

    def test_noStandardOutput(self) -> None:
        """
        A process without standard output refuses an output to standard output.
        """
        command = f"exec {script('logrecv')} --tcp=unix:socket >&-"
        self._assertRefused(self.call("sh", "-c", command), "'stdout'", "file:PATH")

    def test_datagramPortTaken(self) -> None:
        """
        A port for datagrams that is in use is an error without a traceback.
        """
        with socket.socket(type=socket.SOCK_DGRAM) as taken:
            taken.bind(("127.0.0.1", 0))
            port = taken.getsockname()[1]
            done = self.call(
                script("logrecv"), "--udp", f"udp:{port}:interface=127.0.0.1"
            )
        self.assertEqual(done.returncode, 1)
        self.assertIn(str(port), done.stderr.splitlines()[-1])
        self.assertNotIn("Traceback", done.stderr)

    def test_help(self) -> None:
        """
        C{--help} names every option, C{--version} the version.
        """
        done = self.call(script("logrecv"), "--help")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        for option in ("tcp", "udp", "http", "output", "console", "max-record"):
            self.assertIn(f"--{option}=", done.stdout)
        done = self.call(script("logrecv"), "--version")
        self.assertRegex(done.stdout, r"^logrecv \d+\.\d+")
        done = self.call(sys.executable, "-P", "-m", "logrecv", "--version")
        self.assertRegex(done.stdout, r"^logrecv \d+\.\d+")


class SignalTests(ProgramTestCase):
    """
    The effect of signals.
    """

    def test_drain(self) -> None:
        """
        A record that a client had sent before SIGTERM or SIGINT comes is received
        and written, even if the connection stays open.
        """
        for number in (signal.SIGTERM, signal.SIGINT):
            service = self.serve("--tcp=tcp:0:interface=127.0.0.1", "--output=stdout")
            client = self.begin(sys.executable, "-c", _BURST, str(service.port("tcp")))
            client.waitFor(lambda client=client: "sent" in client.out)
            self.assertEqual(service.stop(number), 0, service.describe())
            numbers = [int(record["message"]) for record in service.records()]
            self.assertEqual(numbers, list(range(5000)))
            client.kill()

    def test_atOnce(self) -> None:
        """
        SIGTERM in the moment in which the service begins to listen stops the service
        in order.
        """
        for number in range(5):
            path = self.directory / f"socket{number}"
            program = self.begin(
                script("logrecv"), f"--tcp=unix:{path}", "--output=stdout"
            )
            # Without a pause between two looks: the moment is short.
            while not path.exists():
                self.assertIsNone(program.process.poll(), program.describe())
            self.assertEqual(program.stop(), 0, program.describe())
            self.assertIn("stopped; nothing was lost", program.err)

    def test_reopen(self) -> None:
        """
        After SIGHUP a file that was renamed is left alone and a new one is
        written: no record is lost, none is there twice.
        """
        for name in ("logrecv", "twistd", "twist"):
            service = self.serve(
                "--tcp=tcp:0:interface=127.0.0.1",
                f"--output=file:{name}.jsonl",
                runner=RUNNERS[name],
            )
            current = self.directory / f"{name}.jsonl"
            port = service.port("tcp")
            self.log("socket", port, "before", 10)
            service.awaitRecords(10, current.name)
            current.rename(self.directory / f"{name}.old")
            self.log("socket", port, "between", 10)
            service.awaitRecords(20, f"{name}.old")
            service.process.send_signal(signal.SIGHUP)
            service.waitFor(current.exists)
            self.log("socket", port, "after", 10)
            service.stop()
            old = [record["name"] for record in service.records(f"{name}.old")]
            new = [record["name"] for record in service.records(current.name)]
            self.assertEqual(old, ["before"] * 10 + ["between"] * 10)
            self.assertEqual(new, ["after"] * 10)

    def test_reopenWhileRecordsCome(self) -> None:
        """
        Nothing is lost either while records come.
        """
        service = self.serve(
            "--tcp=tcp:0:interface=127.0.0.1", "--output=file:records.jsonl"
        )
        port = str(service.port("tcp"))
        client = self.begin(sys.executable, "-c", _BURST, port, "0.0002")
        for number in range(5):
            service.awaitRecords(1, "records.jsonl")
            (self.directory / "records.jsonl").rename(self.directory / f"old{number}")
            service.process.send_signal(signal.SIGHUP)
        client.waitFor(lambda: "sent" in client.out)
        service.stop()
        names = [f"old{number}" for number in range(5)] + ["records.jsonl"]
        numbers = [int(r["message"]) for name in names for r in service.records(name)]
        self.assertEqual(numbers, list(range(5000)))


#: A client that logs 5,000 records, stays connected, and says when it has sent
#: them.
_BURST = """
import logging, logging.handlers, sys, time
logger = logging.getLogger("burst")
logger.addHandler(logging.handlers.SocketHandler("127.0.0.1", int(sys.argv[1])))
pause = float(sys.argv[2]) if len(sys.argv) > 2 else 0
for number in range(5000):
    logger.warning("%d", number)
    if pause:
        time.sleep(pause)
print("sent", flush=True)
time.sleep(60)
"""


class StandardOutputTests(ProgramTestCase):
    """
    Where standard output leads.
    """

    def test_pipe(self) -> None:
        """
        Into a pipe, and from there into any program, go JSON lines as they come.
        """
        read, write = os.pipe()
        with os.fdopen(read, "rb") as reader:
            service = self.serve("--tcp=tcp:0:interface=127.0.0.1", stdout=write)
            os.close(write)
            self.log("socket", service.port("tcp"), "app")
            lines = [reader.readline() for _ in range(3)]
            self.assertTrue(all(line.startswith(b'{"time":"') for line in lines), lines)

    def test_pipeClosed(self) -> None:
        """
        When nobody reads the pipe any more the service lives on, counts what it
        drops, and says so at the end.
        """
        read, write = os.pipe()
        service = self.serve(
            "--tcp=tcp:0:interface=127.0.0.1",
            "--console=tcp:0:interface=127.0.0.1",
            "--output=stdout",
            "--output=file:records.jsonl",
            stdout=write,
        )
        os.close(write)
        os.close(read)
        self.log("socket", service.port("tcp"), "app")
        service.awaitRecords(3, "records.jsonl")
        dropped = 'logrecv_output_dropped_total{output="1-stdout",reason="closed"}'
        service.waitFor(lambda: service.metrics().get(dropped) == 3)
        self.assertEqual(service.stop(), 1)
        self.assertIn("3 of 1-stdout (closed)", service.log)

    def test_terminal(self) -> None:
        """
        On a terminal, records are for people: one line each, in colour.
        """
        try:
            import pty
        except ImportError:  # pragma: no cover
            raise SkipTest("there are no terminals here") from None
        leader, follower = pty.openpty()
        service = self.serve("--tcp=tcp:0:interface=127.0.0.1", stdout=follower)
        os.close(follower)
        self.log("socket", service.port("tcp"), "app")
        seen = b""
        while b"number 2" not in seen:
            seen += os.read(leader, 65536)
        os.close(leader)
        self.assertIn("hello wörld, 42", seen.decode())
        self.assertIn(b"\x1b[", seen)
        self.assertIn(b"FileNotFoundError", seen)
