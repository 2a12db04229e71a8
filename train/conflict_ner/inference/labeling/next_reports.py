"""Chooses the reports to label next: those about which a model is least sure, spread over the kinds of text.

How unsure a model is of a report is the expected number of words with a wrong tag, the sum of 1 - p(best tag) (least
confidence: Lewis & Gale 1994, for sequences Culotta & McCallum 2005), divided by the square root of the number of
words: by itself the sum prefers long reports, and a mean short ones with a single hard word.

Alone that would choose a hundred reports that are hard for one reason. So reports are grouped by their words into as
many kinds as are asked for (clusters of k-means: MacQueen 1967, begun as by Arthur & Vassilvitskii 2007, over the main
components of the words: Deerwester et al. 1990), and the least sure one of each kind is chosen (as in Zhdanov 2019). A
near-copy of a chosen report is left out: one with half of its five-word runs, as in `data.validation`.

>>> texts = ["Rebels shelled the town on Monday night", "Rebels shelled the town on Monday again", "Rain fell"]
>>> pool = [Candidate(k, text, unsure) for k, (text, unsure) in enumerate(zip(texts, [0.5, 0.4, 0.1]))]
>>> [candidate.id for candidate in spread_out(pool, 2)]
[0, 2]
"""

from __future__ import annotations

import heapq
import re
from collections import Counter, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from conflict_ner.data.validation import NEAR_DUPLICATE_SIMILARITY, shingles_of
from conflict_ner.evaluation.gold.label_errors import Float64
from conflict_ner.inference.files.sources import Source
from conflict_ner.inference.labeling.review import softmax
from conflict_ner.inference.tagger import Tagger, require_strings

_MIN_POOL = 10_000  # of more reports, only as many of the least sure are compared with each other
_POOL_FACTOR = 10  # ... or this many times as many as are asked for
_VOCABULARY, _COMPONENTS = 2000, 16  # on our own reports, twice as many of either give no more kinds
_ROUNDS = 20  # of k-means
_MIN_LENGTH = 1e-6  # of a vector: below it, it is one of rounding errors
_WORD = re.compile(r"[^\W\d_]+")
_DIGIT = re.compile(r"\d")
Vectors = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A report that may be labeled next. uncertainty: how unsure the model is of it, from 0 on."""

    id: Any
    text: str
    uncertainty: float
    metadata: Mapping[str, Any] = field(default_factory=dict)

    def to_record(self) -> dict[str, Any]:
        """Return the row of JSONL output, which `tag` and annotation tools read."""
        return {"id": self.id, **self.metadata, "text": self.text, "uncertainty": round(self.uncertainty, 4)}


@dataclass(frozen=True, slots=True)
class NextReports:
    """The reports to label next, the least sure of each kind first.

    read: the reports that were read. empty: those of them without a word. copies: those whose text an earlier one has,
    but for figures. learned: those on which the model was trained.
    """

    chosen: tuple[Candidate, ...]
    read: int
    empty: int
    copies: int
    learned: int


def choose_next(
    checkpoint: str | Path | None, texts: Iterable[str], count: int = 100, *, device: str = "auto"
) -> list[Candidate]:
    """Choose the texts to label next; the `id` of each candidate is its position among the texts, from 0 on.

    Args:
        checkpoint: its folder; None for the model that comes with the package.
        texts: any number of unlabeled texts; they are read one by one.
        count: how many to choose. Fewer are returned if there are not as many different texts.

    Raises:
        CheckpointError: if the checkpoint is incomplete, or none is named and the package was built without its model.
        EncoderError: if there is no such device.
        TypeError, ValueError: if the texts cannot be tagged, as in `Tagger.tag`, or the count is less than 1.
    """
    if isinstance(texts, str):
        raise TypeError("choose_next chooses among several texts; pass a list of strings")
    sources = (Source(number, text) for number, text in enumerate(require_strings(texts)))
    return list(next_reports(Tagger.load(checkpoint, device, precision="fp32"), sources, count).chosen)


def next_reports(tagger: Tagger, sources: Iterable[Source], count: int) -> NextReports:
    """Choose the reports to label next from any number of them, of which at most ten thousand are kept in memory.

    Raises:
        ValueError: if the count is less than 1.
    """
    if count < 1:
        raise ValueError(f"the number of reports to choose is at least 1, not {count}")
    seen = tagger.checkpoint.seen_mentions()
    texts: set[int] = set()
    waiting: deque[Source] = deque()
    counts: Counter[str] = Counter()

    def unseen_texts() -> Iterable[str]:
        for source in sources:
            counts["read"] += 1
            key = hash(_DIGIT.sub("0", " ".join(source.text.casefold().split())))
            if not source.text.strip():
                counts["empty"] += 1
            elif key in texts:
                counts["copies"] += 1
            elif seen is not None and seen.knows_text(source.text):
                counts["learned"] += 1
            else:
                waiting.append(source)
                yield source.text
            texts.add(key)

    limit = max(_MIN_POOL, _POOL_FACTOR * count)
    pool: list[tuple[float, int, Candidate]] = []
    for number, (encoded, logits) in enumerate(tagger.predictor.logits(unseen_texts())):
        source = waiting.popleft()
        unsure = uncertainty(softmax(logits[encoded.first_subwords >= 0]))
        # Of two equal ones the earlier is kept.
        heapq.heappush(pool, (unsure, -number, Candidate(source.id, source.text, unsure, source.metadata)))
        if len(pool) > limit:
            heapq.heappop(pool)
    chosen = spread_out([candidate for _, _, candidate in sorted(pool, key=lambda entry: -entry[1])], count)
    return NextReports(tuple(chosen), **{name: counts[name] for name in ("read", "empty", "copies", "learned")})


def uncertainty(probabilities: Float64) -> float:
    """Return how unsure a model is of a report, from the probabilities of its words' tags, shape (words, tags)."""
    words = len(probabilities)
    return float((1.0 - probabilities.max(-1)).sum() / np.sqrt(words)) if words else 0.0


