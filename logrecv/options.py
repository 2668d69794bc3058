"""
The options of the command line: parsed and checked, and nothing else.

Every mistake in a description that can be found without opening anything is found here.
The endpoints and sinks that are made for that open nothing, and change nothing in the
process.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThreadPool
from twisted.python.usage import UsageError

from logrecv.dedup import SeenBatches, StoredSeenBatches
from logrecv.descriptions import sizeInBytes
from logrecv.group import MAX_WORKERS, WorkerGroup
from logrecv.inputs.datagrams import DatagramAddress, parseAddress
from logrecv.inputs.endpoints import StreamAddress, parseStreamAddress
from logrecv.inputs.http.auth import PasswordFile
from logrecv.inputs.limits.admission import network
from logrecv.interfaces import IQuarantine
from logrecv.outputs.factory import OutputFactory
from logrecv.paths import usableDirectory
from logrecv.process import fileLimit
from logrecv.quarantine.null import NullQuarantine
from logrecv.threads import ThreadExecutor
from logrecv.usage import CommandLine, exitFor, hostName, numberUpTo, parseValue

_T = TypeVar("_T")

#: The standard ports of C{logging.handlers}, on loopback, and the console beside them:
#: the defaults where the command line names no input.
DEFAULTS: Final = {
    "tcp": "tcp:9020:interface=127.0.0.1",
    "udp": "udp:9021:interface=127.0.0.1",
    "http": "tcp:9022:interface=127.0.0.1",
    "console": "tcp:9023:interface=127.0.0.1",
}

#: The largest C{--max-record}, in bytes: frames are held in memory.
_MAX_RECORD_SIZE: Final = 1 << 30

#: The longest C{--drain}, in seconds.
_MAX_DRAIN_TIMEOUT: Final = 3600

#: The default of C{--max-connections}.
_DEFAULT_CONNECTIONS: Final = 8192

#: The largest C{--max-connections} and C{--max-connections-per-peer}.
_MAX_CONNECTIONS: Final = 1 << 20

#: The number of files that a process has open beside the connections of its inputs:
#: outputs and their rotation, listening sockets, files of libraries, the console.
_OTHER_FILES: Final = 192

#: The number of connections to the console, for all its addresses together: many times
#: as many as monitoring has.
_CONSOLE_CONNECTIONS: Final = 64


def _globalReactor() -> Any:
    # The runner has installed its reactor by the time this is called.
    from twisted.internet import reactor

    return reactor


class Options(CommandLine):
    """
    The options of C{twistd logrecv}, C{twist logrecv} and C{logrecv}::

        >>> options = Options()
        >>> options.parseOptions(["--tcp=tcp:9020", "--output=stdout", "--workers=2"])
        >>> options["workers"], len(options["tcp"]), options["http"]
        (2, 1, [])

    An option that cannot be used ends the program with one line on standard error and
    status 1.

    These values are there after parsing:

      - C{"reactor"}: the reactor.
      - C{"workers"}: the number of worker processes.
      - C{"maxRecord"}: the size of the largest record taken, in bytes.
      - C{"drainSeconds"}: the time that a stop may take, in seconds.
      - C{"consoleNames"}: the further names of the console.
      - C{"networks"}: the networks that clients must be in; empty for any client.
      - C{"tcp"}, C{"http"}, C{"console"}: lists of
        L{StreamAddress<logrecv.inputs.endpoints.StreamAddress>}.
      - C{"udp"}: a list of
        L{DatagramAddress<logrecv.inputs.datagrams.DatagramAddress>}.
      - C{"passwords"}: a L{PasswordFile}, or L{None}.
      - C{"quarantine"}: an L{IQuarantine}.
      - C{"batches"}: a L{SeenBatches}.
      - C{"outputs"}: the L{OutputFactory} that made the sinks.
      - C{"sinks"}: the sinks, in the order of the command line.

    @ivar arguments: The command line without the command.
    @ivar directory: The working directory that the command line was given in.
    """

    def __init__(
        self,
        getReactor: Callable[[], Any] = _globalReactor,
        group: WorkerGroup | None = None,
    ) -> None:
        """
        @param getReactor: Returns the reactor that the descriptions are for.
        @param group: The group of a worker process; L{None} for a process that serves
            alone, and for a supervisor.
        """
        super().__init__()
        self._getReactor = getReactor
        self._group = group or WorkerGroup()
        self.arguments: list[str] = []
        self.directory = ""

    def parseOptions(self, options: Sequence[str] | None = None) -> None:
        """
        Parse the command line.

        @raise SystemExit: An option cannot be used.
        """
        self.arguments = list(sys.argv[1:] if options is None else options)
        self.directory = os.getcwd()
        try:
            super().parseOptions(options)
        except UsageError as error:
            raise exitFor(error) from None

    def postOptions(self) -> None:
        """
        Check the values of all options, and convert them.
        """
        given = self.given
        if not (given["tcp"] or given["udp"] or given["http"]):
            for name, default in DEFAULTS.items():
                given[name] = given[name] or [default]
        given["output"] = given["output"] or ["stdout"]
        self["reactor"] = self._getReactor()
        self["workers"] = self._number("workers", MAX_WORKERS)
        self["maxRecord"] = self._number("max-record", _MAX_RECORD_SIZE)
        self["drainSeconds"] = float(self._number("drain", _MAX_DRAIN_TIMEOUT))
        self["networks"] = self.parseEach("allow", network)
        self["consoleNames"] = self.parseEach("console-name", hostName)
        self._checkConnections(fileLimit())
        self["passwords"] = self._parsePasswords()
        for option in ("tcp", "http", "console"):
            self[option] = self.streamAddresses(option)
        self["udp"] = self.datagramAddresses()
        self["quarantine"] = self._parseQuarantine()
        # Each of a group's processes makes its locks in this order.
        self["batches"] = self._parseState()
        self["outputs"] = OutputFactory(
            self["reactor"],
            quarantine=self["quarantine"],
            batches=self["batches"],
            group=self._group,
        )
        self["sinks"] = self.parseEach("output", self["outputs"].make)

    def parseEach(self, option: str, parse: Callable[[str], _T]) -> list[_T]:
        """
        Parse each value of an option that is repeatable.

        @param parse: Parses one value; the text of a L{ValueError} names the right
            form.
        @raise UsageError: A value cannot be used.
        """
        return [parseValue(option, text, parse) for text in self.given[option]]

    def streamAddresses(self, option: str) -> list[StreamAddress]:
        """
        Parse the addresses of an option for connections.

        @param option: C{"tcp"}, C{"http"} or C{"console"}.
        @raise UsageError: A description cannot be used.
        """
        reactor = self["reactor"]
        return self.parseEach(option, lambda text: parseStreamAddress(reactor, text))

    def datagramAddresses(self) -> Sequence[DatagramAddress]:
        """
        Parse the addresses of the option for datagrams.

        @raise UsageError: A description cannot be used.
        """
        return self.parseEach("udp", parseAddress)

    def isRestricted(self, via: str, encrypted: bool = False) -> bool:
        """
        Return C{True} if not everybody who can reach an input may send to it.

        @param via: The option of the input: C{"tcp"}, C{"udp"} or C{"http"}.
        @param encrypted: C{True} if the input speaks TLS.
        """
        passwords = via == "http" and self["passwords"]
        return bool(self["networks"] or encrypted or passwords)

    def connectionLimits(self, files: int) -> tuple[int, int]:
        """
        Choose how many connections this process may have open, its own portion if
        it is a worker.

        @param files: The number of files that this process may have open.
        @return: The number of all connections, and of the connections from one host.
        @raise SystemExit: More connections were asked for than the files suffice for.
        """
        try:
            limits = self._checkConnections(files)
        except UsageError as error:
            raise exitFor(error) from None
        total, perPeer = map(self._group.portion, limits)
        return total, perPeer

    def consoleConnections(self, files: int) -> int:
        """
        Choose how many connections to the console this process may have open.

        @param files: The number of files that this process may have open.
        """
        return min(_CONSOLE_CONNECTIONS, max(files // 4, 2))

    def _checkConnections(self, files: int) -> tuple[int, int]:
        """
        @return: As L{connectionLimits}, for all workers together.
        @raise UsageError: As L{connectionLimits}.
        """
        possible = max(files - _OTHER_FILES, 1) * int(self["workers"])
        total = min(_DEFAULT_CONNECTIONS, possible)
        if self["max-connections"] is not None:
            total = self._number("max-connections", _MAX_CONNECTIONS)
            if total > possible:
                raise UsageError(
                    f"--max-connections {total}: this process may have {possible} "
                    "connections at the most; raise its limit of open files"
                )
        perPeer = max(total // 2, 1)
        if self["max-connections-per-peer"] is not None:
            perPeer = self._number("max-connections-per-peer", _MAX_CONNECTIONS)
        return total, perPeer

    def _parsePasswords(self) -> PasswordFile | None:
        path, reactor = self["http-passwords"], self["reactor"]
        if path is None:
            return None

        def inThread(function: Callable[[], bool]) -> Deferred[bool]:
            return deferToThreadPool(reactor, reactor.getThreadPool(), function)

        def parse(text: str) -> PasswordFile:
            return PasswordFile(os.path.abspath(text), inThread)

        return parseValue("http-passwords", path, parse)

    def _parseQuarantine(self) -> IQuarantine:
        text, limit = self["quarantine"], self["quarantine-limit"]
        if text is None:
            if limit is not None:
                raise UsageError(
                    f"--quarantine-limit {limit!r}: there is no --quarantine"
                )
            return NullQuarantine()
        # A service without a quarantine is to start fast.
        from logrecv.quarantine.segments import Segments
        from logrecv.quarantine.service import Quarantine

        directory = parseValue("quarantine", text, usableDirectory)
        segments = Segments(directory, writers=self._group.count)
        if limit is not None:
            segments.limit = parseValue("quarantine-limit", limit, sizeInBytes)
        reactor = self["reactor"]
        return Quarantine(segments, ThreadExecutor(reactor, "quarantine"), reactor)

    def _parseState(self) -> SeenBatches:
        text, group = self["state"], self._group
        if text is not None:
            directory = parseValue("state", text, usableDirectory)
        elif group.isSingle:
            return SeenBatches()
        else:
            # A sender that repeats a batch may reach another worker.
            directory = group.directory
        return StoredSeenBatches(
            directory, shared=not group.isSingle, lock=group.lock()
        )

    def _number(self, option: str, most: int) -> int:
        return parseValue(option, self[option], numberUpTo(most))
