"""
A web application that also receives log records:

    python composed_app.py [WEB_PORT [TCP_PORT [UDP_PORT]]]

http://127.0.0.1:WEB_PORT/ shows the last errors.  The application takes HTTPHandler and
JSON under /logs, and SocketHandler and DatagramHandler on further ports.  Every record
also goes to the file records.jsonl.
"""

import sys
from collections import deque
from collections.abc import Sequence
from typing import Any

from twisted.application.service import MultiService
from twisted.internet.defer import Deferred, succeed
from twisted.internet.endpoints import TCP4ServerEndpoint
from twisted.web.resource import Resource
from twisted.web.server import Site
from zope.interface import implementer

from logrecv.compose import (
    Connections,
    DatagramInput,
    FanOut,
    FilteredSink,
    Intake,
    OutputFactory,
    OutputTally,
    ReceiverService,
    RecordDatagramProtocol,
    RecordFactory,
    RecordResource,
    StreamInput,
    UDPAddress,
    minimumLevel,
)
from logrecv.interfaces import IRecordSink
from logrecv.record import Record


@implementer(IRecordSink)
class LastRecords:
    """
    Keeps the last records.
    """

    def __init__(self, count: int) -> None:
        self.records: deque[Record] = deque(maxlen=count)

    def start(self) -> None:
        """
        Open nothing.
        """

    def deliver(self, batch: Sequence[Record]) -> Deferred[None] | None:
        """
        Keep a batch.
        """
        self.records.extend(batch)
        return None

    def flush(self) -> Deferred[None]:
        """
        Write nothing, since the sink keeps its records.
        """
        return succeed(None)

    def stop(self) -> Deferred[None]:
        """
        Close nothing.
        """
        return succeed(None)


class ErrorPage(Resource):
    """
    The only page of the web application.
    """

    def __init__(self, last: LastRecords) -> None:
        super().__init__()
        self._last = last

    def render_GET(self, request: Any) -> bytes:
        """
        Show the errors.
        """
        request.setHeader(b"content-type", b"text/plain; charset=utf-8")
        lines = [f"{r.time} {r.name}: {r.message}\n" for r in self._last.records]
        return "".join(lines).encode()


def makeService(reactor: Any, web: int, tcp: int, udp: int) -> MultiService:
    """
    Put the application together.
    """
    # The sinks: errors go to the application, all records go to a file.
    last = LastRecords(20)
    errors = FilteredSink(last, OutputTally("errors"), [minimumLevel("ERROR")])
    sink = FanOut([errors, OutputFactory(reactor).make("file:records.jsonl")])

    # The inputs with ports of their own.
    intake = Intake(sink, reactor)
    stream = Connections(RecordFactory(intake), intake.tallies["tcp"], reactor)
    socket = TCP4ServerEndpoint(reactor, tcp, interface="127.0.0.1")
    datagrams = RecordDatagramProtocol(intake)
    inputs = [
        StreamInput(socket, stream),
        DatagramInput(reactor, UDPAddress(udp, "127.0.0.1"), datagrams),
    ]

    # The site of the application, with the HTTP input mounted in it.
    root = Resource()
    root.putChild(b"", ErrorPage(last))
    root.putChild(b"logs", RecordResource(intake))
    pages = Connections(Site(root), intake.tallies["http"], reactor)
    inputs.append(
        StreamInput(TCP4ServerEndpoint(reactor, web, interface="127.0.0.1"), pages)
    )

    # Starts the sink before the inputs and stops it after them.
    service = MultiService()
    ReceiverService(sink, inputs).setServiceParent(service)
    return service


def main(web: str = "8080", tcp: str = "9020", udp: str = "9021") -> None:
    """
    Run the application.
    """
    from twisted.internet import reactor

    service = makeService(reactor, int(web), int(tcp), int(udp))
    service.startService()
    reactor.addSystemEventTrigger("before", "shutdown", service.stopService)
    print("ready", flush=True)
    reactor.run()


if __name__ == "__main__":
    main(*sys.argv[1:])
