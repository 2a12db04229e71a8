"""Normalize a text to characters that a tokenizer knows, and map offsets back to the original text.

Typographic apostrophes and dashes, character references and tags of HTML, terminal colors,
fullwidth letters, digits of other scripts, invisible characters inside words: a reader does not
notice them, but a tokenizer does. `normalize` returns the text to be tokenized, and for every
character of it the offsets in the original text, so that mentions slice the original.

>>> normalized = normalize("10\u201315&nbsp;men of Zelens&#39;kyi")
>>> normalized.text
"10-15 men of Zelens'kyi"
>>> starts, ends = normalized.original_offsets(np.array([0, 13]), np.array([5, 23]))
>>> list(zip(starts.tolist(), ends.tolist()))
[(0, 5), (18, 32)]

Most texts have nothing to normalize and cost one table lookup for each character.
"""

from __future__ import annotations

import html
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html.entities import html5

import numpy as np
import numpy.typing as npt
import regex

Offsets = npt.NDArray[np.int64]
Edit = tuple[int, int, str]  # start, end, replacement of text[start:end]

# Characters with an ASCII equivalent that NFKC leaves unchanged or maps to two characters.
_EQUIVALENTS = {
    # Hyphens: ranges and compounds are written with any of these, and mean the same.
    **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2043\u2212\u058a\ufe58\ufe63", "-"),
    # Apostrophes: quotes, prime, accents without a letter, and letters that transcribe ayn and hamza.
    **dict.fromkeys("`\u00b4\u2018\u2019\u201a\u201b\u2032\u2035\u02b9\u02bb\u02bc\u02bd\u02be\u02bf\u02ca\u02cb", "'"),
    **dict.fromkeys("\u05f3\u055a\u2039\u203a", "'"),
    **dict.fromkeys("\u00ab\u00bb\u201c\u201d\u201e\u201f\u2033\u2036\u301d\u301e\u301f\u05f4", '"'),
    **dict.fromkeys("\u2044\u2215", "/"),
    "\u066a": "%", "\u066b": ".", "\u066c": ",",
    # Ends of lines, pages and paragraphs. Tokenizers drop some of them and join the words around them.
    "\x0b": "\n", "\x0c": "\n\n", "\x85": "\n", "\u2028": "\n", "\u2029": "\n\n",
    "\x1c": " ", "\x1d": " ", "\x1e": " ", "\x1f": " ",
}  # fmt: skip
_IDEOGRAPH = regex.compile(r"\p{Ideographic}")
_JOINERS = "\u200c\u200d"  # part of the spelling between letters of Arabic and Indic scripts, invisible elsewhere
_ACCENTS = range(0x300, 0x370)  # combining marks, which follow their letter
_MOST_ACCENTS = 3  # of one composed character, as of U+1F82
_VISIBLE = "\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2"  # signs around Arabic numbers
_WIDTHS = ("<wide>", "<narrow>")
_COMPATIBILITY = (*_WIDTHS, "<font>", "<compat>", "<square>", "<initial>", "<medial>", "<final>", "<isolated>")

