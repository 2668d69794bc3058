"""
TLS, certificates of clients and passwords, with the running service.
"""

from __future__ import annotations

import base64
import contextlib
import datetime
import socket
import ssl
import subprocess
import sys
import time
from http.client import HTTPSConnection
from pathlib import Path
from typing import Any

import trustme
from OpenSSL import SSL

from logrecv.testing import makeForm, makeFrame
from tests.e2e.programs import Service
from tests.hostile.test_connections import isRefused
from tests.hostile.witness import HostileTestCase, waitUntil

#: Seconds in which the service hangs up on whom it refuses.
_PATIENCE = 10

_FORM = {"Content-Type": "application/x-www-form-urlencoded"}


class Authority:
    """
    A certificate authority, and what it has issued, as files.
    """

    def __init__(self, directory: Path, name: str) -> None:
        """
        @param directory: The directory of the files.
        @param name: The name in front of each file.
        """
        self._ca = trustme.CA()
        self._directory = directory
        self._name = name
        self.path = str(directory / f"{name}.pem")
        self._ca.cert_pem.write_to_path(self.path)

    def issue(self, name: str, **options: Any) -> tuple[str, str]:
        """
        Issue a certificate.

        @return: The files of the certificate, with what is between it and the
            authority, and of the key.
        """
        issued = self._ca.issue_cert(name, **options)
        cert = self._directory / f"{self._name}-{name}.crt"
        key = self._directory / f"{self._name}-{name}.key"
        cert.write_bytes(b"".join(each.bytes() for each in issued.cert_chain_pems))
        issued.private_key_pem.write_to_path(str(key))
        return str(cert), str(key)


class TLSTestCase(HostileTestCase):
    """
    A test with an authority of ours and a stranger's.
    """

    def setUp(self) -> None:
        """
        Make the certificates.
        """
        super().setUp()
        self.ours = Authority(self.directory, "ours")
        self.cert, self.key = self.ours.issue("localhost")

    def context(self, certificate: tuple[str, str] | None = None) -> ssl.SSLContext:
        """
        Make the context of a client that trusts our authority.
        """
        context = ssl.create_default_context(cafile=self.ours.path)
        if certificate is not None:
            context.load_cert_chain(*certificate)
        return context

    def sendFrame(self, port: int, context: ssl.SSLContext | None, msg: str) -> bool:
        """
        Send a record over TCP.

        @return: True if the service kept the connection open after the record.
        """
        client = socket.create_connection(("127.0.0.1", port), _PATIENCE)
        try:
            if context is not None:
                client = context.wrap_socket(client, server_hostname="localhost")
            client.sendall(makeFrame(msg=msg, name=msg))
            client.settimeout(0.5)
            return client.recv(1) != b""
        except TimeoutError:
            return True
        except OSError:
            return False
        finally:
            client.close()

    def sendForm(
        self, port: int, context: ssl.SSLContext, msg: str, **headers: str
    ) -> int:
        """
        Send a record over HTTPS.

        @return: The status of the answer; 0 if there was none.
        """
        with contextlib.suppress(OSError):
            client = HTTPSConnection(
                "localhost", port, timeout=_PATIENCE, context=context
            )
            with contextlib.closing(client):
                body = makeForm(msg=msg, name=msg)
                client.request("POST", "/", body, {**_FORM, **headers})
                return client.getresponse().status
        return 0

    def names(self, service: Service) -> list[str]:
        """
        The loggers of the records that have come out.
        """
        return sorted(each["name"] for each in service.records())

    def awaitRefused(self, service: Service, via: str, reason: str, count: int) -> None:
        """
        Wait until so many were turned away.
        """
        name = f'logrecv_refused_total{{reason="{reason}",via="{via}"}}'
        waitUntil(
            lambda: service.metrics().get(name) == count,
            lambda: f"{name} is not {count}: {service.metrics()}",
        )


