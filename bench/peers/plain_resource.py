"""
A plain resource of C{twisted.web} that parses a form and writes its record as
logrecv does, with nothing else around it.  C{plain_resource.py PORT FILE}.
"""

import sys
import time
from datetime import UTC, datetime
from typing import BinaryIO

from twisted.internet import endpoints, reactor
from twisted.web.resource import Resource
from twisted.web.server import Request, Site

from logrecv.formats.json import encodeJSON
from logrecv.record import Origin
from logrecv.wire.forms.fast import readForm


class Form(Resource):
    """
    Takes forms.
    """

    isLeaf = True

    def __init__(self, output: BinaryIO) -> None:
        super().__init__()
        self.output = output

    def render_POST(self, request: Request) -> bytes:
        """
        Take one.
        """
        body = request.content.read()
        at = datetime.fromtimestamp(time.time(), UTC).isoformat()
        peer = request.getClientAddress()
        origin = Origin(at, "http", f"{peer.host}:{peer.port}")
        record = readForm(body, origin)
        self.output.write(encodeJSON([record]))
        return b""


def main() -> None:
    """
    Serve.
    """
    output = open(sys.argv[2], "ab", buffering=0)  # noqa: SIM115
    endpoint = endpoints.serverFromString(
        reactor, f"tcp:{sys.argv[1]}:interface=127.0.0.1"
    )
    endpoint.listen(Site(Form(output)))
    reactor.run()  # type: ignore[attr-defined]


main()
