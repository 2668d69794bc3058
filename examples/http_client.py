"""
Log over HTTP: python http_client.py [HOST:PORT]

HTTPHandler waits for the answer to each record.  With a queue in front of the handler,
the threads of the program do not wait.
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
