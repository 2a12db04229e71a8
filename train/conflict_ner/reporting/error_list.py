"""Every error of an evaluation in its sentence, for a page or a list.

>>> from conflict_ner.data.document import Document, Mention
>>> from conflict_ner.evaluation.matching import align
>>> report = Document("r1", "Rain fell. Rebels left Goma. All is calm.", (Mention(11, 17, "ACTOR"),))
>>> [error] = errors_of([align(report.mentions, [])], [report])
>>> error.kind, error.label, report.text[error.start : error.end]
('missed', 'ACTOR', 'Rebels left Goma.')
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import regex

from conflict_ner.data.document import Document
from conflict_ner.evaluation.matching import CORRECT, Pair
from conflict_ner.reporting.marks import end_of

_MOST = 240  # characters shown before a mention, and after it
# A full stop after a short capitalised word may end an abbreviation (Gen., Capt.), and before a
# small letter it ends nothing. Where this errs the window is only longer.
_END = regex.compile(r"\n+|(?<!\b\p{Lu}\p{L}{0,2})[.!?\u061f\u06d4\u3002][\"'\u2019\u201d)\]]*\s+(?!\p{Ll})")
_SPACE = re.compile(r"\s+")


@dataclass(frozen=True, slots=True)
class Error:
    """One error: which document it is in (an index), and the window `start:end` of its text to show.

    touching: the pairs that share a character with it, itself among them; number: from 1 on.
    """

    number: int
    document: int
    pair: Pair
    start: int
    end: int
    touching: tuple[Pair, ...]

    @property
    def kind(self) -> str:
        """One of `matching.ERRORS`."""
        return self.pair.kind

    @property
    def label(self) -> str:
        """The gold label; of a spurious prediction its own."""
        return self.pair.label

    @property
    def labels(self) -> tuple[str, ...]:
        """The gold and the predicted label, one of them where they are equal."""
        both = (span.label for span in (self.pair.gold, self.pair.predicted) if span)
        return tuple(dict.fromkeys(both))


def errors_of(pairs: Sequence[Sequence[Pair]], documents: Sequence[Document]) -> list[Error]:
    """All errors in the order of the documents and of their texts.

    Args:
        pairs: of each document, from `matching.align`.
    """
    found: list[Error] = []
    for index, (each, document) in enumerate(zip(pairs, documents, strict=True)):
        for pair in each:
            if pair.kind == CORRECT:
                continue
            past = end_of(pair)
            start, end = sentence(document.text, pair.start, past)
            if not 0 <= start <= pair.start < past <= end <= len(document.text):
                raise AssertionError(document.id, pair)
            touching = tuple(other for other in each if other.start < past and pair.start < end_of(other))
            found.append(Error(len(found) + 1, index, pair, start, end, touching))
    return found


def sentence(text: str, start: int, end: int) -> tuple[int, int]:
    """The offsets of the sentence around `text[start:end]`, cut at a space where it is very long.

    A sentence ends with its punctuation or its line. Spaces at either side are left out.
    """
    low, high = max(0, start - _MOST), min(len(text), end + _MOST)
    before = [match.end() for match in _END.finditer(text, low, end) if match.end() <= start]
    after = next((match for match in _END.finditer(text, end, high)), None)
    first = before[-1] if before else _cut(text, low, start, from_left=True)
    last = after.end() if after else _cut(text, end, high, from_left=False)
    while first < start and text[first].isspace():
        first += 1
    while last > end and text[last - 1].isspace():
        last -= 1
    return first, last


def _cut(text: str, low: int, high: int, *, from_left: bool) -> int:
    """The outermost space in `text[low:high]`, so that no word is cut; the outer edge where there is none."""
    outer = low if from_left else high
    if outer in (0, len(text)):
        return outer
    spaces = list(_SPACE.finditer(text, low, high))
    if not spaces:
        return outer
    return spaces[0].end() if from_left else spaces[-1].start()
