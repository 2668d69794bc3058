"""
Why a payload is refused.
"""

from __future__ import annotations


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
