"""
C{tls:}, a kind of endpoint: TLS with the certificate of the host name that the client
asks for, from a directory.

Twisted has such an endpoint since 26.4.  It reads the whole directory again for each
client that asks for an unknown name, and logs what the client has asked for.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar, Final

from twisted.internet.interfaces import (
    IOpenSSLServerConnectionCreator,
    IReactorTime,
    IStreamServerEndpoint,
)
from twisted.logger import Logger
from zope.interface import implementer

from logrecv.descriptions import Description, portNumber

#: The syntax of a description.
SYNTAX: Final = "tls:DIRECTORY[:PORT][:interface=ADDR][:backlog=N]"

#: Seconds before the directory is read again for a name that is unknown.
RELOAD_DELAY: Final = 10.0

_BLOCK: Final = re.compile(
    rb"-----BEGIN ([A-Z0-9 ]+)-----.+?-----END \1-----", re.DOTALL
)


@implementer(IOpenSSLServerConnectionCreator)
class CertificateDirectory:
    """
    The certificates in the C{.pem} files of a directory and the directories below it,
    by host name::

        CertificateDirectory("/etc/logrecv/certificates", reactor)

    A client that asks for no name, or for an unknown name, is shown the first
    certificate.
    """

    _log: ClassVar[Logger] = Logger()

    def __init__(self, path: str, clock: IReactorTime) -> None:
        """
        @param path: The path of the directory.
        @param clock: Tells the time.
        @raise ValueError: The directory has no certificate with its private key, or a
            file that cannot be used.
        """
        self._path = path
        self._clock = clock
        self._read = clock.seconds()
        self._problem = ""
        self._contexts = self._load()

    def serverConnectionForTLS(self, protocol: Any) -> Any:
        """
        Make the C{OpenSSL.SSL.Connection} of a client.
        """
        from OpenSSL.SSL import Connection

        return Connection(next(iter(self._contexts.values())))

    def contextFor(self, name: bytes) -> Any:
        """
        Return the C{OpenSSL.SSL.Context} for the name of a host; C{None} if there is
        none.
        """
        context = self._lookUp(name)
        now = self._clock.seconds()
        if context is None and now - self._read >= RELOAD_DELAY:
            self._read = now
            self._reload()
            context = self._lookUp(name)
        return context

    def _lookUp(self, name: bytes) -> Any:
        name = name.lower()
        wildcard = b"*." + name.partition(b".")[2]
        return self._contexts.get(name) or self._contexts.get(wildcard)

    def _reload(self) -> None:
        problem = ""
        try:
            self._contexts = self._load()
        except ValueError as error:
            problem = str(error)
            if problem != self._problem:
                self._log.error(
                    "cannot read certificates again, going on with the old ones: "
                    "{problem}",
                    problem=problem,
                )
        self._problem = problem

    def _select(self, connection: Any) -> None:
        """
        Choose the certificate for a client.  Does not raise: OpenSSL calls this.
        """
        name = connection.get_servername()
        context = self.contextFor(name) if name else None
        if context is not None:
            connection.set_context(context)

    def _load(self) -> dict[bytes, Any]:
        """
        Read the directory.

        @raise ValueError: As in L{__init__}.
        """
        from OpenSSL import SSL, crypto

        try:
            contexts = dict(self._makeContexts())
        except (OSError, SSL.Error, crypto.Error, ValueError) as error:
            raise ValueError(f"{self._path}: {error or 'not PEM'}") from None
        if not contexts:
            raise ValueError(
                f"{self._path} has no .pem file with a certificate for a host and "
                "its private key"
            )
        return contexts

    def _makeContexts(self) -> Iterator[tuple[bytes, Any]]:
        """
        Make the contexts, each with the names of its hosts.
        """
        from cryptography.x509 import (
            DNSName,
            ExtensionNotFound,
            SubjectAlternativeName,
            load_pem_x509_certificate,
        )
        from OpenSSL.crypto import FILETYPE_PEM
        from twisted.internet.ssl import Certificate, CertificateOptions, KeyPair

        keys: dict[str, Any] = {}
        certificates: list[Any] = []
        for path in sorted(Path(self._path).rglob("*.pem")):
            for block in _BLOCK.finditer(path.read_bytes()):
                if block[1] == b"CERTIFICATE":
                    certificates.append(Certificate.loadPEM(block[0]))
                elif block[1].endswith(b"PRIVATE KEY"):
                    key = KeyPair.load(block[0], FILETYPE_PEM)
                    keys[key.keyHash()] = key
        issuers = {
            _nameOf(each.getSubject()): each
            for each in certificates
            if each.getPublicKey().keyHash() not in keys
        }
        for each in certificates:
            own = keys.get(each.getPublicKey().keyHash())
            if own is None:
                continue
            chain: list[Any] = []
            issuer = issuers.get(_nameOf(each.getIssuer()))
            while issuer is not None and issuer.original not in chain:
                chain.append(issuer.original)
                issuer = issuers.get(_nameOf(issuer.getIssuer()))
            options = CertificateOptions(
                privateKey=own.original,
                certificate=each.original,
                extraCertChain=chain,
            )
            context = options.getContext()
            context.set_tlsext_servername_callback(self._select)
            extensions = load_pem_x509_certificate(each.dumpPEM()).extensions
            try:
                names = extensions.get_extension_for_class(SubjectAlternativeName)
            except ExtensionNotFound:
                continue
            for host in names.value.get_values_for_type(DNSName):
                yield host.lower().encode("ascii"), context


def _nameOf(name: Any) -> tuple[tuple[str, bytes], ...]:
    return tuple(sorted(name.items()))


def makeEndpoint(reactor: Any, description: Description) -> IStreamServerEndpoint:
    """
    Make an endpoint of a description.

    @raise DescriptionError: The description cannot be used.
    @raise ValueError: The certificates cannot be used.
    """
    # TLS is an extra.
    from twisted.internet.endpoints import SSL4ServerEndpoint

    path = description.takePositional("DIRECTORY", str)
    port = description.takeKeyword("port", portNumber, 443)
    if description.positional:
        port = description.takePositional("PORT", portNumber)
    backlog = description.takeKeyword("backlog", int, 50)
    interface = description.takeKeyword("interface", str, "::")
    description.finish(["port", "interface", "backlog"])
    certificates = CertificateDirectory(path, reactor)
    return SSL4ServerEndpoint(reactor, port, certificates, backlog, interface)
