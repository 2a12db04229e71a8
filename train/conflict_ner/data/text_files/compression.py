"""Compressed files: the suffixes of compressions, reading the bytes inside, and the errors that damaged files raise.

>>> compression_suffix("reports.jsonl.GZIP"), compression_suffix("reports.jsonl")
('.gz', '')
>>> strip_compression_suffix("reports.jsonl.gz"), strip_compression_suffix("a.md")
('reports.jsonl', 'a.md')
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import sys
import tarfile
import zipfile
import zlib
from pathlib import PurePath
from typing import IO

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

_COMPRESSIONS = {".gz": ".gz", ".gzip": ".gz", ".bz2": ".bz2", ".xz": ".xz", ".zst": ".zst", ".zstd": ".zst"}
# Errors that damaged files raise; those of pyarrow and of UTF-8 are ValueErrors.
READ_ERRORS: tuple[type[Exception], ...] = (OSError, EOFError, ValueError, NotImplementedError)
READ_ERRORS += (zlib.error, lzma.LZMAError, zipfile.BadZipFile, tarfile.TarError, zstd.ZstdError)


def compression_suffix(name: str) -> str:
    """Return the suffix of a file's compression in its usual spelling, or "" if it is not compressed."""
    return _COMPRESSIONS.get(PurePath(name.lower()).suffix, "")


def strip_compression_suffix(name: str) -> str:
    """Return a file's name without the suffix of its compression."""
    return name[: name.rindex(".")] if compression_suffix(name) else name


def open_decompressed(stream: IO[bytes], compression: str) -> IO[bytes]:
    """Open a compressed stream for reading; its bytes are decompressed as they are read.

    Args:
        compression: as `compression_suffix` returns it.
    """
    if compression == ".gz":
        return gzip.open(stream)  # type: ignore[return-value] # a file of bytes in all but name
    if compression == ".bz2":
        return bz2.open(stream)
    if compression == ".xz":
        return lzma.open(stream)
    if compression == ".zst":
        # Large public dumps are compressed with --long=31; memory is allocated only as a file needs it.
        largest_window = zstd.DecompressionParameter.window_log_max.bounds()[1]
        return zstd.open(  # type: ignore[return-value] # a file of bytes in all but name
            stream, options={zstd.DecompressionParameter.window_log_max: largest_window}
        )
    return stream
