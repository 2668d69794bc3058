"""
Every way in, with every way out.
"""

from __future__ import annotations

import json
import os
import re
import socket
import sys
from collections import Counter
from typing import Any

from tests.e2e.programs import CLIENT, ProgramTestCase, Service, interpreters, post

_CONSOLE = "--console=tcp:0:interface=127.0.0.1"


def sums(metrics: dict[str, float], name: str, label: str) -> Counter[str]:
    """
    Add up a metric by one of its labels.
    """
    result: Counter[str] = Counter()
    for key, value in metrics.items():
        if key.partition("{")[0] == name:
            match = re.search(f'{label}="([^"]*)"', key)
            assert match is not None, key
            result[match[1]] += int(value)
    return result


class PathTests(ProgramTestCase):
    """
    One service with every input and every output.
    """

    def assertConserved(self, service: Service) -> dict[str, float]:
        """
        The sums of the promise hold.
        """
        metrics = service.metrics()
        received = sums(metrics, "logrecv_received_total", "via")
        accepted = sums(metrics, "logrecv_accepted_total", "via")
        rejected = sums(metrics, "logrecv_rejected_total", "via")
        self.assertEqual(+received, accepted + rejected)
        for output in sums(metrics, "logrecv_output_queued", "output"):
            taken = (
                sum(
                    sums(metrics, f"logrecv_output_{name}", "output")[output]
                    for name in ("filtered_total", "delivered_total", "queued")
                )
                + sums(metrics, "logrecv_output_dropped_total", "output")[output]
            )
            self.assertEqual(taken, sum(accepted.values()), output)
        return metrics

    def test_everyInputToEveryOutput(self) -> None:
        """
        A record that any stock handler sends over any transport reaches standard
        output, files in both formats, another logrecv and a plain receiver of
        C{SocketHandler}.  The counters say so.
        """
        end = self.serve(
            "--tcp=tcp:0:interface=127.0.0.1", "--tcp=unix:end", "--output=stdout"
        )
        plain = self.begin(sys.executable, "-c", _PLAIN)
        plainPort = int(plain.waitFor(lambda: plain.out.partition("\n")[0]))
        service = self.serve(
            "--tcp=tcp:0:interface=127.0.0.1",
            "--tcp=tcp6:0:interface=\\:\\:1",
            "--tcp=unix:stream",
            "--udp=udp:0:interface=127.0.0.1",
            "--udp=unixgram:datagram",
            "--http=tcp:0:interface=127.0.0.1",
            "--http=unix:http",
            _CONSOLE,
            "--output=stdout",
            "--output=file:records.jsonl",
            "--output=file:records.txt:format=text",
            "--output=file:errors.txt:text=%(levelname)s %(name)s %(message)s:"
            "level=ERROR:logger=app.*",
            f"--output=forward:tcp:127.0.0.1:{end.port('tcp')}",
            "--output=forward:unix:end",
            f"--output=forward:tcp:127.0.0.1:{plainPort}",
        )
        tcp, tcp6, _ = service.addresses["tcp"]
        path = str(self.directory)
        self.log("socket", tcp, "app.tcp")
        self.log("socket", tcp6, "app.tcp6", host="::1")
        self.log("socket", f"{path}/stream", "app.unix")
        self.log("datagram", service.port("udp"), "app.udp")
        self.log("datagram", f"{path}/datagram", "app.unixgram")
        self.log("get", service.port("http"), "app.get")
        self.log("post", service.port("http"), "app.post")
        url = f"http://127.0.0.1:{service.port('http')}/records"
        line = {"name": "app.json", "levelname": "ERROR", "levelno": 40}
        body = [{**line, "message": text} for text in ("hello", "it failed", "bye")]
        self.assertEqual(post(url, json.dumps(body)), (204, ""))
        names = ["tcp", "tcp6", "unix", "udp", "unixgram", "get", "post", "json"]
        wanted = Counter({f"app.{name}": 3 for name in names})

        records = service.awaitRecords(24)
        self.assertEqual(Counter(r["name"] for r in records), wanted)
        (peer,) = {r["received"]["peer"] for r in records if r["name"] == "app.unix"}
        self.assertEqual(os.path.basename(peer), "stream")
        for record in records:
            if record["name"] != "app.json" and record["message"].startswith("hello"):
                self.assertEqual(record["message"], "hello wörld, 42")
                self.assertEqual(record["extra"]["request"], "r-1")
                self.assertNotIn("repaired", record)
            if record["message"] == "it failed" and record["name"] != "app.json":
                self.assertIn("FileNotFoundError", record["exc_text"])
        self.assertEqual(service.awaitRecords(24, "records.jsonl"), records)

        forwarded = end.awaitRecords(48)
        self.assertEqual(Counter(r["name"] for r in forwarded), wanted + wanted)
        _compare(self, records, forwarded)
        got = plain.waitFor(
            lambda: len(rows := plain.out.splitlines()[1:]) >= 24 and rows
        )
        self.assertEqual(Counter(json.loads(row)[0] for row in got), wanted)

        text = (self.directory / "records.txt").read_text("utf-8")
        self.assertEqual(text.count("hello wörld, 42"), 7)
        service.waitFor(
            lambda: (
                (self.directory / "errors.txt").read_text().count("ERROR app.") == 10
            )
        )
        metrics = self.assertConserved(service)
        accepted = sums(metrics, "logrecv_accepted_total", "via")
        self.assertEqual(accepted, {"tcp": 9, "udp": 6, "http": 6, "json": 3})
        filtered = sums(metrics, "logrecv_output_filtered_total", "output")
        self.assertEqual(filtered["4-file"], 14)
        self.assertEqual(service.stop(), 0, service.describe())

    def test_rejected(self) -> None:
        """
        A payload that makes no record is counted under its reason.  No other
        record is lost, not even on the same connection.
        """
        service = self.serve(
            "--tcp=tcp:0:interface=127.0.0.1",
            "--udp=udp:0:interface=127.0.0.1",
            "--http=tcp:0:interface=127.0.0.1",
            _CONSOLE,
            "--max-record=4096",
        )
        from logrecv.testing import makeFrame

        good = makeFrame(msg="good")
        frames = [good, makeFrame(msg="x" * 5000), b"\0\0\0\4junk", good]
        with socket.create_connection(("127.0.0.1", service.port("tcp"))) as client:
            client.sendall(b"".join(frames))
            self.assertEqual(len(service.awaitRecords(2)), 2)
            client.sendall(good)
            service.awaitRecords(3)
            client.sendall(good[:20])
        with socket.socket(type=socket.SOCK_DGRAM) as client:
            for datagram in (b"", good + b"!", good[:-1], good):
                client.sendto(datagram, ("127.0.0.1", service.port("udp")))
            client.settimeout(0.2)
            self.assertRaises(TimeoutError, client.recv, 1)
        url = f"http://127.0.0.1:{service.port('http')}"
        self.assertEqual(post(f"{url}/records", "[{}")[0], 400)
        self.assertEqual(post(f"{url}/records", '"' + "x" * 5000 + '"')[0], 413)
        self.assertEqual(post(url, "<a/>", "text/xml")[0], 415)
        self.assertEqual(len(service.awaitRecords(4)), 4)

        def rejected() -> Any:
            metrics = self.assertConserved(service)
            count = sums(metrics, "logrecv_rejected_total", "via")
            return count if sum(count.values()) >= 9 else None

        self.assertEqual(
            service.waitFor(rejected), {"tcp": 3, "udp": 3, "http": 1, "json": 2}
        )
        self.assertEqual(
            sums(service.metrics(), "logrecv_connections", "via")["tcp"], 0
        )

    def test_forwardWaits(self) -> None:
        """
        A forward to a receiver that is not there yet holds its records until it
        is.
        """
        service = self.serve(
            "--tcp=tcp:0:interface=127.0.0.1", _CONSOLE, "--output=forward:unix:end"
        )
        self.log("socket", service.port("tcp"), "app", 20)
        queued = 'logrecv_output_queued{output="1-forward"}'
        service.waitFor(lambda: service.metrics()[queued] == 20)
        self.assertConserved(service)
        end = self.serve("--tcp=unix:end")
        self.assertEqual(len(end.awaitRecords(20)), 20)
        service.waitFor(lambda: service.metrics()[queued] == 0)
        self.assertConserved(service)

    def test_secure(self) -> None:
        """
        An C{ssl:} endpoint serves C{HTTPHandler(secure=True)}.
        """
        _makeCertificate(self.directory / "server.pem")
        service = self.serve(
            "--http=ssl:0:interface=127.0.0.1:privateKey=server.pem:certKey=server.pem"
        )
        done = self.call(
            sys.executable,
            "-c",
            "import logging, logging.handlers, ssl, sys\n"
            "context = ssl.create_default_context(cafile='server.pem')\n"
            "handler = logging.handlers.HTTPHandler(\n"
            "    'localhost:' + sys.argv[1], '/', 'POST', secure=True,\n"
            "    context=context)\n"
            "logging.getLogger().addHandler(handler)\n"
            "logging.error('sealed')\n",
            str(service.port("http")),
        )
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual(service.awaitRecords(1)[0]["message"], "sealed")


