"""Fold the words of a WEAPON mention: case, accents, dashes, calibers and plurals, in one form for texts and tables.

>>> split(fold("9-MM PISTOLS")), singular("pistols")
(['9mm', 'pistols'], 'pistol')
"""

import re
import unicodedata
from functools import lru_cache

from conflict_ner.values import weapon_designations

_SHORTEST_PLURAL = 3  # letters
_SHORTEST_Y_PLURAL = 5
_IRREGULAR_PLURALS = {
    "apaches": "apache",
    "axes": "axe",
    "canoes": "canoe",
    "gases": "gas",
    "hoes": "hoe",
    "knives": "knife",
    "pickaxes": "pickaxe",
    "sagaies": "sagaie",
    "sorties": "sortie",
    "staves": "stave",
}
_NO_PLURALS = frozenset(
    {"gas", "iris", "kris", "chassis", "its", "has", "was", "this", *weapon_designations.SHIP_PREFIXES}
)

# Dashes, apostrophes and letters that decomposition leaves as they are.
_DASHES = dict.fromkeys(map(ord, "\u2010\u2011\u2012\u2013\u2014\u2015\u2212"), "-")
_APOSTROPHES = dict.fromkeys(map(ord, "\u2018\u2019\u02bc\u00b4`"), "'")
_FOLDED_SIGNS = _DASHES | _APOSTROPHES | {0xAD: None} | {ord("\u0142"): "l", ord("\u00f8"): "o", ord("\u0131"): "i"}
_ANTI = re.compile(
    r"\b(?:an-?\s*ti|anti)[ -]+(?=(?:tank|aircraft|personnel|vehicle|ship|air|missile|drone|submarine)s?\b)"
)
_NUMERALS = {"nine": "9", "twenty": "20", "fifty": "50"}
_MILLIMETERS = re.compile(r"\b(nine|twenty|fifty)[ -]?millimet(?:er|re)\b")
# Calibers in one form: figure and unit in one word. The sign says cheaply whether a pattern can match at all.
_CALIBERS = tuple(
    (sign, re.compile(pattern), replacement)
    for sign, pattern, replacement in (
        ("x", r"(?<![\w.])(\d{1,2}[.,]?\d{0,2})\s?x\s?\d{2,3}\w*", r" \1mm "),
        ("mm", r"(?<![\w.])(\d{1,3}(?:[.,]\d{1,2})?)[\s-]*mm(?![a-z])", r" \1mm "),
        ("millim", r"(?<![\w.])(\d{1,3}(?:[.,]\d{1,2})?)[\s-]*millimet(?:er|re)s?(?![a-z])", r" \1mm "),
        ("inch", r"(?<![\w.])(\d{1,2}(?:\.\d)?|two|three|four|five|six|eight)[ -]?inch(?:es)?\b", r" \1inch "),
        ("cal", r"\.?(?<!\w)(\d{1,3})[ -]?(?:calibre|caliber|cal)\b", r" \1bore "),
        ("bore", r"(?<!\w)(\d{1,3})[ -]?bore\b", r" \1bore "),
        ("ga", r"(?<!\w)(\d{1,3})[ -]?(?:gauge|ga)\b", r" \1bore "),
        (".", r"(?<![\w.])\.(\d{2,3})\b", r" \1bore "),
    )
)
_TOKEN = re.compile(r"\d+[.,]\d+(?:mm|inch|bore)?|[^\W_]+")
# A family of one to four letters and its number. Not before a caliber, and not if the letters are a plain word.
_FAMILY_AND_NUMBER = re.compile(
    r"\b(?!(?:cal|and|with|of|rds?|mm|kg|lb|no|the|in|to|from|by|two|gun|uzi)\b)"
    r"([a-z]{1,4})\ (\d{1,4}(?!mm|cal|inch|bore|\d|[.,])[a-z]{0,3}\d?[a-z]{0,2})\b"
)


def fold(text: str) -> str:
    """Fold case, accents, dashes and calibers: `9-MM PISTOL` becomes `9mm pistol`."""
    if not text.isascii():
        text = unicodedata.normalize("NFKD", text.translate(_FOLDED_SIGNS).casefold())
        text = "".join(c for c in text if not unicodedata.combining(c))
    text = " ".join(text.casefold().replace("f/a-", "fa-").replace("&", " and ").replace("'s", "s").split())
    if "ti" in text:
        text = _ANTI.sub("anti", text)
    if "milli" in text:
        text = _MILLIMETERS.sub(lambda match: f"{_NUMERALS[match[1]]}mm", text)
    for sign, pattern, replacement in _CALIBERS:
        if sign in text:
            text = pattern.sub(replacement, text)
    return text


def split(folded: str) -> list[str]:
    """Split a folded mention into words, a family joined to its number: `mi 24s` becomes `mi24s`."""
    spaced = " ".join(_TOKEN.findall(folded))
    return _FAMILY_AND_NUMBER.sub(r"\1\2", spaced).split()


@lru_cache(maxsize=8192)
def singular(token: str) -> str:
    """Take the plural ending off a word, in the same way for texts and for the lexicon."""
    if token in _IRREGULAR_PLURALS:
        return _IRREGULAR_PLURALS[token]
    if len(token) < _SHORTEST_PLURAL or not token.endswith("s") or token.endswith("ss") or token in _NO_PLURALS:
        return token
    if token.endswith("ies") and len(token) >= _SHORTEST_Y_PLURAL:
        return token[:-3] + "y"
    if token.endswith(("sses", "shes", "ches", "xes", "oes")):
        return token[:-2]
    return token[:-1]


def fold_entry(entry: str) -> str:
    """Fold an entry of the lexicon as mentions are folded.

    >>> fold_entry("Anti-tank mines")
    'antitank mine'
    """
    return " ".join(map(singular, split(fold(entry))))
