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
_WORD = regex.compile(r"\p{Ideographic}\p{M}*|(?:(?!\p{Ideographic})\p{L}\p{M}*)+|\p{N}+|\S")

Offsets = npt.NDArray[np.int64]


def split_words(text: str) -> tuple[Offsets, Offsets]:
    """Start and end offsets of the words of a text, each of shape (words,), ascending."""
    spans = [match.span() for match in _WORD.finditer(text)]
    array = np.array(spans, dtype=np.int64).reshape(-1, 2)
    return array[:, 0].copy(), array[:, 1].copy()
