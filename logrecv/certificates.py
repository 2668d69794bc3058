"""
Keys and certificates from PEM files.  Needs the extra C{tls}.
"""

from __future__ import annotations

from typing import Any, Final

from OpenSSL import crypto
from twisted.internet.ssl import Certificate, KeyPair

_BEGIN: Final = b"-----BEGIN"
_END: Final = b"-----END CERTIFICATE-----"


def readCertificates(path: str) -> list[Certificate]:
    """
    Read the certificates in a file, in their order.

    @raise ValueError: The file has no certificate, or text that is no certificate.
    @raise OpenSSL.crypto.Error: A certificate cannot be decoded.
    @raise OSError: The file cannot be read.
    """
    parts = _read(path).split(_END)[:-1]
    if not parts:
        raise ValueError(f"{path} has no certificate in it")
    return [Certificate.loadPEM(part[part.index(_BEGIN) :] + _END) for part in parts]


def readIdentity(key: str, cert: str) -> dict[str, Any]:
    """
    Read the private key and the certificate of this service.

    @param key: The path of the file with the private key.
    @param cert: The path of the file with the certificate, followed by the
        certificates between it and its authority.
    @return: Keyword arguments for C{CertificateOptions}.
    @raise ValueError: As in L{readCertificates}.
    @raise OpenSSL.crypto.Error: The key or a certificate cannot be decoded.
    @raise OSError: A file cannot be read.
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
