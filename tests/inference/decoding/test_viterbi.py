"""The best sequence of tags against all sequences, listed."""

from itertools import product

import numpy as np
import pytest
from conflict_ner.data.labels import LabelScheme
from conflict_ner.inference.decoding.viterbi import best_tags, near_ties, near_ties_of_words
from hypothesis import given, settings
from hypothesis import strategies as st

SCHEMES = [LabelScheme(("ACTOR",)), LabelScheme(("ACTOR", "NUMBER")), LabelScheme(("NUMBER.arms", "NUMBER.killed"))]
ACTORS = LabelScheme(("ACTOR", "WEAPON"))
OUTSIDE, B_ACTOR, I_ACTOR, B_WEAPON, I_WEAPON = range(5)


def certain(*tags: int, logit: float = 5.0) -> np.ndarray:
    """Logits of words that have one good tag each."""
    return (np.eye(len(ACTORS.tags))[list(tags)] * logit).astype(np.float32)


def best_listed(logits: np.ndarray, starts: np.ndarray, scheme: LabelScheme) -> dict[tuple[int, ...], float]:
    """The scores of all sequences that spell whole mentions, the best first."""
    rows = np.arange(len(logits))
    scores = {
        tags: float(logits.astype(np.float64)[rows, list(tags)].sum())
        for tags in product(range(len(scheme.tags)), repeat=len(logits))
        if not scheme.stray_inside(np.array(tags), starts).size
    }
    return dict(sorted(scores.items(), key=lambda item: -item[1]))


@settings(max_examples=80, deadline=None, derandomize=True)
@given(st.sampled_from(SCHEMES), st.integers(1, 5), st.sets(st.integers(0, 4)), st.integers(0, 2**32))
def test_it_is_the_best_of_all_sequences_that_spell_mentions(
    scheme: LabelScheme, words: int, breaks: set[int], seed: int
) -> None:
    logits = np.random.default_rng(seed).normal(size=(words, len(scheme.tags))).astype(np.float32)
    starts = np.array(sorted({0} | {word for word in breaks if word < words}))
    listed = best_listed(logits, starts, scheme)
    assert tuple(best_tags(logits, starts, scheme)) == next(iter(listed))


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ([B_ACTOR, I_ACTOR, OUTSIDE, B_WEAPON], [B_ACTOR, I_ACTOR, OUTSIDE, B_WEAPON]),
        ([B_WEAPON, I_WEAPON, I_ACTOR, OUTSIDE], [B_WEAPON, I_WEAPON, I_WEAPON, OUTSIDE]),
        ([OUTSIDE, I_ACTOR, I_ACTOR, OUTSIDE], [OUTSIDE, B_ACTOR, I_ACTOR, OUTSIDE]),
    ],
)
def test_a_stray_tag_takes_the_next_best_that_fits(tags: list[int], expected: list[int]) -> None:
    logits = certain(*tags)
    for word, tag in enumerate(expected):
        logits[word, tag] += 4.0  # the second best where it is not the best already
    assert best_tags(logits, np.array([0]), ACTORS).tolist() == expected


def test_no_mention_continues_in_the_next_sequence() -> None:
    logits = certain(B_ACTOR, I_ACTOR)
    assert best_tags(logits, np.array([0]), ACTORS).tolist() == [B_ACTOR, I_ACTOR]
    logits[1, B_ACTOR] = 4.0
    assert best_tags(logits, np.array([0, 1]), ACTORS).tolist() == [B_ACTOR, B_ACTOR]


def test_the_kinds_of_a_label_do_not_divide_a_mention() -> None:
    scheme = LabelScheme(("NUMBER.killed", "NUMBER.other"))
    logits = (np.eye(5)[[1, 4]] * 5).astype(np.float32)
    assert best_tags(logits, np.array([0]), scheme).tolist() == [1, 4]


def test_nothing_is_found_in_nothing() -> None:
    nothing = np.empty((0, 5), dtype=np.float32)
    assert best_tags(nothing, np.array([], dtype=np.int64), ACTORS).size == 0
    assert near_ties(nothing, np.array([], dtype=np.int64), ACTORS, 0.05).size == 0


def test_a_long_sequence_is_searched_without_loss_of_precision() -> None:
    logits = certain(*[OUTSIDE, I_ACTOR] * 20_000, logit=30.0)
    logits[1::2, B_ACTOR] = 29.999
    assert (best_tags(logits, np.array([0]), ACTORS) == np.tile([OUTSIDE, B_ACTOR], 20_000)).all()


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.sampled_from(SCHEMES), st.integers(1, 5), st.integers(0, 2**32), st.floats(0.01, 0.5))
def test_near_ties_are_where_another_sequence_is_almost_as_good(
    scheme: LabelScheme, words: int, seed: int, margin: float
) -> None:
    logits = np.random.default_rng(seed).normal(size=(words, len(scheme.tags))).astype(np.float32)
    starts = np.array([0])
    (best, top), *others = best_listed(logits, starts, scheme).items()
    found = near_ties(logits, starts, scheme, margin)

    def words_of_sequences_within(distance: float) -> np.ndarray:
        differs = [[a != b for a, b in zip(best, tags, strict=True)] for tags in others_within(distance)]
        within: np.ndarray = np.any(np.array(differs, dtype=bool).reshape(-1, words), axis=0)
        return within

    def others_within(distance: float) -> list[tuple[int, ...]]:
        return [tags for tags, score in others if top - score < distance]

    local = near_ties_of_words(logits, margin)
    assert (found >= local | words_of_sequences_within(margin)).all()
    assert (found <= local | words_of_sequences_within(2 * margin)).all()
