"""
Helpers for the tests of the console.
"""

from __future__ import annotations

from treq.testing import StubTreq
from twisted.trial.unittest import SynchronousTestCase

from logrecv.console.app import Console
from logrecv.counters import InputTally, OutputTally, QuarantineTally


class ConsoleTestCase(SynchronousTestCase):
    """
    Has a console of two tallies and a quarantine.
    """

    def setUp(self) -> None:
        """
        Make a console of two tallies.
        """
        self.input = InputTally("tcp")
        self.output = OutputTally("1-file")
        self.quarantine = QuarantineTally()
        console = Console([self.input], [self.output], self.quarantine)
        self.treq = StubTreq(console.resource())

    def get(self, path: str, method: str = "GET") -> tuple[int, str]:
        """
        Ask for a page.
        """
        url = f"http://localhost{path}"
        response = self.successResultOf(self.treq.request(method, url))
        return response.code, self.successResultOf(self.treq.text_content(response))
