"""
A supervisor, put together from its options.
"""

from __future__ import annotations

from logrecv.counters import makeTallies
from logrecv.options import Options
from logrecv.process import raiseFileLimit
from logrecv.receiver import makeConsoles
from logrecv.workers.sockets import SharedDatagrams, SharedSockets, SharedStream
from logrecv.workers.supervisor import Supervisor
from logrecv.workers.totals import Totals


def makeSupervisor(options: Options) -> Supervisor:
    """
    Put together a supervisor and the console that shows its workers.

    @param options: The options, parsed.
    """
    raiseFileLimit()
    totals = Totals(makeTallies(), options["outputs"].tallies)
    supervisor = Supervisor(
        options["reactor"],
        options.arguments,
        options.directory,
        options["workers"],
        _makeSockets(options),
        totals,
        spools=options["outputs"].spools,
        drain=options["drainSeconds"],
    )
    supervisor.consoles = makeConsoles(
        options,
        totals.inputs,
        totals.outputs,
        totals.quarantine,
        totals,
        refresh=supervisor.refresh,
        collectors=[supervisor.metrics],
    )
    return supervisor


def _makeSockets(options: Options) -> SharedSockets:
    streams = {
        via: [
            SharedStream(address.endpoint, options.isRestricted(via, address.encrypted))
            for address in options[via]
        ]
        for via in ("tcp", "http")
    }
    restricted = options.isRestricted("udp")
    datagrams = [
        SharedDatagrams(address, options["reactor"], restricted)
        for address in options["udp"]
    ]
    return SharedSockets(streams["tcp"], datagrams, streams["http"])
