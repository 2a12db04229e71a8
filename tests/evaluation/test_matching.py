"""One alignment, one to one, in the SemEval-2013 sense; and why nervaluate does not do it."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from conflict_ner.data.document import Document, Mention
from conflict_ner.evaluation.matching import CORRECT, MISSED, SPURIOUS, WRONG_BOTH, WRONG_EDGES, WRONG_LABEL, align
from conflict_ner.evaluation.report import score
from helpers.evaluations import labelings, properties
from hypothesis import given
from hypothesis import strategies as st

A, B = "A", "B"


def kinds(gold: list[Mention], predicted: list[Mention]) -> list[str]:
    return [pair.kind for pair in align(gold, predicted)]


@pytest.mark.parametrize(
    ("predicted", "kind"),
    [
        (Mention(5, 10, A), CORRECT),
        (Mention(5, 10, B), WRONG_LABEL),
        (Mention(5, 9, A), WRONG_EDGES),
        (Mention(0, 6, A), WRONG_EDGES),
        (Mention(9, 12, B), WRONG_BOTH),
    ],
)
def test_a_prediction_that_touches_a_mention_is_one_error_not_two(predicted: Mention, kind: str) -> None:
    assert kinds([Mention(5, 10, A)], [predicted]) == [kind]


def test_spans_that_only_touch_are_two_errors() -> None:
    assert kinds([Mention(5, 10, A)], [Mention(10, 12, A)]) == [MISSED, SPURIOUS]


def test_one_prediction_over_two_mentions_answers_one_of_them() -> None:
    assert kinds([Mention(0, 5, A), Mention(6, 10, A)], [Mention(0, 10, A)]) == [WRONG_EDGES, MISSED]


def test_two_predictions_in_one_mention_answer_it_once() -> None:
    assert kinds([Mention(0, 10, A)], [Mention(0, 4, A), Mention(5, 10, A)]) == [WRONG_EDGES, SPURIOUS]


def test_equal_edges_go_before_an_earlier_overlap() -> None:
    pairs = align([Mention(0, 4, A), Mention(5, 10, A)], [Mention(3, 5, A), Mention(5, 10, A)])
    assert [(pair.gold, pair.kind) for pair in pairs] == [
        (Mention(0, 4, A), WRONG_EDGES),
        (Mention(5, 10, A), CORRECT),
    ]


def test_the_same_label_goes_before_an_earlier_overlap() -> None:
    assert kinds([Mention(0, 10, A)], [Mention(0, 4, B), Mention(5, 10, A)]) == [WRONG_EDGES, SPURIOUS]


@properties
@given(labelings(40), labelings(40), st.randoms(use_true_random=False))
def test_every_span_is_in_exactly_one_pair_whatever_the_order_of_the_predictions(
    gold: list[Mention], predicted: list[Mention], chance: random.Random
) -> None:
    pairs = align(gold, predicted)
    assert sorted(pair.gold for pair in pairs if pair.gold) == gold
    assert Counter(pair.predicted for pair in pairs if pair.predicted) == Counter(predicted)
    assert [pair.start for pair in pairs] == sorted(pair.start for pair in pairs)
    chance.shuffle(predicted)
    assert align(gold, predicted) == pairs
    for pair in pairs:
        if pair.gold and pair.predicted:
            assert pair.gold.start < pair.predicted.end
            assert pair.predicted.start < pair.gold.end


@properties
@given(labelings(40), labelings(40), st.sets(st.integers(0, 5)))
def test_exact_matches_are_always_paired(gold: list[Mention], guesses: list[Mention], copied: set[int]) -> None:
    predicted = with_copies(gold, guesses, copied)
    correct = [pair.gold for pair in align(gold, predicted) if pair.kind == CORRECT]
    assert correct == [mention for mention in gold if mention in predicted]


def with_copies(gold: list[Mention], guesses: list[Mention], copied: set[int]) -> list[Mention]:
    """The gold mentions with these numbers, and the guesses that do not overlap them."""
    copies = [mention for number, mention in enumerate(gold) if number in copied]
    return copies + [g for g in guesses if not any(g.start < m.end and m.start < g.end for m in copies)]


def test_of_two_overlaps_with_the_same_label_the_one_that_leaves_room_is_taken() -> None:
    gold = [Mention(0, 5, A), Mention(6, 12, A)]
    predicted = [Mention(0, 2, B), Mention(3, 10, A)]
    assert kinds(gold, predicted) == [WRONG_BOTH, WRONG_EDGES]


KINDS = (CORRECT, WRONG_LABEL, WRONG_EDGES, WRONG_BOTH)  # most wanted first


def kind_of(gold: Mention, guess: Mention) -> str:
    if (gold.start, gold.end) == (guess.start, guess.end):
        return CORRECT if gold.label == guess.label else WRONG_LABEL
    return WRONG_EDGES if gold.label == guess.label else WRONG_BOTH


def best_counts(gold: list[Mention], predicted: list[Mention]) -> tuple[int, ...]:
    """Count the pairs of each kind in the best of all alignments, by trying them all."""
    if not gold:
        return (0, 0, 0, 0)
    best = best_counts(gold[1:], predicted)
    for index, guess in enumerate(predicted):
        if gold[0].start < guess.end and guess.start < gold[0].end:
            rest = best_counts(gold[1:], predicted[:index] + predicted[index + 1 :])
            kind = KINDS.index(kind_of(gold[0], guess))
            best = max(best, tuple(count + (k == kind) for k, count in enumerate(rest)))
    return best


@properties
@given(labelings(40), labelings(40), st.sets(st.integers(0, 5)))
def test_no_other_alignment_has_more_of_the_kinds_in_their_order(
    gold: list[Mention], guesses: list[Mention], copied: set[int]
) -> None:
    predicted = with_copies(gold, guesses, copied)
    found = Counter(kinds(gold, predicted))
    assert tuple(found[kind] for kind in KINDS) == best_counts(gold, predicted)


def theirs(gold: list[Mention], predicted: list[Mention]) -> dict[str, tuple[float, int, int]]:
    """Return nervaluate's counts; its ends are inclusive, so one is subtracted."""
    nervaluate = pytest.importorskip("nervaluate")
    rows = [[{"start": m.start, "end": m.end - 1, "label": m.label} for m in side] for side in (gold, predicted)]
    found = nervaluate.Evaluator([rows[0]], [rows[1]], tags=["A", "B", "C"]).evaluate()["overall"]
    return {
        name: (found[key].correct + 0.5 * (found[key].partial if key == "partial" else 0), len(predicted), len(gold))
        for name, key in (("strict", "strict"), ("exact", "exact"), ("partial", "partial"), ("type", "ent_type"))
    }


