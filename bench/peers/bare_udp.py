"""
A loop with no framework and no safety, for datagrams.  C{bare_udp.py PORT FILE}.
"""

import pickle
import socket
import sys

import orjson


def main() -> None:
    """
    Read and write, one datagram after the other.
    """
    receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    receiver.bind(("127.0.0.1", int(sys.argv[1])))
    with open(sys.argv[2], "ab", buffering=0) as output:
        while True:
            data, _ = receiver.recvfrom(65536)
            output.write(orjson.dumps(pickle.loads(data[4:])) + b"\n")


main()