#: A receiver as the Python documentation has it, in short.
_PLAIN = """
import json, logging, pickle, socketserver, struct, threading
class Handler(socketserver.StreamRequestHandler):
    def handle(self):
        while len(prefix := self.rfile.read(4)) == 4:
            payload = self.rfile.read(struct.unpack(">L", prefix)[0])
            record = logging.makeLogRecord(pickle.loads(payload))
            text = logging.Formatter("%(asctime)s %(message)s").format(record)
            print(json.dumps([record.name, record.getMessage(), text]), flush=True)
with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
    print(server.server_address[1], flush=True)
    threading.Timer(120, server.shutdown).start()
    server.serve_forever()
"""


def _compare(
    case: ProgramTestCase, sent: list[dict[str, Any]], got: list[dict[str, Any]]
) -> None:
    """
    Compare records before and after a forward, which arrive by now as SocketHandler
    records whatever they were.
    """
    kept = ("time", "name", "levelno", "message", "exc_text", "funcName", "lineno")
    wanted = Counter(json.dumps([record.get(key) for key in kept]) for record in sent)
    found = Counter(json.dumps([record.get(key) for key in kept]) for record in got)
    # JSON records may have no line; a LogRecord always has one.
    found = Counter({k.replace("null, 0]", "null, null]"): n for k, n in found.items()})
    case.assertEqual(found, wanted + wanted)


