"""
Fuzz one of the L{targets} with random changes, the same in each run; see
C{README.rst}.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections.abc import Sequence

from targets import LONGEST_SEED, TARGETS

from logrecv.wire.pickled.machine import COMPILED

#: The bytes that have a meaning in a pickle or a form.
SPECIAL = b"().0123456789=&%+<>[]{}|\x00\x7f\xff\n'\"\\"
SPECIAL += b"BCFGIJKLMNPQRSTUVXabcdeghijlopqrstu" + bytes(range(0x80, 0x99))


def mutate(seeds: Sequence[bytes], chance: random.Random) -> bytes:
    """
    Change one seed in a few places.
    """
    data = bytearray(chance.choice(seeds))
    for _ in range(chance.choice((1, 1, 2, 3, 8))):
        at = chance.randrange(len(data) + 1)
        until = at + chance.choice((0, 1, 1, 2, 4, 16))
        match chance.randrange(4):
            case 0:
                data[at:until] = bytes(chance.choices(SPECIAL, k=until - at))
            case 1:
                data[at:until] = chance.randbytes(until - at)
            case 2:
                other = chance.choice(seeds)
                begin = chance.randrange(len(other) + 1)
                data[at:until] = other[begin : begin + chance.randrange(64)]
            case _:
                data[at:at] = data[at:until] * chance.choice((1, 2, 50))
    return bytes(data[:LONGEST_SEED])


def main() -> None:
    """
    Check changed seeds, and stop at the first fault.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("target", choices=TARGETS)
    parser.add_argument("--runs", type=int, default=20_000)
    parser.add_argument("--first", type=int, default=0, help="number of the first run")
    options = parser.parse_args()
    check, makeSeeds = TARGETS[options.target]
    seeds = [seed for seed in makeSeeds() if 0 < len(seed) <= 4096]
    for run in range(options.first, options.first + options.runs):
        data = mutate(seeds, random.Random(run))
        try:
            check(data)
        except Exception:
            print(f"run {run}: {data!r}", file=sys.stderr)
            raise
    form = "compiled" if COMPILED else "as Python"
    print(f"{options.target}, {form}: {options.runs} runs, no fault")


if __name__ == "__main__":
    main()
