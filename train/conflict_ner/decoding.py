"""From word tags to entities: the one decoder of evaluation and inference.

It reads what a token classifier says exactly as `transformers.pipeline` does with
`aggregation_strategy="first"`, save that a word here may end inside one there.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from conflict_ner.document import Entity
from conflict_ner.encoding import Encoded
from conflict_ner.labels import OUTSIDE, LabelScheme, TagIds

Floats = npt.NDArray[np.float32]


def decode(text: str, encoded: Encoded, tags: TagIds, scores: Floats, scheme: LabelScheme) -> list[Entity]:
    """The entities of a text, in order.

    Args:
        tags: the best tag of each word, shape (W,); only words with a lead are read.
        scores: that tag's probability, shape (W,). An entity's score is the mean over its
            words with a lead.
    """
    has_lead = encoded.leads >= 0
    entities = []
    for first, last, label in scheme.decode(_fill(encoded, tags, has_lead, scheme)):
        start, end = int(encoded.word_starts[first]), int(encoded.word_ends[last - 1])
        score = float(scores[first:last][has_lead[first:last]].mean())
        entities.append(Entity(label, text[start:end], start, end, score))
    return entities


def _fill(encoded: Encoded, tags: TagIds, has_lead: npt.NDArray[np.bool_], scheme: LabelScheme) -> TagIds:
    """Give words without a token of their own the tag that their place implies."""
    if has_lead.all():
        return tags
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
