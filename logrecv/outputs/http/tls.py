"""
TLS for forwarding over HTTP.  Needs the extra C{tls}.
"""

from __future__ import annotations

from typing import Any

from attrs import frozen
from OpenSSL import SSL, crypto
from twisted.internet.ssl import (
    CertificateOptions,
    optionsForClientTLS,
    platformTrust,
    trustRootFromCertificates,
)
from twisted.web.iweb import IPolicyForHTTPS
from zope.interface import implementer

from logrecv.certificates import readCertificates, readIdentity
from logrecv.descriptions import DescriptionError


@implementer(IPolicyForHTTPS)
@frozen(eq=False)
class TLSPolicy:
    """
    The authorities that are trusted, and the certificate that is shown.

    @ivar trustRoot: The trusted authorities.
    @ivar own: The keyword arguments of C{CertificateOptions} for the own certificate.
    """

    trustRoot: Any
    own: dict[str, Any]

    @classmethod
    def fromFiles(cls, ca: str | None, cert: str | None, key: str | None) -> TLSPolicy:
        """
        Make a policy of PEM files.

        @param ca: The path of the certificates of the authorities to trust; L{None}
            for the authorities that the system trusts.
        @param cert: The path of the certificate to show, followed by the certificates
            between it and its authority.
        @param key: The path of the private key of the certificate.
        @raise DescriptionError: A file cannot be used.
        """
        if (cert is None) != (key is None):
            raise DescriptionError("cert= and key= go together; give both")
        root = platformTrust()
        own: dict[str, Any] = {}
        try:
            if ca is not None:
                root = trustRootFromCertificates(readCertificates(ca))
            if cert is not None and key is not None:
                own = readIdentity(key, cert)
            CertificateOptions(trustRoot=root, **own).getContext()
        except (SSL.Error, crypto.Error, ValueError) as error:
            problem = " ".join(str(error).split())
            raise DescriptionError(
                f"the key or a certificate is no use: {problem}"
            ) from None
        return cls(root, own)

    def creatorForNetloc(self, hostname: bytes, port: int) -> Any:
        return optionsForClientTLS(
            hostname.decode("ascii"), self.trustRoot, extraCertificateOptions=self.own
        )
