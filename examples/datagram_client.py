"""
Log over UDP: python datagram_client.py [HOST [PORT]]

A datagram may be lost without notice.  A record of more than 65,507 bytes cannot be
sent.
"""

import logging
import logging.handlers
import sys

host = sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1"
port = int(sys.argv[2]) if len(sys.argv) > 2 else 9021

logger = logging.getLogger("example.datagram")
logger.setLevel(logging.DEBUG)
logger.addHandler(logging.handlers.DatagramHandler(host, port))

logger.warning("order %d is late", 17, extra={"user": "alice"})
