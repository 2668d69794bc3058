"""
A program that logs with the stock handlers, all three at a time, until its
standard input ends:

    python healthy.py HOST TCP UDP HTTP

Prints how often it has logged.  A port of 0 is not logged to.
"""

from __future__ import annotations

import logging
import select
import sys
import time
from logging.handlers import DatagramHandler, HTTPHandler, SocketHandler

#: Seconds between records.
PAUSE = 0.01


def main(host: str, tcp: str, udp: str, http: str) -> None:
    """
    Log.
    """
    logging.raiseExceptions = True
    loggers = []
    for name, port, handler in (
        ("tcp", tcp, SocketHandler(host, int(tcp))),
        ("udp", udp, DatagramHandler(host, int(udp))),
        ("http", http, HTTPHandler(f"{host}:{http}", "/log", method="POST")),
    ):
        if port != "0":
            logger = logging.getLogger(f"healthy.{name}")
            logger.propagate = False
            logger.setLevel(logging.INFO)
            logger.addHandler(handler)
            loggers.append(logger)
    number = 0
    print("ready", flush=True)
    while not select.select([sys.stdin], [], [], 0)[0]:
        for logger in loggers:
            logger.info("number %d", number)
        number += 1
        time.sleep(PAUSE)
    logging.shutdown()
    print(number)


if __name__ == "__main__":
    main(*sys.argv[1:])
