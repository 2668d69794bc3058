"""
Tests for L{logrecv.replay.options}.
"""

from __future__ import annotations

from contextlib import redirect_stdout
from io import StringIO

from twisted.trial.unittest import SynchronousTestCase

from logrecv.__main__ import main
from logrecv.replay.addresses import DEFAULT_ADDRESSES
from logrecv.replay.options import ReplayOptions
from tests.replay.entries import makeEntry, writeEntries


class OptionsTests(SynchronousTestCase):
    """
    Tests for L{ReplayOptions}.
    """

    def test_defaults(self) -> None:
        """
        Without an option each payload goes to the standard port of the way it
        came, on this machine.
        """
        options = ReplayOptions()
        options.parseOptions([writeEntries(self.mktemp())])
        self.assertEqual(options.addresses, DEFAULT_ADDRESSES)
        self.assertEqual(
            [a.port for a in DEFAULT_ADDRESSES.values()], [9020, 9021, 9022]
        )

    def test_usage(self) -> None:
        """
        C{logrecv replay} refuses a bad command line with one line that names the
        mistake, before anything is sent.
        """
        good = writeEntries(self.mktemp(), makeEntry("tcp", b"x"))
        for arguments, expected in [
            ([], "FILE is missing"),
            (["--tcp", "9020", good], "--tcp '9020': write HOST:PORT"),
            (["--udp", "host:x", good], "--udp 'host:x': a port is"),
            (["--http", "::1:80", good], "--http '::1:80': "),
            (["--loud", good], "loud"),
            ([good, "/nowhere"], "/nowhere: No such file"),
            ([good, "/"], "/: not a file"),
        ]:
            error = self.assertRaises(SystemExit, main, ["replay", *arguments])
            self.assertTrue(str(error.code).startswith("logrecv: "), error.code)
            self.assertIn(expected, str(error.code))
            self.assertNotIn("\n", str(error.code))

    def test_help(self) -> None:
        """
        C{--help} names the options, C{--version} the version.
        """
        for option, expected in [
            ("--help", ["logrecv replay [options] FILE", "--reason=", "--http="]),
            ("--version", ["logrecv "]),
        ]:
            with redirect_stdout(StringIO()) as printed:
                error = self.assertRaises(SystemExit, main, ["replay", option])
            self.assertEqual(error.code or 0, 0)
            for text in expected:
                self.assertIn(text, printed.getvalue())
