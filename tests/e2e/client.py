"""
A program that logs with nothing but the standard library of its Python, 2.7 or
any later one:

    python client.py HANDLER HOST PORT NAME [COUNT]

HANDLER is socket, datagram, get or post; a PORT of 0 means that HOST is the
path of a UNIX socket.  Logs COUNT (3) records to the logger NAME: one with
arguments, one with a traceback, and others.
"""

import logging
import logging.handlers
import os
import sys


def makeHandler(kind, host, port):
    """
    Make the handler, as its documentation shows it.
    """
    if kind == "socket":
        return logging.handlers.SocketHandler(host, port or None)
    if kind == "datagram":
        return logging.handlers.DatagramHandler(host, port or None)
    return logging.handlers.HTTPHandler(
        "{}:{}".format(host, port), "/log", method=kind.upper()
    )


def main(kind, host, port, name, count="3"):
    """
    Log.
    """
    logging.raiseExceptions = True
    logger = logging.getLogger(name)
    logger.propagate = False
    logger.setLevel(logging.DEBUG)
    logger.addHandler(makeHandler(kind, host, int(port)))
    extra = {"request": "r-1", "python": "{}.{}".format(*sys.version_info[:2])}
    logger.info(
        "hello %s, %d",
        "w\u00f6rld" if sys.version_info[0] > 2 else "world",
        42,
        extra=extra,
    )
    try:
        os.listdir("/nowhere/at/all")
    except OSError:
        logger.exception("it failed")
    for number in range(2, int(count)):
        logger.warning("number %d", number)
    logging.shutdown()


if __name__ == "__main__":
    main(*sys.argv[1:])
