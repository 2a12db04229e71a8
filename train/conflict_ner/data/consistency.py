"""What a second reading of labeled data should look at: the same words, labeled in two ways.

Annotators agree with a guideline and still forget a name in the fifth paragraph. These are
hints and not problems: every one is to be decided by reading, and nothing is changed.
(The idea of reading one's own variation: Dickinson and Meurers 2003, for part-of-speech.)

>>> texts = ["Rebels left Goma.", "Rebels held Goma.", "In Goma the rebels fled."]
>>> marks = [(Mention(0, 6, "ACTOR"),), (Mention(0, 6, "ACTOR"),), (Mention(8, 18, "ACTOR"),)]
>>> for hint in find_hints([Document(f"r{n}", t, m, origin=f"f:{n}") for n, (t, m) in enumerate(zip(texts, marks))]):
...     print(hint)
f:2: 'the rebels' (ACTOR) begins with 'the': In Goma [the rebels] fled.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from conflict_ner.data.document import Document, Mention, Span

# Words that guidelines leave outside a mention nearly always; English, like the shipped reports.
OUTSIDE = frozenset(
    re.findall(
        r"\S+",
        "the a an this that these those its his her their our my your several many various numerous suspected "
        "alleged unidentified unknown so-called heavily mr mrs ms dr gen general col colonel capt captain maj major "
        "lt lieutenant sgt sergeant president minister",
    )
)
USUAL = 0.5  # words left unlabeled are worth a look if at least this share of their uses is labeled
RARE = 0.2  # a second label is worth a look in at most this share of the uses: countries act as often as not
SEEN = 2  # ... and they are labeled at least so often
_WORD = re.compile(r"\w+(?:[-.'\u2019]\w+)*")
_AROUND = 30  # characters of text shown on either side


@dataclass(frozen=True, slots=True)
class Hint:
    """A place to read again: where (`file:line` of its report), what, and the words around it."""

    where: str
    what: str
    excerpt: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}: {self.excerpt}"


@dataclass(frozen=True, slots=True)
class _Use:
    """One occurrence of some words; `label` is None where they are unlabeled."""

    document: Document
    start: int
    end: int
    label: str | None

    def hint(self, what: str) -> Hint:
        text = self.document.text
        before, after = text[max(0, self.start - _AROUND) : self.start], text[self.end : self.end + _AROUND]
        excerpt = f"{before}[{text[self.start : self.end]}]{after}"
        return Hint(self.document.origin, f"{text[self.start : self.end]!r} {what}", " ".join(excerpt.split()))


def find_hints(documents: Sequence[Document]) -> list[Hint]:
    """Mentions and words worth reading again, those of a kind together."""
    uses = _labeled(documents)
    found = list(_edges(documents)) + list(_two_labels(uses))
    return found + list(_unlabeled(documents, uses))


def _labeled(documents: Sequence[Document]) -> dict[tuple[str, ...], list[_Use]]:
    """Every mention by its words, case aside."""
    uses: dict[tuple[str, ...], list[_Use]] = defaultdict(list)
    for document in documents:
        for mention in document.mentions:
            key = tuple(_WORD.findall(document.slice(mention).casefold()))
            uses[key].append(_Use(document, mention.start, mention.end, mention.label))
    return uses


def _edges(documents: Sequence[Document]) -> Iterator[Hint]:
    """Mentions that begin with a word that belongs outside, or end with a possessive."""
    for document in documents:
        for mention in document.mentions:
            use = _Use(document, mention.start, mention.end, mention.label)
            words = document.slice(mention).split()
            if len(words) > 1 and words[0].casefold().strip(".") in OUTSIDE:
                yield use.hint(f"({mention.label}) begins with {words[0]!r}")
            if re.search(r"['\u2019]s?\Z", document.slice(mention)):
                yield use.hint(f"({mention.label}) ends with a possessive")


def _two_labels(uses: dict[tuple[str, ...], list[_Use]]) -> Iterator[Hint]:
    """Of words that carry several labels, the uses of the rarer ones."""
    for found in uses.values():
        counts = Counter(use.label for use in found)
        (usual, often), *rarer = counts.most_common()
        rare = {label: times for label, times in rarer if times <= RARE * len(found)}
        for use in found:
            if use.label in rare:
                yield use.hint(f"is {use.label} here and {rare[use.label] - 1} times more, {usual} {often} times")


def _unlabeled(documents: Sequence[Document], uses: dict[tuple[str, ...], list[_Use]]) -> Iterator[Hint]:
    """Words outside all mentions that are a mention most of the times they are used."""
    bare: dict[tuple[str, ...], list[_Use]] = defaultdict(list)
    longest = max(map(len, uses), default=0)
    for document in documents:
        for words in _free_runs(document):
            at = 0
            while at < len(words):
                size = next((n for n in range(longest, 0, -1) if _key(words[at : at + n], n) in uses), 0)
                if size:
                    key = _key(words[at : at + size], size)
                    bare[key].append(_Use(document, words[at].start(), words[at + size - 1].end(), None))
                at += max(size, 1)
    for key, found in bare.items():
        labels = Counter(use.label for use in uses[key])
        label, times = labels.most_common(1)[0]
        if labels.total() >= SEEN and labels.total() / (labels.total() + len(found)) >= USUAL:
            for use in found:
                yield use.hint(f"is unlabeled here, {label} {times} times elsewhere")


def _key(words: Sequence[re.Match[str]], size: int) -> tuple[str, ...]:
    """The words' key; of fewer than `size` none that any mention has."""
    return tuple(word.group().casefold() for word in words) if len(words) == size else ("", "")


def _free_runs(document: Document) -> Iterator[list[re.Match[str]]]:
    """The words of each stretch of text between mentions."""
    at = 0
    end: Span = Mention(len(document.text), len(document.text), "")
    for mention in (*document.mentions, end):
        yield list(_WORD.finditer(document.text, at, mention.start))
        at = max(at, mention.end)
