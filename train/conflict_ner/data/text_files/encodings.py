"""Text encodings: detection of a file's encoding, and error messages for bytes that are not valid in it.

A byte-order mark decides. Without one a file is UTF-8 unless the user names another encoding. Bytes that are
not UTF-8 are an error, which names the most probable encoding and shows the text as it reads in it, so that a
person can decide. Labeled data is never read in a guessed encoding. `tag` reads a file so where the whole file leaves
no doubt (`guess_file_encoding`), and says so.

>>> print(*describe_decoding_error("le général a dit".encode("cp1252")), sep="; ")
not UTF-8: read as cp1252 it is 'le général a dit'; if that is right, give --encoding cp1252
"""

from __future__ import annotations

import codecs
import io
import re
import unicodedata
from collections import Counter
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
_CHUNK = 1 << 20  # bytes of a file that are looked at together, up to the end of a line
_LONGEST_LINE = 1 << 16  # bytes that are read to find that end
_SURELY_UTF8 = 1000  # valid characters, when there are more of them than other bytes
_SURE = 0.75  # plausibility (capitals count against it) from which a guess is used to read a file ...
_LEAD = 0.05  # ... if the next best encoding is so much less plausible
_SURELY_WESTERN = 0.95  # share of characters that are usual in the languages of cp1252
_FEWEST_BYTES = 50  # that are not ASCII in text that is not in the Latin alphabet: a few words fit several encodings
_MIXED_WORDS = 0.05  # share of words of another script that may have Latin letters too
_UTF8_CHARACTERS = 0.02  # per other byte: UTF-8 that may be among text in a single-byte encoding, by chance
_UTF8_BY_CHANCE = 0.5  # the same for encodings with two bytes a character, whose pairs often look like UTF-8
_SYMBOLS = frozenset("©®™§½¼¾²´¨ªº¡¿")  # noqa: RUF001 # intended
_NOT_WESTERN = frozenset("ðþÐÞýÝìÿ")  # what letters of Turkish, Romanian and Czech are in cp1252, and the byte 255
_CZECH, _BALKAN = frozenset("šžŠŽ"), frozenset("æèøÆÈØ")  # together they are the š, ž, ć, č, ř of cp1250
_MISPLACED_CAPITAL = re.compile("[a-zß-ÿ][À-ÖØ-Þ]")
_WORD = re.compile(r"[^\W\d_]+")
_UTF8_RUN = re.compile(rb"(?:[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3})+")
_LAST_OF_TWO_BYTES = "\u07ff"  # characters of UTF-8
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
    candidates = _candidates(raw)
    if not candidates or _mostly_utf8(raw):
        return None
    best: str = max(candidates, key=lambda name: _plausibility(raw, name))
    return best if _plausibility(raw, best) > 0 else None


def _candidates(raw: bytes) -> tuple[str, ...]:
    """Return the encodings that the lengths of non-ASCII runs of bytes speak for; none if all is ASCII."""
    runs = [len(run) for run in _NON_ASCII_BYTES.findall(raw)]
    if not runs:
        return ()
    if max(runs) <= _MAX_ACCENTED_RUN and sum(runs) * 3 < len(raw):  # a few accented letters among ASCII ones
        return ("cp1252",)
    if all(run % 2 == 0 for run in runs) and (len(runs) > _MAX_CHARACTER or b" " not in raw):
        hangul = all(byte in _HANGUL for run in _NON_ASCII_BYTES.findall(raw) for byte in run[::2])
        return ("euc_kr", *_MULTIBYTE) if hangul else tuple(_MULTIBYTE)
    return _SINGLE_BYTE if b" " in raw else ("shift_jis", "big5", *_SINGLE_BYTE)


