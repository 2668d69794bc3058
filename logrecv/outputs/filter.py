"""
The filter: a sink that lets some records through to another.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from fnmatch import translate
from typing import Final, TypeAlias

from attrs import frozen
from twisted.internet.defer import Deferred
from zope.interface import implementer

from logrecv.counters import OutputTally
from logrecv.interfaces import IRecordSink
from logrecv.record import Record

#: Whether a record is let through.
Condition: TypeAlias = Callable[[Record], bool]

#: The levels of the C{logging} documentation, with its synonyms.
LEVELS: Final = {
    "NOTSET": 0,
    "DEBUG": 10,
    "INFO": 20,
    "WARN": 30,
    "WARNING": 30,
    "ERROR": 40,
    "FATAL": 50,
    "CRITICAL": 50,
}


def minimumLevel(text: str) -> Condition:
    """
    Make the condition of C{level=}: that level and above.  A record of which
    no level is known passes, since nobody said that it is unimportant.

    @param text: The name or number of a level.
    @raise ValueError: It is neither.
    """
    if text.isascii() and text.isdigit():
        minimum = int(text)
    elif text.upper() in LEVELS:
        minimum = LEVELS[text.upper()]
    else:
        raise ValueError("a level is DEBUG, INFO, WARNING, ERROR, CRITICAL or a number")

    def atLeast(record: Record) -> bool:
        return record.levelno is None or record.levelno >= minimum

    return atLeast


def loggerGlob(text: str) -> Condition:
    """
    Make the condition of C{logger=}: loggers whose whole name the pattern
    matches.

    @param text: A pattern with C{*}, C{?} and C{[…]}.
    @raise ValueError: It is empty.
    """
    if not text:
        raise ValueError("a pattern of logger names is needed, such as app.*")
    matches = re.compile(translate(text)).match

    def named(record: Record) -> bool:
        return matches(record.name or "") is not None

    return named


@implementer(IRecordSink)
@frozen(eq=False)
class FilteredSink:
    """
    Lets through to a sink the records that meet every condition.

    @ivar sink: The sink behind the filter.
    @ivar tally: Where records that are kept back are counted.
    @ivar conditions: The conditions.
    """

    sink: IRecordSink
    tally: OutputTally
    conditions: Sequence[Condition]

    def start(self) -> None:
        """
        See L{IRecordSink.start}.
        """
        self.sink.start()

    def deliver(self, batch: Sequence[Record]) -> Deferred[None] | None:
        """
        See L{IRecordSink.deliver}.
        """
        passed = batch
        for condition in self.conditions:
            passed = [record for record in passed if condition(record)]
        self.tally.filtered += len(batch) - len(passed)
        if len(passed) == len(batch):
            # As it was: it may be more than a sequence.
            passed = batch
        return self.sink.deliver(passed) if passed else None

    def flush(self) -> Deferred[None]:
        """
        See L{IRecordSink.flush}.
        """
        return self.sink.flush()

    def stop(self) -> Deferred[None]:
        """
        See L{IRecordSink.stop}.
        """
        return self.sink.stop()
