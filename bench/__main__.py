"""
Measure: C{python -m bench}.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from bench import inside, outside
from bench.report import machine, table
from bench.rows import Result, Row, Scale

ROWS = {row.name: row for row in (*inside.ROWS, *outside.ROWS)}


def measure(rows: Sequence[Row], rounds: int, scale: Scale) -> list[Result]:
    """
    Measure rows, a round of each at a time.  A row that fails does not stop the
    others; who interrupts gets what there is.
    """
    results = [Result(row) for row in rows]
    try:
        for number in range(rounds):
            for result in results:
                if result.problem is None and not (number and result.row.once):
                    result.measure(replace(scale, number=number))
                    print(_progress(result), file=sys.stderr, flush=True)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        for result in results:
            if len(result.rounds) < (1 if result.row.once else rounds):
                result.problem = result.problem or "interrupted"
                result.failed = True
    return results


def _progress(result: Result) -> str:
    if result.problem is not None:
        return f"{result.row.name}: {result.problem}"
    return f"{result.row.name}: {result.rounds[-1].value:.3f}"


def main(arguments: Sequence[str] | None = None) -> int:
    """
    Measure what is asked for, and show it.

    @return: The exit status: 1 if something that could be measured was not.
    """
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument(
        "--only",
        action="append",
        choices=ROWS,
        metavar="ROW",
        help=f"repeatable; of {', '.join(ROWS)}",
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="a fifth of the work")
    parser.add_argument(
        "--long", action="store_true", help="50 million records for the row growth"
    )
    parser.add_argument("--json", type=Path, help="write the results to this file")
    options = parser.parse_args(arguments)
    if not sys.platform.startswith("linux"):
        parser.error("only Linux has the accounting that this reads")
    # A thousand connections and more.
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    about = machine()
    results = measure(
        [ROWS[name] for name in options.only or ROWS],
        max(options.rounds, 1),
        Scale(0.2 if options.quick else 1.0, options.long),
    )
    found = {
        "machine": about,
        "settings": {
            "rounds": options.rounds,
            "quick": options.quick,
            "long": options.long,
        },
        "rows": [result.asJSON() for result in results],
    }
    for line in table(found["rows"]):
        print(line)
    if options.json is not None:
        text = json.dumps(found, indent=1, ensure_ascii=False)
        options.json.write_text(f"{text}\n", "utf-8")
    return int(any(result.failed for result in results))


if __name__ == "__main__":
    sys.exit(main())