def guess_file_encoding(reopen: Callable[[], IO[bytes]]) -> str | None:
    r"""Return the encoding of a file that is certainly not UTF-8 and almost certainly in that encoding; else None.

    UTF-8 with a few damaged bytes must not be read as something else. So a file is UTF-8 if it has sequences that are
    UTF-8 and hardly anything else: of three or more bytes, several in a row, or one whose character the guessed
    encoding has too (`Ã©` is hardly ever meant; `Ü»`, in UTF-8 a letter of Syriac, may be). Two in a hundred are taken
    for chance. The whole file must be valid in the guessed encoding, no other may be nearly as plausible, and the
    letters must be those of the languages that are written in it: Czech, Polish and Turkish text is valid cp1252 and
    would be read wrongly.

    Memory does not grow with the file, which is read once if it is UTF-8 and up to three times if it is not.

    Args:
        reopen: opens the file at its beginning.

    >>> guess_file_encoding(lambda: io.BytesIO("le général a dit".encode("cp1252")))
    'cp1252'
    """
    head = reopen().read(_SAMPLE)
    if detect_encoding(head, None) != "utf-8":
        return None
    if head.count(0) * 4 > len(head):
        guess = guess_encoding(head)
        shown = head[: len(head) // 2 * 2].decode(guess or "ascii", "ignore")
        is_text = all(unicodedata.category(char) != "Cc" or char in "\t\r\n" for char in shown)
        return guess if guess and is_text and _is_valid(reopen(), guess) else None
    if _is_valid(reopen(), "utf-8"):
        return None
    sample, likely, possible, others = _survey(reopen())
    guess = guess_encoding(sample)
    if guess is None or not _is_sure(sample, guess):
        return None
    written = _MULTIBYTE.get(guess, guess)
    likely += sum(count for char, count in possible.items() if char.encode(written, "ignore"))
    by_chance = _UTF8_BY_CHANCE if guess in _MULTIBYTE else _UTF8_CHARACTERS
    return guess if likely <= by_chance * others and _is_valid(reopen(), guess) else None


def _is_valid(stream: IO[bytes], encoding: str) -> bool:
    """Return whether a whole stream can be decoded."""
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        while chunk := stream.read(_CHUNK):
            decoder.decode(chunk)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _survey(stream: IO[bytes]) -> tuple[bytes, int, Counter[str], int]:
    """Return what speaks for and against UTF-8 in a file that is not valid UTF-8.

    Returns:
        A sample of the stretches that are not UTF-8 (empty if the file is UTF-8 for the most part), the number of
        characters that are hardly anything but UTF-8, those that may be so by chance, and the number of other bytes.
    """
    pieces, size, likely, possible, others = list[bytes](), 0, 0, Counter[str](), 0
    while chunk := stream.read(_CHUNK):
        chunk += stream.readline(_LONGEST_LINE)
        if chunk.isascii():
            continue
        for run, count in Counter(_NON_ASCII_BYTES.findall(chunk)).items():
            others += len(run) * count
            for found in _UTF8_RUN.findall(run):
                others -= len(found) * count
                characters = found.decode("utf-8", "ignore")
                if len(characters) == 1 and characters <= _LAST_OF_TWO_BYTES:
                    possible[characters] += count
                else:
                    likely += len(characters) * count
        if likely + possible.total() > max(_SURELY_UTF8, others):
            return b"", likely, possible, others
        for line in chunk.split(b"\n") if size < _SAMPLE else ():
            start = max(_first_invalid(line) - _CONTEXT, 0)
            if size < _SAMPLE and not _is_valid(io.BytesIO(line), "utf-8"):
                # Begin after a byte that is never a part of a character of two bytes.
                start = max(line.rfind(mark, 0, start) for mark in (b" ", b",", b'"', b"\t", b";")) + 1
                pieces.append(line[start : start + _SAMPLE // 4])
                size += len(pieces[-1])
    return b"\n".join(pieces), likely, possible, others


def _is_sure(sample: bytes, guess: str) -> bool:
    """Return whether a guess is certain enough to read a file with it, and not only to suggest it."""
    text = sample[:_SAMPLE].decode(_MULTIBYTE.get(guess, guess), "ignore")
    if guess == "cp1252":
        characters = _NON_ASCII.findall(text)
        usual = sum(char.isalpha() or char in _PUNCTUATION or char in _SYMBOLS for char in characters)
        usual -= len(_MISPLACED_CAPITAL.findall(text))
        is_other = _NOT_WESTERN & set(text) or (_CZECH & set(text) and _BALKAN & set(text))
        return usual >= _SURELY_WESTERN * len(characters) and not is_other
    scores = {name: _plausibility(sample[:_SAMPLE], name) for name in _candidates(sample[:_SAMPLE])}
    best = scores.pop(guess)
    if len(b"".join(_NON_ASCII_BYTES.findall(sample))) < _FEWEST_BYTES:
        return False
    if best < _SURE or best - max(scores.values(), default=0.0) < _LEAD:
        return False
    words = [word for word in _WORD.findall(text) if not word.isascii()]
    mixed = sum(any(char.isascii() for char in word) for word in words)
    return guess in _MULTIBYTE or mixed <= _MIXED_WORDS * len(words)


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


# By their first bytes, files that often have the ending of a text by mistake.
_NO_TEXTS = {
    b"\x1f\x8b": "gzip data",
    b"PK\x03\x04": "a zip file, as documents of Word and Excel are",
    b"%PDF-": "a PDF",
    b"\xd0\xcf\x11\xe0": "a document of an older Word or Excel",
    b"PAR1": "Parquet",
}


def binary_kind(raw: bytes) -> str | None:
    """Return what a file is that is certainly no text, by its first bytes; None if it may be one."""
    return next((kind for start, kind in _NO_TEXTS.items() if raw.startswith(start)), None)


def describe_decoding_error(raw: bytes, encoding: str = "utf-8") -> tuple[str, str]:
    """Return the fault of bytes that are not valid in this encoding, and the fix."""
    if kind := binary_kind(raw):
        return f"not text but {kind}", "name a file of text, or give it the ending that it should have"
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