class EncryptedTests(TLSTestCase):
    """
    Tests for C{ssl:}.
    """

    def setUp(self) -> None:
        """
        Start a service that shows its certificate and asks for none.
        """
        super().setUp()
        kind = f"ssl:0:interface=127.0.0.1:privateKey={self.key}:certKey={self.cert}"
        self.service = self.serve(
            f"--tcp={kind}",
            f"--http={kind}",
            "--console=tcp:0:interface=127.0.0.1",
            "--allow=127.0.0.1",
        )

    def test_records(self) -> None:
        """
        Records come in over TLS, from clients that can tell who the service is.
        """
        self.assertTrue(self.sendFrame(self.service.port("tcp"), self.context(), "a"))
        self.assertEqual(
            self.sendForm(self.service.port("http"), self.context(), "b"), 204
        )
        self.service.awaitRecords(2)
        self.assertEqual(self.names(self.service), ["a", "b"])
        stranger = ssl.create_default_context()
        self.assertFalse(self.sendFrame(self.service.port("tcp"), stranger, "c"))
        self.checkQuiet(self.service)

    def test_noTLS(self) -> None:
        """
        A client that does not speak TLS is refused and counted.  The service goes
        on.
        """
        self.assertFalse(self.sendFrame(self.service.port("tcp"), None, "plain"))
        with socket.create_connection(
            ("127.0.0.1", self.service.port("http")), _PATIENCE
        ) as client:
            client.sendall(b"GET /?msg=a HTTP/1.1\r\nHost: x\r\n\r\n")
            with contextlib.suppress(ConnectionResetError):
                while client.recv(100):
                    pass
        for via in ("tcp", "http"):
            self.awaitRefused(self.service, via, "handshake", 1)
        self.test_records()

    def test_notAllowed(self) -> None:
        """
        A host that may not connect is turned away before it says anything, and
        nothing is logged.
        """
        for via in ("tcp", "http"):
            port = self.service.port(via)
            self.assertTrue(isRefused(port, "127.0.0.2"))
            self.awaitRefused(self.service, via, "not-allowed", 1)
        self.test_records()

    def test_handshakesThatStop(self) -> None:
        """
        Clients that stop amid the handshake hold up nobody.
        """
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        client = self.context().wrap_bio(
            incoming, outgoing, server_hostname="localhost"
        )
        with contextlib.suppress(ssl.SSLWantReadError):
            client.do_handshake()
        hello = outgoing.read()
        for number in range(100):
            plain = socket.create_connection(
                ("127.0.0.1", self.service.port(("tcp", "http")[number % 2])), _PATIENCE
            )
            self.addCleanup(plain.close)
            plain.sendall(hello[: number * len(hello) // 100])
        self.test_records()


class MutualTests(TLSTestCase):
    """
    Tests for C{mtls:}.
    """

    def setUp(self) -> None:
        """
        Start a service that asks for a certificate of our authority, or another
        one's of which it has been told.
        """
        super().setUp()
        others = Authority(self.directory, "others")
        self.other = others.issue("client")
        both = self.directory / "both.pem"
        both.write_bytes(
            b"".join(Path(ca.path).read_bytes() for ca in (self.ours, others))
        )
        kind = f"mtls:0:interface=127.0.0.1:key={self.key}:cert={self.cert}:ca={both}"
        self.service = self.serve(
            f"--tcp={kind}", f"--http={kind}", "--console=tcp:0:interface=127.0.0.1"
        )

    def test_right(self) -> None:
        """
        A client that shows a certificate of one of the authorities may send.
        """
        for name, certificate in [
            ("ours", self.ours.issue("client")),
            ("other", self.other),
        ]:
            context = self.context(certificate)
            self.assertTrue(self.sendFrame(self.service.port("tcp"), context, name))
            status = self.sendForm(self.service.port("http"), context, name)
            self.assertEqual(status, 204)
        self.service.awaitRecords(4)
        self.assertEqual(self.names(self.service), ["other", "other", "ours", "ours"])
        self.checkQuiet(self.service)

    def test_refused(self) -> None:
        """
        A client is refused and counted that shows no certificate, a certificate
        that has expired or is not yet valid, or a stranger's certificate, even
        under the same name.  No record that such a client sent is taken.
        """
        stranger = Authority(self.directory, "stranger")
        day = datetime.timedelta(days=1)
        now = datetime.datetime.now(datetime.UTC)
        wrong = {
            "none": None,
            "expired": self.ours.issue(
                "expired", not_before=now - 9 * day, not_after=now - day
            ),
            "early": self.ours.issue(
                "early", not_before=now + day, not_after=now + 9 * day
            ),
            "stranger": stranger.issue("client"),
        }
        for count, (name, certificate) in enumerate(wrong.items(), start=1):
            context = self.context(certificate)
            self.assertFalse(
                self.sendFrame(self.service.port("tcp"), context, name), name
            )
            self.assertEqual(
                self.sendForm(self.service.port("http"), context, name), 0, name
            )
            for via in ("tcp", "http"):
                self.awaitRefused(self.service, via, "handshake", count)
        metrics = self.service.metrics()
        for via in ("tcp", "http"):
            self.assertEqual(metrics[f'logrecv_received_total{{via="{via}"}}'], 0)
        self.test_right()

    def test_old(self) -> None:
        """
        Versions of TLS before 1.2 are not spoken.
        """
        context = self.context(self.ours.issue("client"))
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
        context.maximum_version = ssl.TLSVersion.TLSv1_1
        self.assertFalse(self.sendFrame(self.service.port("tcp"), context, "old"))
        self.awaitRefused(self.service, "tcp", "handshake", 1)
        self.assertEqual(self.service.records(), [])


#: A program that writes frames, over and over on a new connection, and closes each
#: without reading or ending TLS.
_WRITER = """
import socket, ssl, sys
port, authority, certificate, key, count = sys.argv[1:]
context = ssl.create_default_context(cafile=authority)
context.load_cert_chain(certificate, key)
frames = sys.stdin.buffer.read()
for _ in range(int(count)):
    plain = socket.create_connection(("127.0.0.1", int(port)))
    client = context.wrap_socket(plain, server_hostname="localhost")
    client.sendall(frames)
    client.close()
"""

#: The connections of that program to each input, and the frames of each connection:
#: more bytes than the buffers of the system hold.  Without tickets that are held back,
#: nearly every connection loses some.
_WRITES = 4
_FRAMES = 50
_FRAME_SIZE = 20_000


class WriteOnlyTests(TLSTestCase):
    """
    Tests for clients that never read.
    """

    def test_nothingLost(self) -> None:
        """
        All the records of a client come that writes and closes at once, over every
        kind of endpoint with TLS.
        """
        pems = self.directory / "pems"
        pems.mkdir()
        both = b"".join(Path(path).read_bytes() for path in (self.key, self.cert))
        (pems / "localhost.pem").write_bytes(both)
        where = "0:interface=127.0.0.1"
        service = self.serve(
            f"--tcp=ssl:{where}:privateKey={self.key}:certKey={self.cert}",
            f"--tcp=tls:{pems}:{where}",
            f"--tcp=mtls:{where}:key={self.key}:cert={self.cert}:ca={self.ours.path}",
            "--console=tcp:0:interface=127.0.0.1",
            f"--output=file:{self.directory / self.output}",
        )
        frames = makeFrame(msg="x" * _FRAME_SIZE) * _FRAMES
        client = [sys.executable, "-c", _WRITER]
        certificate = self.ours.issue("client")
        for port in service.addresses["tcp"]:
            arguments = [str(port), self.ours.path, *certificate, str(_WRITES)]
            subprocess.run([*client, *arguments], input=frames, check=True)
        wanted = 3 * _WRITES * _FRAMES
        accepted = 'logrecv_accepted_total{via="tcp"}'
        connections = 'logrecv_connections{via="tcp"}'
        waitUntil(
            lambda: (
                (found := service.metrics())[accepted] == wanted
                or found[connections] == 0
            ),
            lambda: str(service.metrics()),
        )
        self.assertEqual(self.checkBooks(service)[accepted], wanted)
        self.checkQuiet(service)


class NoiseTests(TLSTestCase):
    """
    Tests for the log beside clients that speak TLS in odd ways.
    """

    def test_plainLines(self) -> None:
        """
        Clients that ask for odd names, that end TLS within the handshake, or that speak
        something else, make one plain line for each input and reason.
        """
        pems = self.directory / "pems"
        pems.mkdir()
        both = b"".join(Path(path).read_bytes() for path in (self.key, self.cert))
        (pems / "localhost.pem").write_bytes(both)
        where = "0:interface=127.0.0.1"
        service = self.serve(
            f"--tcp=tls:{pems}:{where}",
            f"--tcp=ssl:{where}:privateKey={self.key}:certKey={self.cert}",
            "--console=tcp:0:interface=127.0.0.1",
        )
        goodbye = b"\x15\x03\x03\0\x02\x01\0"
        names = [
            b"localhost",
            b"unknown.example",
            b"\xff\xfe",
            b"a\n\x1b[31m",
            b"x" * 250,
        ]
        count = 0
        for port in service.addresses["tcp"]:
            for begin in (b"GET / HTTP/1.1\r\n\r\n", goodbye, *map(_hello, names)):
                with socket.create_connection(("127.0.0.1", port), _PATIENCE) as client:
                    client.sendall(begin)
                    with contextlib.suppress(OSError):
                        client.recv(65536)
                        client.sendall(goodbye)
                        while client.recv(65536):
                            pass
                count += 1
        self.awaitRefused(service, "tcp", "handshake", count)
        self.checkQuiet(service)
        self.assertNotIn("twisted.protocols", service.log)
        lines = [line for line in service.log.splitlines() if "logrecv.rej" in line]
        self.assertEqual(len(lines), 1, lines)
        self.assertIn("OpenSSL says 'http request'", lines[0])


def _hello(name: bytes) -> bytes:
    """
    Make the first bytes of a client that asks for a host.
    """
    client = SSL.Connection(SSL.Context(SSL.TLS_CLIENT_METHOD))
    client.set_tlsext_host_name(name)
    client.set_connect_state()
    with contextlib.suppress(SSL.WantReadError):
        client.do_handshake()
    return client.bio_read(65536)


class PasswordTests(TLSTestCase):
    """
    Tests for C{--http-passwords}.
    """

    def setUp(self) -> None:
        """
        Start a service with one user.
        """
        super().setUp()
        import bcrypt

        hashed = bcrypt.hashpw(b"s3cret", bcrypt.gensalt(5))
        self.path = self.directory / "passwords"
        self.path.write_bytes(b"# users\nalice:" + hashed + b"\n")
        kind = f"ssl:0:interface=127.0.0.1:privateKey={self.key}:certKey={self.cert}"
        self.service = self.serve(
            f"--http={kind}",
            "--console=tcp:0:interface=127.0.0.1",
            f"--http-passwords={self.path}",
        )

    def send(self, credentials: str | None, msg: str = "a") -> int:
        """
        Send a record.

        @return: The status of the answer.
        """
        headers = {}
        if credentials is not None:
            encoded = base64.b64encode(credentials.encode("utf-8")).decode("ascii")
            headers["Authorization"] = f"Basic {encoded}"
        return self.sendForm(self.service.port("http"), self.context(), msg, **headers)

    def test_who(self) -> None:
        """
        The right password is let in; a wrong one, none, and a user that is not
        known are refused and counted.
        """
        self.assertEqual(self.send("alice:s3cret", "right"), 204)
        for wrong in (
            None,
            "alice:wrong",
            "alice:",
            "bob:s3cret",
            ":",
            "alice",
            "alice:s3cret\0",
        ):
            self.assertEqual(self.send(wrong, "wrong"), 401, wrong)
        self.assertEqual(self.send("alice:s3cret", "right"), 204)
        self.service.awaitRecords(2)
        self.assertEqual(self.names(self.service), ["right", "right"])
        rejected = 'logrecv_rejected_total{reason="unauthorized",via="http"}'
        self.assertEqual(self.service.metrics()[rejected], 7)
        self.checkBooks(self.service)
        self.checkQuiet(self.service)

    def test_guessing(self) -> None:
        """
        While somebody guesses, who has shown the right password before is
        served at once.
        """
        self.assertEqual(self.send("alice:s3cret"), 204)
        guesses = []
        for number in range(100):
            guess = self.context().wrap_socket(
                socket.create_connection(("127.0.0.1", self.service.port("http"))),
                server_hostname="localhost",
            )
            self.addCleanup(guess.close)
            encoded = base64.b64encode(b"alice:%d" % number)
            guess.sendall(
                b"GET /?msg=a HTTP/1.1\r\nHost: x\r\nAuthorization: Basic %s\r\n\r\n"
                % encoded
            )
            guesses.append(guess)
        begin = time.perf_counter()
        self.assertEqual(self.send("alice:s3cret"), 204)
        self.report(f"{1000 * (time.perf_counter() - begin):.0f} ms beside 100 guesses")
        statuses = {guess.recv(100)[9:12] for guess in guesses}
        self.assertLessEqual(statuses, {b"401", b"503"})
        self.checkBooks(self.service)
        self.checkQuiet(self.service)
