"""
The program that a supervisor starts: C{python -m logrecv.workers DESCRIPTOR}, with the
descriptor of the socket to the supervisor.
"""

from __future__ import annotations

import sys

from logrecv.workers.worker import main

if __name__ == "__main__":
    main(int(sys.argv[1]))
