"""
Keys and certificates from PEM files.  Needs the extra C{tls}.
"""

from __future__ import annotations

from typing import Any, Final

from OpenSSL import crypto
from twisted.internet.ssl import Certificate, KeyPair

_END: Final = b"-----END CERTIFICATE-----"


def readCertificates(path: str) -> list[Certificate]:
    """
    Read the certificates in a file, in their order.

    @raise ValueError: There is none.
    @raise OpenSSL.crypto.Error: One of them is no certificate.
    @raise OSError: The file cannot be read.
    """
    parts = _read(path).split(_END)[:-1]
    if not parts:
        raise ValueError(f"{path} has no certificate in it")
    return [
        Certificate.loadPEM(part[part.index(b"-----BEGIN") :] + _END) for part in parts
    ]


def readIdentity(key: str, cert: str) -> dict[str, Any]:
    """
    Read what C{CertificateOptions} wants to show a certificate.

    @param key: The file with the private key.
    @param cert: The file with the certificate, and those between it and its
        authority behind it.
    @return: Keyword arguments.
    @raise Exception: As L{readCertificates}.
    """
    own, *chain = [each.original for each in readCertificates(cert)]
    return {
        "privateKey": KeyPair.load(_read(key), crypto.FILETYPE_PEM).original,
        "certificate": own,
        "extraCertChain": chain,
    }


def _read(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()
