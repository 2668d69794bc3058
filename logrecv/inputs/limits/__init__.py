"""
The limits that keep one client from hurting the others.
"""

from __future__ import annotations

from typing import Final

#: The longest payload that an input takes unless it is told otherwise, in bytes: far
#: more than a stock handler sends for a record with a long traceback.
MAX_RECORD_SIZE: Final = 1024 * 1024
