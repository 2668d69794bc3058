"""
The time of a record, written in local time.
"""

from __future__ import annotations

from datetime import datetime
from time import localtime, strftime
from typing import Final

from attrs import define

from logrecv.formats.safe import oneLine
from logrecv.record import Record

_THOUSANDTHS: Final = [f"{number:03}" for number in range(1000)]


@define(eq=False)
class LocalClock:
    """
    Writes the time of records in local time, as C{logging} does.

    @ivar pattern: The form of a second for C{strftime}, up to the place where the
        milliseconds follow: C{"%H:%M:%S."}.
    """

    pattern: str
    #: The second that was written last, and its text: most records of a batch
    #: have the same second.
    _second: float | None = None
    _text: str = ""

    def timeOf(self, record: Record) -> str:
        """
        Write the time at which a record was created, or the time of its reception
        where the record has no time of creation.  A time that no calendar has is
        written as in the JSON form.
        """
        try:
            created = record.created
            if created is None:
                created = datetime.fromisoformat(record.time).timestamp()
            second = created // 1
            if second != self._second:
                self._text = strftime(self.pattern, localtime(second))
                self._second = second
        except (ValueError, OverflowError, OSError):
            return oneLine(record.time)
        msecs = record.msecs
        if msecs is None or not 0 <= msecs < 1000:
            # Half a microsecond, since .123 is a little less than that in binary.
            msecs = min((created - second) * 1000 + 0.0005, 999)
        return self._text + _THOUSANDTHS[int(msecs)]
