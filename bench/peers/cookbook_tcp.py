"""
The receiver that the logging cookbook shows: a thread for each connection, the
record made again and given to the logger that it names.  C{cookbook_tcp.py PORT
FILE}.

Its C{recv(4)} is mended: the cookbook takes what comes for the whole length and
ends the connection when that is less, and so loses all that is behind a length
which two reads share.
"""

import logging
import logging.handlers
import pickle
import socketserver
import struct
import sys


class Handler(socketserver.StreamRequestHandler):
    """
    Reads the records of one connection.
    """

    def handle(self) -> None:
        """
        Hand each to its logger.
        """
        while True:
            prefix = self._read(4)
            if len(prefix) < 4:
                break
            (length,) = struct.unpack(">L", prefix)
            record = logging.makeLogRecord(pickle.loads(self._read(length)))
            logging.getLogger(record.name).handle(record)

    def _read(self, wanted: int) -> bytes:
        data = self.connection.recv(wanted)
        while 0 < len(data) < wanted:
            more = self.connection.recv(wanted - len(data))
            if not more:
                break
            data += more
        return data


class Server(socketserver.ThreadingTCPServer):
    """
    Serves each connection in a thread.
    """

    allow_reuse_address = True
    daemon_threads = True


def main() -> None:
    """
    Serve.
    """
    logging.basicConfig(
        filename=sys.argv[2],
        level=logging.DEBUG,
        format="%(asctime)s %(name)-15s %(levelname)-8s %(message)s",
    )
    Server(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()


main()