def spread_out(candidates: Sequence[Candidate], count: int) -> list[Candidate]:
    """Choose candidates: the least sure of each kind of text, then the second of each, without near-copies."""
    ordered = sorted(candidates, key=lambda candidate: -candidate.uncertainty)
    kinds = _clusters(word_vectors([candidate.text for candidate in ordered]), count)
    earlier: Counter[int] = Counter()
    turns = []
    for kind in kinds:
        turns.append(earlier[kind])
        earlier[kind] += 1
    chosen: list[Candidate] = []
    shingles: list[set[int]] = []
    for index in np.argsort(turns, kind="stable").tolist():
        own = shingles_of(ordered[index].text)
        if any(_similarity(own, other) >= NEAR_DUPLICATE_SIMILARITY for other in shingles):
            continue
        chosen.append(ordered[index])
        shingles.append(own)
        if len(chosen) == count:
            break
    return chosen


def _similarity(first: set[int], second: set[int]) -> float:
    """Return the share of all runs of words of two texts that both have (Jaccard); 0 where a text has none."""
    shared = len(first & second)
    return shared / (len(first) + len(second) - shared) if shared else 0.0


def word_vectors(texts: Sequence[str]) -> Vectors:
    """Return a vector of length 1 for each text, by its words (latent semantic analysis), shape (texts, components).

    Words are weighted by (1 + log of their number) x log(texts / texts with the word). A text without a word that
    another text has too is a vector of zeros.
    """
    counts = [Counter(_WORD.findall(text.casefold())) for text in texts]
    frequency = Counter(word for words in counts for word in words)
    vocabulary = {word: k for k, (word, n) in enumerate(frequency.most_common(_VOCABULARY)) if n > 1}
    weighted = np.zeros((len(texts), len(vocabulary)), dtype=np.float32)
    for row, words in enumerate(counts):
        for word, n in words.items():
            if (column := vocabulary.get(word)) is not None:
                weighted[row, column] = (1 + np.log(n)) * np.log(len(texts) / frequency[word])
    weighted = _scaled(weighted)
    _, components = np.linalg.eigh((weighted.T @ weighted).astype(np.float64))
    return _scaled(weighted @ components[:, -_COMPONENTS:])


def _scaled(vectors: npt.NDArray[Any]) -> npt.NDArray[Any]:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    result: npt.NDArray[Any] = np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > _MIN_LENGTH)
    return result


def _clusters(vectors: Vectors, count: int) -> list[int]:
    """Return the number of each vector's cluster, of at most `count` (spherical k-means, always from the same seed)."""
    random = np.random.default_rng(0)
    centers = vectors[:1]  # the least sure report
    distance = 1.0 - vectors @ centers[0] if len(vectors) else np.zeros(0)
    while 0 < len(centers) < count and (far := np.maximum(distance, 0.0)).sum() > _MIN_LENGTH:
        new = vectors[random.choice(len(vectors), p=far / far.sum())]
        centers = np.vstack([centers, new])
        distance = np.minimum(distance, 1.0 - vectors @ new)
    if not len(centers):
        return []
    for _ in range(_ROUNDS):
        nearest = (vectors @ centers.T).argmax(1)
        sums = np.zeros_like(centers)
        np.add.at(sums, nearest, vectors)
        centers = np.where(np.bincount(nearest, minlength=len(centers))[:, None] > 0, _scaled(sums), centers)
    clusters: list[int] = (vectors @ centers.T).argmax(1).tolist()
    return clusters
