"""
C{mtls:}, a kind of endpoint: TLS that asks the client for a certificate.

Twisted's C{ssl:} shows a certificate, but cannot ask for one.
"""

from __future__ import annotations

from typing import Any, Final

from attrs import frozen
from twisted.internet.interfaces import (
    IStreamServerEndpoint,
    IStreamServerEndpointStringParser,
)
from twisted.plugin import IPlugin
from zope.interface import implementer

#: The syntax of a description.
SYNTAX: Final = "mtls:PORT:key=FILE:cert=FILE:ca=FILE[:interface=ADDR][:backlog=N]"


@implementer(IPlugin, IStreamServerEndpointStringParser)
@frozen(eq=False)
class MutualTLSParser:
    """
    The plugin that makes endpoints of C{mtls:} descriptions.

    @ivar prefix: The kind.
    """

    prefix: str = "mtls"

    def parseStreamServer(
        self, reactor: Any, *args: Any, **kwargs: Any
    ) -> IStreamServerEndpoint:
        return makeEndpoint(reactor, *args, **kwargs)


def makeEndpoint(
    reactor: Any,
    port: str,
    key: str,
    cert: str,
    ca: str,
    interface: str = "",
    backlog: str = "50",
) -> IStreamServerEndpoint:
    """
    Make an endpoint of the parts of a description.

    @param port: The number of the port.
    @param key: The file with the private key, PEM.
    @param cert: The file with the certificate, PEM, and behind it the certificates
        that link it to its authority.
    @param ca: The file with the certificates of the authorities that sign clients'
        certificates, PEM.
    @param interface: The address to listen on; empty for all.
    @param backlog: The number of connections that may wait to be accepted.
    @raise ValueError: A key or a certificate cannot be used.
    """
    # TLS is an extra, and every twistd imports this module.
    from OpenSSL import SSL, crypto
    from twisted.internet.endpoints import SSL4ServerEndpoint
    from twisted.internet.ssl import (
        CertificateOptions,
        TLSVersion,
        trustRootFromCertificates,
    )

    from logrecv.certificates import readCertificates, readIdentity

    try:
        options = CertificateOptions(
            **readIdentity(key, cert),
            trustRoot=trustRootFromCertificates(readCertificates(ca)),
            raiseMinimumTo=TLSVersion.TLSv1_2,
        )
        options.getContext()
    except (SSL.Error, crypto.Error) as error:
        raise ValueError(f"the key or a certificate is no use: {error}") from None
    return SSL4ServerEndpoint(reactor, int(port), options, int(backlog), interface)
