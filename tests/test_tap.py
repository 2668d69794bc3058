"""
Tests for L{logrecv.tap}.
"""

from __future__ import annotations

import gc
import os

from twisted.application.service import IService, IServiceMaker
from twisted.plugin import getPlugins
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from logrecv.group import spoolName
from logrecv.process import IProcessService
from logrecv.service import ReceiverService
from logrecv.tap import Options, makeService
from logrecv.workers.supervisor import Supervisor
from tests.test_options import parse


class PluginTests(SynchronousTestCase):
    """
    Tests for the plugin of twistd.
    """

    def test_maker(self) -> None:
        """
        C{twistd logrecv} is found once, and gives these options and this
        service.
        """
        makers = [m for m in getPlugins(IServiceMaker) if m.tapname == "logrecv"]
        self.assertEqual(len(makers), 1)
        self.addCleanup(gc.enable)
        self.assertIs(makers[0].options, Options)
        self.assertIs(makers[0].makeService, makeService)


class MakeServiceTests(SynchronousTestCase):
    """
    Tests for L{makeService}.
    """

    def test_alone(self) -> None:
        """
        Without workers, the process receives itself.
        """
        service = makeService(parse())
        verifyObject(IService, service)
        self.assertIsInstance(service.service, ReceiverService)
        verifyObject(IProcessService, service.service)

    def test_workers(self) -> None:
        """
        With C{--workers} the service is a supervisor, with the sockets of all inputs
        and with the console.
        """
        service = makeService(parse("--workers=2")).service
        assert isinstance(service, Supervisor)
        verifyObject(IProcessService, service)
        self.assertEqual(service.count, 2)
        self.assertEqual(len(service.consoles), 1)
        sockets = service.sockets
        counts = [len(each) for each in (sockets.tcp, sockets.udp, sockets.http)]
        self.assertEqual(counts, [1, 1, 1])

    def test_leftovers(self) -> None:
        """
        A supervisor also serves where workers of an earlier run have left spools.
        """
        spool = self.mktemp()
        arguments = ("--output", f"forward:tcp:127.0.0.1:1:spool={spool}")
        os.makedirs(os.path.join(spool, spoolName(3)))
        service = makeService(parse(*arguments)).service
        assert isinstance(service, Supervisor)
        self.assertEqual(service.count, 1)
        os.rmdir(os.path.join(spool, spoolName(3)))
        service = makeService(parse(*arguments)).service
        self.assertIsInstance(service, ReceiverService)
