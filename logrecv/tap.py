"""
The command line: options, and the service that they describe.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Final, cast

from attrs import define, frozen
from twisted.application.service import IService
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IProtocolFactory
from twisted.internet.threads import deferToThreadPool
from twisted.python.usage import Options as UsageOptions
from twisted.python.usage import UsageError

from logrecv import __version__
from logrecv.counters import InputTally, OutputTally, QuarantineTally, makeTallies
from logrecv.dedup import SeenBatches, StoredSeenBatches
from logrecv.descriptions import sizeInBytes
from logrecv.group import WorkerGroup, spoolNumbers
from logrecv.inputs.endpoints import StreamAddress, parseStreamAddress
from logrecv.inputs.http.auth import PasswordFile
from logrecv.inputs.limits.admission import Admission, network
from logrecv.inputs.limits.fairness import FairScheduler
from logrecv.inputs.limits.partial import PartialInputs
from logrecv.inputs.streams import Connections, StreamInput
from logrecv.inputs.tcp import RecordFactory
from logrecv.inputs.udp import (
    DatagramAddress,
    DatagramInput,
    RecordDatagramProtocol,
    parseAddress,
)
from logrecv.intake import Intake
from logrecv.interfaces import IQuarantine, IRecordSink, IReopenable
from logrecv.outputs.factory import OutputFactory
from logrecv.outputs.fanout import FanOut
from logrecv.paths import usableDirectory
from logrecv.process import IProcessService, ProcessService, raiseFileLimit
from logrecv.quarantine.null import NullQuarantine
from logrecv.quarantine.segments import Segments
from logrecv.quarantine.service import Quarantine
from logrecv.service import ReceiverService
from logrecv.threads import ThreadExecutor
from logrecv.workers.balance import MOST

if TYPE_CHECKING:
    from logrecv.console.metrics import Collector, RepeatedBatches
    from logrecv.workers.supervisor import Supervisor

#: The standard ports of C{logging.handlers}, on loopback; the console beside
#: them.  Served where the command line names no input.
DEFAULTS: Final = {
    "tcp": "tcp:9020:interface=127.0.0.1",
    "udp": "udp:9021:interface=127.0.0.1",
    "http": "tcp:9022:interface=127.0.0.1",
    "console": "tcp:9023:interface=127.0.0.1",
}

#: The largest C{--max-record}, in bytes: frames are held in memory.
_LARGEST_RECORD: Final = 1 << 30


#: The longest C{--drain}, in seconds.
_LONGEST_DRAIN: Final = 3600

#: The part of it that is for reading what clients had sent; the rest is for
#: handing that on.
_READING: Final = 0.8

#: Connections that may be open at a time, where nothing else is said.
_CONNECTIONS: Final = 8192

#: Files that a process has open beside its connections: its outputs, their
#: rotation, its listening sockets, what its libraries hold; and the connections
#: that are accepted only to be refused, up to 100 at a time on each port.
_OTHER_FILES: Final = 192


def _globalReactor() -> Any:
    # The runner has installed its reactor by the time this is called.
    from twisted.internet import reactor

    return reactor


class Options(UsageOptions):
    """
    The options of C{twistd logrecv}, C{twist logrecv} and C{logrecv}.

    What cannot be used ends the program: one line on standard error, status 1.
    """

    longdesc = (
        "Receives the records of Python's network logging handlers. "
        "Without an input option, SocketHandler is served on 127.0.0.1:9020, "
        "DatagramHandler on 9021, HTTPHandler on 9022 and the console on 9023."
    )

    optParameters: ClassVar[list[list[object]]] = [
        ["max-record", None, "1048576", "The largest record taken, in bytes."],
        ["drain", None, "10", "Seconds in which a stop has to be done."],
        [
            "workers",
            None,
            "1",
            "Processes that serve together, for more than one core.",
        ],
        ["max-connections", None, None, "Connections that may be open at a time."],
        [
            "max-connections-per-peer",
            None,
            None,
            "Connections that one host may have open at a time.",
        ],
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
        [
            "quarantine-limit",
            None,
            None,
            "Bytes that the directory may hold, such as 64M, the default.",
        ],
        [
            "state",
            None,
            None,
            "Remember in this directory, over a restart, which batches of a "
            "forwarding logrecv were taken.",
        ],
    ]
    compData: ClassVar[object] = None

    def __init__(
        self,
        getReactor: Callable[[], Any] = _globalReactor,
        group: WorkerGroup | None = None,
    ) -> None:
        """
        @param getReactor: Gives the reactor that the descriptions are for.
        @param group: What the process shares with others; L{None} if it serves
            alone, or has workers that serve.
        """
        super().__init__()
        self._getReactor = getReactor
        self._group = group or WorkerGroup()
        #: The command line, and where it was given.
        self.arguments: list[str] = []
        self.directory = ""
        self._given: dict[str, list[str]] = {
            name: [] for name in ("tcp", "udp", "http", "output", "console", "allow")
        }

    def opt_tcp(self, description: str) -> None:
        """
        Serve SocketHandler on a stream server endpoint, such as tcp:9020.
        Repeatable.
        """
        self._given["tcp"].append(description)

    def opt_udp(self, description: str) -> None:
        """
        Serve DatagramHandler on udp:PORT[:interface=ADDR] or
        unixgram:PATH[:mode=660].  Repeatable.
        """
        self._given["udp"].append(description)

    def opt_http(self, description: str) -> None:
        """
        Serve HTTPHandler and JSON on a stream server endpoint.  Repeatable.
        """
        self._given["http"].append(description)

    def opt_output(self, description: str) -> None:
        """
        Where records go: stdout, file:PATH or forward:ENDPOINT, each with
        :level=NAME and :logger=GLOB.  Repeatable; stdout when left out.
        """
        self._given["output"].append(description)

    def opt_console(self, description: str) -> None:
        """
        Serve /healthz and /metrics on a stream server endpoint.
        """
        self._given["console"].append(description)

    def opt_allow(self, cidr: str) -> None:
        """
        Take records only from this network, such as 10.0.0.0/8, on all inputs.
        Repeatable.
        """
        self._given["allow"].append(cidr)

    def opt_version(self) -> None:
        """
        Print the version and exit.
        """
        print(f"logrecv {__version__}")
        raise SystemExit(0)

    def parseArgs(self, *arguments: str) -> None:
        """
        Refuse what is not an option.
        """
        if arguments:
            raise UsageError(
                f"{arguments[0]!r} is not an option; see logrecv --help for them"
            )

    def parseOptions(self, options: Sequence[str] | None = None) -> None:
        """
        Read the command line.
        """
        self.arguments = list(sys.argv[1:] if options is None else options)
        self.directory = os.getcwd()
        try:
            super().parseOptions(options)
        except UsageError as error:
            line = " ".join(str(error).split())
            raise SystemExit(f"logrecv: {line}") from None

    def postOptions(self) -> None:
        """
        Make what the descriptions describe, so that whatever cannot be used is
        known before anything is started.
        """
        given = self._given
        if not (given["tcp"] or given["udp"] or given["http"]):
            for name, default in DEFAULTS.items():
                given[name] = given[name] or [default]
        given["output"] = given["output"] or ["stdout"]
        self["reactor"] = reactor = self._getReactor()
        self["workers"] = self._number("workers", MOST)
        self["quarantine"] = self._makeQuarantine(reactor)
        self["batches"] = self._makeBatches()
        outputs = OutputFactory(
            reactor,
            quarantine=self["quarantine"],
            batches=self["batches"],
            group=self._group,
        )
        self["maxRecord"] = self._number("max-record", _LARGEST_RECORD)
        self["drainSeconds"] = float(self._number("drain", _LONGEST_DRAIN))
        self["admission"] = self._makeAdmission()
        self["passwords"] = self._makePasswords(reactor)
        self["tcp"] = self._makeStreams("tcp")
        self["udp"] = self._makeDatagrams()
        self["http"] = self._makeStreams("http")
        self["console"] = self._makeStreams("console")
        self["sinks"] = self._make("output", outputs.make)
        self["outputs"] = outputs

    def _makeStreams(self, option: str) -> list[StreamAddress]:
        reactor = self["reactor"]
        return self._make(option, lambda text: parseStreamAddress(reactor, text))

    def _makeDatagrams(self) -> list[Any]:
        return self._make("udp", parseAddress)

    def _make(self, option: str, make: Callable[[str], Any]) -> list[Any]:
        made = []
        for text in self._given[option]:
            try:
                made.append(make(text))
            except ValueError as error:
                raise UsageError(f"--{option} {text!r}: {error}") from None
        return made

    def _makeAdmission(self) -> Admission:
        networks = self._make("allow", network)
        possible = max(raiseFileLimit() - _OTHER_FILES, 1) * int(self["workers"])
        total = min(_CONNECTIONS, possible)
        if self["max-connections"] is not None:
            total = self._number("max-connections", 1 << 20)
            if total > possible:
                raise UsageError(
                    f"--max-connections {total}: this process may have {possible} "
                    "connections at the most; raise its limit of open files"
                )
        perPeer = max(total // 2, 1)
        if self["max-connections-per-peer"] is not None:
            perPeer = self._number("max-connections-per-peer", 1 << 20)
        part = self._group.portion
        return Admission(networks, part(total), part(perPeer))

    def _makePasswords(self, reactor: Any) -> PasswordFile | None:
        path = self["http-passwords"]
        if path is None:
            return None

        def inThread(function: Callable[[], bool]) -> Deferred[bool]:
            return deferToThreadPool(reactor, reactor.getThreadPool(), function)

        try:
            return PasswordFile(os.path.abspath(path), inThread)
        except ValueError as error:
            raise UsageError(f"--http-passwords {path!r}: {error}") from None

    def _makeQuarantine(self, reactor: Any) -> IQuarantine:
        directory, limit = self["quarantine"], self["quarantine-limit"]
        if directory is None:
            if limit is not None:
                raise UsageError(
                    f"--quarantine-limit {limit!r}: there is no --quarantine"
                )
            return NullQuarantine()
        try:
            segments = Segments(usableDirectory(directory), writers=self._group.count)
        except ValueError as error:
            raise UsageError(f"--quarantine {directory!r}: {error}") from None
        if limit is not None:
            try:
                segments.limit = sizeInBytes(limit)
            except ValueError as error:
                raise UsageError(f"--quarantine-limit {limit!r}: {error}") from None
        return Quarantine(segments, ThreadExecutor(reactor, "quarantine"), reactor)

    def _makeBatches(self) -> SeenBatches:
        directory, group = self["state"], self._group
        if directory is None:
            if group.isSingle:
                return SeenBatches()
            # Who sends a batch again may meet another worker.
            return StoredSeenBatches(group.directory, shared=True, lock=group.lock())
        try:
            path = usableDirectory(directory)
        except ValueError as error:
            raise UsageError(f"--state {directory!r}: {error}") from None
        return StoredSeenBatches(path, shared=not group.isSingle, lock=group.lock())

    def _number(self, option: str, most: int) -> int:
        text = self[option]
        if text.isascii() and text.isdigit() and 0 < int(text[:20]) <= most:
            return int(text)
        raise UsageError(f"--{option} {text!r}: must be a number from 1 to {most}")


@define(eq=False)
class _Inputs:
    """
    Makes the inputs of a service, with the limits that they share.

    @ivar options: The options, parsed.
    @ivar intake: What the inputs feed.
    """

    options: Options
    intake: Intake

    def make(self) -> list[IService]:
        """
        Make all of them.
        """
        options, intake = self.options, self.intake
        reactor, maxRecord = options["reactor"], options["maxRecord"]
        passwords = options["passwords"]
        partials = PartialInputs(reactor)
        scheduler = FairScheduler(reactor)
        inputs: list[IService] = []
        for address in options["tcp"]:
            records = RecordFactory(intake, maxRecord, partials)
            inputs.append(self._stream(address, records, "tcp", scheduler))
        for each in options["udp"]:
            inputs.append(self._datagrams(each))
        if options["http"]:
            # Who serves no HTTP is to start fast: this takes a third of the time.
            from logrecv.inputs.http.site import RecordSite

            site = RecordSite(intake, reactor, maxRecord, partials, passwords)
            for address in options["http"]:
                inputs.append(self._stream(address, site, "http", scheduler))
        return inputs

    def _datagrams(self, address: DatagramAddress) -> DatagramInput:
        options = self.options
        protocol = RecordDatagramProtocol(
            self.intake, options["maxRecord"], options["admission"]
        )
        restricted = _isRestricted(options, "udp")
        return DatagramInput(
            options["reactor"], address, protocol, restricted, self._drain
        )

    def _stream(
        self,
        address: StreamAddress,
        factory: IProtocolFactory,
        via: str,
        scheduler: FairScheduler,
    ) -> StreamInput:
        admission: Admission = self.options["admission"]
        tally = self.intake.tallies[via]
        connections = Connections(
            factory, tally, self.options["reactor"], admission, scheduler
        )
        restricted = _isRestricted(self.options, via, address.encrypted)
        return StreamInput(address.endpoint, connections, restricted, self._drain)

    @property
    def _drain(self) -> float:
        return _READING * cast(float, self.options["drainSeconds"])


def _isRestricted(options: Options, via: str, encrypted: bool = False) -> bool:
    """
    Whether something else than the network decides who may send.

    @param encrypted: Whether the input speaks TLS.
    """
    return bool(
        options["admission"].networks
        or encrypted
        or (via == "http" and options["passwords"])
    )


def _makeConsoles(
    options: Options,
    inputs: Sequence[InputTally],
    outputs: Sequence[OutputTally],
    quarantine: QuarantineTally,
    batches: RepeatedBatches,
    refresh: Callable[[], Deferred[str | None]] | None = None,
    collectors: Sequence[Collector] = (),
) -> list[IService]:
    """
    Make what shows the console on each of its addresses.

    The parameters are those of L{logrecv.console.app.Console}.
    """
    if not options["console"]:
        return []
    # As with HTTP.
    from logrecv.console.app import Console
    from logrecv.web import QuietSite

    console = Console(inputs, outputs, quarantine, batches, refresh, collectors)
    reactor = options["reactor"]
    site = QuietSite(console.resource(), reactor=reactor)
    connections = Connections(site, InputTally("console"), reactor)
    return [
        StreamInput(address.endpoint, connections, restricted=True)
        for address in options["console"]
    ]


@frozen(eq=False)
class Receiver:
    """
    A process that receives.

    @ivar service: All that it does.
    @ivar intake: Where payloads become records.
    @ivar outputs: What became of the records.
    """

    service: ReceiverService
    intake: Intake
    outputs: Sequence[OutputTally]


def makeReceiver(options: Options) -> Receiver:
    """
    Make what receives in this process.

    @param options: The options, parsed.
    """
    sinks: list[IRecordSink] = options["sinks"]
    sink = sinks[0] if len(sinks) == 1 else FanOut(sinks)
    quarantine: IQuarantine = options["quarantine"]
    batches: SeenBatches = options["batches"]
    outputs: Sequence[OutputTally] = options["outputs"].tallies
    intake = Intake(sink, options["reactor"], quarantine=quarantine, batches=batches)
    tallies = list(intake.tallies.values())
    consoles = _makeConsoles(options, tallies, outputs, quarantine.tally, batches)
    keepers = [each for each in [quarantine, batches] if IService.providedBy(each)]
    candidates = [*options["outputs"].sinks, options["passwords"]]
    service = ReceiverService(
        sink,
        _Inputs(options, intake).make(),
        [*consoles, *keepers],
        tallies=outputs,
        drain=options["drainSeconds"],
        clock=options["reactor"],
        reopenables=[each for each in candidates if IReopenable.providedBy(each)],
    )
    return Receiver(service, intake, outputs)


def makeSupervisor(options: Options) -> Supervisor:
    """
    Make what has workers that receive.

    @param options: The options, parsed.
    """
    # Who serves alone needs none of it, and is to start fast.
    from logrecv.workers.sockets import SharedDatagrams, SharedStream
    from logrecv.workers.supervisor import Supervisor
    from logrecv.workers.totals import Totals

    reactor = options["reactor"]
    streams = {
        via: [
            SharedStream(
                address.endpoint, _isRestricted(options, via, address.encrypted)
            )
            for address in options[via]
        ]
        for via in ("tcp", "http")
    }
    datagrams = [
        SharedDatagrams(address, reactor, _isRestricted(options, "udp"))
        for address in options["udp"]
    ]
    totals = Totals(makeTallies(), options["outputs"].tallies)
    supervisor = Supervisor(
        reactor,
        options.arguments,
        options.directory,
        options["workers"],
        streams,
        datagrams,
        totals,
        spools=options["outputs"].spools,
        drain=options["drainSeconds"],
    )
    supervisor.consoles = _makeConsoles(
        options,
        totals.inputs,
        totals.outputs,
        totals.quarantine,
        totals,
        refresh=supervisor.refresh,
        collectors=[supervisor.metrics],
    )
    return supervisor


def makeService(options: Options) -> ProcessService:
    """
    Make the service that the command line describes.

    @param options: The options, parsed.
    """
    # Workers of an earlier run may have left records in their spools.
    spools = options["outputs"].spools
    left = any(spoolNumbers(directory) for directory in spools)
    whole: IProcessService
    if options["workers"] > 1 or left:
        whole = makeSupervisor(options)
    else:
        whole = makeReceiver(options).service
    return ProcessService(whole, options["reactor"])
