"""
Tests for L{logrecv.receiver}.
"""

from __future__ import annotations

import os
import resource

from twisted.application.service import IService
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from logrecv.inputs.datagrams import DatagramInput, UDPAddress, UnixAddress
from logrecv.inputs.listening import StreamInput
from logrecv.inputs.tcp import RecordFactory
from logrecv.outputs.fanout import FanOut
from logrecv.quarantine.service import Quarantine
from logrecv.receiver import makeReceiver
from tests.test_options import parse


class MakeReceiverTests(SynchronousTestCase):
    """
    Tests for L{makeReceiver}.
    """

    def test_everything(self) -> None:
        """
        The service has an input for each description, the console apart.
        """
        options = parse("--tcp", "tcp:1", "--udp", "udp:2", "--udp", "unixgram:/tmp/x")
        service = makeReceiver(options).service
        verifyObject(IService, service)
        stream, udp, unix = service.inputs
        self.assertIsInstance(stream, StreamInput)
        assert isinstance(udp, DatagramInput)
        assert isinstance(unix, DatagramInput)
        self.assertIsInstance(udp.address, UDPAddress)
        self.assertIsInstance(unix.address, UnixAddress)
        self.assertEqual(list(service.consoles), [])
        self.assertEqual(len(makeReceiver(parse()).service.consoles), 1)

    def test_quarantine(self) -> None:
        """
        The directory of the quarantine is made when the service starts.  The
        quarantine is the quarantine of the decoders and of the outputs, and stops last.
        """
        directory = os.path.abspath(self.mktemp())
        options = parse("--quarantine", directory, "--quarantine-limit", "2M")
        self.assertFalse(os.path.exists(directory))
        service = makeReceiver(options).service
        quarantine = service.consoles[-1]
        assert isinstance(quarantine, Quarantine)
        self.assertIs(options["outputs"].quarantine, quarantine)
        self.assertEqual(quarantine.segments.directory, directory)
        self.assertEqual(quarantine.segments.limit, 2 << 20)
        tcp = service.inputs[0]
        assert isinstance(tcp, StreamInput)
        factory = tcp.connections.wrappedFactory
        assert isinstance(factory, RecordFactory)
        self.assertIs(factory.intake.quarantine, quarantine)
        quarantine.startService()
        self.assertTrue(os.path.isdir(directory))

    def test_sink(self) -> None:
        """
        Without C{--output} and with a single output, records go to the output itself;
        several outputs get every record.
        """
        options = parse()
        self.assertEqual([makeReceiver(options).intake.sink], options["sinks"])
        options = parse("--output", "stdout", "--output", "stdout:format=text")
        fanOut = makeReceiver(options).intake.sink
        assert isinstance(fanOut, FanOut)
        self.assertEqual(fanOut.sinks, options["sinks"])

    def test_fileLimit(self) -> None:
        """
        The process may open as many files as the system allows, and the connections
        are limited accordingly.
        """
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
        receiver = makeReceiver(parse("--max-connections", "6"))
        if hard != resource.RLIM_INFINITY:
            limits = resource.getrlimit(resource.RLIMIT_NOFILE)
            self.assertEqual(limits, (hard, hard))
        self.assertEqual(receiver.admission.maxConnections, 6)
        self.assertEqual(receiver.admission.maxPerPeer, 3)