def ours(gold: list[Mention], predicted: list[Mention]) -> dict[str, tuple[float, int, int]]:
    report = score([Document("d", "x" * 40, tuple(gold))], [predicted], ["A", "B", "C"])
    figures = {
        "strict": report.strict.micro,
        "exact": report.exact,
        "partial": report.partial,
        "type": report.type.micro,
    }
    return {name: (one.correct, one.predicted, one.gold) for name, one in figures.items() if one}


@pytest.mark.parametrize("seed", range(50))
def test_nervaluate_agrees_where_each_span_overlaps_one_other(seed: int) -> None:
    chance = random.Random(seed)
    gold: list[Mention] = []
    predicted: list[Mention] = []
    for cell in range(0, 40, 8):  # gold and prediction at most once in each cell
        for side in (gold, predicted):
            if not gold or chance.random() < 0.8:  # it cannot take a text without gold
                a, b = sorted(chance.sample(range(cell, cell + 8), 2))
                side.append(Mention(a, b, chance.choice("ABC")))
    assert ours(gold, predicted) == theirs(gold, predicted)


def test_nervaluate_counts_by_the_order_of_the_predictions() -> None:
    """Why it is not used: the same spans in another order are another score."""
    gold, predicted = [Mention(0, 10, A)], [Mention(0, 4, B), Mention(5, 10, A)]
    assert theirs(gold, predicted)["type"] != theirs(gold, predicted[::-1])["type"]
    assert ours(gold, predicted) == ours(gold, predicted[::-1])
