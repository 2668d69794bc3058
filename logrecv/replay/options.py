"""
The command line of C{logrecv replay}.
"""

from __future__ import annotations

import os
import stat
import sys
from typing import BinaryIO

from twisted.python.usage import Options, UsageError

from logrecv import __version__
from logrecv.replay.addresses import DEFAULT_ADDRESSES, Address, parseAddress


def _open(name: str) -> BinaryIO:
    """
    Open a file of a quarantine.

    @raise UsageError: The file cannot be read.
    """
    try:
        if not stat.S_ISREG(os.stat(name).st_mode):
            raise UsageError(f"{name}: not a file")
        return open(name, "rb")
    except OSError as error:
        raise UsageError(f"{name}: {error.strerror}") from None


class ReplayOptions(Options):
    """
    The options of C{logrecv replay}.

    @ivar addresses: The address for each of C{"tcp"}, C{"udp"} and C{"http"} to which
        payloads are to be sent.
    @ivar reasons: The reasons for which a payload must have been rejected; all
        reasons if the set is empty.
    @ivar files: The open files, each with the bytes that it had at the start: a
        payload that is rejected again may be added to the very file that is read.
    """

    synopsis = "Usage: logrecv replay [options] FILE..."
    longdesc = (
        "Sends the payloads in files of a quarantine again, in their order and "
        "byte for byte. Each payload goes the way it came. Without --tcp, --udp "
        "and --http that is to the standard ports on 127.0.0.1 (9020, 9021, "
        "9022). With any of these options, payloads that came another way are "
        "left out. The exit status is 0 if everything was sent, else 1."
    )

    def __init__(self) -> None:
        super().__init__()
        self.addresses: dict[str, Address] = {}
        self.reasons: set[str] = set()
        self.files: list[tuple[BinaryIO, int]] = []

    def opt_tcp(self, address: str) -> None:
        """
        HOST:PORT for payloads that came over TCP.
        """
        self._add("tcp", address)

    def opt_udp(self, address: str) -> None:
        """
        HOST:PORT for payloads that came as datagrams.
        """
        self._add("udp", address)

    def opt_http(self, address: str) -> None:
        """
        HOST:PORT for forms and JSON.
        """
        self._add("http", address)

    def opt_reason(self, reason: str) -> None:
        """
        Send only payloads that were rejected for this reason.  Repeatable.
        """
        self.reasons.add(reason)

    def opt_version(self) -> None:
        """
        Print the version and exit.
        """
        sys.stdout.write(f"logrecv {__version__}\n")
        raise SystemExit(0)

    def parseArgs(self, *files: str) -> None:
        """
        Open every file, before anything is sent.
        """
        if not files:
            raise UsageError("FILE is missing; see logrecv replay --help")
        for name in files:
            file = _open(name)
            self.files.append((file, os.fstat(file.fileno()).st_size))

    def postOptions(self) -> None:
        """
        Use the standard ports where no address is given.
        """
        self.addresses = self.addresses or dict(DEFAULT_ADDRESSES)

    def _add(self, option: str, address: str) -> None:
        try:
            self.addresses[option] = parseAddress(address)
        except ValueError as error:
            raise UsageError(f"--{option} {address!r}: {error}") from None
