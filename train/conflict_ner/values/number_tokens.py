"""Divide the text of a number into tokens, and read its digits.

>>> [(token.kind, str(token.number)) for token in tokenize("between 1.1 and 2,000")]
[('between', '0'), ('digits', '11/10'), ('and', '0'), ('digits', '2000')]

What cannot be one figure is refused: letters among digits, which are faults of scanning, and separators that may
stand for decimals or for thousands. Time is linear in the length of the text.
"""

from __future__ import annotations

import re
import unicodedata
from fractions import Fraction
from itertools import pairwise

from conflict_ner.errors import excerpt
from conflict_ner.values.number_words import BILLION, LEXICON, MILLION, THOUSAND, Token

_TOKEN = re.compile(r"\d+(?:[.,]\d+| \d{3}(?!\d))*|[^\W\d_]+|\S")
_PLAIN, _DECIMAL = re.compile(r"\d+"), re.compile(r"(\d+)\.(\d+)")
_GROUPED = re.compile(
    r"((?!0)\d{1,3}(?:(?:,\d{3})+|(?: \d{3})+)|[1-9]\d?(?:,\d{2})+,\d{3})(?:\.(\d+))?|((?!0)\d{1,3}(?:\.\d{3}){2,})"
)
_DIVIDED_WORD = re.compile("\N{SOFT HYPHEN}\\s*\n\\s*")
_LEADING_DOT = re.compile(r"(?<![\w.,])\.(?=\d{1,3}[ -]?(?:million|billion|trillion|crore|lakh|percent|per cent|%))")
_HYPHENATED_LINE = re.compile(r"([^\W\d_]+)-[ \t\r]*\n\s*([^\W\d_]+)")
_CHARACTERS = str.maketrans(
    dict.fromkeys("‐‑‒–—―−﹘﹣－", "-")  # noqa: RUF001
    | dict.fromkeys("\N{NO-BREAK SPACE}\N{THIN SPACE}\N{NARROW NO-BREAK SPACE}\N{FIGURE SPACE}", " ")
    | dict.fromkeys("\N{SOFT HYPHEN}\N{ZERO WIDTH SPACE}\N{WORD JOINER}\N{ZERO WIDTH NO-BREAK SPACE}\u200e\u200f")
    | {"٫": ".", "٬": ",", "⁄": "/", "％": "%", "＋": "+", "＄": "$"}  # noqa: RUF001
)
_AFTER_DIGITS = {  # K20 is money, 20K is 20,000; apart ("5 m") or as "b" only with money: meters, or a misread 6
    "k": Token("scale", THOUSAND),
    "m": Token("scale", MILLION),
    "b": Token("scale", BILLION),
    "p": Token("currency", word="pence"),
}
_LIKE_DIGITS = frozenset("oilsbzqg")
_QUOTES = "'\"`‘’“”«»()[]{} \t\r\n"  # noqa: RUF001
_BEFORE, _AFTER = _QUOTES, _QUOTES + ".,;:!?"  # what may surround a number


class NotANumberError(Exception):
    """The text states no figure, or none that can be told for certain; the message is the reason."""


def tokenize(text: str) -> list[Token]:
    """Divide a text into the tokens of a number.

    Raises:
        NotANumberError: a part of the text is no word of a number, or digits that can be read in two ways.
    """
    if not text.isascii():
        text = unicodedata.normalize("NFC", _DIVIDED_WORD.sub("", text)).translate(_CHARACTERS)
    if "\n" in text:
        text = _HYPHENATED_LINE.sub(_join_lines, text)
    text = (
        _LEADING_DOT.sub("0.", text.lower().replace("u.s.", "us ").replace("p.c.", "pc "))
        .rstrip(_AFTER)
        .lstrip(_BEFORE)
    )
    matches = list(_TOKEN.finditer(text))
    words = [match.group() for match in matches]
    glued = [False, *(first.end() == second.start() for first, second in pairwise(matches)), False]
    tokens: list[Token] = []
    position = 0
    while position < len(words):
        word, length = words[position], 1
        if word[0].isdecimal():
            tokens.append(_read_digits(word, words[position + 1 : position + 2]))
        elif word == "." and position and words[position - 1].isalpha():
            pass  # "approx."
        elif (letter := _AFTER_DIGITS.get(word)) and tokens and _is_unit_here(word, tokens, glued=glued[position]):
            tokens.append(letter)
        else:
            token, length = _find_phrase(words, position)
            if word.isalpha():
                after = glued[position] and words[position - 1][0].isdecimal()
                before = glued[position + length] and words[position + length][0].isdecimal()
                if after or before:
                    _check_glued(word, token, after=after)
                if token and token.kind == "currency" and len(word) == length == 1:
                    _check_lone_letter(word, words[position + 1 :])
            tokens.append(token or _read_character(word))
        position += length
    return tokens


