"""
The command line: the options as they are written, and the errors that end the program.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import ClassVar, TypeVar

from twisted.python.usage import Options as UsageOptions
from twisted.python.usage import UsageError

from logrecv import __version__

_T = TypeVar("_T")


def parseValue(option: str, text: str, parse: Callable[[str], _T]) -> _T:
    """
    Parse the value of an option.

    @param option: The name of the option, without dashes.
    @param parse: Parses the value; the text of a L{ValueError} names the right form.
    @raise UsageError: The value cannot be used.  The text names the option, the value
        and the right form.
    """
    try:
        return parse(text)
    except ValueError as error:
        raise UsageError(f"--{option} {text!r}: {error}") from None


def numberUpTo(most: int) -> Callable[[str], int]:
    """
    Make a function that parses a number from 1 on.

    @param most: The largest number.
    """

    def parse(text: str) -> int:
        if text.isascii() and text.isdigit() and 0 < int(text[:20]) <= most:
            return int(text)
        raise ValueError(f"must be a number from 1 to {most}")

    return parse


def exitFor(error: UsageError) -> SystemExit:
    """
    Make the exception that ends the program, with one line on standard error and
    status 1.
    """
    line = " ".join(str(error).split())
    return SystemExit(f"logrecv: {line}")


def hostName(text: str) -> str:
    """
    Parse the name of a host, and return it in lower case.

    @raise ValueError: The text is no such name.
    """
    if not re.fullmatch(r"[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?", text):
        raise ValueError("is no name of a host; write logs.example, without a port")
    return text.lower()


class CommandLine(UsageOptions):
    """
    The options of the command line, as they are written.  L{logrecv.options.Options}
    parses their values.

    @ivar given: The values of each option that is repeatable, in their order.
    """

    longdesc = (
        "Receives the records of Python's network logging handlers. "
        "Without an input option, SocketHandler is served on 127.0.0.1:9020, "
        "DatagramHandler on 9021, HTTPHandler on 9022 and the console on 9023."
    )

    optParameters: ClassVar[list[list[object]]] = [
        ["max-record", None, "1048576", "The size of the largest record, in bytes."],
        ["drain", None, "10", "The seconds that a stop may take."],
        ["workers", None, "1", "Processes that serve together, on several cores."],
        ["max-connections", None, None, "Connections that may be open at a time."],
        ["max-connections-per-peer", None, None, "The same, from one host."],
        [
            "http-passwords",
            None,
            None,
            "Take records over HTTP only from the users in this file: lines of "
            "NAME:HASH with bcrypt hashes, as htpasswd -nB prints them.",
        ],
        [
            "quarantine",
            None,
            None,
            "Keep payloads of which no record can be made in this directory; "
            "logrecv replay sends them again.",
        ],
        ["quarantine-limit", None, None, "Its size in bytes; 64M when left out."],
        [
            "state",
            None,
            None,
            "Remember in this directory, over a restart, which batches of a "
            "forwarding logrecv were taken.",
        ],
    ]
    compData: ClassVar[object] = None

    def __init__(self) -> None:
        super().__init__()
        self.given: dict[str, list[str]] = {
            name: []
            for name in (
                "tcp",
                "udp",
                "http",
                "output",
                "console",
                "allow",
                "console-name",
            )
        }

    def opt_tcp(self, description: str) -> None:
        """
        Serve SocketHandler on a stream server endpoint, such as tcp:9020.
        Repeatable.
        """
        self.given["tcp"].append(description)

    def opt_udp(self, description: str) -> None:
        """
        Serve DatagramHandler on udp:PORT[:interface=ADDR] or
        unixgram:PATH[:mode=660].  Repeatable.
        """
        self.given["udp"].append(description)

    def opt_http(self, description: str) -> None:
        """
        Serve HTTPHandler and JSON on a stream server endpoint.  Repeatable.
        """
        self.given["http"].append(description)

    def opt_output(self, description: str) -> None:
        """
        Write records to stdout, file:PATH or forward:ENDPOINT, each with
        :level=NAME and :logger=GLOB.  Repeatable; stdout when left out.
        """
        self.given["output"].append(description)

    def opt_console(self, description: str) -> None:
        """
        Serve /healthz and /metrics on a stream server endpoint.
        """
        self.given["console"].append(description)

    def opt_console_name(self, name: str) -> None:
        """
        Answer requests to the console by this name, too, such as logs.example.
        Repeatable.
        """
        self.given["console-name"].append(name)

    def opt_allow(self, cidr: str) -> None:
        """
        Take records only from this network, such as 10.0.0.0/8, on all inputs.
        Repeatable.
        """
        self.given["allow"].append(cidr)

    def opt_version(self) -> None:
        """
        Print the version and exit.
        """
        print(f"logrecv {__version__}")
        raise SystemExit(0)

    def parseArgs(self, *arguments: str) -> None:
        """
        Refuse arguments that are not options.
        """
        if arguments:
            raise UsageError(
                f"{arguments[0]!r} is not an option; see logrecv --help for them"
            )
