"""
The results as text: the machine, and the figures of rows.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

from bench.servers import memory
from logrecv import __version__
from logrecv.wire.pickled.machine import IMPLEMENTATION

#: The packages that the results depend on, beside logrecv.
PACKAGES: Final = (
    *("attrs", "klein", "msgspec", "twisted", "werkzeug"),
    *("cython", "flask", "orjson"),
)

_TITLES: Final = (
    *("row", "goal", "least", "minimum", "median", "maximum"),
    *("meets", "unit", "absolute"),
)

# Words are aligned on the left, figures on the right.
_WORDS: Final = ("row", "meets", "unit", "absolute")


def machine() -> dict[str, Any]:
    """
    Describe the machine and the software of the measurement.
    """
    model = "unknown"
    for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    versions = {}
    for name in PACKAGES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return {
        "date": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        "processor": model,
        "processors": len(os.sched_getaffinity(0)),
        "load": round(os.getloadavg()[0], 2),
        "system": f"{platform.system()} {platform.release().partition('-')[0]}",
        "files": "in memory" if memory() else "on disk",
        "python": platform.python_version(),
        "logrecv": __version__,
        "decoder": IMPLEMENTATION,
        **versions,
    }


def figure(value: float) -> str:
    """
    Write a figure with the digits that count: three, and one more behind a 1, so
    that the last is never worth more than a hundredth.

    >>> figure(0.8987), figure(2.0), figure(1.0228), figure(181234.5)
    ('0.899', '2.00', '1.023', '181,200')
    """
    digits = 4 if f"{abs(value):e}".startswith("1") else 3
    if abs(value) >= 10 ** (digits - 1):
        return f"{float(f'{value:.{digits}g}'):,.0f}"
    return f"{value:#.{digits}g}"


def limit(row: dict[str, Any], name: str) -> str:
    """
    Write the goal of a row, or the least that will do, as a condition.

    @param row: The result of L{bench.rows.Result.asJSON}.
    @param name: C{goal} or C{least}.
    """
    return f"{'≥' if row['more'] else '≤'} {row[name]:g}"


def absolute(row: dict[str, Any]) -> str:
    """
    Write the medians of logrecv and of its peer.
    """
    unit = row["absolute"].replace("us", "µs")
    values = [figure(row[name]) for name in ("ours", "peers") if name in row]
    joined = " : ".join(values)
    return f"{joined}{unit}" if unit.startswith("/") else f"{joined} {unit}".rstrip()


def cells(row: dict[str, Any]) -> list[str]:
    """
    Write the results of a row, a text for each column.
    """
    before = [row["name"], limit(row, "goal"), limit(row, "least")]
    if "problem" in row:
        return [*before, "", "", "", "none", row["unit"], row["problem"]]
    values = [figure(row[name]) for name in ("minimum", "median", "maximum")]
    return [*before, *values, row["meets"], row["unit"], absolute(row)]


def table(rows: Sequence[dict[str, Any]]) -> Iterator[str]:
    """
    Write the results: a line of titles, and a line for each row.
    """
    lines = [list(_TITLES), *map(cells, rows)]
    for line in lines:
        # The last line of the output of a failed server gives the reason.
        line[-1] = " ".join(line[-1].strip().rpartition("\n")[2].split())
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        yield "  ".join(
            text.ljust(width) if title in _WORDS else text.rjust(width)
            for title, width, text in zip(_TITLES, widths, line, strict=True)
        ).rstrip()
