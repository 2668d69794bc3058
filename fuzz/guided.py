"""
Fuzz one of the L{targets}, guided by coverage; see C{README.rst}.
"""

from __future__ import annotations

import sys
from pathlib import Path

import atheris

with atheris.instrument_imports():
    from targets import LONGEST_SEED, TARGETS


def main() -> None:
    """
    Fuzz until stopped, or write the seeds into a directory.
    """
    target = TARGETS[sys.argv.pop(1)]
    if sys.argv[1] == "--seed":
        corpus = Path(sys.argv[2])
        corpus.mkdir(parents=True, exist_ok=True)
        for number, seed in enumerate(target.seeds()):
            if len(seed) <= LONGEST_SEED:
                (corpus / f"seed-{number}").write_bytes(seed)
        return
    atheris.Setup(sys.argv, target.check)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
