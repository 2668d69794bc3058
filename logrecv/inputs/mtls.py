"""
C{mtls:}, a kind of endpoint: TLS with a certificate asked of the client.

The stock C{ssl:} can show a certificate, but not ask for one.
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

#: What a description looks like.
SYNTAX: Final = "mtls:PORT:key=FILE:cert=FILE:ca=FILE[:interface=ADDR][:backlog=N]"


@implementer(IPlugin, IStreamServerEndpointStringParser)
@frozen(eq=False)
class MutualTLSParser:
    """
    Makes endpoints of C{mtls:} descriptions.

    @ivar prefix: The kind.
    """

    prefix: str = "mtls"

    def parseStreamServer(
        self, reactor: Any, *args: Any, **kwargs: Any
    ) -> IStreamServerEndpoint:
        """
        See L{IStreamServerEndpointStringParser.parseStreamServer}.
        """
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
    Make the endpoint of the parts of a description.

    @param port: The number of the port.
    @param key: The file with the private key, PEM.
    @param cert: The file with the certificate, PEM, and those between it and
        its authority behind it.
    @param ca: The file with the certificates of the authorities that clients'
        certificates must come from, PEM.
    @param interface: The address to listen on; empty for all.
    @param backlog: How many connections may wait to be accepted.
    @raise ValueError: A file is not what it should be.
    """
    # TLS is an extra, and this module is read by every twistd.
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
