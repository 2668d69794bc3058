"""
Why a payload is refused.
"""

from __future__ import annotations

from typing import Final

#: The reasons a payload can be rejected for: the values of the C{reason} label
#: of C{logrecv_rejected_total}.  A closed set, so that no client can choose a
#: label.
TOO_LONG: Final = "too-long"
INCOMPLETE: Final = "incomplete"
MALFORMED: Final = "malformed"
TOO_COMPLEX: Final = "too-complex"
NOT_A_RECORD: Final = "not-a-record"
TOO_SLOW: Final = "too-slow"
OVERLOAD: Final = "overload"
PRESSURE: Final = "pressure"
NOT_ALLOWED: Final = "not-allowed"
UNAUTHORIZED: Final = "unauthorized"


class WireError(Exception):
    """
    A payload of which no record can be made.

    @ivar reason: One of the constants of this module.
    """

    def __init__(self, reason: str, detail: str) -> None:
        """
        @param reason: One of the constants of this module.
        @param detail: What is wrong, in one line, for a person.  Holds no text
            of the client's that is longer than a few words.
        """
        super().__init__(detail)
        self.reason = reason
