"""
A receiver of batches of JSON lines that is no logrecv and is never killed, and
one who sends such batches until they are taken.
"""

from __future__ import annotations

import http.client
import json
import threading
import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.faults.accounts import padding


class Receiver(ThreadingHTTPServer):
    """
    Takes every batch that comes.

    @ivar batches: The name of each batch and the numbers of its records, in the
        order in which they came, repeated or not.
    @ivar rest: Seconds that each batch takes.
    """

    daemon_threads = True

    def __init__(self, port: int = 0) -> None:
        """
        @param port: Where to listen; 0 to have one chosen.
        """
        super().__init__(("127.0.0.1", port), _Handler)
        self.batches: list[tuple[str, list[int]]] = []
        self.rest = 0.0
        self._lock = threading.Lock()
        self._connections: set[Any] = set()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def take(self, name: str, body: bytes) -> None:
        """
        Take a batch.
        """
        numbers = [
            int(json.loads(line)["message"].partition(" ")[0])
            for line in body.splitlines()
        ]
        time.sleep(self.rest)
        with self._lock:
            self.batches.append((name, numbers))

    def end(self) -> None:
        """
        Listen no longer, and close all connections.
        """
        self.shutdown()
        self.server_close()
        for connection in list(self._connections):
            with suppress(OSError):
                connection.shutdown(2)

    def process_request(self, request: Any, client_address: Any) -> None:
        """
        Serve a connection.
        """
        self._connections.add(request)
        super().process_request(request, client_address)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """
        Say nothing: that connections break is what the tests are about.
        """

    def everything(self) -> list[int]:
        """
        The numbers of all records that came: what a receiver has that does not
        know the names of batches.
        """
        with self._lock:
            return [number for _, numbers in self.batches for number in numbers]

    def once(self) -> list[int]:
        """
        The numbers of the records in batches with different names: what a
        receiver has that knows them.
        """
        with self._lock:
            batches = dict(reversed(self.batches))
            names = dict.fromkeys(name for name, _ in self.batches)
        return [number for name in names for number in batches[name]]


class _Handler(BaseHTTPRequestHandler):
    """
    One connection.
    """

    protocol_version = "HTTP/1.1"
    server: Receiver

    def do_POST(self) -> None:
        """
        Take a batch.
        """
        with suppress(OSError):
            body = self.rfile.read(int(self.headers["content-length"]))
            self.server.take(self.headers["logrecv-batch"], body)
            self.send_response(204)
            self.end_headers()

    def log_message(self, format: str, *arguments: Any) -> None:
        """
        Log nothing.
        """


class Poster(threading.Thread):
    """
    Sends numbered records in batches with names, each until it is taken.

    @ivar accepted: Records of which it was told that they are taken.
    """

    def __init__(self, port: int, count: int, size: int, rate: float) -> None:
        """
        @param count: Records.
        @param size: Records in a batch.
        @param rate: Records a second, at most.
        """
        super().__init__(daemon=True)
        self.accepted = 0
        self.ended = False
        self._port = port
        self._count = count
        self._size = size
        self._rate = rate
        self._connection: http.client.HTTPConnection | None = None

    def run(self) -> None:
        """
        Send.
        """
        begun = time.monotonic()
        while self.accepted < self._count and not self.ended:
            time.sleep(max(begun + self.accepted / self._rate - time.monotonic(), 0))
            numbers = range(self.accepted, min(self.accepted + self._size, self._count))
            lines = [
                json.dumps({"name": "app", "msg": f"{number} {padding()}"})
                for number in numbers
            ]
            while not self._post(str(self.accepted), "\n".join(lines)):
                if self.ended:
                    return
                time.sleep(0.05)
            self.accepted = numbers.stop

    def _post(self, name: str, body: str) -> bool:
        headers = {"content-type": "application/x-ndjson", "logrecv-batch": name}
        try:
            if self._connection is None:
                self._connection = http.client.HTTPConnection(
                    "127.0.0.1", self._port, timeout=10
                )
            self._connection.request("POST", "/records", body, headers)
            response = self._connection.getresponse()
            response.read()
            return response.status == 204
        except (OSError, http.client.HTTPException):
            if self._connection is not None:
                self._connection.close()
            self._connection = None
            return False
