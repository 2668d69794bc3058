"""
Tests for L{logrecv.tap}.
"""

from __future__ import annotations

import os
from contextlib import redirect_stdout
from io import StringIO

from twisted.application.service import IService, IServiceMaker
from twisted.internet.testing import MemoryReactorClock
from twisted.plugin import getPlugins
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from logrecv.inputs.streams import StreamInput
from logrecv.inputs.tcp import RecordFactory
from logrecv.inputs.udp import DatagramInput, UDPAddress, UnixAddress
from logrecv.quarantine.null import NullQuarantine
from logrecv.quarantine.service import Quarantine
from logrecv.service import ReceiverService
from logrecv.tap import Options, makeService


def receiver(options: Options) -> ReceiverService:
    """
    Make the service of a command line, without what the process has around it.
    """
    service = makeService(options).service
    assert isinstance(service, ReceiverService)
    return service


def parse(*arguments: str) -> Options:
    """
    Parse a command line.
    """
    options = Options(MemoryReactorClock)
    options.parseOptions(arguments)
    return options


class PluginTests(SynchronousTestCase):
    """
    Tests for what twistd finds.
    """

    def test_maker(self) -> None:
        """
        C{twistd logrecv} is found once, and gives these options and this
        service.
        """
        makers = [m for m in getPlugins(IServiceMaker) if m.tapname == "logrecv"]
        self.assertEqual(len(makers), 1)
        self.assertIs(makers[0].options, Options)
        self.assertIs(makers[0].makeService, makeService)


class OptionsTests(SynchronousTestCase):
    """
    Tests for L{Options}.
    """

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
        With an input option only what is named is served.
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
        An option that cannot be used ends the program: one line that names the
        option and what was given.
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


class MakeServiceTests(SynchronousTestCase):
    """
    Tests for L{makeService}.
    """

    def test_everything(self) -> None:
        """
        The service has an input for each description, the console apart.
        """
        options = parse("--tcp", "tcp:1", "--udp", "udp:2", "--udp", "unixgram:/tmp/x")
        verifyObject(IService, makeService(options))
        service = receiver(options)
        stream, udp, unix = service.inputs
        self.assertIsInstance(stream, StreamInput)
        assert isinstance(udp, DatagramInput)
        assert isinstance(unix, DatagramInput)
        self.assertIsInstance(udp.address, UDPAddress)
        self.assertIsInstance(unix.address, UnixAddress)
        self.assertEqual(list(service.consoles), [])
        self.assertEqual(len(receiver(parse()).consoles), 1)

    def test_quarantine(self) -> None:
        """
        The quarantine is where the command line says, from the start of the
        service on, and what decoders and outputs reject goes there; it is the
        last to stop.
        """
        directory = os.path.abspath(self.mktemp())
        options = parse("--quarantine", directory, "--quarantine-limit", "2M")
        self.assertFalse(os.path.exists(directory))
        service = receiver(options)
        quarantine = service.consoles[-1]
        assert isinstance(quarantine, Quarantine)
        self.assertIs(options["outputs"].quarantine, quarantine)
        self.assertEqual(quarantine.segments.directory, directory)
        self.assertEqual(quarantine.segments.limit, 2 << 20)
        tcp = service.inputs[0]
        assert isinstance(tcp, StreamInput)
        factory = tcp.connections.wrappedFactory
        assert isinstance(factory, RecordFactory)
        self.assertIs(factory.intake.quarantine, quarantine)
        quarantine.startService()
        self.assertTrue(os.path.isdir(directory))

    def test_quarantineLimit(self) -> None:
        """
        A quarantine has 64 MiB unless it is told otherwise; without
        C{--quarantine} there is none.
        """
        self.assertEqual(
            parse("--quarantine", self.mktemp())["quarantine"].segments.limit, 64 << 20
        )
        self.assertIsInstance(parse()["quarantine"], NullQuarantine)
