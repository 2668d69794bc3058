"""
A receiving process, put together from its options: inputs, intake, outputs, console.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final, cast

from attrs import define, frozen
from twisted.application.service import IService
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IProtocolFactory

from logrecv.counters import InputTally, OutputTally, QuarantineTally
from logrecv.inputs.datagrams import DatagramAddress, DatagramInput
from logrecv.inputs.endpoints import StreamAddress
from logrecv.inputs.limits.admission import Admission
from logrecv.inputs.limits.fairness import FairScheduler
from logrecv.inputs.limits.partial import PartialInputs
from logrecv.inputs.listening import StreamInput
from logrecv.inputs.proxied import ProxiedConnections
from logrecv.inputs.streams import Connections
from logrecv.inputs.tcp import RecordFactory
from logrecv.inputs.udp import RecordDatagramProtocol
from logrecv.intake import Intake
from logrecv.interfaces import IRecordSink, IReopenable
from logrecv.options import Options
from logrecv.outputs.fanout import FanOut
from logrecv.process import raiseFileLimit
from logrecv.service import ReceiverService

if TYPE_CHECKING:
    from logrecv.console.metrics import Collector, RepeatedBatches

#: The part of C{--drain} for reading what clients had sent.  The rest is for writing
#: the records to the outputs.
_READING_PORTION: Final = 0.8


@frozen(eq=False)
class Receiver:
    """
    The parts of a receiving process.

    @ivar service: The service, which starts and stops everything.
    @ivar intake: The intake that all inputs feed.
    @ivar outputs: The tallies of the outputs.
    @ivar admission: The admission that all inputs ask.
    """

    service: ReceiverService
    intake: Intake
    outputs: Sequence[OutputTally]
    admission: Admission


def makeReceiver(options: Options) -> Receiver:
    """
    Put a receiving process together.

    @param options: The options, parsed.
    @raise SystemExit: The system does not let this process open enough files.
    """
    reactor = options["reactor"]
    admission = Admission(
        options["networks"], *options.connectionLimits(raiseFileLimit())
    )
    sinks: list[IRecordSink] = options["sinks"]
    sink = sinks[0] if len(sinks) == 1 else FanOut(sinks)
    outputs: Sequence[OutputTally] = options["outputs"].tallies
    quarantine, batches = options["quarantine"], options["batches"]
    intake = Intake(sink, reactor, quarantine=quarantine, batches=batches)
    tallies = list(intake.tallies.values())
    consoles = makeConsoles(options, tallies, outputs, quarantine.tally, batches)
    keepers = [each for each in (quarantine, batches) if IService.providedBy(each)]
    reopenables = [*options["outputs"].sinks, options["passwords"]]
    service = ReceiverService(
        sink,
        _Inputs(options, intake, admission).make(),
        [*consoles, *keepers],
        tallies=outputs,
        quarantine=quarantine.tally,
        drain=options["drainSeconds"],
        clock=reactor,
        reopenables=[each for each in reopenables if IReopenable.providedBy(each)],
    )
    return Receiver(service, intake, outputs, admission)


@define(eq=False)
class _Inputs:
    """
    Makes the inputs of a process, with the limits that all of them share.

    @ivar options: The options, parsed.
    @ivar intake: The intake that the inputs feed.
    @ivar admission: The admission that the inputs ask.
    """

    options: Options
    intake: Intake
    admission: Admission

    def make(self) -> list[IService]:
        """
        Make the inputs.
        """
        options, intake = self.options, self.intake
        reactor, maxRecord = options["reactor"], options["maxRecord"]
        partials = PartialInputs(reactor)
        scheduler = FairScheduler(reactor)
        inputs: list[IService] = []
        for address in options["tcp"]:
            records = RecordFactory(intake, maxRecord, partials)
            inputs.append(self._stream(address, records, "tcp", scheduler))
        for each in options["udp"]:
            inputs.append(self._datagrams(each))
        if options["http"]:
            # Importing Klein takes a third of the start: only where HTTP is served.
            from logrecv.inputs.http.site import RecordSite

            passwords = options["passwords"]
            site = RecordSite(
                intake, reactor, maxRecord, partials, passwords, scheduler
            )
            for address in options["http"]:
                inputs.append(self._stream(address, site, "http", scheduler))
        return inputs

    def _datagrams(self, address: DatagramAddress) -> DatagramInput:
        options = self.options
        protocol = RecordDatagramProtocol(
            self.intake, options["maxRecord"], self.admission
        )
        restricted = options.isRestricted("udp")
        return DatagramInput(
            options["reactor"], address, protocol, restricted, self._readingTimeout
        )

    def _stream(
        self,
        address: StreamAddress,
        factory: IProtocolFactory,
        via: str,
        scheduler: FairScheduler,
    ) -> StreamInput:
        tally = self.intake.tallies[via]
        kind = _kindOf(address)
        connections = kind(
            factory,
            tally,
            self.options["reactor"],
            self.admission,
            scheduler,
            self.intake.rejections,
        )
        restricted = self.options.isRestricted(via, address.encrypted)
        return StreamInput(
            address.endpoint, connections, restricted, self._readingTimeout
        )

    @property
    def _readingTimeout(self) -> float:
        return _READING_PORTION * cast(float, self.options["drainSeconds"])


def makeConsoles(
    options: Options,
    inputs: Sequence[InputTally],
    outputs: Sequence[OutputTally],
    quarantine: QuarantineTally,
    batches: RepeatedBatches,
    refresh: Callable[[], Deferred[str | None]] | None = None,
    collectors: Sequence[Collector] = (),
) -> list[IService]:
    """
    Make the services that show the console, one for each of its addresses.

    The parameters after C{options} are the parameters of
    L{logrecv.console.app.Console}.
    """
    if not options["console"]:
        return []
    # Imports Klein too.
    from logrecv.console.app import Console
    from logrecv.console.site import ConsoleConnections, ConsoleInput, ConsoleSite

    tally, reactor = InputTally("console"), options["reactor"]
    console = Console(
        inputs,
        outputs,
        quarantine,
        batches,
        refresh,
        collectors,
        tally,
        options["consoleNames"],
    )
    site = ConsoleSite(console.resource(), reactor, tally)
    most = options.consoleConnections(raiseFileLimit())
    connections = ConsoleConnections(site, reactor, most)
    return [
        ConsoleInput(address.endpoint, connections) for address in options["console"]
    ]


def _kindOf(address: StreamAddress) -> type[Connections]:
    return ProxiedConnections if address.proxied else Connections
