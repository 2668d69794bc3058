"""
The filter: a sink that lets some of the records through to another sink.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from fnmatch import translate
from typing import Final, TypeAlias

from attrs import frozen
from twisted.internet.defer import Deferred
from zope.interface import implementer

from logrecv.batch import Batch
from logrecv.counters import OutputTally
from logrecv.interfaces import IRecordSink, IRefusingSink, Offer
from logrecv.outputs.offering import doNothing, offer
from logrecv.record import Record

#: Returns C{True} if a filter lets a record through.
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
    Make the condition of C{level=}: records of a level and above.  A record
    without a level passes, since nobody said that the record is unimportant.

    @param text: The name or number of the level.
    @raise ValueError: The text is neither.
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
    Make the condition of C{logger=}: records of loggers whose whole name matches
    a pattern.

    @param text: The pattern, with C{*}, C{?} and C{[…]}.
    @raise ValueError: The text is empty.
    """
    if not text:
        raise ValueError("a pattern of logger names is needed, such as app.*")
    matches = re.compile(translate(text)).match

    def named(record: Record) -> bool:
        return matches(record.name or "") is not None

    return named


@implementer(IRefusingSink)
@frozen(eq=False)
class FilteredSink:
    """
    Lets records through to a sink if they meet every condition::

        >>> from logrecv.counters import OutputTally
        >>> from logrecv.outputs.filter import FilteredSink, minimumLevel
        >>> from logrecv.testing import MemorySink, makeRecord
        >>> sink, tally = MemorySink(), OutputTally("errors")
        >>> errors = FilteredSink(sink, tally, [minimumLevel("ERROR")])
        >>> errors.deliver([makeRecord("a", levelno=40), makeRecord("b", levelno=20)])
        >>> [record.message for record in sink.records], tally.filtered
        (['a'], 1)

    @ivar sink: The sink behind the filter.
    @ivar tally: Counts the records that the filter keeps back.
    @ivar conditions: The conditions.
    """

    sink: IRecordSink
    tally: OutputTally
    conditions: Sequence[Condition]

    def start(self) -> None:
        self.sink.start()

    def deliver(self, batch: Sequence[Record]) -> Deferred[None] | None:
        passed = self._select(batch)
        self.tally.filtered += len(batch) - len(passed)
        return self.sink.deliver(passed) if passed else None

    def offer(self, batch: Sequence[Record]) -> Offer:
        passed = self._select(batch)
        filtered = len(batch) - len(passed)
        offered = offer(self.sink, passed) if passed else Offer(doNothing, doNothing)

        def take() -> Deferred[None] | None:
            self.tally.filtered += filtered
            return offered.take()

        return Offer(take, offered.cancel)

    def _select(self, batch: Sequence[Record]) -> Batch:
        passed = Batch.of(batch)
        for condition in self.conditions:
            passed = passed.select(condition)
        return passed

    def flush(self) -> Deferred[None]:
        return self.sink.flush()

    def stop(self) -> Deferred[None]:
        return self.sink.stop()
