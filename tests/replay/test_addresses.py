"""
Tests for L{logrecv.replay.addresses}.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from logrecv.replay.addresses import Address, parseAddress


class AddressTests(SynchronousTestCase):
    """
    Tests for L{Address} and L{parseAddress}.
    """

    def test_address(self) -> None:
        """
        An address is a host and a port; an IPv6 host is in brackets.
        """
        self.assertEqual(parseAddress("example.org:80"), Address("example.org", 80))
        self.assertEqual(parseAddress("[::1]:80"), Address("::1", 80))
        self.assertEqual(str(parseAddress("[::1]:80")), "[::1]:80")
        for text in ("", "80", ":80", "host:", "host:port", "::1:80", "host:70000"):
            self.assertRaises(ValueError, parseAddress, text)
