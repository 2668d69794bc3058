"""
Log with all three handlers, from a configuration:

    python dict_config.py [TCP_PORT UDP_PORT HTTP_PORT]
"""

import logging.config
import sys

tcp, udp, http = sys.argv[1:4] or ("9020", "9021", "9022")

logging.config.dictConfig(
    {
        "version": 1,
        "disable_existing_loggers": False,
        "handlers": {
            "tcp": {
                "class": "logging.handlers.SocketHandler",
                "host": "127.0.0.1",
                "port": int(tcp),
            },
            "udp": {
                "class": "logging.handlers.DatagramHandler",
                "host": "127.0.0.1",
                "port": int(udp),
                "level": "WARNING",
            },
            "http": {
                "class": "logging.handlers.HTTPHandler",
                "host": f"127.0.0.1:{http}",
                "url": "/",
                "method": "POST",
                "level": "ERROR",
            },
        },
        "root": {"level": "DEBUG", "handlers": ["tcp", "udp", "http"]},
    }
)

logger = logging.getLogger("example.config")
logger.info("over TCP")
logger.warning("over TCP and UDP")
logger.error("over all three")
