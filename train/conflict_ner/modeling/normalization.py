"""What a text shows, in the characters that a model knows.

Typographic apostrophes and dashes, characters and tags of HTML, colours of a terminal,
fullwidth letters, digits of other scripts, invisible characters inside words: people read
past them, and a tokenizer does not. `normalize` gives the text to be tokenized, and for
every character of it the place in the text given, so that mentions still slice that one.

>>> found = normalize("10\u201315&nbsp;men of Zelens&#39;kyi")
>>> found.text
"10-15 men of Zelens'kyi"
>>> starts, ends = found.given(np.array([0, 13]), np.array([5, 23]))
>>> list(zip(starts.tolist(), ends.tolist()))
[(0, 5), (18, 32)]

Most texts have nothing to normalize and cost one look at each character.
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
Edit = tuple[int, int, str]  # text[start:end] is read as the string

# Look-alikes, which NFKC leaves as they are or gives two characters for.
_ALIKE = {
    # As hyphens: ranges and compounds are written with all of these, and mean the same.
    **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2043\u2212\u058a\ufe58\ufe63", "-"),
    # As apostrophes: quotes, prime, accents that stand alone, and letters that transcribe ayn and hamza.
    **dict.fromkeys("`\u00b4\u2018\u2019\u201a\u201b\u2032\u2035\u02b9\u02bb\u02bc\u02bd\u02be\u02bf\u02ca\u02cb", "'"),
    **dict.fromkeys("\u05f3\u055a\u2039\u203a", "'"),
    **dict.fromkeys("\u00ab\u00bb\u201c\u201d\u201e\u201f\u2033\u2036\u301d\u301e\u301f\u05f4", '"'),
    **dict.fromkeys("\u2044\u2215", "/"),
    "\u066a": "%", "\u066b": ".", "\u066c": ",",
    # Ends of lines, pages and paragraphs. Tokenizers drop some of them and run the words together.
    "\x0b": "\n", "\x0c": "\n\n", "\x85": "\n", "\u2028": "\n", "\u2029": "\n\n",
    "\x1c": " ", "\x1d": " ", "\x1e": " ", "\x1f": " ",
}  # fmt: skip
_IDEOGRAPH = regex.compile(r"\p{Ideographic}")
_JOINERS = "\u200c\u200d"  # between letters of Arabic and Indic scripts they spell, elsewhere they show nothing
_ACCENTS = range(0x300, 0x370)  # written after their letter
_VISIBLE = "\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2"  # signs around Arabic numbers
_WIDTHS = ("<wide>", "<narrow>")
_COMPATIBILITY = (*_WIDTHS, "<font>", "<compat>", "<square>", "<initial>", "<medial>", "<final>", "<isolated>")

_TAGS_OF_A_LINE = "br|wbr|hr|img"
_TAGS_OF_A_BLOCK = (
    "address|article|aside|blockquote|body|caption|center|dd|div|dl|dt|figcaption|figure|footer|h[1-6]|head|header|html|"
    "li|main|nav|ol|p|pre|section|table|tbody|td|tfoot|th|thead|title|tr|ul"
)
_TAGS_IN_A_LINE = "a|abbr|b|big|cite|code|em|font|i|ins|mark|q|s|small|span|strike|strong|sub|sup|tt|u"
# How cp1252 shows the bytes that continue a character in UTF-8.
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
_OPENINGS = "&<\x1b^\\\u00e2\u00c2\u00c3"  # with which a sequence begins

# What is to be done with every character there is; 0 for those that no text had yet.
_KEPT, _REPLACED, _OPENS, _ACCENT = range(1, 5)
_actions = np.zeros(0x110000, dtype=np.uint8)


@dataclass(frozen=True, slots=True)
class NormalizedText:
    """A text to be tokenized, and where it comes from.

    starts, ends: for each character of it, the offsets in the text given of what it stands for;
        None where both texts have the same offsets.
    """

    text: str
    starts: Offsets | None = None
    ends: Offsets | None = None

    def given(self, starts: Offsets, ends: Offsets) -> tuple[Offsets, Offsets]:
        """The offsets in the text given of spans of this one; none of them may be empty."""
        if self.starts is None or self.ends is None:
            return starts, ends
        return self.starts[starts], self.ends[ends - 1]


def normalize(text: str) -> NormalizedText:
    """Read one text."""
    return normalize_all([text])[0]


def normalize_all(texts: Sequence[str]) -> list[NormalizedText]:
    """Read texts in bulk: only those with something to normalize cost more than a look at each character."""
    joined = "\n".join(texts)
    codes = np.frombuffer(joined.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    noticed = np.flatnonzero(_actions_of(codes) != _KEPT)
    text_starts = np.cumsum([0] + [len(text) + 1 for text in texts])
    edges = np.searchsorted(noticed, text_starts)
    found = []
    for text, begin, first, last in zip(texts, text_starts.tolist(), edges[:-1], edges[1:], strict=False):
        edits = list(_edits(text, (noticed[first:last] - begin).tolist())) if first < last else []
        found.append(_edited(text, edits) if edits else NormalizedText(text))
    return found


def _edits(text: str, places: Sequence[int]) -> Iterator[Edit]:
    """What is read otherwise, in order; `places` are of the characters that may be or begin such a thing."""
    done = 0
    for at in places:
        if at < done:
            continue
        action = _actions[ord(text[at])]
        edit: Edit | None
        if action == _OPENS:
            edit = _sequence(text, at)
        elif action == _ACCENT:
            edit = _accented(text, at, done)
        else:
            edit = at, at + 1, _shown(text[at])
            if text[at] in _JOINERS and at and text[at - 1] >= "\u0590" and text[at - 1].isalpha():
                edit = None
        if edit and text[edit[0] : edit[1]] != edit[2]:
            yield edit
            done = edit[1]


def _sequence(text: str, at: int) -> Edit | None:
    """The tag, character reference, terminal code or doubly encoded character that begins here."""
    match = _SEQUENCE.match(text, at)
    if not match:
        return None
    found = match.groupdict()
    if found["reference"]:
        value = _referenced(match.group())
    elif found["mojibake"]:
        value = _decoded_again(match.group())
    elif found["escaped"]:
        value = "&"
    else:
        value = "\n\n" if found["block"] else "\n" if found["line"] else ""
    return at, match.end(), value


def _referenced(reference: str) -> str:
    """What a character reference of HTML shows; one that is escaped (`&amp;nbsp;`) is read as it was meant."""
    name = reference.rsplit("amp;", 1)[-1].lstrip("&") if reference != "&amp;" else "amp;"
    if name.startswith("#"):
        shown = html.unescape(f"&{name}")
    else:
        name = name.removesuffix(";") + ";"
        shown = html5.get(name) or (html5.get(name.lower()) if name.isupper() else None) or f"&{name}"
    return "".join(map(_shown, shown))


def _decoded_again(text: str) -> str:
    """UTF-8 that was read as cp1252, read as UTF-8; the text as it is where it cannot have been."""
    try:
        decoded = b"".join(c.encode("latin-1" if c < "\xa0" else "cp1252") for c in text).decode("utf-8")
    except UnicodeError:
        # The last byte of a closing quote has no character in cp1252 and is often lost.
        return '"' if text == "\u00e2\u20ac" else text
    return "".join(map(_shown, decoded))


def _accented(text: str, at: int, done: int) -> Edit | None:
    """A letter with the accents written after it, as one character where there is one."""
    end = at + 1
    while end < len(text) and ord(text[end]) in _ACCENTS:
        end += 1
    whole = unicodedata.normalize("NFC", text[max(at - 1, done) : end])
    return (at - 1, end, whole) if at > done and len(whole) == 1 else None


def _edited(text: str, edits: Sequence[Edit]) -> NormalizedText:
    parts: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    done = 0
    for start, end, value in (*edits, (len(text), len(text), "")):
        parts += (text[done:start], value)
        starts += (*range(done, start), *(start for _ in value))
        ends += (*range(done + 1, start + 1), *(end for _ in value))
        done = end
    return NormalizedText("".join(parts), np.array(starts, dtype=np.int64), np.array(ends, dtype=np.int64))


def _actions_of(codes: npt.NDArray[np.uint32]) -> npt.NDArray[np.uint8]:
    actions: npt.NDArray[np.uint8] = _actions[codes]
    if not actions.all():
        for code in np.unique(codes[actions == 0]).tolist():
            char = chr(code)
            if char in _OPENINGS:
                _actions[code] = _OPENS
            elif code in _ACCENTS:
                _actions[code] = _ACCENT
            else:
                _actions[code] = _KEPT if _shown(char) == char else _REPLACED
        actions = _actions[codes]
    return actions


def _shown(char: str) -> str:
    """What one character is read as."""
    if char in _ALIKE or (char.isascii() and (char.isprintable() or char in "\t\n\r")):
        return _ALIKE.get(char, char)
    match unicodedata.category(char):
        case "Nd":
            return str(unicodedata.decimal(char))
        case "Zs":
            return " "
        case "Cc":
            # What HTML does with the upper control characters: they come from cp1252.
            meant = char.encode("latin-1").decode("cp1252", "ignore")
            return "".join(map(_shown, meant)) if meant != char else ""
        case "Cf":
            return char if char in _VISIBLE else ""
    return _compatible(char)


def _compatible(char: str) -> str:
    """The ordinary letters or digits of a fullwidth, styled or joined form; else the character itself."""
    form, _, _ = unicodedata.decomposition(char).partition(" ")
    if form not in _COMPATIBILITY:
        return char
    plain = unicodedata.normalize("NFKC", char)
    if len(plain) == 1 and (plain.isalnum() or form in _WIDTHS):
        return _ALIKE.get(plain, plain)
    # Several letters of one place must be one word, so that words do not share a place.
    return plain if plain.isalpha() and not _IDEOGRAPH.search(plain) else char
