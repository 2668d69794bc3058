"""
A hostile client, as a program of its own:

    python -m tests.hostile.attacker tcp|udp|http|frames|bodies PORT ROUNDS

Sends every case to one input, as often as it is told, and prints what it sent
as a JSON object: C{payloads}, those of which the number is known, for each of
which one must be counted as received.
"""

from __future__ import annotations

import json
import socket
import sys
import time
from collections.abc import Iterable
from contextlib import suppress
from urllib.parse import quote_from_bytes

from tests.hostile import cases, costly

_HOST = "127.0.0.1"

#: Seconds that the service has to close a connection or answer.
_PATIENCE = 0.2

#: Bytes of datagrams after which the service gets a moment: much less than the
#: receive buffer that every Linux gives, since what the kernel drops is lost to
#: healthy clients too.
_BURST = 64 * 1024


def _send(port: int, data: bytes, answered: bool = False) -> None:
    """
    Send bytes on a new connection, and close the connection.

    @param answered: True to wait for the beginning of an answer.
    """
    # The service may well close the connection first.
    with suppress(OSError), socket.create_connection((_HOST, port), 10) as client:
        client.sendall(data)
        if answered:
            client.settimeout(_PATIENCE)
            client.recv(4096)
        client.shutdown(socket.SHUT_WR)
        client.settimeout(10)
        while client.recv(65536):
            pass


def _pickles() -> Iterable[bytes]:
    for _, payload in (*cases.corpus(), *cases.pickles()):
        yield payload


def attackTCP(port: int) -> int:
    """
    Send frames, first many on one connection, then odd streams.
    """
    sent = 0
    with socket.create_connection((_HOST, port), 10) as client:
        for payload in _pickles():
            client.sendall(cases.frame(payload))
            sent += 1
        client.shutdown(socket.SHUT_WR)
        client.settimeout(30)
        client.recv(1)
    for _, data in cases.streams():
        _send(port, data)
    return sent


def attackUDP(port: int) -> int:
    """
    Send datagrams, and floods of small and empty ones.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.connect((_HOST, port))
        datagrams = [data for _, data in cases.datagrams()]
        datagrams += [
            cases.frame(payload)
            for payload in _pickles()
            if len(payload) <= cases.LARGEST_DATAGRAM
        ]
        datagrams += [b""] * 2000 + [cases.frame(cases.record())] * 500
        burst = 0
        for data in datagrams:
            # The kernel itself holds so much for a small datagram (skbuff).
            burst += len(data) + 800
            if burst > _BURST:
                time.sleep(0.02)
                burst = len(data) + 800
            client.send(data)
    return len(datagrams)


def attackHTTP(port: int) -> int:
    """
    Send odd requests, and pickles where forms and JSON should be.
    """
    for _, data in cases.requests():
        _send(port, data, answered=True)
    for payload in _pickles():
        query = quote_from_bytes(payload[: 200 * 1024]).encode()
        _send(port, cases.form(payload))
        _send(port, cases.lines(payload))
        _send(port, cases.request(b"GET /?" + query))
    return 0


def attackFrames(port: int) -> int:
    """
    Send the frames that take longest.
    """
    sent = 0
    with socket.create_connection((_HOST, port), 10) as client:
        client.settimeout(60)
        for _, payload in costly.frames():
            client.sendall(cases.frame(payload))
            sent += 1
        client.shutdown(socket.SHUT_WR)
        client.recv(1)
    return sent


def attackBodies(port: int) -> int:
    """
    Send the bodies of JSON that take longest, and wait for the answers.
    """
    for _, body in costly.bodies():
        with socket.create_connection((_HOST, port), 10) as client:
            client.settimeout(60)
            client.sendall(cases.lines(body))
            client.recv(4096)
    return 0


def main(kind: str, port: str, rounds: str) -> None:
    """
    Attack.
    """
    attack = {
        "tcp": attackTCP,
        "udp": attackUDP,
        "http": attackHTTP,
        "frames": attackFrames,
        "bodies": attackBodies,
    }[kind]
    payloads = sum(attack(int(port)) for _ in range(int(rounds)))
    print(json.dumps({"payloads": payloads}))


if __name__ == "__main__":
    main(*sys.argv[1:])
