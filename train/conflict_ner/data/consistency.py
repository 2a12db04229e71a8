"""Hints at inconsistent annotation: the same words labeled in two ways.

Annotators who agree with a guideline still miss a name in the fifth paragraph. These are
hints and not problems: a person decides each by reading, and nothing is changed.
(After the variation detection of Dickinson and Meurers 2003, for part-of-speech tags.)

>>> from conflict_ner.data.document import Mention
>>> texts = ["Rebels left Goma.", "Rebels held Goma.", "In Goma the rebels fled."]
>>> mentions = [(Mention(0, 6, "ACTOR"),), (Mention(0, 6, "ACTOR"),), (Mention(8, 18, "ACTOR"),)]
>>> for hint in find_hints([Document(f"r{n}", t, m, origin=f"f:{n}") for n, (t, m) in enumerate(zip(texts, mentions))]):
...     print(hint)
f:2: 'the rebels' (ACTOR) begins with 'the': In Goma [the rebels] fled.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from conflict_ner.data.document import Document

# Words that guidelines nearly always leave outside a mention; English, like the shipped reports.
_LEADING_WORDS = frozenset(
    re.findall(
        r"\S+",
        "the a an this that these those its his her their our my your several many various numerous suspected "
        "alleged unidentified unknown so-called heavily mr mrs ms dr gen general col colonel capt captain maj major "
        "lt lieutenant sgt sergeant president minister",
    )
)
_MIN_LABELED_SHARE = 0.5  # unlabeled words are a hint if at least this share of their uses is labeled
_MIN_LABELED_USES = 2  # ... and they are labeled at least this often
_MAX_RARE_SHARE = 0.2  # a second label is a hint in at most this share of the uses: countries are often actors too
_WORD = re.compile(r"\w+(?:[-.'\u2019]\w+)*")
_CONTEXT = 30  # characters of text shown on either side

_Words = tuple[str, ...]  # of a mention, case-folded


@dataclass(frozen=True, slots=True)
class Hint:
    """A passage to read again: the position (`file:line`) of its report, a message, and the text around it."""

    origin: str
    message: str
    excerpt: str

    def __str__(self) -> str:
        return f"{self.origin}: {self.message}: {self.excerpt}"


@dataclass(frozen=True, slots=True)
class _Occurrence:
    """One occurrence of some words; `label` is None if they are unlabeled."""

    document: Document
    start: int
    end: int
    label: str | None

    def hint(self, message: str) -> Hint:
        text = self.document.text
        before, after = text[max(0, self.start - _CONTEXT) : self.start], text[self.end : self.end + _CONTEXT]
        excerpt = f"{before}[{text[self.start : self.end]}]{after}"
        return Hint(self.document.origin, f"{text[self.start : self.end]!r} {message}", " ".join(excerpt.split()))


def find_hints(documents: Sequence[Document]) -> list[Hint]:
    """Return hints at mentions and words to read again, grouped by kind of hint."""
    labeled = _labeled_occurrences(documents)
    return [*_edge_hints(documents), *_rare_label_hints(labeled), *_unlabeled_hints(documents, labeled)]


def _labeled_occurrences(documents: Sequence[Document]) -> dict[_Words, list[_Occurrence]]:
    """Group all mentions by their words, ignoring case."""
    labeled: dict[_Words, list[_Occurrence]] = defaultdict(list)
    for document in documents:
        for mention in document.mentions:
            words = tuple(_WORD.findall(document.slice(mention).casefold()))
            labeled[words].append(_Occurrence(document, mention.start, mention.end, mention.label))
    return labeled


def _edge_hints(documents: Sequence[Document]) -> Iterator[Hint]:
    """Find mentions that begin with a word that belongs outside, or end with a possessive."""
    for document in documents:
        for mention in document.mentions:
            occurrence = _Occurrence(document, mention.start, mention.end, mention.label)
            words = document.slice(mention).split()
            if len(words) > 1 and words[0].casefold().strip(".") in _LEADING_WORDS:
                yield occurrence.hint(f"({mention.label}) begins with {words[0]!r}")
            if re.search(r"['\u2019]s?\Z", document.slice(mention)):
                yield occurrence.hint(f"({mention.label}) ends with a possessive")


def _rare_label_hints(labeled: dict[_Words, list[_Occurrence]]) -> Iterator[Hint]:
    """Find mentions whose words rarely carry this label and mostly another."""
    for occurrences in labeled.values():
        counts = Counter(occurrence.label for occurrence in occurrences)
        (usual, usual_count), *rest = counts.most_common()
        rare = {label: count for label, count in rest if count <= _MAX_RARE_SHARE * len(occurrences)}
        for occurrence in occurrences:
            if occurrence.label in rare:
                others = rare[occurrence.label] - 1
                yield occurrence.hint(
                    f"is {occurrence.label} here and {others} times more, {usual} {usual_count} times"
                )


def _unlabeled_hints(documents: Sequence[Document], labeled: dict[_Words, list[_Occurrence]]) -> Iterator[Hint]:
    """Find unlabeled words that are mostly a mention elsewhere; the longest such words at each position."""
    unlabeled: dict[_Words, list[_Occurrence]] = defaultdict(list)
    longest = max(map(len, labeled), default=0)
    for document in documents:
        for matches in _words_between_mentions(document):
            folded = tuple(match.group().casefold() for match in matches)
            at = 0
            while at < len(matches):
                sizes = range(min(longest, len(matches) - at), 0, -1)
                size = next((n for n in sizes if folded[at : at + n] in labeled), 0)
                if size:
                    occurrence = _Occurrence(document, matches[at].start(), matches[at + size - 1].end(), None)
                    unlabeled[folded[at : at + size]].append(occurrence)
                at += max(size, 1)
    for words, occurrences in unlabeled.items():
        counts = Counter(occurrence.label for occurrence in labeled[words])
        label, count = counts.most_common(1)[0]
        share = counts.total() / (counts.total() + len(occurrences))
        if counts.total() >= _MIN_LABELED_USES and share >= _MIN_LABELED_SHARE:
            for occurrence in occurrences:
                yield occurrence.hint(f"is unlabeled here, {label} {count} times elsewhere")


def _words_between_mentions(document: Document) -> Iterator[list[re.Match[str]]]:
    """Return the words of each stretch of text between mentions."""
    at = 0
    for mention in document.mentions:
        yield list(_WORD.finditer(document.text, at, mention.start))
        at = max(at, mention.end)
    yield list(_WORD.finditer(document.text, at))
