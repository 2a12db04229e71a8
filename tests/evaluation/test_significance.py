"""The tests of a difference: certain where nothing or everything differs, right as often as they say."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from conflict_ner.evaluation import significance
from conflict_ner.evaluation.scores import Counts, Interval, f1_of
from conflict_ner.evaluation.significance import by_label, format_p, holm, points, score_differences, verdict
from helpers.evaluations import properties
from hypothesis import given
from hypothesis import strategies as st


def system(random: np.random.Generator, quality: float, documents: int = 40) -> Counts:
    """Count a system that finds each of ten mentions per document with one probability; shape (documents, 1, 3)."""
    correct = random.binomial(10, quality, documents)
    return np.stack([correct, np.full(documents, 10), np.full(documents, 10)], axis=1)[:, None]


def test_equal_outputs_do_not_differ() -> None:
    counts = system(np.random.default_rng(0), 0.7)
    found = score_differences(counts, counts)
    assert found.f1.tolist() == [0.0]
    assert found.p.tolist() == [1.0]
    assert found.intervals == ((0.0, 0.0),)
    assert found.not_better.tolist() == [1.0]


def test_an_obvious_difference_is_certain() -> None:
    random = np.random.default_rng(0)
    found = score_differences(system(random, 0.5), system(random, 0.9))
    assert found.p[0] == pytest.approx(1 / 10_001)
    assert found.not_better[0] == 0
    assert found.intervals[0] is not None
    assert found.intervals[0][0] > 0.2
    assert found.f1[0] == pytest.approx(0.4, abs=0.05)


def test_swapping_the_systems_negates_the_difference() -> None:
    random = np.random.default_rng(3)
    a, b = system(random, 0.7), system(random, 0.73)
    forward, backward = score_differences(a, b), score_differences(b, a)
    assert forward.f1 == -backward.f1
    assert forward.p[0] == pytest.approx(backward.p[0], abs=0.02)
    assert forward.intervals[0] is not None
    assert backward.intervals[0] is not None
    assert forward.intervals[0][0] == pytest.approx(-backward.intervals[0][1])


def test_one_in_twenty_equal_pairs_is_called_different_and_few_intervals_miss() -> None:
    random = np.random.default_rng(1)
    pairs = 300
    alarms = missed = 0
    for _ in range(pairs):
        found = score_differences(system(random, 0.7), system(random, 0.7), trials=400)
        alarms += bool(found.p[0] <= 0.05)
        low, high = found.intervals[0] or (0.0, 0.0)
        missed += not low <= 0 <= high
    # Binomial with 300 and 0.05: 15, standard deviation 3.8.
    assert 5 <= alarms <= 25
    assert 5 <= missed <= 30


def test_p_is_close_to_the_share_of_all_swaps() -> None:
    random = np.random.default_rng(5)
    a, b = system(random, 0.6, 8), system(random, 0.7, 8)
    observed = abs(f1_of(b.sum(axis=0)) - f1_of(a.sum(axis=0)))
    hits = 0
    for swap in itertools.product([False, True], repeat=8):
        is_swapped = np.array(swap)[:, None, None]
        one, other = np.where(is_swapped, b, a), np.where(is_swapped, a, b)
        hits += bool(abs(f1_of(other.sum(axis=0)) - f1_of(one.sum(axis=0))) >= observed - 1e-12)
    assert score_differences(a, b).p[0] == pytest.approx(hits / 2**8, abs=0.02)


def test_each_group_is_judged_by_its_own_counts() -> None:
    random = np.random.default_rng(2)
    same, low, high = system(random, 0.7), system(random, 0.5), system(random, 0.9)
    found = score_differences(np.concatenate([same, low], axis=1), np.concatenate([same, high], axis=1))
    assert found.f1[0] == 0
    assert found.p[0] == 1
    assert found.p[1] < 0.001


def test_what_is_not_there_has_no_difference_and_without_gold_there_is_none() -> None:
    nothing = np.zeros((5, 1, 3), np.int64)
    alarms = nothing.copy()
    alarms[:, :, 1] = 2
    found = score_differences(nothing, nothing)
    assert np.isnan(found.f1).all()
    assert np.isnan(found.p).all()
    assert found.intervals == (None,)
    found = score_differences(alarms, alarms[::-1] * 2)
    assert found.f1.tolist() == [0.0]
    assert found.p.tolist() == [1.0]


def test_one_document_tells_nothing() -> None:
    found = score_differences(np.array([[[1, 10, 10]]]), np.array([[[9, 10, 10]]]))
    assert found.intervals == (None,)
    assert np.isnan(found.not_better).all()
    assert found.p.tolist() == [1.0]


def test_chunks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(4)
    a, b = system(random, 0.7), system(random, 0.74)
    whole = score_differences(a, b)
    monkeypatch.setattr(significance, "_MAX_SWAPS", 4_000)
    assert score_differences(a, b).p[0] == pytest.approx(whole.p[0], abs=0.02)


def test_other_documents_are_refused() -> None:
    counts = system(np.random.default_rng(0), 0.7)
    with pytest.raises(ValueError, match="same documents"):
        score_differences(counts, counts[1:])
    with pytest.raises(ValueError, match="same documents"):
        score_differences(counts, counts + 1)


def test_adjusted_values_keep_their_order_and_stay_below_one() -> None:
    assert holm([]) == []
    assert holm([0.2]) == [0.2]
    assert holm([0.5, 0.001, 0.9, 0.02]) == pytest.approx([1.0, 0.004, 1.0, 0.06])


@properties
@given(st.lists(st.floats(0, 1)))
def test_adjusted_values_are_never_smaller_and_rise_with_the_values(values: list[float]) -> None:
    adjusted = holm(values)
    assert all(value <= result <= 1 for value, result in zip(values, adjusted, strict=True))
    by_value = [result for _, result in sorted(zip(values, adjusted, strict=True))]
    assert by_value == sorted(adjusted)


def test_what_stands_in_one_document_has_no_interval() -> None:
    one = np.zeros((5, 1, 3), np.int64)
    one[2, 0] = 5, 10, 10
    other = one.copy()
    other[2, 0, 0] = 9
    found = score_differences(one, other)
    assert found.f1[0] == pytest.approx(0.4)
    assert found.intervals == (None,)
    assert found.p.tolist() == [1.0]


@pytest.mark.parametrize(
    ("difference", "interval", "p", "differing", "message"),
    [
        (
            0.018,
            (0.006, 0.031),
            0.004,
            40,
            "B is better by 1.8 points (95 %: 0.6 to 3.1; p = 0.004): the difference is unlikely to be chance",
        ),
        (
            -0.1,
            (-0.15, -0.05),
            0.0001,
            40,
            "A is better by 10.0 points (95 %: 5.0 to 15.0; p < 0.001): the difference is very unlikely to be chance",
        ),
        (
            0.004,
            (-0.01, 0.02),
            0.6,
            40,
            "No difference can be shown: B minus A is +0.4 points (95 %: -1.0 to +2.0; p = 0.600), which may well be",
        ),
        (0.02, (-0.001, 0.04), 0.04, 40, "No difference can be shown for sure: B minus A is +2.0 points"),
        (-0.02, (-0.04, -0.001), 0.06, 40, "No difference can be shown for sure: B minus A is -2.0 points"),
        (0.0, (0.0, 0.0), 1.0, 0, "No difference can be shown: both score the same in every report."),
        (0.5, (0.1, 0.9), 0.06, 5, "they differ in only 5 reports, too few to judge by."),
        (0.5, None, 1.0, 1, "B minus A is +50.0 points (p = 1.000); they differ in only 1 report, too few"),
        (0.5, (0.1, 0.9), 0.03, 6, "B is better by 50.0 points"),
        (None, None, None, 0, "Nothing can be compared"),
        (0.0, (-0.01, 0.01), 1.0, 40, "No difference can be shown: B minus A is 0.0 points"),
    ],
)
def test_the_verdict(
    difference: float | None, interval: Interval | None, p: float | None, differing: int, message: str
) -> None:
    assert message in verdict(difference, interval, p, differing)


@pytest.mark.parametrize(
    ("differences", "message"),
    [
        ({}, ""),
        ({"A": (None, None)}, ""),
        ({"A": (0.1, 0.01), "B": (None, None)}, "By label, B is better on A."),
        (
            {"A": (0.1, 0.2), "B": (0.1, 0.051)},
            "no label's difference can be distinguished from chance.",
        ),
        (
            {"A": (0.1, 0.01), "B": (-0.1, 0.02), "C": (0.1, 0.03), "D": (0.0, 1.0)},
            "for 4 tests (Holm), B is better on A, C and A is better on B.",
        ),
    ],
)
def test_labels_are_named_by_their_adjusted_p(
    differences: dict[str, tuple[float | None, float | None]], message: str
) -> None:
    assert by_label(differences).endswith(message)
    assert bool(by_label(differences)) == bool(message)


def test_points_and_p_do_not_round_to_what_they_are_not() -> None:
    assert [points(x) for x in (0.018, 0.0, 0.0003, -0.0003)] == ["1.8", "0.0", "0.03", "-0.03"]
    assert [points(x, sign=True) for x in (0.018, 0.0, -0.018, 0.0003, 1e-6)] == [
        "+1.8",
        "0.0",
        "-1.8",
        "+0.03",
        "0.00",
    ]
    assert [format_p(p) for p in (1 / 10_001, 0.001, 0.0499, 1.0)] == [
        "p < 0.001",
        "p = 0.001",
        "p = 0.050",
        "p = 1.000",
    ]
