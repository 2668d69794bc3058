"""
The pickles that stock handlers sent, and a way to decode one value.
"""

from __future__ import annotations

import gzip
import json
from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from logrecv.wire.pickled.machine import loads

DATA = Path(__file__).parents[2] / "data"


def lines(path: Path) -> Iterator[dict[str, str]]:
    """
    Read a compressed file of JSON lines.
    """
    with gzip.open(path, "rt", encoding="utf-8") as file:
        for line in file:
            yield json.loads(line)


def captures() -> list[bytes]:
    """
    Read the pickles that stock handlers sent.
    """
    return [
        b64decode(line["wire"])[4:]
        for path in sorted((DATA / "wire").glob("*.jsonl.gz"))
        for line in lines(path)
        if line["via"] in ("socket", "datagram")
    ]


CAPTURES = captures()


def value(opcodes: bytes) -> Any:
    """
    Decode one value, given the opcodes that push it.
    """
    return loads(b"}X\x01\0\0\0v" + opcodes + b"s.")["v"]
