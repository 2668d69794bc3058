"""
Clients that guess passwords.
"""

from __future__ import annotations

import contextlib
import signal
import threading
from base64 import b64encode
from http.client import HTTPConnection

import bcrypt

from tests.e2e.programs import script
from tests.hostile.witness import HostileTestCase

#: The cost of a hash: a check takes some 50 ms.
_COST = 10


def line(user: str, cost: int = _COST) -> str:
    """
    Make a line of the file: the password is the name.
    """
    hashed = bcrypt.hashpw(user.encode(), bcrypt.gensalt(_COST)).decode()
    return f"{user}:{hashed}\n".replace(f"${_COST}$", f"${cost}$")


class PasswordTests(HostileTestCase):
    """
    Tests with users of the HTTP input.
    """

    def send(self, port: int, user: str, password: str, source: str) -> int:
        """
        Send a record.

        @return: The status of the answer.
        """
        client = HTTPConnection(
            "127.0.0.1", port, timeout=60, source_address=(source, 0)
        )
        pair = b64encode(f"{user}:{password}".encode()).decode()
        headers = {
            "authorization": f"Basic {pair}",
            "content-type": "application/x-www-form-urlencoded",
        }
        try:
            client.request("POST", "/", b"msg=a", headers)
            return client.getresponse().status
        finally:
            client.close()

    def test_guesses(self) -> None:
        """
        While one host guesses over forty connections, users are served who were known
        before a SIGHUP, and so are users who are not known yet.
        """
        path = self.directory / "passwords"
        path.write_text(line("alice") + line("bob") + line("carol"))
        service = self.serveAll(f"--http-passwords={path}")
        port = service.port("http")
        self.assertEqual(self.send(port, "alice", "alice", "127.0.0.1"), 204)
        ended = threading.Event()
        statuses: list[int] = []

        def guess(number: int) -> None:
            guesses = 0
            while not ended.is_set():
                guesses += 1
                with contextlib.suppress(OSError):
                    statuses.append(
                        self.send(port, "alice", f"{number} {guesses}", "127.0.0.9")
                    )

        threads = [threading.Thread(target=guess, args=(n,)) for n in range(40)]
        for thread in threads:
            thread.start()
        try:
            service.waitFor(lambda: 503 in statuses)
            service.process.send_signal(signal.SIGHUP)
            for number in range(5):
                self.assertEqual(self.send(port, "alice", "alice", "127.0.0.1"), 204)
                self.assertEqual(
                    self.send(port, "bob", "bob", f"127.0.0.{number + 2}"), 204
                )
            self.assertEqual(self.send(port, "carol", "carol", "127.0.0.3"), 204)
        finally:
            ended.set()
            for thread in threads:
                thread.join()
        self.assertEqual(set(statuses), {401, 503})
        self.checkBooks(service)
        self.checkQuiet(service)

    def test_absurdCost(self) -> None:
        """
        A hash that would take hours to check is refused at the start, and at a SIGHUP:
        then the users stay as they were.
        """
        path = self.directory / "passwords"
        path.write_text(line("alice") + line("bob", 31))
        failed = self.call(script("logrecv"), f"--http-passwords={path}")
        self.assertEqual(failed.returncode, 1)
        self.assertRegex(failed.stderr, r"^logrecv: .*line 2 .* cost 31; .*\n$")
        path.write_text(line("alice"))
        service = self.serveAll(f"--http-passwords={path}")
        path.write_text(line("alice", 31))
        service.process.send_signal(signal.SIGHUP)
        service.waitFor(lambda: "cost 31" in service.log)
        port = service.port("http")
        self.assertEqual(self.send(port, "alice", "alice", "127.0.0.1"), 204)
        self.assertEqual(service.log.count("cost 31"), 1)
