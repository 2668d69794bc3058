"""
The error of a payload that is refused.
"""

from __future__ import annotations


class WireError(Exception):
    """
    A payload of which no record can be made.

    @ivar reason: The reason for C{/metrics}: one of the constants of
        L{logrecv.reasons}.
    @ivar count: The number of records in the payload.
    """

    count: int = 1

    def __init__(self, reason: str, detail: str) -> None:
        """
        @param reason: One of the constants of L{logrecv.reasons}.
        @param detail: A description of the error, in one line, for a person.  It
            quotes no more than a few words of the client's text.
        """
        super().__init__(detail)
        self.reason = reason
