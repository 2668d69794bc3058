"""
The parts of logrecv for applications that put their own service together::

    >>> from logrecv.compose import Intake, RecordFactory
    >>> from logrecv.testing import MemorySink
    >>> intake = Intake(MemorySink(), reactor)
    >>> listening = endpoint.listen(RecordFactory(intake))

The names in this module stay, even when the modules move that define the parts.  The
interfaces are in L{logrecv.interfaces}, the record is in L{logrecv.record}, and helpers
for tests are in L{logrecv.testing}.
"""

from __future__ import annotations

from logrecv.batch import Batch
from logrecv.counters import OutputTally
from logrecv.descriptions import Description, DescriptionError
from logrecv.inputs.datagrams import DatagramInput, UDPAddress, UnixAddress
from logrecv.inputs.http.resource import RecordResource
from logrecv.inputs.http.site import RecordSite
from logrecv.inputs.listening import StreamInput
from logrecv.inputs.proxied import ProxiedConnections
from logrecv.inputs.streams import Connections
from logrecv.inputs.tcp import RecordFactory, RecordProtocol
from logrecv.inputs.udp import RecordDatagramProtocol
from logrecv.intake import Intake
from logrecv.outputs.factory import OutputFactory
from logrecv.outputs.fanout import FanOut
from logrecv.outputs.filter import FilteredSink, loggerGlob, minimumLevel
from logrecv.service import ReceiverService

__all__ = [
    "Batch",
    "Connections",
    "DatagramInput",
    "Description",
    "DescriptionError",
    "FanOut",
    "FilteredSink",
    "Intake",
    "OutputFactory",
    "OutputTally",
    "ProxiedConnections",
    "ReceiverService",
    "RecordDatagramProtocol",
    "RecordFactory",
    "RecordProtocol",
    "RecordResource",
    "RecordSite",
    "StreamInput",
    "UDPAddress",
    "UnixAddress",
    "loggerGlob",
    "minimumLevel",
]
