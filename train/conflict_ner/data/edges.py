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
from dataclasses import replace

from conflict_ner.data.document import Document, Mention

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


def trim_edges(document: Document) -> tuple[Document, int]:
    """Return a document whose mentions have no white space and no loose marks at their edges, and how many had.

    A mention of nothing but such characters stays as it is, for `validation` to report.

    >>> report = Document("r1", 'He left "Goma" ', (Mention(8, 15, "LOCATION"),))
    >>> trimmed, count = trim_edges(report)
    >>> trimmed.slice(trimmed.mentions[0]), count
    ('Goma', 1)
    """
    trimmed = [_trim(document.text, mention) for mention in document.mentions]
    count = sum(new != old for new, old in zip(trimmed, document.mentions, strict=True))
    if not count:
        return document, 0
    order = sorted(range(len(trimmed)), key=trimmed.__getitem__)
    places = tuple(document.places[index] for index in order) if document.places else ()
    return replace(document, mentions=tuple(trimmed[index] for index in order), places=places), count


def _trim(text: str, mention: Mention) -> Mention:
    start, end = mention.start, mention.end
    while 0 <= start < end <= len(text):
        span = text[start:end]
        if span[0].isspace() or has_loose_beginning(span):
            start += 1
        elif span[-1].isspace() or has_loose_end(span):
            end -= 1
        else:
            return Mention(start, end, mention.label)
    return mention


def _is_punctuation(char: str) -> bool:
    return unicodedata.category(char).startswith("P")


def _has_own_ending(text: str) -> bool:
    """Return whether the last character belongs to the span: its own bracket, an abbreviation's period, a slash."""
    if text[-1] == ")":
        return text.count("(") == text.count(")")
    return bool(_ABBREVIATION.search(text) or _ADDRESS.search(text))
