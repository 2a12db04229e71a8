"""A small vocabulary with capitals and a table of embeddings as it is before training."""

from __future__ import annotations

import numpy as np
from conflict_ner.modeling.cased_vocabulary import CAPITALIZED, CasedTokenizer, Float32, build_cased_tokenizer
from helpers.encoders import wordpiece

CHANNELS = 16


def cased_wordpiece() -> CasedTokenizer:
    cased = build_cased_tokenizer(wordpiece())
    assert cased is not None
    return cased


def cased_table(cased: CasedTokenizer) -> Float32:
    """Return embeddings as an extended encoder has them before training."""
    random = np.random.default_rng(0)
    old = random.normal(size=(len(cased.tokenizer) - len(cased.origins), CHANNELS)).astype(np.float32)
    directions = random.normal(size=(2, CHANNELS)).astype(np.float32) / 2
    new = old[list(cased.origins)] + directions[np.array(cased.cases) - CAPITALIZED]
    return np.concatenate([old, new])


def error_shares(found: Float32, wanted: Float32) -> Float32:
    """Return how far each row is from the one that is wanted, as a share of that row's largest value."""
    shares: Float32 = np.abs(found - wanted).max(1) / np.abs(wanted).max(1)
    return shares
