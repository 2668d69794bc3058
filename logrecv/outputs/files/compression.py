"""
Compression of rotated files.
"""

from __future__ import annotations

import gzip
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, BinaryIO, Final, TypeAlias, cast

from attrs import frozen

#: The level of gzip: the default of its command.  zlib's best takes three times
#: as long for two percent.
GZIP_LEVEL: Final = 6

#: Opens a compressor around a file: a context manager with a method C{write},
#: whose end finishes the compressed data and leaves the file open.
Compressor: TypeAlias = Callable[[BinaryIO], AbstractContextManager[Any]]


#: The suffixes of the names of compressed files.
SUFFIXES: Final = (".gz", ".zst")


@frozen
class Compression:
    """
    A way to compress.

    @ivar suffix: The suffix of the names of compressed files.
    @ivar compressor: Opens a compressor around a file.
    """

    suffix: str
    compressor: Compressor


def _gzip(file: BinaryIO) -> AbstractContextManager[Any]:
    # The archive has a name and a time of its own: gzip need not store them.
    return gzip.GzipFile("", "wb", GZIP_LEVEL, file, 0)


def _zstd() -> Compression:
    try:
        from zstandard import ZstdCompressor
    except ImportError:
        raise ValueError(
            "zstandard is not installed; pip install logrecv[zstd]"
        ) from None

    def compressor(file: BinaryIO) -> AbstractContextManager[Any]:
        writer: AbstractContextManager[Any] = ZstdCompressor(
            write_checksum=True
        ).stream_writer(file, closefd=False)
        return writer

    return Compression(".zst", compressor)


def openCompressed(path: str) -> BinaryIO:
    """
    Open a compressed file, to be read from its beginning to its end.

    @param path: The path, with one of L{SUFFIXES}.
    @raise OSError: The file cannot be opened, or the package for its compression is
        not installed.
    """
    if path.endswith(".gz"):
        return cast(BinaryIO, gzip.open(path, "rb"))
    try:
        from zstandard import ZstdDecompressor
    except ImportError as error:
        raise OSError(str(error)) from None
    return cast(BinaryIO, ZstdDecompressor().stream_reader(open(path, "rb")))


def compressionFromText(text: str) -> Compression:
    """
    Convert C{compress=}: C{gzip} or C{zstd}.

    @raise ValueError: The compression is unknown, or its package is not
        installed.
    """
    if text == "gzip":
        return Compression(".gz", _gzip)
    if text == "zstd":
        return _zstd()
    raise ValueError("must be one of gzip, zstd")
