"""What may stand at the edges of a mention by the labeling guidelines of this project (data/guidelines.md).

`validation` refuses labeled mentions that break this rule, and the decoder leaves the marks that break it outside
the entities that it returns. So a model trained by the guidelines finds nothing that `check` would refuse as a label.

>>> [has_loose_beginning(text) for text in ("(Goma)", "#FreeGaza", ".50 rifle", ". 50 rifle")]
[True, False, False, True]
>>> [has_loose_end(text) for text in ("Jama'", "U.S.", "Maj.", "40 %", "FC (Goma)", "FC Goma)")]
[True, False, True, False, False, True]
"""

from __future__ import annotations

import re
import unicodedata

# First and last characters that belong to a mention although Unicode classes them as punctuation.
_OPENINGS = "#@&\uff03\uff20\uff06"
_UNITS = "%\u2030\u2031\u066a\uff05\ufe6a"  # percent, per mille and per ten thousand signs, in all their forms
_CALIBER = re.compile(r"\.\d")
# The period of an abbreviation (U.S., Kan., Inc.), and the slash of a web address.
_ABBREVIATION = re.compile(
    r"(?:(?:\b\w\.){2,}|\b(?:Inc|Corp|Co|Gen|Dept|Ltd|Jr|Sr|St|Bros|Ala|Ariz|Ark|Calif|Colo|Conn|Del|Fla|Ga|Ill|Ind|Kan|Ky|La|Md|"
    r"Mass|Mich|Minn|Miss|Mo|Mont|Neb|Nev|Okla|Ore|Pa|Tenn|Tex|Va|Vt|Wash|Wis|Wyo)\.)\Z"
)
_ADDRESS = re.compile(r"(?:https?://|www\.)\S*/\Z", re.IGNORECASE)


def has_loose_beginning(text: str) -> bool:
    """Return whether a span begins with a mark that belongs to the sentence; `text` must not be empty."""
    return _is_punctuation(text[0]) and text[0] not in _OPENINGS and not _CALIBER.match(text)


def has_loose_end(text: str) -> bool:
    """Return whether a span ends with a mark that belongs to the sentence; `text` must not be empty."""
    return _is_punctuation(text[-1]) and text[-1] not in _UNITS and not _has_own_ending(text)


def _is_punctuation(char: str) -> bool:
    return unicodedata.category(char).startswith("P")


def _has_own_ending(text: str) -> bool:
    """Return whether the last character belongs to the span: its own bracket, an abbreviation's period, a slash."""
    if text[-1] == ")":
        return text.count("(") == text.count(")")
    return bool(_ABBREVIATION.search(text) or _ADDRESS.search(text))
