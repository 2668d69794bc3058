"""
What a row of the table is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import median
from typing import Any


class NotHere(Exception):
    """
    Something cannot be measured here.
    """


@dataclass(frozen=True)
class Round:
    """
    One round of a row.

    @ivar value: The figure: a ratio, or in the unit of the row.
    @ivar ours: What logrecv took, or did, where there is a peer.
    @ivar peers: What the peer did.
    """

    value: float
    ours: float | None = None
    peers: float | None = None


@dataclass(frozen=True)
class Scale:
    """
    How much is done in a round.

    @ivar factor: 1.0 as a rule, less to be quicker and less exact.
    @ivar long: Whether what takes a quarter of an hour is done in full.
    """

    factor: float = 1.0
    long: bool = False

    def __call__(self, count: int, step: int = 1000) -> int:
        """
        Give a share of a count, in whole steps.
        """
        return max(round(count * self.factor / step), 1) * step


@dataclass(frozen=True)
class Row:
    """
    Something that is measured.

    @ivar name: How it is asked for.
    @ivar text: What it is.
    @ivar goal: What its figure is to be.
    @ivar least: What will do.
    @ivar measure: Does a round.
    @ivar unit: Of the figure; empty for a ratio.
    @ivar absolute: The unit of what logrecv and the peer did.
    @ivar more: Whether more is better.
    @ivar once: Whether one round is enough.
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
        Tell whether a figure is as good as is wanted.
        """
        return value >= wanted if self.more else value <= wanted


@dataclass
class Result:
    """
    The rounds of one row.
    """

    row: Row
    rounds: list[Round] = field(default_factory=list)
    problem: str | None = None

    def asJSON(self) -> dict[str, Any]:
        """
        Give all that there is to know.
        """
        row = self.row
        found: dict[str, Any] = {
            "name": row.name,
            "text": row.text,
            "goal": row.goal,
            "least": row.least,
            "unit": row.unit,
            "more": row.more,
        }
        if self.problem is not None or not self.rounds:
            return {**found, "problem": self.problem or "not measured"}
        values = sorted(each.value for each in self.rounds)
        found |= {
            "values": values,
            "minimum": values[0],
            "median": median(values),
            "maximum": values[-1],
            "meets": (
                "goal"
                if row.isMet(median(values), row.goal)
                else "least"
                if row.isMet(median(values), row.least)
                else "neither"
            ),
        }
        for name in "ours", "peers":
            of = [getattr(each, name) for each in self.rounds]
            if None not in of:
                found[name] = median(of)
                found["absolute"] = row.absolute
        return found
