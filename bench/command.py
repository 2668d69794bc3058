"""
The command line of the benchmarks.
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
from bench.rows import GROSS, Result, Row, Scale

ROWS = {row.name: row for row in (*inside.ROWS, *outside.ROWS)}


def measure(rows: Sequence[Row], rounds: int, scale: Scale) -> list[Result]:
    """
    Measure rows, a round of each at a time.  A row that fails does not stop the
    other rows, and an interrupt keeps the rounds that are done.
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


def _factor(options: argparse.Namespace) -> float:
    if options.smoke:
        return 0.02
    return 0.2 if options.quick else 1.0


def main(arguments: Sequence[str] | None = None) -> int:
    """
    Measure the rows that the command line names, and print a table of them.

    @return: The exit status: 1 if a row failed, or with C{--smoke} is grossly
        slower than the least that will do.
    """
    parser = argparse.ArgumentParser(
        prog="python -m bench", description="Measure logrecv against its peers."
    )
    parser.add_argument(
        "--only",
        action="append",
        choices=ROWS,
        metavar="ROW",
        help=f"repeatable; of {', '.join(ROWS)}",
    )
    parser.add_argument("--rounds", type=int, default=5)
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--quick", action="store_true", help="a fifth of the work")
    size.add_argument(
        "--smoke",
        action="store_true",
        help="one round of a fiftieth of the work; a row that is "
        f"{GROSS:g} times as slow as the least that will do fails",
    )
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
        1 if options.smoke else max(options.rounds, 1),
        Scale(_factor(options), options.long),
    )
    if options.smoke:
        for result in results:
            result.failIfGross()
    found = {
        "machine": about,
        "settings": {
            "rounds": options.rounds,
            "quick": options.quick or options.smoke,
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