_TAGS_OF_A_LINE = "br|wbr|hr|img"
_TAGS_OF_A_BLOCK = (
    "address|article|aside|blockquote|body|caption|center|dd|div|dl|dt|figcaption|figure|footer|h[1-6]|head|header|html|"
    "li|main|nav|ol|p|pre|section|table|tbody|td|tfoot|th|thead|title|tr|ul"
)
_TAGS_IN_A_LINE = "a|abbr|b|big|cite|code|em|font|i|ins|mark|q|s|small|span|strike|strong|sub|sup|tt|u"
# Characters that cp1252 decodes the continuation bytes of UTF-8 to.
_UPPER_HALF = r"\u0080-\u00bf" + bytes(range(0x80, 0xA0)).decode("cp1252", "ignore")
_SEQUENCE = regex.compile(
    rf"""
      (?P<tag> (?i: (?:<|&lt;) /?
               (?:(?P<line>{_TAGS_OF_A_LINE})|(?P<block>{_TAGS_OF_A_BLOCK})|{_TAGS_IN_A_LINE})
               (?: \s+ [\w:-]++ \s*+ = \s*+ (?: "[^"<>]{{0,2000}}+" | '[^'<>]{{0,2000}}+' | [^\s"'<>]{{1,2000}}+ ) )*+
               \s*+ /? (?:>|&gt;) ) )
    | (?P<comment> <!-- .{{0,2000}}? --> )
    | (?P<reference> & (?:amp;)*+
               (?: \#\d{{1,7}}+;? | \#[xX][\da-fA-F]{{1,6}}+;? | [a-zA-Z][a-zA-Z\d]{{1,31}}+; | (?:nbsp|amp|quot)\b ) )
    | (?P<escaped> & (?:amp;)++ )
    | (?P<terminal> \x1b \[ [0-?]*+ [\x20-/]*+ [@-~] | \x1b \] [^\x07\x1b]{{0,2000}}+ (?: \x07 | \x1b\\ )
               | \x1b [()] [\dAB] | \x1b [78=>]? | (?: \^\[ | \\x1b | \\033 | \\e ) \[ [\d;]*+ m )
    | (?P<mojibake> \u00e2\u20ac [\x80-\x9f\u02dc\u2122\u0153\u201c\u201d\u00a6\u00a2]?
               | [\u00c2\u00c3] [{_UPPER_HALF}] )
    """,
    regex.VERBOSE | regex.DOTALL,
)
_OPENINGS = "&<\x1b^\\\u00e2\u00c2\u00c3"  # the characters that a sequence begins with

# The action for every character; 0 for characters that have not occurred yet.
_KEEP, _REPLACE, _MATCH_SEQUENCE, _COMPOSE = range(1, 5)
_actions = np.zeros(0x110000, dtype=np.uint8)


@dataclass(frozen=True, slots=True)
class NormalizedText:
    """A text to be tokenized, and its offsets in the original text.

    starts, ends: for each character, the offsets in the original text of what it replaces;
        None if both texts have the same offsets.
    """

    text: str
    starts: Offsets | None = None
    ends: Offsets | None = None

    def original_offsets(self, starts: Offsets, ends: Offsets) -> tuple[Offsets, Offsets]:
        """Return the offsets in the original text of spans of this one, which must not be empty."""
        if self.starts is None or self.ends is None:
            return starts, ends
        return self.starts[starts], self.ends[ends - 1]


def normalize(text: str) -> NormalizedText:
    """Normalize one text."""
    return normalize_all([text])[0]


