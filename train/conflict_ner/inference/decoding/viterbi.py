"""Finds the most probable tags that spell whole mentions (Viterbi 1967), from the logits of each word.

The best tags of single words need not spell mentions: an I- tag may follow O, or a mention of another label.
Read as they stand, such tags divide a mention or begin one in its middle. Among the sequences in which every I-
tag continues a mention of its label, the most probable one is taken instead, as is usual for models
without transition scores (He et al. 2017, "Deep Semantic Role Labeling", section 2.2).

Where the best tags of all words of a sequence already spell mentions, they are that sequence. Only the others are
searched: they are cut at words that are O in any case, and the pieces are searched together, one word of each at a
time.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from conflict_ner.data.labels import LabelScheme, TagIds
from conflict_ner.inference.runtime import Logits

Bools = npt.NDArray[np.bool_]
Float64 = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


def best_tags(logits: Logits, starts: Ints, scheme: LabelScheme) -> TagIds:
    """Return the tag of each word in the most probable sequences that spell whole mentions, shape (words,).

    Args:
        logits: of all words of all sequences, shape (words, tags).
        starts: the first word of each sequence, ascending, from 0; no mention crosses one.
    """
    tags: TagIds = logits.argmax(-1)
    if (lattice := _Lattice.of_broken(logits, tags, starts, scheme, 0.0)) is not None:
        tags[lattice.words] = lattice.best_tags()
    return tags


def near_ties(logits: Logits, starts: Ints, scheme: LabelScheme, margin: float) -> Bools:
    """Return which words rounding may have given another tag, shape (words,).

    Args:
        logits, starts: as in `best_tags`.
        margin: how far rounding moves the difference between two logits of a word. A sequence that is searched and
            its alternatives differ in several words, whose roundings add up and mostly cancel: it counts twice there.
    """
    tied = near_ties_of_words(logits, margin)
    if (lattice := _Lattice.of_broken(logits, logits.argmax(-1), starts, scheme, 2 * margin)) is not None:
        tied[lattice.words] |= (lattice.margins() < 2 * margin) | lattice.has_close_kind(logits, scheme, margin)
    return tied


def near_ties_of_words(logits: Logits, margin: float) -> Bools:
    """Return which words have two best logits that differ by less than the margin, shape (words,)."""
    second, first = np.partition(logits, -2, axis=-1)[:, -2:].T
    tied: Bools = first - second < margin
    return tied


@dataclass(frozen=True, slots=True)
class _Lattice:
    """The tags that the words of some sequences can have, with their logits.

    Tags that may follow, and be followed by, the same tags share a state, which has the best logit of them: the kinds
    of a label do not divide a mention, so there are 2 L + 1 states for L labels of the first level. State 0
    is O, states 1 to L begin a mention, and states L + 1 to 2 L continue one.

    words: the words of the sequences, the longest sequence first, shape (W,).
    starts: the first word of each sequence, as an index of `words`, shape (sequences,).
    lengths: the words of each sequence, descending, same shape.
    logits: of each word and state, less the word's best, shape (W, states): sums stay small over long sequences.
    tags: the tag that each state stands for, same shape.
    """

    words: Ints
    starts: Ints
    lengths: Ints
    logits: Float64
    tags: TagIds

    @classmethod
    def of_broken(
        cls, logits: Logits, tags: TagIds, starts: Ints, scheme: LabelScheme, margin: float
    ) -> _Lattice | None:
        """Return the lattice of the pieces of sequences whose tags do not spell mentions; None if there are none.

        Args:
            margin: sequences that come within it of the best one never differ from it in the words at which
                sequences are cut.
        """
        strays = scheme.stray_inside(tags, starts)
        if not strays.size:
            return None
        starts = np.union1d(starts, _always_outside(logits, scheme, margin) + 1)
        ends = np.append(starts[1:], len(tags))
        broken = np.unique(np.searchsorted(starts, strays, side="right") - 1)
        lengths = (ends - starts)[broken]
        order = np.argsort(-lengths, kind="stable")
        broken, lengths = broken[order], lengths[order]
        words = np.concatenate([np.arange(starts[k], ends[k]) for k in broken])
        rows = np.arange(len(words))
        by_state = [ids[logits[np.ix_(words, ids)].argmax(-1)] for ids in scheme.tags_by_state]
        state_tags = np.stack(by_state, axis=1)
        own = logits[words[:, None], state_tags].astype(np.float64)
        own -= own[rows, own.argmax(-1)][:, None]
        return cls(words, np.append(0, np.cumsum(lengths)[:-1]), lengths, own, state_tags)

    @property
    def _labels(self) -> int:
        return int(self.logits.shape[1] // 2)

    def _positions(self) -> Iterator[Ints]:
        """Yield, for the second word of the sequences, the third and so on, the words there, as rows of the lattice."""
        for position in range(1, int(self.lengths[0])):
            yield self.starts[: np.searchsorted(-self.lengths, -position)] + position

    def _forward(self) -> Float64:
        """Return the score of the best way from the first word to each word and state, shape (W, states)."""
        labels, scores = self._labels, self.logits.copy()
        scores[self.starts, labels + 1 :] = -np.inf
        for rows in self._positions():
            before = scores[rows - 1]
            mention = np.maximum(before[:, 1 : labels + 1], before[:, labels + 1 :])
            scores[rows, : labels + 1] += before.max(-1)[:, None]
            scores[rows, labels + 1 :] += mention
        return scores

    def best_tags(self) -> TagIds:
        """Return the tags of the best sequences, shape (W,)."""
        labels, scores = self._labels, self._forward()
        states = np.zeros(len(scores), dtype=np.int64)
        last = self.starts + self.lengths - 1
        states[last] = scores[last].argmax(-1)
        for rows in reversed(list(self._positions())):
            before, following = scores[rows - 1], states[rows]
            inside = np.flatnonzero(following > labels)
            chosen = before.argmax(-1)
            begin = following[inside] - labels
            continues = before[inside, begin + labels] > before[inside, begin]
            chosen[inside] = begin + labels * continues
            states[rows - 1] = chosen
        tags: TagIds = np.take_along_axis(self.tags, states[:, None], axis=1)[:, 0]
        return tags

    def margins(self) -> Float64:
        """Return by how much the best sequence beats the best with another state at a word, shape (W,)."""
        labels, forward = self._labels, self._forward()
        backward = np.zeros_like(forward)
        for rows in reversed(list(self._positions())):
            following = self.logits[rows] + backward[rows]
            free = following[:, : labels + 1].max(-1)[:, None]
            inside = np.maximum(free, following[:, labels + 1 :])
            backward[rows - 1] = np.concatenate((free, inside, inside), axis=1)
        second, first = np.partition(forward + backward, -2, axis=-1)[:, -2:].T
        margins: Float64 = first - second
        return margins

    def has_close_kind(self, logits: Logits, scheme: LabelScheme, margin: float) -> Bools:
        """Return which words' chosen tags have another tag of their state within a margin, shape (W,)."""
        chosen, close = self.best_tags(), np.zeros(len(self.words), dtype=np.bool_)
        for ids in scheme.tags_by_state:
            rows = np.flatnonzero(np.isin(chosen, ids))
            if len(ids) > 1 and rows.size:
                close[rows] = near_ties_of_words(logits[np.ix_(self.words[rows], ids)], margin)
        return close


def _always_outside(logits: Logits, scheme: LabelScheme, margin: float) -> Ints:
    """Return the words, but the last, that are O in every sequence within a margin of the best, shape (words found,).

    Whatever tag such a word had, O would be better by more than it can cost to begin a mention at the next
    word that continued one there. What follows it is a sequence of its own.
    """
    outside, *mentions = (logits[:, ids].max(-1) for ids in scheme.tags_by_state)
    labels = len(mentions) // 2
    lead = outside - np.max(mentions, axis=0)
    cost = np.max([inside - begin for begin, inside in zip(mentions[:labels], mentions[labels:], strict=True)], axis=0)
    return np.flatnonzero(lead[:-1] > np.maximum(cost[1:], 0.0) + margin)
