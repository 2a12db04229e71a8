r"""Sentences and tokens of a report, which INCEpTION shows line by line and to which its annotations snap.

The sentences are only good enough to read and to label: a break is at a line's end, or after a mark that ends a
sentence. None is inside a mention, so that INCEpTION does not cut it.

>>> text = "Gen. Haftar left Goma. Rebels came.\nNo one fell."
>>> [text[each.start : each.end] for each in split_sentences(text)]
['Gen. Haftar left Goma.', 'Rebels came.', 'No one fell.']
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from conflict_ner.data.document import Span
from conflict_ner.data.words import split_words

_LINE_END = re.compile("[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]")
_ENDS = frozenset(".!?\u2026\u061f\u06d4\u0964\u3002\uff01\uff1f")  # in Latin, Arabic, Urdu, Hindi, Chinese text
_FULL_WIDTH = frozenset("\u3002\uff01\uff1f")  # no space follows them
_CLOSING = frozenset("\"'\u201d\u2019\u00bb)]")
_ABBREVIATIONS = frozenset(("gen", "col", "lt", "sgt", "maj", "capt", "brig", "dr", "mr", "mrs", "ms", "st", "vs"))


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence: the start and end offsets of its tokens."""

    tokens: tuple[tuple[int, int], ...]

    @property
    def start(self) -> int:
        """Where its first token starts."""
        return self.tokens[0][0]

    @property
    def end(self) -> int:
        """Where its last token ends."""
        return self.tokens[-1][1]


def split_sentences(text: str, mentions: Iterable[Span] = ()) -> list[Sentence]:
    """Return the sentences of a text that has words, none of which ends inside a mention."""
    starts, ends = (offsets.tolist() for offsets in split_words(text))
    inside = {place for mention in mentions for place in range(mention.start + 1, mention.end)}
    sentences, tokens = [], list[tuple[int, int]]()
    for number, token in enumerate(zip(starts, ends, strict=True)):
        if tokens and token[0] not in inside and _is_break(text, tokens, token[0]):
            sentences.append(Sentence(tuple(tokens)))
            tokens = []
        tokens.append(token)
        if number == len(starts) - 1:
            sentences.append(Sentence(tuple(tokens)))
    return sentences


def _is_break(text: str, tokens: list[tuple[int, int]], start: int) -> bool:
    """Return whether a sentence of these tokens ends before the token that starts at `start`."""
    gap = text[tokens[-1][1] : start]
    if _LINE_END.search(gap):
        return True
    last = next((number for number in reversed(range(len(tokens))) if text[tokens[number][0]] not in _CLOSING), 0)
    mark = text[tokens[last][0]]
    if mark not in _ENDS or (not gap and mark not in _FULL_WIDTH) or text[start].islower() or text[start] in _ENDS:
        return False
    before = text[slice(*tokens[last - 1])].lower() if last and last == len(tokens) - 1 else ""
    is_abbreviation = mark == "." and ((len(before) == 1 and before.isalpha()) or before in _ABBREVIATIONS)
    return not is_abbreviation