def _is_unit_here(letter: str, tokens: list[Token], *, glued: bool) -> bool:
    """Say whether a letter is the scale or unit of the digits before it."""
    if tokens[-1].kind != "digits":
        return False
    money = any(token.kind == "currency" for token in tokens)
    return (glued and (letter != "b" or money)) or (money and letter != "p")


def _find_phrase(words: list[str], position: int) -> tuple[Token | None, int]:
    """Return the token of the longest phrase that begins here, and its length in words."""
    for rest, token in LEXICON.get(words[position], ()):
        end = position + 1 + len(rest)
        if words[position + 1 : end] == rest:
            return token, 1 + len(rest)
    return None, 1


def _check_glued(word: str, token: Token | None, *, after: bool) -> None:
    """Refuse letters that touch digits, except units, scales and currencies.

    after: the letters follow the digits.
    """
    if token and after and token.kind == "ordinal":
        return
    kinds = ("scale", "percent", "currency", "odd", "plus") if after else ("currency", "bound")
    if word == "s" and after:
        raise NotANumberError("the plural of a figure in digits may be a decade")
    if after and len(word) > 1 and token is None and not set(word) <= _LIKE_DIGITS:
        raise NotANumberError(f"{excerpt(word)} is not part of a number")  # 12km
    if token is None or token.kind not in kinds or (len(word) == 1 and (after or token.kind == "bound")):
        raise NotANumberError(f"letters among digits, {excerpt(word)}, may be misread figures")


def _check_lone_letter(letter: str, following: list[str]) -> None:
    """Refuse a letter as a currency (`K400`) unless it stands before a figure that money has and a code has not.

    Such a figure has a scale, three digits, or two and the last is 0: `K20` is money, `R18` may be a drone.
    """
    figure = following[0] if following else ""
    scaled = any(word in _AFTER_DIGITS or _is_scale(word) for word in following[1:])
    digits = sum(character.isdecimal() for character in figure)
    round_figure = digits == 2 and figure.isdecimal() and int(figure) % 10 == 0  # noqa: PLR2004
    if not (figure[:1].isdecimal() and (scaled or digits > 2 or round_figure)):  # noqa: PLR2004
        raise NotANumberError(f"the letter {excerpt(letter)} is a currency only before a sum: K400, R2 million")


def _is_scale(word: str) -> bool:
    return any(token.kind == "scale" for _, token in LEXICON.get(word, ()))


def _read_character(word: str) -> Token:
    """Return the token of a vulgar fraction.

    Raises:
        NotANumberError: it is another character or an unknown word.
    """
    decomposed = unicodedata.normalize("NFKC", word)
    if "\N{FRACTION SLASH}" in decomposed:
        numerator, _, denominator = decomposed.partition("\N{FRACTION SLASH}")
        if numerator.isdecimal() and denominator.isdecimal() and int(denominator):
            return Token("part", Fraction(int(numerator), int(denominator)), word="½")
    raise NotANumberError(f"{excerpt(word)} is not part of a number")


def _join_lines(match: re.Match[str]) -> str:
    """Join a word that a hyphen divides at the end of a line, if that makes a known word."""
    joined = match[1] + match[2]
    return joined if joined.lower() in LEXICON else f"{match[1]}-{match[2]}"


def _read_digits(text: str, following: list[str]) -> Token:
    """Return the token of digits with their separators.

    following: the next word, if any. Before a scale or `percent` a dot can only be a decimal point.

    Raises:
        NotANumberError: the digits are of two scripts, or the separators can be read in two ways.
    """
    if not text.isascii():
        if len({ord(character) - int(character) for character in text if character.isdecimal()}) > 1:
            raise NotANumberError("the digits are of two scripts")
        text = "".join(str(int(character)) if character.isdecimal() else character for character in text)
    if _PLAIN.fullmatch(text):
        return Token("digits", int(text), text)
    if match := _GROUPED.fullmatch(text):
        whole, decimals, dotted = match.groups()
        digits = re.sub(r"[., ]", "", whole or dotted)
        return Token("digits", _decimal(digits, decimals) if decimals else int(digits))
    if match := _DECIMAL.fullmatch(text):
        whole, decimals = match.groups()
        unit = following[0] if following else ""
        decimal_for_certain = len(decimals) != 3 or len(whole) > 3 or whole[0] == "0"  # noqa: PLR2004
        if (
            decimal_for_certain
            or unit in _AFTER_DIGITS
            or any(token.kind in ("scale", "percent") for _, token in LEXICON.get(unit, ()))
        ):
            return Token("digits", _decimal(whole, decimals))
        raise NotANumberError(f"the dot of {excerpt(text)} may be a decimal point or a separator of thousands")
    raise NotANumberError(f"the separators of {excerpt(text)} can be read in two ways")


def _decimal(whole: str, decimals: str) -> int | Fraction:
    value = Fraction(int(whole + decimals), 10 ** len(decimals))
    return value.numerator if value.denominator == 1 else value
