"""Text encodings: detection of a file's encoding, and error messages for bytes that are not valid in it.

A byte-order mark decides. Without one a file is UTF-8 unless the user names another encoding. Bytes that are
not UTF-8 are an error, which names the most probable encoding and shows the text as it reads in it, so that a
person can decide. A guessed encoding is never used to read a file.

>>> print(*describe_decoding_error("le général a dit".encode("cp1252")), sep="; ")
not UTF-8: read as cp1252 it is 'le général a dit'; if that is right, give --encoding cp1252
"""

from __future__ import annotations

import codecs
import io
import re
import unicodedata
from collections.abc import Callable
from typing import IO

from conflict_ner.errors import excerpt

_BYTE_ORDER_MARKS = (  # UTF-32 first: its mark begins with that of UTF-16
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# The encoding that is named, and the narrower one that a sample is tested with: gb18030 decodes nearly anything.
_MULTIBYTE = {"gb18030": "gb2312", "shift_jis": "shift_jis", "euc_kr": "euc_kr", "big5": "big5"}
_SINGLE_BYTE = ("cp1251", "koi8-r", "cp1256", "cp1253", "cp1255")
_PUNCTUATION = frozenset("‘’“”„–—…«»°€£.·•№\xa0")  # noqa: RUF001 # intended
_SAMPLE = 4000  # bytes
_MAX_CHARACTER = 4  # bytes
_MAX_ACCENTED_RUN = 2  # adjacent accented letters in text in the Latin alphabet
_HANGUL = range(0xB0, 0xC9)  # first bytes of Korean syllables
_CONTEXT = 15  # bytes shown on either side of the first one that is not UTF-8
_NON_ASCII = re.compile(r"[^\x00-\x7f]")
_NON_ASCII_BYTES = re.compile(rb"[\x80-\xff]+")


def is_known_encoding(name: str) -> bool:
    """Return whether Python has a text encoding of this name.

    >>> is_known_encoding("cp1252"), is_known_encoding("latin9000"), is_known_encoding("base64")
    (True, False, False)
    """
    try:
        "a".encode(name)
    except (LookupError, ValueError):
        return False
    return True


def detect_encoding(head: bytes, chosen: str | None) -> str:
    """Return the encoding of a file that begins with these bytes; `chosen` is the one that the user named, if any."""
    if chosen is not None and codecs.lookup(chosen).name != "utf-8":
        return chosen
    return next((name for mark, name in _BYTE_ORDER_MARKS if head.startswith(mark)), "utf-8")


def guess_encoding(raw: bytes) -> str | None:
    """Return the most probable encoding of bytes that are not UTF-8; None if none is probable."""
    raw = raw[:_SAMPLE]
    if raw.count(0) * 4 > len(raw):
        return "utf-16-le" if raw[1::2].count(0) >= raw[::2].count(0) else "utf-16-be"
    runs = [len(run) for run in _NON_ASCII_BYTES.findall(raw)]
    if not runs or _mostly_utf8(raw):
        return None
    if max(runs) <= _MAX_ACCENTED_RUN and sum(runs) * 3 < len(raw):  # a few accented letters among ASCII ones
        candidates: tuple[str, ...] = ("cp1252",)
    elif all(run % 2 == 0 for run in runs) and (len(runs) > _MAX_CHARACTER or b" " not in raw):
        hangul = all(byte in _HANGUL for run in _NON_ASCII_BYTES.findall(raw) for byte in run[::2])
        candidates = ("euc_kr", *_MULTIBYTE) if hangul else tuple(_MULTIBYTE)
    else:
        candidates = _SINGLE_BYTE if b" " in raw else ("shift_jis", "big5", *_SINGLE_BYTE)
    best: str = max(candidates, key=lambda name: _plausibility(raw, name))
    return best if _plausibility(raw, best) > 0 else None


def _mostly_utf8(raw: bytes) -> bool:
    """Return whether bytes are damaged UTF-8: they have more valid non-ASCII characters than invalid sequences."""
    valid = len(_NON_ASCII.findall(raw.decode("utf-8", "ignore")))
    return valid > len(re.findall("\ufffd", raw.decode("utf-8", "replace")))


def _plausibility(raw: bytes, encoding: str) -> float:
    """Return a score in [0, 1]: the share of letters and usual punctuation, divided by the number of scripts."""
    try:
        encoding = _MULTIBYTE.get(encoding, encoding)
        text = raw.decode(encoding)
    except UnicodeDecodeError as error:
        if len(raw) - error.start > _MAX_CHARACTER:  # otherwise the end of the sample cuts a character
            return 0.0
        text = raw[: error.start].decode(encoding, "ignore")
    characters = _NON_ASCII.findall(text)
    likely = sum(unicodedata.category(char) in ("Ll", "Lo", "Mn") or char in _PUNCTUATION for char in characters)
    scripts = {unicodedata.name(char, "?").split(" ")[0] for char in characters if char.isalpha()}
    return likely / len(characters) / max(len(scripts), 1) if characters else 0.0


def describe_decoding_error(raw: bytes, encoding: str = "utf-8") -> tuple[str, str]:
    """Return the fault of bytes that are not valid in this encoding, and the fix."""
    if encoding != "utf-8":
        return f"not {encoding}", "name the right encoding with --encoding"
    guess = guess_encoding(raw)
    if guess is None:
        return "not UTF-8", "name its encoding with --encoding, for example cp1252, or save the file as UTF-8"
    start = 0 if guess.startswith("utf-16") else max(_first_invalid(raw) - _CONTEXT, 0)
    if guess in _MULTIBYTE:
        start = raw.rfind(b"\n", 0, start) + 1  # not in the middle of a character
    shown = raw[start : start + 3 * _CONTEXT].decode(guess, "ignore").strip()
    return f"not UTF-8: read as {guess} it is {excerpt(shown, 60)}", f"if that is right, give --encoding {guess}"


def _first_invalid(raw: bytes) -> int:
    """Return the offset of the first byte that is not UTF-8; 0 if there is none."""
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError as error:
        return error.start
    return 0


class _StreamWithHead(io.RawIOBase):
    """A stream whose first bytes were already read; closing it leaves the stream open."""

    def __init__(self, head: bytes, read: Callable[[int], bytes]) -> None:
        self._head, self._read = head, read

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override] # the caller passes a buffer
        chunk, self._head = self._head[: len(buffer)], self._head[len(buffer) :]
        chunk = chunk or self._read(len(buffer))
        buffer[: len(chunk)] = chunk
        return len(chunk)


def open_text(stream: IO[bytes], chosen: str | None, newline: str = "") -> tuple[io.TextIOWrapper, str]:
    """Open a stream of bytes as text; return the text stream and its encoding.

    Closing the text stream leaves `stream` open. Line ends are not converted, and a byte-order mark is removed.
    Invalid bytes become halves of surrogate pairs, so that a reader can report them row by row; a strict decoder
    would stop at the first.
    """
    head = stream.read(4)
    encoding = detect_encoding(head, chosen)
    codec = "utf-8-sig" if encoding == "utf-8" else encoding
    buffered = io.BufferedReader(_StreamWithHead(head, stream.read), 1 << 16)
    return io.TextIOWrapper(buffered, encoding=codec, errors="surrogateescape", newline=newline), encoding
