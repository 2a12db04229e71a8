"""From word tags to entities: the one decoder of evaluation and inference.

It reads what a token classifier says exactly as `transformers.pipeline` does with
`aggregation_strategy="first"`, save that a word here may end inside one there.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from conflict_ner.document import Entity
from conflict_ner.encoding import Encoded
from conflict_ner.labels import OUTSIDE, LabelScheme, TagIds

Floats = npt.NDArray[np.float32]


def decode(
    texts: Sequence[str], encoded: Sequence[Encoded], tags: TagIds, scores: Floats, scheme: LabelScheme
) -> list[list[Entity]]:
    """The entities of each text, in order. All texts are decoded at once; only entities become objects.

    Args:
        tags: the best tag of each word of all texts, one text after the other, shape (sum of W,);
            only words with a lead are read.
        scores: that tag's probability, of the same shape. An entity's score is the mean over its
            words with a lead.
    """
    found: list[list[Entity]] = [[] for _ in texts]
    if not tags.size:
        return found
    counts = np.array([len(e.word_starts) for e in encoded])
    leads, starts, ends = (
        np.concatenate([getattr(e, name) for e in encoded]) for name in ("leads", "word_starts", "word_ends")
    )
    has_lead = leads >= 0
    firsts, lasts, kinds = scheme.spans(_filled(encoded, tags, has_lead, counts, scheme), np.cumsum(counts))
    if not firsts.size:
        return found
    # Sums over each span, then over the gap after it, which is thrown away.
    edges = np.column_stack((firsts, lasts)).ravel()
    weight = np.append(has_lead, False)
    total, words = (
        np.add.reduceat(each, edges)[::2] for each in (np.append(scores, 0.0) * weight, weight.astype(np.float64))
    )
    owners = np.repeat(np.arange(len(texts)), counts)[firsts]
    rows = zip(
        owners.tolist(), kinds.tolist(), starts[firsts].tolist(), ends[lasts - 1].tolist(), (total / words).tolist(),
        strict=True,
    )  # fmt: skip
    for owner, kind, start, end, score in rows:
        found[owner].append(Entity(scheme.labels[kind], texts[owner][start:end], start, end, score))
    return found


def _filled(
    encoded: Sequence[Encoded], tags: TagIds, has_lead: npt.NDArray[np.bool_], counts: npt.NDArray[np.int64],
    scheme: LabelScheme,
) -> TagIds:  # fmt: skip
    """All tags, with those of words that have no token of their own; few texts have such words."""
    if has_lead.all():
        return tags
    ends = np.cumsum(counts)
    tags = tags.copy()
    for text in np.unique(np.searchsorted(ends, np.flatnonzero(~has_lead), side="right")):
        own = slice(ends[text] - counts[text], ends[text])
        tags[own] = _fill(encoded[text], tags[own], has_lead[own], scheme)
    return tags


def _fill(encoded: Encoded, tags: TagIds, has_lead: npt.NDArray[np.bool_], scheme: LabelScheme) -> TagIds:
    """Give words without a token of their own the tag that their place implies."""
    tags = np.where(has_lead, tags, OUTSIDE)
    inside = scheme.continuing(tags)
    # Covered by an earlier word's token (`3m` as one token): part of what that word is part of.
    covered = ~has_lead & (encoded.carriers >= 0)
    tags[covered] = inside[encoded.carriers[covered]]
    # Dropped by the tokenizer (a direction mark): inside a mention if the mention goes on after it.
    dropped = np.flatnonzero(encoded.carriers < 0)
    kept = np.flatnonzero(encoded.carriers >= 0)
    after = np.searchsorted(kept, dropped)
    between = (after > 0) & (after < len(kept))
    before, following = kept[after[between] - 1], kept[after[between]]
    continuing = scheme.continuing(tags)
    goes_on = (tags[following] == continuing[before]) & (tags[following] != OUTSIDE)
    tags[dropped[between][goes_on]] = tags[following][goes_on]
    return tags
