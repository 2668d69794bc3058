"""
A loop with no framework and no safety: it reads, slices, unpickles whatever was
sent, and writes.  C{bare_tcp.py PORT FILE}.
"""

import pickle
import socket
import sys

import orjson


def main() -> None:
    """
    Serve one connection after the other.
    """
    listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
    with open(sys.argv[2], "ab", buffering=0) as output:
        while True:
            connection, _ = listener.accept()
            serve(connection, output)


def serve(connection: socket.socket, output: object) -> None:
    """
    Read one connection to its end.
    """
    rest = b""
    while data := connection.recv(65536):
        data = rest + data
        size = len(data)
        start = 0
        lines = []
        while size - start >= 4:
            end = start + 4 + int.from_bytes(data[start : start + 4], "big")
            if end > size:
                break
            lines.append(orjson.dumps(pickle.loads(data[start + 4 : end])))
            start = end
        rest = data[start:]
        if lines:
            lines.append(b"")
            output.write(b"\n".join(lines))  # type: ignore[attr-defined]


main()
