"""Where words begin and end: the units that carry labels.

A word is a run of letters with their marks, a run of digits, or any other single
character that is not white space. Nothing else joins or parts, so a mention can end
inside what a tokenizer may call one word, and every punctuation mark is a word, as
BERT's own pre-tokenizer has it:

>>> text = "Houthi-held, 60km for $3m"
>>> [text[start:end] for start, end in zip(*split_words(text))]
['Houthi', '-', 'held', ',', '60', 'km', 'for', '$', '3', 'm']
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import regex

# Ideographs are words by themselves, as in BERT's pre-tokenizer: no spaces part them.
_KIND = regex.compile(r"(\p{Ideographic})|(\p{L})|(\p{N})|(\p{M})|(\S)|(.)", regex.DOTALL)
_IDEOGRAPH, _LETTER, _NUMBER, _MARK, _OTHER, _SPACE = range(1, 7)  # the groups above

Offsets = npt.NDArray[np.int64]

# The kind of every character there is; 0 for those that no text had yet. Asking Unicode once a
# character instead of once a word is what makes this several times as fast as a pattern for words.
_kinds = np.zeros(0x110000, dtype=np.uint8)


def split_words(text: str) -> tuple[Offsets, Offsets]:
    """Start and end offsets of the words of a text, each of shape (words,), ascending."""
    # Half a surrogate pair is no character, but it has a place; who reads texts refuses it.
    kinds = _kinds_of(np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32))
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
    return starts, ends


def _kinds_of(codes: npt.NDArray[np.uint32]) -> npt.NDArray[np.uint8]:
    kinds: npt.NDArray[np.uint8] = _kinds[codes]
    if not kinds.all():
        for code in np.unique(codes[kinds == 0]).tolist():
            match = _KIND.fullmatch(chr(code))
            _kinds[code] = match.lastindex if match else _OTHER
        kinds = _kinds[codes]
    return kinds
