"""
Measure: C{python -m bench}.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from bench import inside, outside
from bench.rows import NotHere, Result, Scale
from logrecv import __version__
from logrecv.wire.pickles import COMPILED

ROWS = {row.name: row for row in (*inside.ROWS, *outside.ROWS)}


def main() -> None:
    """
    Measure what is asked for, a round of each row at a time, and show it.
    """
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--only", action="append", choices=ROWS, metavar="ROW")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="a fifth of the work")
    parser.add_argument("--long", action="store_true", help="50 million records")
    parser.add_argument("--json", type=Path, help="write the results to this file")
    options = parser.parse_args()
    scale = Scale(0.2 if options.quick else 1.0, options.long)
    results = [Result(ROWS[name]) for name in options.only or ROWS]
    for number in range(options.rounds):
        for result in results:
            if result.problem is None and not (number and result.row.once):
                _round(result, scale)
    found = {"machine": machine(), "rows": [result.asJSON() for result in results]}
    for line in table(found["rows"]):
        print(line)
    if options.json is not None:
        options.json.write_text(json.dumps(found, indent=1) + "\n", "utf-8")


def _round(result: Result, scale: Scale) -> None:
    try:
        found = result.row.measure(scale)
    except NotHere as error:
        result.problem = str(error)
    else:
        result.rounds.append(found)
        print(f"{result.row.name}: {found.value:.3f}", file=sys.stderr, flush=True)


def machine() -> dict[str, Any]:
    """
    Tell what it was measured on and with.
    """
    model = "unknown"
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    return {
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "processor": model,
        "processors": os.cpu_count(),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "logrecv": __version__,
        "decoder": "compiled" if COMPILED else "python",
        **{name: version(name) for name in ("twisted", "msgspec", "orjson", "flask")},
    }


def table(rows: list[dict[str, Any]]) -> Iterator[str]:
    """
    Write the results, a line a row.
    """
    titles = ("goal", "least", "minimum", "median", "maximum", "meets")
    yield f"{'':14}" + "".join(f"{title:>9}" for title in titles)
    for row in rows:
        line = f"{row['name']:14}{row['goal']:9g}{row['least']:9g}"
        if "problem" in row:
            yield f"{line}  {row['problem'].splitlines()[-1]}"
            continue
        line += "".join(f"{row[name]:9.3g}" for name in titles[2:5])
        line += f"{row['meets']:>9}  {row['unit']}"
        if "ours" in row:
            unit = row["absolute"]
            line += f"{row['ours']:.4g} {unit} / {row['peers']:.4g} {unit}"
        yield line


if __name__ == "__main__":
    main()
