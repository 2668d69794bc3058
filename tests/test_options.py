"""
Tests for L{logrecv.options}.
"""

from __future__ import annotations

import doctest
import gc
import os
import resource
import sys
from contextlib import redirect_stdout
from io import StringIO

from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase

from logrecv.group import WorkerGroup
from logrecv.options import Options
from logrecv.quarantine.null import NullQuarantine
from tests.selection import slow


def parse(*arguments: str, group: WorkerGroup | None = None) -> Options:
    """
    Parse a command line.
    """
    options = Options(MemoryReactorClock, group)
    options.parseOptions(arguments)
    return options


class OptionsTests(SynchronousTestCase):
    """
    Tests for L{Options}.
    """

    def test_example(self) -> None:
        """
        The example gives the result that it shows.
        """
        module = sys.modules[Options.__module__]
        self.assertEqual(doctest.testmod(module), (0, 3))

    def test_defaults(self) -> None:
        """
        Without options the three handlers' standard ports and the console are
        served on loopback, records go to standard output, and a record may be
        1 MiB.
        """
        options = parse()
        [tcp], [http], [console] = options["tcp"], options["http"], options["console"]
        ports = [address.endpoint._port for address in (tcp, http, console)]
        self.assertEqual(ports, [9020, 9022, 9023])
        for address in (tcp, http, console):
            self.assertEqual(address.endpoint._interface, "127.0.0.1")
        [udp] = options["udp"]
        self.assertEqual((udp.port, udp.interface), (9021, "127.0.0.1"))
        [tally] = options["outputs"].tallies
        self.assertEqual(tally.output, "1-stdout")
        self.assertEqual(options["maxRecord"], 1048576)

    def test_onlyWhatIsNamed(self) -> None:
        """
        With an input option, only the inputs that are named are served.
        """
        options = parse("--udp", "udp:9999")
        self.assertEqual(len(options["udp"]), 1)
        for name in ("tcp", "http", "console"):
            self.assertEqual(options[name], [], name)

    def test_consoleIsNoInput(self) -> None:
        """
        Naming the console alone leaves the inputs at their defaults.
        """
        options = parse("--console", "tcp:9999")
        self.assertEqual([a.endpoint._port for a in options["console"]], [9999])
        self.assertEqual([a.endpoint._port for a in options["tcp"]], [9020])

    def test_consoleNames(self) -> None:
        """
        The names of the console are given one by one, without ports.
        """
        options = parse("--console-name", "Logs.Example", "--console-name", "logs")
        self.assertEqual(options["consoleNames"], ["logs.example", "logs"])
        for name in ["logs:9023", "http://logs", "", "-x", "*.example"]:
            error = self.assertRaises(SystemExit, parse, f"--console-name={name}")
            self.assertIn("--console-name", str(error))
            self.assertIn("without a port", str(error))

    def test_consoleConnections(self) -> None:
        """
        The console has some connections, and fewer where few files may be open.
        """
        options = parse()
        counts = [options.consoleConnections(files) for files in (1 << 20, 256, 64, 1)]
        self.assertEqual(counts, [64, 64, 16, 2])

    def test_repeatable(self) -> None:
        """
        Inputs and outputs can be given several times.
        """
        options = parse(
            *("--tcp", "tcp:1", "--tcp", "unix:/tmp/x", "--http", "tcp:2"),
            *("--http", "tcp6:3", "--udp", "udp:4", "--udp", "unixgram:/tmp/y"),
            *("--output", "stdout", "--output", "stdout:format=text:level=ERROR"),
        )
        for name in ("tcp", "http", "udp", "sinks"):
            self.assertEqual(len(options[name]), 2, name)
        labels = [tally.output for tally in options["outputs"].tallies]
        self.assertEqual(labels, ["1-stdout", "2-stdout"])

    def test_errors(self) -> None:
        """
        An option that cannot be used ends the program with one line, which names the
        option and its value.
        """
        for arguments, expected in [
            (["--tcp", "tcp:x"], "--tcp 'tcp:x': "),
            (["--http", "udp:1"], "--http 'udp:1': "),
            (["--udp", "tcp:1"], "--udp 'tcp:1': "),
            (["--udp", "udp:70000"], "--udp 'udp:70000': "),
            (["--udp", "udp:1:interface=here"], "interface=here: "),
            (["--udp", "unixgram:/tmp/x:mode=9"], "mode=9: "),
            (["--console", "http:1"], "--console 'http:1': "),
            (["--output", "nowhere"], "--output 'nowhere': "),
            (["--output", "stdout:format=xml"], "format=xml: "),
            (["--output", "file:/nowhere/at/all"], "--output 'file:/nowhere/at/all': "),
            (["--max-record", "1M"], "--max-record '1M': "),
            (["--max-record", "0"], "--max-record '0': "),
            (["--max-record", str(1 << 40)], "--max-record"),
            (["--allow", "10.0.0.1/8"], "--allow '10.0.0.1/8': "),
            (["--allow", "here"], "--allow 'here': "),
            (["--max-connections", "-1"], "--max-connections '-1': "),
            (["--max-connections", "1000000"], "limit of open files"),
            (["--max-connections-per-peer", "x"], "-per-peer 'x': "),
            (["--http-passwords", "/nowhere"], "--http-passwords '/nowhere': "),
            (["--quarantine", "/no/where"], "--quarantine '/no/where': "),
            (["--quarantine", ""], "--quarantine '': "),
            (["--quarantine", "/dev/null"], "not a directory"),
            (["--quarantine=q", "--quarantine-limit=x"], "--quarantine-limit 'x': "),
            (["--quarantine-limit", "1M"], "there is no --quarantine"),
            (["--drain", "-1"], "--drain '-1': "),
            (["--drain", "soon"], "--drain 'soon': "),
            (["--frobnicate"], "frobnicate"),
            (["--tcp"], "tcp"),
            (["tcp:9020"], "'tcp:9020' is not an option"),
        ]:
            error = self.assertRaises(SystemExit, parse, *arguments)
            self.assertTrue(str(error.code).startswith("logrecv: "), error.code)
            self.assertIn(expected, str(error.code))
            self.assertNotIn("\n", str(error.code))

    def test_version(self) -> None:
        """
        C{--version} prints the version and ends with status 0.
        """
        with redirect_stdout(StringIO()) as printed:
            error = self.assertRaises(SystemExit, parse, "--version")
        self.assertEqual(error.code, 0)
        self.assertRegex(printed.getvalue(), r"^logrecv \d+\.\d+\.\d+\n$")

    def test_quarantineLimit(self) -> None:
        """
        The quarantine has 64 MiB by default.  Without C{--quarantine} there is no
        quarantine.
        """
        self.assertEqual(
            parse("--quarantine", self.mktemp())["quarantine"].segments.limit, 64 << 20
        )
        self.assertIsInstance(parse()["quarantine"], NullQuarantine)

    @slow
    def test_noSideEffects(self) -> None:
        """
        Parsing makes no file, and leaves the limit of open files and the working
        directory as they are.
        """
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        limits = (256, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
        directory = os.path.abspath(self.mktemp())
        os.mkdir(directory)
        # Files that earlier tests left to the collector are none of these.
        gc.collect()
        before = sorted(os.listdir("/proc/self/fd")) if os.path.isdir("/proc") else []
        here = os.getcwd()
        options = parse(
            *("--tcp", f"unix:{directory}/tcp", "--udp", f"unixgram:{directory}/udp"),
            *("--http", "tcp:0", "--console", "tcp:0", "--workers", "2"),
            *("--quarantine", f"{directory}/quarantine", "--state", f"{directory}/s"),
            *("--output", f"file:{directory}/out.jsonl"),
            *("--output", f"forward:tcp:127.0.0.1:1:spool={directory}/spool"),
        )
        self.assertEqual(len(options["sinks"]), 2)
        self.assertEqual(os.listdir(directory), [])
        self.assertEqual(resource.getrlimit(resource.RLIMIT_NOFILE), limits)
        self.assertEqual(os.getcwd(), here)
        if before:
            # Some may be closed meanwhile: those of objects of earlier tests.
            opened = {*os.listdir("/proc/self/fd")} - {*before}
            self.assertEqual(opened, set())

    def test_isRestricted(self) -> None:
        """
        An input is restricted by TLS, by C{--allow} and, if it is HTTP, by passwords.
        """
        options = parse()
        for via in ("tcp", "udp", "http"):
            self.assertFalse(options.isRestricted(via), via)
        self.assertTrue(options.isRestricted("tcp", encrypted=True))
        passwords = self.mktemp()
        with open(passwords, "w") as file:
            file.write("alice:$2b$04$" + "." * 53 + "\n")
        options = parse("--http-passwords", passwords)
        self.assertTrue(options.isRestricted("http"))
        self.assertFalse(options.isRestricted("tcp"))
        for via in ("tcp", "udp", "http"):
            self.assertTrue(parse("--allow", "10.0.0.0/8").isRestricted(via), via)


class ConnectionLimitsTests(SynchronousTestCase):
    """
    Tests for L{Options.connectionLimits}.
    """

    def test_default(self) -> None:
        """
        By default as many connections are possible as the open files suffice for, and
        8192 at the most; half of the connections may come from one host.
        """
        self.assertEqual(parse().connectionLimits(1024), (832, 416))
        self.assertEqual(parse().connectionLimits(1 << 20), (8192, 4096))
        self.assertEqual(parse().connectionLimits(10), (1, 1))

    def test_given(self) -> None:
        """
        The limits of the command line are used.
        """
        options = parse("--max-connections", "50")
        self.assertEqual(options.connectionLimits(1024), (50, 25))
        options = parse("--max-connections=50", "--max-connections-per-peer=7")
        self.assertEqual(options.connectionLimits(1024), (50, 7))

    def test_workers(self) -> None:
        """
        A worker has its portion of the limits, and the open files of all workers
        count.
        """
        options = parse("--workers=4", group=WorkerGroup(2, 4, 3))
        self.assertEqual(options.connectionLimits(1024), (832, 416))
        options = parse("--max-connections=8", group=WorkerGroup(2, 4, 3))
        self.assertEqual(options.connectionLimits(1024), (2, 1))

    def test_tooMany(self) -> None:
        """
        Where the system lets the process open fewer files than it seemed while the
        command line was parsed, the program ends as with any other error.
        """
        options = parse("--max-connections", "100")
        error = self.assertRaises(SystemExit, options.connectionLimits, 200)
        self.assertEqual(
            error.code,
            "logrecv: --max-connections 100: this process may have 8 connections at "
            "the most; raise its limit of open files",
        )
