"""Reading of a text file: decompressed and decoded, or with the problem that a person has to fix first."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from conflict_ner.data.text_files.compression import READ_ERRORS, compression_suffix, open_decompressed
from conflict_ner.data.text_files.encodings import binary_kind, describe_decoding_error, detect_encoding, guess_encoding
from conflict_ner.data.text_files.file_search import printable
from conflict_ner.errors import Problem

_SAMPLE = 1500  # bytes before an invalid one from which an encoding is guessed, about
_HEAD = 1 << 16  # bytes of a file by which its format is recognized


def read_text(file: Path) -> tuple[str | None, list[Problem]]:
    """Read a file's text, decompressed if necessary; the text is None and the problem is returned if that fails."""
    name = printable(file)
    raw, problems = read_bytes(file)
    if raw is None:
        return None, problems
    encoding = detect_encoding(raw[:4], None)
    try:
        text = raw.decode(encoding).removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        before = raw[: error.start].decode(encoding, "ignore").removeprefix("\ufeff")
        position = f"{name}:{before.count(chr(10)) + 1}:{len(before) - before.rfind(chr(10))}"
        return None, [Problem(position, *_decoding_fault(raw, error.start, encoding, file), unreadable=True)]
    # UTF-16 without a byte-order mark can be valid UTF-8; it shows in its many zero bytes.
    if raw and raw.count(0) * 4 > len(raw) and encoding == "utf-8":
        return None, [Problem(f"{name}:1:1", *_decoding_fault(raw, 0, encoding, file), unreadable=True)]
    return text, []


def read_bytes(file: Path) -> tuple[bytes | None, list[Problem]]:
    """Read a file's bytes, decompressed if necessary; None and the problem are returned if that fails."""
    try:
        with file.open("rb") as stream:
            return open_decompressed(stream, compression_suffix(file.name)).read(), []
    except READ_ERRORS as error:
        if isinstance(error, OSError) and error.strerror:
            fault, fix = f"cannot be read: {error.strerror}", "check its permissions"
        else:
            fault, fix = f"damaged: {str(error) or type(error).__name__}", "get a new copy of the file"
        return None, [Problem(printable(file), fault, fix, unreadable=True)]


def read_head(file: Path) -> bytes:
    """Return the first 64 KB of a file, decompressed; of a damaged or unreadable file as much as can be read."""
    head = b""
    try:
        with file.open("rb") as stream:
            opened = open_decompressed(stream, compression_suffix(file.name))
            while len(head) < _HEAD and (chunk := opened.read(_HEAD - len(head))):
                head += chunk
    except READ_ERRORS:
        pass  # whoever reads the file reports it
    return head


def read_lines(file: Path) -> Iterator[str | Problem]:
    """Yield the lines of a text file, without their newline, as they are read: memory does not grow with the file.

    A file that cannot be decompressed or decoded ends with the problem that `read_text` finds.
    """
    yield from _stream(file, lambda text: text.split("\n"), lambda text: (line.removesuffix("\n") for line in text))


def read_chunks(file: Path) -> Iterator[str | Problem]:
    """Yield a text file in pieces of about 64 K characters, for files that may be one line; ends as `read_lines`."""
    yield from _stream(file, lambda text: [text], lambda text: iter(partial(text.read, _HEAD), ""))


def _stream(
    file: Path, split: Callable[[str], list[str]], read: Callable[[io.TextIOWrapper], Iterator[str]]
) -> Iterator[str | Problem]:
    head = read_head(file) if file.is_file() else b""
    encoding = detect_encoding(head[:4], None)
    if not file.is_file() or (encoding == "utf-8" and head.count(0) * 4 > len(head)):  # a pipe is read only once
        text, problems = read_text(file)
        yield from (split(text) if text is not None else problems)
        return
    try:
        with file.open("rb") as stream:
            opened = open_decompressed(stream, compression_suffix(file.name))
            yield from read(io.TextIOWrapper(opened, "utf-8-sig" if encoding == "utf-8" else encoding, newline="\n"))
    except READ_ERRORS:
        yield from read_text(file)[1]


def _decoding_fault(raw: bytes, at: int, encoding: str, file: Path) -> tuple[str, str]:
    """Return the fault of a file with an invalid byte at `at`, and how to save it as UTF-8 on any system."""
    if binary_kind(raw):
        return describe_decoding_error(raw)
    if encoding != "utf-8":
        return f"not {encoding}, although its first bytes say so", "save it as UTF-8 in an editor, or get a new copy"
    sample = raw[max(raw.rfind(b"\n", 0, max(at - _SAMPLE, 0)) + 1, at - 2 * _SAMPLE) :]
    guess, (fault, _) = guess_encoding(sample), describe_decoding_error(sample)
    if guess is None:
        return f"{fault} (byte 0x{raw[at]:02x})", "open it in an editor that shows it correctly, and save it as UTF-8"
    if compression_suffix(file.name):
        return fault, f"if that is right, decompress it, then open it as {guess} and save it as UTF-8"
    name = printable(file.name)
    script = f"from pathlib import Path; f = Path({name!r}); f.write_bytes(f.read_bytes().decode({guess!r}).encode())"
    return fault, f'if that is right, save it as UTF-8 in an editor, or in its folder: python -c "{script}"'
