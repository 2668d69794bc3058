"""
TLS for what forwards records.  Needs the extra C{tls}.
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
    Whom to trust, and who we are.

    @ivar trustRoot: The authorities that are trusted.
    @ivar own: What C{CertificateOptions} wants to show our certificate.
    """

    trustRoot: Any
    own: dict[str, Any]

    @classmethod
    def fromFiles(cls, ca: str | None, cert: str | None, key: str | None) -> TLSPolicy:
        """
        Make a policy of files, all PEM.

        @param ca: The certificates of the authorities to trust; L{None} for
            those that the system trusts.
        @param cert: The certificate to show, and those between it and its
            authority behind it.
        @param key: Its private key.
        @raise DescriptionError: One of them is no use.
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
        """
        See L{IPolicyForHTTPS.creatorForNetloc}.
        """
        return optionsForClientTLS(
            hostname.decode("ascii"), self.trustRoot, extraCertificateOptions=self.own
        )
