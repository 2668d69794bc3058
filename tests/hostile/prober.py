"""
A program that asks C{/healthz} over and over, on a new connection each time,
until its standard input ends:

    python prober.py PORT

Prints the seconds that each answer took and what went wrong, as JSON.
"""

from __future__ import annotations

import json
import select
import socket
import sys
import time

#: Seconds between questions.
PAUSE = 0.005

_REQUEST = b"GET /healthz HTTP/1.0\r\n\r\n"


def ask(port: int) -> bytes:
    """
    Ask once.

    @return: The answer.
    """
    answer = b""
    with socket.create_connection(("127.0.0.1", port), 10) as connection:
        connection.sendall(_REQUEST)
        while piece := connection.recv(4096):
            answer += piece
    return answer


def main(port: str) -> None:
    """
    Ask.
    """
    times: list[float] = []
    failures: list[str] = []
    print("ready", flush=True)
    while not select.select([sys.stdin], [], [], PAUSE)[0]:
        begin = time.perf_counter()
        try:
            answer = ask(int(port))
        except OSError as error:
            failures.append(repr(error))
        else:
            if not (answer.startswith(b"HTTP/1.0 200 ") and answer.endswith(b"ok\n")):
                failures.append(repr(answer))
        times.append(time.perf_counter() - begin)
    print(json.dumps({"times": times, "failures": failures}))


if __name__ == "__main__":
    main(*sys.argv[1:])