def _makeCertificate(path: Any) -> None:
    """
    Make a key and a certificate of its own for C{localhost}.
    """
    from datetime import UTC, datetime, timedelta

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )


#: The end of the traceback of the client.
_FAILED = "No such file or directory: '/nowhere/at/all'"


class InterpreterTests(ProgramTestCase):
    """
    Clients in every Python that is at hand.
    """

    def test_everyPython(self) -> None:
        """
        Each of the handlers of each Python from 2.7 on is understood: message,
        arguments, traceback and extra attributes, nothing repaired.
        """
        pythons = interpreters()
        service = self.serve(
            "--tcp=tcp:0:interface=127.0.0.1",
            "--udp=udp:0:interface=127.0.0.1",
            "--http=tcp:0:interface=127.0.0.1",
        )
        addresses = {
            "socket": service.port("tcp"),
            "datagram": service.port("udp"),
            "get": service.port("http"),
            "post": service.port("http"),
        }
        for version, python in pythons.items():
            for handler, address in addresses.items():
                name = f"{handler}.{version.replace('.', '_')}"
                self.log(handler, address, name, 3, python)
        records = service.awaitRecords(3 * 4 * len(pythons))
        for record in records:
            name, message = record["name"], record["message"]
            version = name.partition(".")[2].replace("_", ".")
            self.assertNotIn("repaired", record, record)
            self.assertEqual(record["filename"], CLIENT.name)
            self.assertIsInstance(record["created"], float)
            if message.startswith("hello"):
                word = "world" if version == "2.7" else "wörld"
                self.assertEqual(message, f"hello {word}, 42", record)
                self.assertEqual(record["extra"], {"request": "r-1", "python": version})
            elif message == "it failed":
                # HTTPHandler sends no more than the repr of the exception.
                wanted = "Error(2, " if record["received"]["via"] == "http" else _FAILED
                self.assertIn(wanted, record["exc_text"], record)
                self.assertEqual(record["levelno"], 40)
            else:
                self.assertEqual(message, "number 2")
        self.assertEqual(
            Counter(record["name"] for record in records),
            Counter(
                {
                    f"{handler}.{version.replace('.', '_')}": 3
                    for handler in addresses
                    for version in pythons
                }
            ),
        )
