"""
Log over HTTPS, as a user with a password, and with a certificate if the receiver
asks for one:

    LOGRECV_PASSWORD=… python https_client.py HOST:PORT CA USER [CERTIFICATE KEY]

CA is the file with the certificate of the receiver's authority.
"""

import logging
import logging.handlers
import os
import ssl
import sys

host, authority, user = sys.argv[1:4]
context = ssl.create_default_context(cafile=authority)
if len(sys.argv) > 4:
    context.load_cert_chain(*sys.argv[4:6])

logger = logging.getLogger("example.https")
logger.setLevel(logging.DEBUG)
logger.addHandler(
    logging.handlers.HTTPHandler(
        host,
        "/",
        method="POST",
        secure=True,
        credentials=(user, os.environ["LOGRECV_PASSWORD"]),
        context=context,
    )
)

logger.error("order %d failed", 17, extra={"user": "alice"})
