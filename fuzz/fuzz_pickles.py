"""
A coverage-guided fuzz target for L{logrecv.wire.pickles}; see C{README.rst}.

Any bytes must give a dict with text for keys or a L{WireError}, and use no more
CPU time than is right for their number.
"""

from __future__ import annotations

import gzip
import json
import sys
import time
from base64 import b64decode
from pathlib import Path

import atheris

with atheris.instrument_imports():
    from logrecv.wire.errors import WireError
    from logrecv.wire.pickles import loads

DATA = Path(__file__).parent.parent / "tests" / "data"

#: Seconds for each byte, and for a start: ten times what a payload of 64 KiB
#: may take without instruments (20 ms).
SECONDS_PER_BYTE = 10 * 0.020 / 65536
SECONDS_TO_START = 0.25


def check(payload: bytes) -> None:
    """
    Decode one payload.
    """
    started = time.process_time()
    try:
        result = loads(payload)
    except WireError:
        pass
    else:
        assert type(result) is dict
        assert all(type(key) is str for key in result)
        del result
    taken = time.process_time() - started
    assert taken < SECONDS_TO_START + SECONDS_PER_BYTE * len(payload), taken


def seed(corpus: Path) -> None:
    """
    Write captures and hostile pickles where the fuzzer looks for a beginning.
    """
    corpus.mkdir(parents=True, exist_ok=True)
    for path in [DATA / "hostile.jsonl.gz", *sorted((DATA / "wire").glob("*.gz"))]:
        with gzip.open(path, "rt", encoding="utf-8") as file:
            for number, line in enumerate(map(json.loads, file)):
                if "pickle" in line:
                    payload = b64decode(line["pickle"])
                elif line["via"] == "socket":
                    payload = b64decode(line["wire"])[4:]
                else:
                    continue
                if len(payload) <= 1 << 16:
                    (corpus / f"{path.name}-{number}").write_bytes(payload)


def main() -> None:
    """
    Fuzz until stopped, or seed a directory.
    """
    if sys.argv[1:2] == ["--seed"]:
        seed(Path(sys.argv[2]))
        return
    atheris.Setup(sys.argv, check)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
