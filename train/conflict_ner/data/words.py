"""Where words begin and end: the units that carry labels.

A word is a run of letters with their marks, a run of digits, or any other single
character that is not white space. So a mention can end inside what a tokenizer may call
one word (`Houthi` in `Houthi-held`, `60` in `60km`), and every punctuation mark is a word.
Three kinds of run belong together, because no mention ends inside them: a designation of
letters and digits, a name with an apostrophe in it, and an address of the web.

>>> text = "Houthi-held, 60km for $3m; 3 K9, a T-72B3 and F-16Cs of Jama'atu's M23"
>>> [text[start:end] for start, end in zip(*split_words(text))]  # doctest: +NORMALIZE_WHITESPACE
['Houthi', '-', 'held', ',', '60', 'km', 'for', '$', '3', 'm', ';', '3', 'K9', ',', 'a', 'T', '-', '72B3', 'and',
 'F', '-', '16Cs', 'of', "Jama'atu", "'", 's', 'M23']
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import regex

# Ideographs are words by themselves, as in BERT's pre-tokenizer: no spaces part them.
_KIND = regex.compile(r"(\p{Ideographic})|(\p{L})|(\p{N})|(\p{M})|(\S)|(.)", regex.DOTALL)
_IDEOGRAPH, _LETTER, _NUMBER, _MARK, _OTHER, _SPACE = range(1, 7)  # the groups above

_APOSTROPHES = (ord("'"), ord("\u2019"))
_HYPHEN = ord("-")
# What follows an apostrophe and is no part of the name before it: possessives and short verb forms.
_ENDINGS = frozenset(("s", "t", "d", "m", "ll", "re", "ve"))
# What stands before an apostrophe and is an article or preposition of French or Italian; a single
# letter before a capital, as in O'Brien and N'Djamena, belongs to the name.
_ELIDED = frozenset(("c", "d", "j", "l", "m", "n", "s", "t", "qu", "dell", "nell", "dall", "sull", "all", "un"))
_TIMES = frozenset("xX\u00d7")  # `tank x4`, `2x`: how many there are, and no designation
# Digits in an address are no count. Punctuation after it belongs to the sentence.
_ADDRESS = regex.compile(r"\b(?:https?://|www\.)[^\s<>\[\]\"]*[\p{L}\p{N}/]", regex.IGNORECASE)
_SHORT = 2  # letters of a designation in lower case (m23, ak47); longer ones are words run into a number (and35)

Offsets = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

# The kind of every character there is; 0 for those that no text had yet. Asking Unicode once a
# character instead of once a word is what makes this several times as fast as a pattern for words.
_kinds = np.zeros(0x110000, dtype=np.uint8)


def split_words(text: str, *, whole: bool = True) -> tuple[Offsets, Offsets]:
    """Start and end offsets of the words of a text, each of shape (words,), ascending.

    Args:
        whole: keep designations, names with an apostrophe and web addresses together.
    """
    # Half a surrogate pair is no character, but it has a place; who reads texts refuses it.
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    kinds = _kinds_of(codes)
    before = np.concatenate(([_SPACE], kinds[:-1]))
    continues = (kinds == before) & ((kinds == _LETTER) | (kinds == _NUMBER))
    marks = np.flatnonzero(kinds == _MARK)
    if marks.size:
        # A mark belongs to the letter or ideograph that it stands on, and is itself a word on anything else.
        carrier = np.maximum.accumulate(np.where(kinds != _MARK, np.arange(len(kinds)), 0))
        carried = np.isin(kinds[carrier[marks]], (_LETTER, _IDEOGRAPH))
        continues[marks] = carried
        after = marks[carried] + 1
        after = after[after < len(kinds)]
        continues[after] |= (kinds[after] == _LETTER) & (kinds[carrier[after - 1]] == _LETTER)
    is_word = kinds != _SPACE
    starts = np.flatnonzero(is_word & ~continues)
    ends = np.flatnonzero(is_word & ~np.append(continues[1:], False)) + 1
    if whole and len(starts) > 1:
        joined = _joined(text, starts, ends, codes[starts], kinds[starts])
        return starts[~joined], ends[~np.append(joined[1:], False)]
    return starts, ends


def _joined(
    text: str, starts: Offsets, ends: Offsets, codes: npt.NDArray[np.uint32], kinds: npt.NDArray[np.uint8]
) -> Flags:
    """Whether each run belongs to the word of the run before it; shape (runs,).

    Args:
        codes, kinds: of the first character of each run.
    """
    joined = np.zeros(len(starts), dtype=np.bool_)
    touches = np.append(False, ends[:-1] == starts[1:])
    letters, digits = kinds == _LETTER, kinds == _NUMBER
    after_letters, after_digits = np.append(False, letters[:-1]), np.append(False, digits[:-1])
    meets = touches & ((letters & after_digits) | (digits & after_letters))
    quotes = touches & after_letters & np.isin(codes, _APOSTROPHES) & np.append(touches[1:] & letters[1:], False)

    def run(at: int) -> str:
        return text[starts[at] : ends[at]]

    for at in np.flatnonzero(quotes).tolist():
        joined[at : at + 2] = _is_inside_a_name(run(at - 1), run(at + 1))
    hyphened = np.roll(touches & np.roll(touches & (codes == _HYPHEN) & after_letters, 1), 1)
    for at in np.flatnonzero(meets).tolist():
        before, this = run(at - 1), run(at)
        if digits[at]:
            joined[at] = this.isdecimal() and _is_designation(before)
        elif before.isdecimal():
            # T72|B3, 9|K720, F-16|C, Su-25|s; but 60|km, 2|x, to-30|km.
            goes_on = at + 1 < len(starts) and meets[at + 1] and this.isupper()
            named = hyphened[at] and (run(at - 3)[0].isupper() or this == "s")
            joined[at] = joined[at - 1] or goes_on or named
    for address in _ADDRESS.finditer(text):
        first, last = np.searchsorted(starts, address.span())
        joined[first + 1 : last] = True
    return joined


def _is_designation(letters: str) -> bool:
    """Whether digits that follow these letters directly belong to them."""
    return letters not in _TIMES and (letters[0].isupper() or (letters.islower() and len(letters) <= _SHORT))


def _is_inside_a_name(before: str, after: str) -> bool:
    """Whether an apostrophe between these letters is part of one word."""
    if after.lower() in _ENDINGS:
        return False
    return before.lower() not in _ELIDED or (before in "NMO" and after[0].isupper())


def _kinds_of(codes: npt.NDArray[np.uint32]) -> npt.NDArray[np.uint8]:
    kinds: npt.NDArray[np.uint8] = _kinds[codes]
    if not kinds.all():
        for code in np.unique(codes[kinds == 0]).tolist():
            match = _KIND.fullmatch(chr(code))
            _kinds[code] = match.lastindex if match else _OTHER
        kinds = _kinds[codes]
    return kinds
