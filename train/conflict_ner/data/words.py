"""Splitting of text into words, the units that carry labels.

A word is a run of letters with their combining marks, a run of digits, or any other single
character that is not white space. So a mention can end inside what another tokenizer may call
one word (`Houthi` in `Houthi-held`, `60` in `60km`), and every punctuation mark is a word.
Three kinds of runs are joined into one word, because no mention ends inside them: a designation
of letters and digits, a name with an apostrophe in it, and a web address.

>>> text = "Houthi-held, 60km for $3m; 3 K9, a T-72B3 and F-16Cs of Jama'atu's M23"
>>> [text[start:end] for start, end in zip(*split_words(text))]  # doctest: +NORMALIZE_WHITESPACE
['Houthi', '-', 'held', ',', '60', 'km', 'for', '$', '3', 'm', ';', '3', 'K9', ',', 'a', 'T', '-', '72B3', 'and',
 'F', '-', '16Cs', 'of', "Jama'atu", "'", 's', 'M23']
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import regex

# Each ideograph is a word, as in BERT's pre-tokenizer: there are no spaces between them.
_KIND = regex.compile(r"(\p{Ideographic})|(\p{L})|(\p{N})|(\p{M})|(\S)|(.)", regex.DOTALL)
_IDEOGRAPH, _LETTER, _NUMBER, _MARK, _OTHER, _SPACE = range(1, 7)  # the groups above

_APOSTROPHES = (ord("'"), ord("\u2019"))
_HYPHEN = ord("-")
# Letters after an apostrophe that are not part of the name before it: possessives and contracted verbs.
_CONTRACTIONS = frozenset(("s", "t", "d", "m", "ll", "re", "ve"))
# Letters before an apostrophe that are a French or Italian article or preposition; a single
# letter before a capital, as in O'Brien and N'Djamena, belongs to the name.
_ELIDED = frozenset(("c", "d", "j", "l", "m", "n", "s", "t", "qu", "dell", "nell", "dall", "sull", "all", "un"))
_TIMES = frozenset("xX\u00d7")  # `tank x4`, `2x`: a count, not a designation
# Digits in an address are not a count. Punctuation after it belongs to the sentence.
_ADDRESS = regex.compile(r"\b(?:https?://|www\.)[^\s<>\[\]\"]*[\p{L}\p{N}/]", regex.IGNORECASE)
_MAX_LOWERCASE = 2  # letters of a designation in lower case (m23, ak47); more are a word run into a number (and35)

Offsets = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

# The kind of every Unicode character; 0 for those that have not occurred yet. Looking up each character's
# kind once and keeping it makes this several times as fast as a pattern for words.
_kinds = np.zeros(0x110000, dtype=np.uint8)


def split_words(text: str, *, join: bool = True) -> tuple[Offsets, Offsets]:
    """Return the start and end offsets of the words of a text, each of shape (words,), ascending.

    Args:
        join: keep designations, names with an apostrophe and web addresses together.
    """
    # Half of a surrogate pair has an offset too; the readers of files refuse such texts.
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    kinds = _kinds_of(codes)
    previous_kinds = np.concatenate(([_SPACE], kinds[:-1]))
    continues = (kinds == previous_kinds) & ((kinds == _LETTER) | (kinds == _NUMBER))
    marks = np.flatnonzero(kinds == _MARK)
    if marks.size:
        # A mark belongs to the letter or ideograph before it; after anything else it is a word.
        bases = np.maximum.accumulate(np.where(kinds != _MARK, np.arange(len(kinds)), 0))
        has_base = np.isin(kinds[bases[marks]], (_LETTER, _IDEOGRAPH))
        continues[marks] = has_base
        next_ = marks[has_base] + 1
        next_ = next_[next_ < len(kinds)]
        continues[next_] |= (kinds[next_] == _LETTER) & (kinds[bases[next_ - 1]] == _LETTER)
    is_word = kinds != _SPACE
    starts = np.flatnonzero(is_word & ~continues)
    ends = np.flatnonzero(is_word & ~np.append(continues[1:], False)) + 1
    if join and len(starts) > 1:
        joined = _find_joined_runs(text, starts, ends, codes[starts], kinds[starts])
        return starts[~joined], ends[~np.append(joined[1:], False)]
    return starts, ends


def _find_joined_runs(
    text: str, starts: Offsets, ends: Offsets, codes: npt.NDArray[np.uint32], kinds: npt.NDArray[np.uint8]
) -> Flags:
    """Return whether each run belongs to the same word as the run before it; shape (runs,).

    Args:
        text: the text that was split into runs.
        starts, ends: the offsets of each run.
        codes, kinds: code point and kind of the first character of each run.
    """
    joined = np.zeros(len(starts), dtype=np.bool_)
    touches = np.append(False, ends[:-1] == starts[1:])
    letters, digits = kinds == _LETTER, kinds == _NUMBER
    after_letters, after_digits = np.append(False, letters[:-1]), np.append(False, digits[:-1])
    letter_digit_boundaries = touches & ((letters & after_digits) | (digits & after_letters))
    apostrophes = touches & after_letters & np.isin(codes, _APOSTROPHES) & np.append(touches[1:] & letters[1:], False)

    def run(at: int) -> str:
        return text[starts[at] : ends[at]]

    for at in np.flatnonzero(apostrophes).tolist():
        joined[at : at + 2] = _is_inside_name(run(at - 1), run(at + 1))
    after_hyphen = np.roll(touches & np.roll(touches & (codes == _HYPHEN) & after_letters, 1), 1)
    for at in np.flatnonzero(letter_digit_boundaries).tolist():
        previous, current = run(at - 1), run(at)
        if digits[at]:
            joined[at] = current.isdecimal() and _is_designation_prefix(previous)
        elif previous.isdecimal():
            # T72|B3, 9|K720, F-16|C, Su-25|s; but 60|km, 2|x, to-30|km.
            digits_follow = at + 1 < len(starts) and letter_digit_boundaries[at + 1] and current.isupper()
            is_suffix = after_hyphen[at] and (run(at - 3)[0].isupper() or current == "s")
            joined[at] = joined[at - 1] or digits_follow or is_suffix
    for address in _ADDRESS.finditer(text):
        first, last = np.searchsorted(starts, address.span())
        joined[first + 1 : last] = True
    return joined


def _is_designation_prefix(letters: str) -> bool:
    """Return whether digits that directly follow these letters belong to the same word."""
    return letters not in _TIMES and (letters[0].isupper() or (letters.islower() and len(letters) <= _MAX_LOWERCASE))


def _is_inside_name(before: str, after: str) -> bool:
    """Return whether an apostrophe between these letters is inside one word."""
    if after.lower() in _CONTRACTIONS:
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
