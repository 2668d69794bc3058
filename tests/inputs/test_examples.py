"""
Tests for the examples in the docstrings of L{logrecv.inputs}.
"""

from __future__ import annotations

import doctest
from types import ModuleType

from twisted.internet.endpoints import TCP4ServerEndpoint
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.trial.unittest import SynchronousTestCase

from logrecv import intake
from logrecv.inputs import tcp, udp
from logrecv.testing import MemorySink, makeDatagram, makeFrame, makePickle


class ExampleTests(SynchronousTestCase):
    """
    The examples in the docstrings.
    """

    def check(self, module: ModuleType, examples: int) -> None:
        """
        See that each example gives the result that it shows.

        @param examples: The number of lines that are run.
        """
        given = {
            "MemorySink": MemorySink,
            "StringTransport": StringTransport,
            "TCP4ServerEndpoint": TCP4ServerEndpoint,
            "makeDatagram": makeDatagram,
            "makeFrame": makeFrame,
            "makePickle": makePickle,
            "reactor": MemoryReactorClock(),
            "sink": MemorySink(),
        }
        results = doctest.testmod(module, extraglobs=given)
        self.assertEqual((results.failed, results.attempted), (0, examples))

    def test_tcp(self) -> None:
        """
        A protocol that sees each payload, and a factory to listen with.
        """
        self.check(tcp, 9)

    def test_udp(self) -> None:
        """
        A protocol for a plain port, which need not be one of ours.
        """
        self.check(udp, 3)

    def test_intake(self) -> None:
        """
        A payload that becomes a record.
        """
        self.check(intake, 4)
