"""
The rows of the table, and their rounds and results.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Any, Final, TypeAlias

#: A function that does something for so many records, and returns the seconds of that
#: work: of CPU, or on the clock.
Work: TypeAlias = Callable[[int], float]

#: The number of stints of a round, unless so many stints take too long.  The share of
#: a machine that one process gets changes by a half within seconds.
STINTS: Final = 8


#: The factor of a grossly slow row: so many times as slow as the least that will do.
#: A machine that is busy with other things changes a ratio by less than 2.
GROSS: Final = 3.0


class NotHere(Exception):
    """
    A row cannot be measured here, and nothing has failed.
    """


@dataclass(frozen=True)
class Round:
    """
    One round of a row.

    @ivar value: The figure: a ratio, or in the unit of the row.
    @ivar ours: The figure of logrecv, where there is a peer.
    @ivar peers: The figure of the peer.
    """

    value: float
    ours: float | None = None
    peers: float | None = None


@dataclass(frozen=True)
class Scale:
    """
    The amount of work in a round.

    @ivar factor: 1.0 as a rule, less to be quicker and less exact.
    @ivar long: True to do in full the work that takes a quarter of an hour.
    @ivar number: The number of the round, from 0 on.
    """

    factor: float = 1.0
    long: bool = False
    number: int = 0

    def __call__(self, count: int, step: int = 1000) -> int:
        """
        Give a share of a count, in whole steps.
        """
        return max(round(count * self.factor / step), 1) * step

    def alternate(
        self, count: int, *works: Work, stints: int = STINTS, step: int = 1000
    ) -> list[float]:
        """
        Have several functions do the same work, a stint each in turns.  The function
        that is first changes with each stint.

        @param count: The number of records of a round.
        @param step: The number of records in a stint is a multiple of this number.
        @return: The seconds that each function took for a record.
        """
        each = self(count // stints, step)
        taken = [0.0] * len(works)
        for stint in range(stints):
            order = range(len(works))
            for which in order if (stint + self.number) % 2 == 0 else reversed(order):
                taken[which] += works[which](each)
        return [seconds / each / stints for seconds in taken]

    def compare(self, count: int, ours: Work, peers: Work) -> Round:
        """
        Compare the time that a record takes, in microseconds.
        """
        mine, theirs = self.alternate(count, ours, peers)
        return Round(mine / theirs, mine * 1e6, theirs * 1e6)

    def compareRates(
        self,
        count: int,
        ours: Work,
        peers: Work,
        stints: int = STINTS,
        step: int = 1000,
    ) -> Round:
        """
        Compare the numbers of records a second.
        """
        mine, theirs = self.alternate(count, ours, peers, stints=stints, step=step)
        return Round(theirs / mine, 1 / mine, 1 / theirs)


@dataclass(frozen=True)
class Row:
    """
    A measurement, and the goal of its figure.

    @ivar name: The name of the row on the command line.
    @ivar text: The description of the measurement.
    @ivar goal: The figure that is wanted.
    @ivar least: The least figure that will do.
    @ivar measure: A function that does a round.
    @ivar unit: The unit of the figure; empty for a ratio.
    @ivar absolute: The unit of the figures of logrecv and of the peer.
    @ivar more: True if more is better.
    @ivar once: True if one round is enough.
    """

    name: str
    text: str
    goal: float
    least: float
    measure: Callable[[Scale], Round]
    unit: str = ""
    absolute: str = ""
    more: bool = False
    once: bool = False

    def isMet(self, value: float, wanted: float) -> bool:
        """
        Return C{True} if a figure is at least as good as the wanted figure.
        """
        return value >= wanted if self.more else value <= wanted


@dataclass
class Result:
    """
    The rounds of one row.

    @ivar problem: The reason why there are no more rounds, if something went wrong.
    @ivar failed: True if the problem is a fault.
    """

    row: Row
    rounds: list[Round] = field(default_factory=list)
    problem: str | None = None
    failed: bool = False

    def measure(self, scale: Scale) -> None:
        """
        Add a round.  An error is the problem of this row, and ends its rounds.
        """
        try:
            self.rounds.append(self.row.measure(scale))
        except NotHere as error:
            self.problem = str(error)
        except Exception as error:
            self.problem = f"{type(error).__name__}: {error}"
            self.failed = True

    def failIfGross(self) -> None:
        """
        Fail a row whose ratio is L{GROSS} times as bad as the least that will do.

        A row that has a unit is left alone: its figure depends on the machine.
        """
        row = self.row
        if row.unit or not self.rounds:
            return
        value = median(each.value for each in self.rounds)
        most = row.least / GROSS if row.more else row.least * GROSS
        if not row.isMet(value, most):
            self.problem = f"grossly slow: {value:.3g}, where {row.least:g} will do"
            self.failed = True

    def asJSON(self) -> dict[str, Any]:
        """
        Give the row, its rounds and its figures.
        """
        row = self.row
        found: dict[str, Any] = {
            "name": row.name,
            "text": row.text,
            "goal": row.goal,
            "least": row.least,
            "unit": row.unit,
            "absolute": row.absolute,
            "more": row.more,
            "rounds": [asdict(each) for each in self.rounds],
        }
        if self.problem is not None or not self.rounds:
            return {**found, "problem": self.problem or "not measured"}
        values = [each.value for each in self.rounds]
        middle = median(values)
        found |= {
            "minimum": min(values),
            "median": middle,
            "maximum": max(values),
            "meets": (
                "goal"
                if row.isMet(middle, row.goal)
                else "least"
                if row.isMet(middle, row.least)
                else "neither"
            ),
        }
        for name in "ours", "peers":
            of = [getattr(each, name) for each in self.rounds]
            if None not in of:
                found[name] = median(of)
        return found
