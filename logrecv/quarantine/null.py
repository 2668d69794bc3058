"""
The quarantine of a service without one.
"""

from __future__ import annotations

from attrs import define, field
from zope.interface import implementer

from logrecv.counters import QuarantineTally
from logrecv.interfaces import IQuarantine
from logrecv.record import Origin


@implementer(IQuarantine)
@define(eq=False)
class NullQuarantine:
    """
    A quarantine that keeps nothing.  Its tally stays empty.
    """

    tally: QuarantineTally = field(factory=QuarantineTally, init=False)

    def keep(self, payload: bytes, reason: str, origin: Origin) -> None:
        """
        Keep nothing.
        """
