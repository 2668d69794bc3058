"""
Tests for L{logrecv.workers.inherited}.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from logrecv.workers.inherited import inherited


class InheritedTests(SynchronousTestCase):
    """
    Tests for L{inherited}.
    """

    def test_systemd(self) -> None:
        """
        The socket of systemd is replaced, also within another endpoint; every other
        description stays as it is.
        """
        for text, wanted in [
            ("systemd:domain=INET:index=0", "tcp:0"),
            ("haproxy:systemd:domain=INET:index=1", "haproxy:tcp:0"),
            ("tcp:9020:interface=127.0.0.1", "tcp:9020:interface=127.0.0.1"),
            ("unix:/run/systemd/logrecv", "unix:/run/systemd/logrecv"),
            ("haproxy:tcp:9020", "haproxy:tcp:9020"),
        ]:
            self.assertEqual(inherited(text), wanted)
