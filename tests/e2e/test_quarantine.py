"""
Rejected payloads: from the network into the quarantine, and back again.
"""

from __future__ import annotations

import json
import os
import pickle
import signal
import socket
from base64 import b64decode, b64encode
from typing import Any
from urllib.parse import urlencode

from tests.e2e.programs import ProgramTestCase, Service, post, script

_FORM = "application/x-www-form-urlencoded"


class QuarantineTests(ProgramTestCase):
    """
    C{--quarantine} and C{logrecv replay}.
    """

    INPUTS = (
        "--console=tcp:0:interface=127.0.0.1",
        "--tcp=tcp:0:interface=127.0.0.1",
        "--udp=udp:0:interface=127.0.0.1",
        "--http=tcp:0:interface=127.0.0.1",
    )

    def entries(self, name: str) -> list[dict[str, Any]]:
        """
        Read what is in quarantine.
        """
        files = sorted((self.directory / name).glob("*.jsonl"))
        entries = [json.loads(x) for f in files for x in f.read_bytes().splitlines()]
        for entry in entries:
            entry["payload"] = b64decode(entry["payload"])
        return entries

    def to(self, service: Service) -> list[str]:
        """
        Make the options that lead to a service.
        """
        names = ("tcp", "udp", "http")
        return [f"--{name}=127.0.0.1:{service.port(name)}" for name in names]

    def sendBad(self, service: Service) -> list[tuple[str, str, bytes]]:
        """
        Send a payload each way of which no record can be made.

        @return: The way, the reason and the payload of each.
        """
        payloads = [
            ("tcp", "not-a-record", pickle.dumps([1, 2], 1)),
            ("udp", "malformed", b"\x80no pickle\xff"),
            ("http", "malformed", b"&&&"),
            ("json", "malformed", b'{"msg": "one"}\n{"msg": '),
        ]
        tcp, udp, form, body = (payload for _, _, payload in payloads)
        with socket.create_connection(("127.0.0.1", service.port("tcp"))) as stream:
            stream.sendall(len(tcp).to_bytes(4, "big") + tcp)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams:
            datagrams.sendto(
                len(udp).to_bytes(4, "big") + udp, ("127.0.0.1", service.port("udp"))
            )
        url = f"http://127.0.0.1:{service.port('http')}"
        self.assertEqual(post(f"{url}/", form.decode(), _FORM)[0], 400)
        self.assertEqual(post(f"{url}/records", body.decode())[0], 400)
        return payloads

    def test_thereAndBack(self) -> None:
        """
        A payload that is rejected over TCP, over UDP, as a form or as JSON is in
        the quarantine with the reason, the sender and the time, and is counted.
        The payload arrives byte for byte when it is sent again.  A payload that
        is answered with a refusal is reported.
        """
        first = self.serve(*self.INPUTS, "--quarantine=first")
        sent = self.sendBad(first)
        first.waitFor(lambda: len(self.entries("first")) == 4)
        for entry in self.entries("first"):
            self.assertRegex(entry["peer"], r"^127\.0\.0\.1:\d+$")
            self.assertRegex(entry["at"], r"^20\d\d-\d\d-\d\dT[\d:]{8}\.\d{6}Z$")
        kept = [(e["via"], e["reason"], e["payload"]) for e in self.entries("first")]
        self.assertEqual(sorted(kept), sorted(sent))
        # An entry is counted once the thread that wrote the entry has said so.
        count = 'logrecv_quarantined_total{reason="malformed"}'
        first.waitFor(lambda: first.metrics().get(count) == 3)
        # The process is killed: what was kept stays.
        first.stop(signal.SIGKILL)

        second = self.serve(*self.INPUTS, "--quarantine=second")
        done = self.call(
            script("logrecv"),
            "replay",
            *self.to(second),
            "first/rejected-0000000001.jsonl",
        )
        self.assertEqual(done.returncode, 1, done)
        self.assertEqual(done.stderr.count(": 400 "), 2, done.stderr)
        self.assertIn("tcp: 1 sent", done.stdout)
        second.waitFor(lambda: len(self.entries("second")) == 4)
        kept = [(e["via"], e["reason"], e["payload"]) for e in self.entries("second")]
        self.assertEqual(sorted(kept), sorted(sent))
        self.assertEqual(second.stop(), 0)

    def test_taken(self) -> None:
        """
        A payload that the receiver can now decode becomes a record.  C{--reason}
        chooses payloads, and the exit status is 0.
        """
        attributes = {"levelname": "INFO", "levelno": 20}
        payloads = {
            "tcp": pickle.dumps({**attributes, "msg": "a"}, 1),
            "udp": pickle.dumps({**attributes, "msg": "b"}, 1),
            "http": urlencode({**attributes, "msg": "c"}).encode(),
            "json": json.dumps({**attributes, "msg": "d"}).encode(),
        }
        with (self.directory / "rejected.jsonl").open("w") as file:
            for reason in ("too-complex", "malformed"):
                for via, payload in payloads.items():
                    entry = {
                        "at": "2023-11-14T22:13:21.000000Z",
                        "via": via,
                        "peer": "1.2.3.4:5",
                        "reason": reason,
                        "payload": b64encode(payload).decode(),
                    }
                    file.write(json.dumps(entry) + "\n")
        service = self.serve(*self.INPUTS, "--output=file:records.jsonl")
        done = self.call(
            script("logrecv"),
            "replay",
            *self.to(service),
            "--reason=too-complex",
            "rejected.jsonl",
        )
        self.assertEqual((done.returncode, done.stderr), (0, ""), done)
        self.assertTrue(done.stdout.endswith("left out: 4\n"), done.stdout)
        records = service.awaitRecords(4, "records.jsonl")
        messages = sorted((r["message"], r["received"]["via"]) for r in records)
        self.assertEqual(
            messages, [("a", "tcp"), ("b", "udp"), ("c", "http"), ("d", "json")]
        )

    def test_cannotBeMade(self) -> None:
        """
        A quarantine that cannot be had ends the program at its start: one line,
        status 1, and nothing made.
        """
        (self.directory / "file").touch()
        for name in ("file", "no/where"):
            done = self.call(script("logrecv"), f"--quarantine={name}")
            self.assertEqual((done.returncode, done.stdout), (1, ""), done)
            self.assertIn(f"--quarantine '{name}': ", done.stderr)
            self.assertEqual(done.stderr.count("\n"), 1)
            self.assertEqual(os.listdir(self.directory), ["file"])
