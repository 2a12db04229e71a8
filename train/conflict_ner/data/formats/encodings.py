"""Encodings of text: which one a file is in, and which one would read it.

A byte-order mark decides. Everything else is UTF-8 unless the user names another encoding: bytes that are not
UTF-8 are an error that names the encoding that probably reads them and shows what they would read as, so that
a person can judge. Nothing is decoded by a guess.

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

_MARKS = (  # of UTF-32 first: its mark begins with that of UTF-16
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# What is named, and the narrower one that a sample is tried with: gb18030 itself reads nearly anything.
_MULTIBYTE = {"gb18030": "gb2312", "shift_jis": "shift_jis", "euc_kr": "euc_kr", "big5": "big5"}
_SINGLE_BYTE = ("cp1251", "koi8-r", "cp1256", "cp1253", "cp1255")
_PUNCTUATION = frozenset("‘’“”„–—…«»°€£.·•№\xa0")  # noqa: RUF001 # they are meant
_SAMPLE = 4000  # bytes
_LONGEST = 4  # bytes of a character
_FEW = 2  # accented letters, at most, that stand side by side where plain letters are written
_HANGUL = range(0xB0, 0xC9)  # first bytes of Korean syllables
_AROUND = 15  # bytes shown on either side of the first one that is not UTF-8
_FOREIGN = re.compile(r"[^\x00-\x7f]")
_HIGH = re.compile(rb"[\x80-\xff]+")


def is_known_encoding(name: str) -> bool:
    """Whether Python knows this encoding of text.

    >>> is_known_encoding("cp1252"), is_known_encoding("latin9000"), is_known_encoding("base64")
    (True, False, False)
    """
    try:
        "a".encode(name)
    except (LookupError, ValueError):
        return False
    return True


def detect_encoding(head: bytes, chosen: str | None) -> str:
    """The encoding of a file that begins with these bytes; `chosen`: the one the user names."""
    if chosen is not None and codecs.lookup(chosen).name != "utf-8":
        return chosen
    return next((name for mark, name in _MARKS if head.startswith(mark)), "utf-8")


def guess_encoding(raw: bytes) -> str | None:
    """The encoding that most probably reads bytes that are not UTF-8; None if there is no telling."""
    raw = raw[:_SAMPLE]
    if raw.count(0) * 4 > len(raw):
        return "utf-16-le" if raw[1::2].count(0) >= raw[::2].count(0) else "utf-16-be"
    runs = [len(run) for run in _HIGH.findall(raw)]
    if not runs or _mostly_utf8(raw):
        return None
    if max(runs) <= _FEW and sum(runs) * 3 < len(raw):  # single letters with accents among plain ones
        candidates: tuple[str, ...] = ("cp1252",)
    elif all(run % 2 == 0 for run in runs) and (len(runs) > _LONGEST or b" " not in raw):
        hangul = all(byte in _HANGUL for run in _HIGH.findall(raw) for byte in run[::2])
        candidates = ("euc_kr", *_MULTIBYTE) if hangul else tuple(_MULTIBYTE)
    else:
        candidates = _SINGLE_BYTE if b" " in raw else ("shift_jis", "big5", *_SINGLE_BYTE)
    best: str = max(candidates, key=lambda name: _plausibility(raw, name))
    return best if _plausibility(raw, best) > 0 else None


def _mostly_utf8(raw: bytes) -> bool:
    """Whether it is UTF-8 with few damaged places: whole characters of several bytes, and more of them than others."""
    whole = len(_FOREIGN.findall(raw.decode("utf-8", "ignore")))
    return whole > len(re.findall("\ufffd", raw.decode("utf-8", "replace")))


def _plausibility(raw: bytes, encoding: str) -> float:
    try:
        encoding = _MULTIBYTE.get(encoding, encoding)
        text = raw.decode(encoding)
    except UnicodeDecodeError as error:
        if len(raw) - error.start > _LONGEST:  # else the sample cuts a character
            return 0.0
        text = raw[: error.start].decode(encoding, "ignore")
    foreign = _FOREIGN.findall(text)
    likely = sum(unicodedata.category(char) in ("Ll", "Lo", "Mn") or char in _PUNCTUATION for char in foreign)
    scripts = {unicodedata.name(char, "?").split(" ")[0] for char in foreign if char.isalpha()}
    return likely / len(foreign) / max(len(scripts), 1) if foreign else 0.0


def describe_decoding_error(raw: bytes, encoding: str = "utf-8") -> tuple[str, str]:
    """What is wrong with bytes that are not in this encoding, and the fix."""
    if encoding != "utf-8":
        return f"not {encoding}", "name the right encoding with --encoding"
    guess = guess_encoding(raw)
    if guess is None:
        return "not UTF-8", "name its encoding with --encoding, for example cp1252, or save the file as UTF-8"
    start = 0 if guess.startswith("utf-16") else max(_first_wrong(raw) - _AROUND, 0)
    if guess in _MULTIBYTE:
        start = raw.rfind(b"\n", 0, start) + 1  # never in the middle of a character
    shown = raw[start : start + 3 * _AROUND].decode(guess, "ignore").strip()
    return f"not UTF-8: read as {guess} it is {excerpt(shown, 60)}", f"if that is right, give --encoding {guess}"


def _first_wrong(raw: bytes) -> int:
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError as error:
        return error.start
    return 0


class _Rejoined(io.RawIOBase):
    """A stream whose first bytes were already taken; closing it leaves the stream open."""

    def __init__(self, head: bytes, read: Callable[[int], bytes]) -> None:
        self._head, self._read = head, read

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override] # a buffer is given to it
        taken, self._head = self._head[: len(buffer)], self._head[len(buffer) :]
        taken = taken or self._read(len(buffer))
        buffer[: len(taken)] = taken
        return len(taken)


def open_text(stream: IO[bytes], chosen: str | None, newline: str = "") -> tuple[io.TextIOWrapper, str]:
    """Lines of text of a stream, which stays open, and their encoding. The ends of lines stay as they are.

    Bytes that are not in the encoding become halves of surrogate pairs: found a row at a time, where a decoder
    would stop for good. A byte-order mark is left out.
    """
    head = stream.read(4)
    encoding = detect_encoding(head, chosen)
    codec = "utf-8-sig" if encoding == "utf-8" else encoding
    rejoined = io.BufferedReader(_Rejoined(head, stream.read), 1 << 16)
    return io.TextIOWrapper(rejoined, encoding=codec, errors="surrogateescape", newline=newline), encoding
