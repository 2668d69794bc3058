"""
The benchmarks of the installed logrecv: C{python -m bench}.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path

_CHECKOUT = Path(__file__).resolve().parent.parent


def main() -> int:
    """
    Measure the installed logrecv, and not the source beside this file.

    The decoder of the source is compiled only after a build in place, so its
    figures would say little about an installation.

    @return: The exit status.
    """
    # The modules of this package are still found: the package knows its folder.
    sys.path[:] = [
        entry for entry in sys.path if Path(entry or ".").resolve() != _CHECKOUT
    ]
    if find_spec("logrecv") is None:
        print("python -m bench: logrecv is not installed; install it first")
        return 1
    from bench.command import main

    return main()


if __name__ == "__main__":
    sys.exit(main())
