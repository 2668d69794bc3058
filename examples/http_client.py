"""
Log over HTTP: python http_client.py [HOST:PORT]

HTTPHandler blocks its program until each record is answered.  The queue in
front of it takes that off the program's threads.
"""

import logging
import logging.handlers
import queue
import sys

host = sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1:9022"

handler = logging.handlers.HTTPHandler(host, "/", method="POST")
records: "queue.SimpleQueue[logging.LogRecord]" = queue.SimpleQueue()
listener = logging.handlers.QueueListener(records, handler)

logger = logging.getLogger("example.http")
logger.setLevel(logging.DEBUG)
logger.addHandler(logging.handlers.QueueHandler(records))

listener.start()
logger.error("order %d failed", 17, extra={"user": "alice"})
listener.stop()
