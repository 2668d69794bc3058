"""
Log over TCP: python socket_client.py [HOST [PORT]]
"""

import logging
import logging.handlers
import sys

host = sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1"
port = int(sys.argv[2]) if len(sys.argv) > 2 else 9020

logger = logging.getLogger("example.socket")
logger.setLevel(logging.DEBUG)
logger.addHandler(logging.handlers.SocketHandler(host, port))

logger.info("order %d accepted", 17, extra={"user": "alice", "items": [3, 4]})
try:
    sum([1, "two"])
except TypeError:
    logger.exception("order %d failed", 18)