def normalize_all(texts: Sequence[str]) -> list[NormalizedText]:
    """Normalize texts in bulk: only those with something to normalize cost more than a lookup for each character."""
    joined = "\n".join(texts)
    codes = np.frombuffer(joined.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    candidates = np.flatnonzero(_find_actions(codes) != _KEEP)
    text_starts = np.cumsum([0] + [len(text) + 1 for text in texts])
    edges = np.searchsorted(candidates, text_starts)
    results = []
    for text, begin, first, last in zip(texts, text_starts.tolist(), edges[:-1], edges[1:], strict=False):
        edits = list(_find_edits(text, (candidates[first:last] - begin).tolist())) if first < last else []
        results.append(_apply_edits(text, edits) if edits else NormalizedText(text))
    return results


def _find_edits(text: str, candidates: Sequence[int]) -> Iterator[Edit]:
    """Yield the edits of a text in order; `candidates` are the indices of characters that an edit may begin at."""
    edited_to = 0
    for index in candidates:
        if index < edited_to:
            continue
        action = _actions[ord(text[index])]
        edit: Edit | None
        if action == _MATCH_SEQUENCE:
            edit = _replace_sequence(text, index)
        elif action == _COMPOSE:
            edit = _compose_accents(text, index, edited_to)
        else:
            edit = index, index + 1, _normalize_char(text[index])
            if text[index] in _JOINERS and index and text[index - 1] >= "\u0590" and text[index - 1].isalpha():
                edit = None
        if edit and text[edit[0] : edit[1]] != edit[2]:
            yield edit
            edited_to = edit[1]


def _replace_sequence(text: str, index: int) -> Edit | None:
    """Replace the tag, character reference, terminal code or doubly encoded character that begins at an index."""
    match = _SEQUENCE.match(text, index)
    if not match:
        return None
    groups = match.groupdict()
    if groups["reference"]:
        replacement = _decode_reference(match.group())
    elif groups["mojibake"]:
        replacement = _decode_mojibake(match.group())
    elif groups["escaped"]:
        replacement = "&"
    else:
        replacement = "\n\n" if groups["block"] else "\n" if groups["line"] else ""
    return index, match.end(), replacement


def _decode_reference(reference: str) -> str:
    """Return the characters of an HTML character reference, also of one that is escaped (`&amp;nbsp;`)."""
    name = reference.rsplit("amp;", 1)[-1].lstrip("&") if reference != "&amp;" else "amp;"
    if name.startswith("#"):
        chars = html.unescape(f"&{name}")
    else:
        name = name.removesuffix(";") + ";"
        chars = html5.get(name) or (html5.get(name.lower()) if name.isupper() else None) or f"&{name}"
    return "".join(map(_normalize_char, chars))


def _decode_mojibake(text: str) -> str:
    """Decode UTF-8 that was decoded as cp1252; return the text unchanged if it is not such text."""
    try:
        decoded = b"".join(c.encode("latin-1" if c < "\xa0" else "cp1252") for c in text).decode("utf-8")
    except UnicodeError:
        # The last byte of a closing quote has no character in cp1252 and is often lost.
        return '"' if text == "\u00e2\u20ac" else text
    return "".join(map(_normalize_char, decoded))


def _compose_accents(text: str, index: int, edited_to: int) -> Edit | None:
    """Compose the letter before an index with the accents from there on, if that gives one character."""
    end = index + 1
    while end < len(text) and ord(text[end]) in _ACCENTS:
        end += 1
        if end - index > _MOST_ACCENTS:  # without a limit, the time for a run would grow with its square
            return None
    composed = unicodedata.normalize("NFC", text[max(index - 1, edited_to) : end])
    return (index - 1, end, composed) if index > edited_to and len(composed) == 1 else None


def _apply_edits(text: str, edits: Sequence[Edit]) -> NormalizedText:
    parts: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    copied_to = 0
    for start, end, replacement in (*edits, (len(text), len(text), "")):
        parts += (text[copied_to:start], replacement)
        starts += (*range(copied_to, start), *(start for _ in replacement))
        ends += (*range(copied_to + 1, start + 1), *(end for _ in replacement))
        copied_to = end
    return NormalizedText("".join(parts), np.array(starts, dtype=np.int64), np.array(ends, dtype=np.int64))


def _find_actions(codes: npt.NDArray[np.uint32]) -> npt.NDArray[np.uint8]:
    """Return the action for each code point, and remember it for characters that have not occurred yet."""
    actions: npt.NDArray[np.uint8] = _actions[codes]
    if not actions.all():
        for code in np.unique(codes[actions == 0]).tolist():
            char = chr(code)
            if char in _OPENINGS:
                _actions[code] = _MATCH_SEQUENCE
            elif code in _ACCENTS:
                _actions[code] = _COMPOSE
            else:
                _actions[code] = _KEEP if _normalize_char(char) == char else _REPLACE
        actions = _actions[codes]
    return actions


def _normalize_char(char: str) -> str:
    """Return the replacement of one character, without regard to its neighbors."""
    if char in _EQUIVALENTS or (char.isascii() and (char.isprintable() or char in "\t\n\r")):
        return _EQUIVALENTS.get(char, char)
    match unicodedata.category(char):
        case "Nd":
            return str(unicodedata.decimal(char))
        case "Zs":
            return " "
        case "Cc":
            # As in HTML: the upper control characters are bytes of cp1252 that were decoded as Latin-1.
            intended = char.encode("latin-1").decode("cp1252", "ignore")
            return "".join(map(_normalize_char, intended)) if intended != char else ""
        case "Cf":
            return char if char in _VISIBLE else ""
    return _decompose(char)


def _decompose(char: str) -> str:
    """Return the ordinary letters or digits of a fullwidth, styled or joined form; else the character itself."""
    form, _, _ = unicodedata.decomposition(char).partition(" ")
    if form not in _COMPATIBILITY:
        return char
    plain = unicodedata.normalize("NFKC", char)
    if len(plain) == 1 and (plain.isalnum() or form in _WIDTHS):
        return _EQUIVALENTS.get(plain, plain)
    # The letters of one character must be in one word: two words cannot share its offsets.
    return plain if plain.isalpha() and not _IDEOGRAPH.search(plain) else char
