"""
Every reason for which a payload is rejected, a connection refused, or a record
dropped: the values of the C{reason} labels on C{/metrics}.

The set is closed, so that no client can choose a label.
"""

from __future__ import annotations

from typing import Final

# -- payloads that are rejected: C{logrecv_rejected_total} --

#: The payload is longer than C{--max-record}.
TOO_LONG: Final = "too-long"

#: The connection ended before the payload was whole.
INCOMPLETE: Final = "incomplete"

#: The bytes are no pickle, form or JSON, or no request.
MALFORMED: Final = "malformed"

#: Decoding the payload would take more work or memory than its size allows.
TOO_COMPLEX: Final = "too-complex"

#: The payload can be decoded, and is no log record.
NOT_A_RECORD: Final = "not-a-record"

#: The rest of the payload did not come within the time limit.
TOO_SLOW: Final = "too-slow"

#: Too many payloads are unfinished, or too many passwords are being checked.
OVERLOAD: Final = "overload"

#: An output is full, and the client cannot be made to wait.
PRESSURE: Final = "pressure"

#: The sender's address is not in C{--allow}.
NOT_ALLOWED: Final = "not-allowed"

#: The request has no valid user and password.
UNAUTHORIZED: Final = "unauthorized"

#: A page of another site has made a browser send the request.
CROSS_SITE: Final = "cross-site"

# -- connections that are refused: C{logrecv_refused_total}; NOT_ALLOWED too, and for
# -- the console CROSS_SITE and the reasons of requests that cannot be read --

#: C{--max-connections} are open.
TOO_MANY: Final = "too-many"

#: C{--max-connections-per-peer} are open from the same host.
TOO_MANY_FROM_PEER: Final = "too-many-from-peer"

#: The request to the console is for a name that is not the console's.
UNKNOWN_NAME: Final = "unknown-name"

#: The TLS handshake failed, or did not end within the time limit.
HANDSHAKE: Final = "handshake"

#: The connection of a proxy did not begin with a PROXY header.
PROXY_HEADER: Final = "proxy-header"

# -- records that are dropped: C{logrecv_output_dropped_total} --

#: The queue in memory is full.
QUEUE_FULL: Final = "queue-full"

#: The spool is full, or its disk is.
SPOOL_FULL: Final = "spool-full"

#: The spool's file was damaged.
DAMAGED: Final = "damaged"

#: The receiver refused the record for good.  Also the reason under which the
#: quarantine keeps such a record.
REFUSED: Final = "refused"

#: Nothing can be written to the output any more, such as a pipe without a reader.
CLOSED: Final = "closed"

#: The service stopped before the record was written.
STOPPED: Final = "stopped"

#: The record has no form in the format of the output.
UNENCODABLE: Final = "unencodable"

#: The worker that held the record in memory was killed.
KILLED: Final = "killed"

#: The sink raised an exception; or the quarantine could not write.
FAILED: Final = "failed"

# -- payloads that the quarantine drops: C{logrecv_quarantine_dropped_total};
# -- QUEUE_FULL, STOPPED and FAILED too --

#: The payload is larger than the quarantine may be.
TOO_LARGE: Final = "too-large"
