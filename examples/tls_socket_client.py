"""
Log over TCP with TLS, and with a certificate if the receiver asks for one:

    python tls_socket_client.py HOST PORT CA [CERTIFICATE KEY]

CA is the file with the certificate of the receiver's authority.
"""

import contextlib
import logging
import logging.handlers
import socket
import ssl
import sys


class TLSSocketHandler(logging.handlers.SocketHandler):
    """
    A SocketHandler that speaks TLS.
    """

    def __init__(self, host: str, port: int, context: ssl.SSLContext) -> None:
        super().__init__(host, port)
        self.context = context

    def makeSocket(self, timeout: float = 1) -> socket.socket:
        plain = super().makeSocket(timeout)
        return self.context.wrap_socket(plain, server_hostname=self.host)

    def close(self) -> None:
        # logrecv does not need this.  Other receivers send session tickets of TLS 1.3.
        # The last records may be lost if nobody has read these tickets, unless the
        # client ends TLS in order.
        with self.lock:
            if self.sock is not None:
                with contextlib.suppress(OSError):
                    self.sock.unwrap()
        super().close()


host, port, authority = sys.argv[1:4]
context = ssl.create_default_context(cafile=authority)
if len(sys.argv) > 4:
    context.load_cert_chain(*sys.argv[4:6])

logger = logging.getLogger("example.tls")
logger.setLevel(logging.DEBUG)
logger.addHandler(TLSSocketHandler(host, int(port), context))

logger.info("order %d accepted", 17, extra={"user": "alice"})
logger.warning("order %d is late", 18)
logging.shutdown()
