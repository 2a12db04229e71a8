r"""Finds the names of a user's list in texts, which win over what the model finds there.

As spaCy's entity ruler with `overwrite_ents` does: an entity of the model that overlaps a listed name is removed, and
the name stands in its place with the score 1. `name_lists` reads lists from files.

A name is found where its words follow each other in a text. Words are those of `words.split_words`, in the text as the
model reads it (`normalization`): typographic dashes, apostrophes and spaces make no difference, nor does the white
space between words, but no name goes on across a blank line. Of names that overlap the one with the most words counts,
and of two with as many the first.

>>> names = NameMatcher([Name("El Fasher", "LOCATION"), Name("Fasher", "LOCATION"), Name("rsf", "ACTOR", True)])
>>> [(entity.text, entity.label, entity.source) for entity in names.find(["RSF-held El\nFasher, not el fasher"])[0]]
[('RSF', 'ACTOR', 'names'), ('El\nFasher', 'LOCATION', 'names')]

All names are searched for at once by the algorithm of Aho and Corasick (1975), so time depends on the length of the
texts and hardly on the number of names. Words are marked off by a character that no text has, so that only whole words
match.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from conflict_ner.data.document import Entity
from conflict_ner.data.words import split_words
from conflict_ner.modeling.normalization import NormalizedText, normalize_all
from conflict_ner.modeling.tokenization import find_paragraph_starts

if TYPE_CHECKING:
    from ahocorasick_rs import AhoCorasick

Ints = npt.NDArray[np.int64]
_WORD_MARK, _PARAGRAPH_MARK = "\x1f", "\x1e"  # control characters, which normalized texts do not have
_APART = "\n\n"  # a blank line, which no name crosses


@dataclass(frozen=True, slots=True)
class Name:
    """A name, or another spelling of it, and the label of what has it.

    ignore_case: whether `GOMA` and `goma` are Goma too.
    """

    text: str
    label: str
    ignore_case: bool = False


class NameMatcher:
    """Finds any number of names in texts. A pickled copy builds its search tables again."""

    def __init__(self, names: Iterable[Name]) -> None:
        self.names = tuple(names)
        keys = name_keys(self.names)
        self._labels = tuple(dict.fromkeys(name.label for name in self.names))
        self._exact = _Table.of(self.names, keys, self._labels, ignore_case=False)
        self._folded = _Table.of(self.names, keys, self._labels, ignore_case=True)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.names,)

    def __len__(self) -> int:
        return len(self.names)

    def find(self, texts: Sequence[str]) -> list[list[Entity]]:
        """Return the names in each text as entities, in order and without overlap."""
        found: list[list[Entity]] = [[] for _ in texts]
        words = _Words.of(texts)
        marked, begins = words.marked()
        spans = self._exact.search(marked, begins)
        if self._folded.automaton:
            spans = np.concatenate((spans, self._folded.search(_fold_case(marked), begins)))
        # The sort is stable: of two spans that are the same, the exact name's comes first.
        spans = spans[np.lexsort((spans[:, 0], spans[:, 0] - spans[:, 1]))]
        taken = bytearray(len(words.starts))
        kept = []
        for index, (first, past, _) in enumerate(spans.tolist()):
            if 1 not in taken[first:past]:
                taken[first:past] = b"\1" * (past - first)
                kept.append(index)
        spans = spans[kept]
        spans = spans[spans[:, 0].argsort()]
        starts, ends = words.starts[spans[:, 0]], words.ends[spans[:, 1] - 1]
        owners = np.searchsorted(words.text_starts, starts, side="right") - 1
        shifts = words.text_starts[owners]
        for owner, start, end, label in zip(
            owners.tolist(), (starts - shifts).tolist(), (ends - shifts).tolist(), spans[:, 2].tolist(), strict=True
        ):
            text = words.texts[owner]
            if text.starts is not None and text.ends is not None:
                start, end = int(text.starts[start]), int(text.ends[end - 1])  # noqa: PLW2901
            found[owner].append(Entity(self._labels[label], texts[owner][start:end], start, end, 1.0, source="names"))
        return found

    def overlay(
        self, texts: Iterable[str], tag: Callable[[Iterable[str]], Iterator[list[Entity]]]
    ) -> Iterator[list[Entity]]:
        """Yield the entities of each text: the names in it, and those of `tag` that overlap none.

        Args:
            tag: yields the entities of each of the texts, which it may read ahead.
        """
        waiting: list[str] = []  # texts that `tag` has read and whose names have not been found yet
        listed: deque[list[Entity]] = deque()

        def watched() -> Iterator[str]:
            for text in texts:
                waiting.append(text)
                yield text

        for entities in tag(watched()):
            if not listed:
                listed.extend(self.find(waiting))
                waiting.clear()
            yield merge(entities, listed.popleft())


def merge(found: Sequence[Entity], listed: Sequence[Entity]) -> list[Entity]:
    """Return listed entities and those found that overlap none of them, in order; neither overlap among themselves."""
    if not listed:
        return list(found)
    starts = [entity.start for entity in listed]

    def is_free(entity: Entity) -> bool:
        before = bisect_left(starts, entity.end)
        return not before or listed[before - 1].end <= entity.start

    return sorted([*filter(is_free, found), *listed], key=lambda entity: entity.start)


def name_keys(names: Sequence[Name]) -> list[list[str]]:
    """Return for each name the strings that are searched for: its words, marked off; equal for names read the same way.

    Names in any case may have several, because words depend on the case: `n'djamena` is three, `N'Djamena` is one.
    A name without a word has none.
    """
    spellings = [_spellings(name) for name in names]
    found = iter(_marked_words([spelling for each in spellings for spelling in each]))
    keys = [[next(found) for _ in each] for each in spellings]
    return [
        [key for key in dict.fromkeys(map(_fold_case, own) if name.ignore_case else own) if key != _WORD_MARK]
        for name, own in zip(names, keys, strict=True)
    ]


def _spellings(name: Name) -> list[str]:
    """Return a name in each case in which its words may be split in another way."""
    text = " ".join(name.text.split())
    if not name.ignore_case:
        return [text]
    cases = (text, text.lower(), text.upper(), text.title())
    return [case for case in dict.fromkeys(cases) if _fold_case(case) == _fold_case(text)]  # not STRASSE


def _marked_words(texts: Sequence[str]) -> list[str]:
    words = _Words.of(texts)
    edges = np.searchsorted(words.starts, [*words.text_starts.tolist(), len(words.joined)]).tolist()
    pieces = [words.joined[a:b] for a, b in zip(words.starts.tolist(), words.ends.tolist(), strict=True)]
    return [_WORD_MARK + "".join(piece + _WORD_MARK for piece in pieces[a:b]) for a, b in pairwise(edges)]


def _fold_case(text: str) -> str:
    """Return a text in lower case, every character in its place: only the lower case of U+0130 has two."""
    return text.replace("\u0130", "i").lower()


@dataclass(frozen=True, slots=True)
class _Words:
    """The words of several texts, which are joined by blank lines.

    texts: normalized.
    text_starts: the offset of each text in `joined`.
    starts, ends: the offsets of all words in `joined`.
    paragraphs: the words that begin a paragraph or a text.
    """

    texts: Sequence[NormalizedText]
    joined: str
    text_starts: Ints
    starts: Ints
    ends: Ints
    paragraphs: Ints

    @classmethod
    def of(cls, texts: Sequence[str]) -> _Words:
        normalized = normalize_all(texts)
        lengths = np.array([len(text.text) + len(_APART) for text in normalized], dtype=np.int64)
        joined = _APART.join(text.text for text in normalized)
        starts, ends = split_words(joined)
        return cls(
            normalized, joined, np.cumsum(lengths) - lengths, starts, ends, find_paragraph_starts(joined, starts)
        )

    def marked(self) -> tuple[str, Ints]:
        """Return all words, each between marks, without what stands between them, and where each begins there."""
        if not self.starts.size:
            return "", self.starts
        lengths = self.ends - self.starts
        new_paragraphs = np.zeros_like(lengths)
        new_paragraphs[self.paragraphs] = 1
        begins = np.cumsum(lengths + 1 + 2 * new_paragraphs) - lengths
        marked = np.full(begins[-1] + lengths[-1] + 1, ord(_WORD_MARK), dtype=np.uint32)
        marked[begins[self.paragraphs] - 2] = ord(_PARAGRAPH_MARK)
        before = np.cumsum(lengths) - lengths
        characters = np.arange(int(lengths.sum()))
        codes = np.frombuffer(self.joined.encode("utf-32-le"), dtype=np.uint32)
        marked[np.repeat(begins - before, lengths) + characters] = codes[
            np.repeat(self.starts - before, lengths) + characters
        ]
        return marked.tobytes().decode("utf-32-le"), begins


@dataclass(frozen=True, slots=True)
class _Table:
    """The search table of names that are compared in one way.

    sizes, labels: of each key, the number of its words and the number of its label, shape (keys,).
    """

    automaton: AhoCorasick | None
    sizes: Ints
    labels: Ints

    @classmethod
    def of(
        cls, names: Sequence[Name], keys: Sequence[Sequence[str]], labels: Sequence[str], *, ignore_case: bool
    ) -> _Table:
        numbers = {label: number for number, label in enumerate(labels)}
        found: dict[str, int] = {}
        for name, own in zip(names, keys, strict=True):
            if name.ignore_case == ignore_case:
                for key in own:
                    found.setdefault(key, numbers[name.label])
        sizes = np.array([key.count(_WORD_MARK) - 1 for key in found], dtype=np.int64)
        table_labels = np.array(list(found.values()), dtype=np.int64)
        if not found:
            return cls(None, sizes, table_labels)
        from ahocorasick_rs import AhoCorasick

        return cls(AhoCorasick(found, store_patterns=False), sizes, table_labels)

    def search(self, marked: str, begins: Ints) -> Ints:
        """Return the names in texts, shape (spans, 3): first word, word after the last, label; they may overlap.

        Args:
            marked, begins: as `_Words.marked` returns them.
        """
        matches = self.automaton.find_matches_as_indexes(marked, overlapping=True) if self.automaton else []
        names, starts, _ = np.array(matches, dtype=np.int64).reshape(-1, 3).T
        firsts = np.searchsorted(begins, starts + 1)
        return np.column_stack((firsts, firsts + self.sizes[names], self.labels[names]))
