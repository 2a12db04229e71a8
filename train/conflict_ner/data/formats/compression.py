"""Reads packed files: which endings are compressions, the bytes inside, and what broken ones raise.

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

_PACKINGS = {".gz": ".gz", ".gzip": ".gz", ".bz2": ".bz2", ".xz": ".xz", ".zst": ".zst", ".zstd": ".zst"}
# What broken files raise; pyarrow's errors and those of UTF-8 are ValueErrors.
READ_ERRORS: tuple[type[Exception], ...] = (
    OSError,
    EOFError,
    ValueError,
    NotImplementedError,
    zlib.error,
    lzma.LZMAError,
)
READ_ERRORS += (zipfile.BadZipFile, tarfile.TarError, zstd.ZstdError)


def compression_suffix(name: str) -> str:
    """The compression that a file's ending names, "" if none."""
    return _PACKINGS.get(PurePath(name.lower()).suffix, "")


def strip_compression_suffix(name: str) -> str:
    """A file's name without the ending of its compression."""
    return name[: name.rindex(".")] if compression_suffix(name) else name


def open_decompressed(stream: IO[bytes], packing: str) -> IO[bytes]:
    """The bytes that a compression holds, unpacked as they are read."""
    if packing == ".gz":
        return gzip.open(stream)  # type: ignore[return-value] # a file of bytes in all but name
    if packing == ".bz2":
        return bz2.open(stream)
    if packing == ".xz":
        return lzma.open(stream)
    if packing == ".zst":
        # Large public dumps are packed with --long=31; memory is taken as the file needs it.
        largest = zstd.DecompressionParameter.window_log_max.bounds()[1]
        return zstd.open(  # type: ignore[return-value] # a file of bytes in all but name
            stream, options={zstd.DecompressionParameter.window_log_max: largest}
        )
    return stream
