"""Metrics and their intervals; undefined is None, never 0."""

from __future__ import annotations

import numpy as np
import pytest
from conflict_ner.evaluation.scores import (
    RESAMPLES,
    Counts,
    Interval,
    Metrics,
    Scores,
    f1_of,
    percentile_interval,
    resample,
    varies,
)


def test_figures_of_nothing_are_undefined() -> None:
    none = Metrics.of(np.zeros((4, 3), np.int64))
    assert (none.precision, none.recall, none.f1) == (None, None, None)
    assert (none.interval, none.precision_interval, none.recall_interval) == (None, None, None)


def test_every_figure_lies_in_its_interval() -> None:
    random = np.random.default_rng(4)
    gold = random.integers(5, 15, 60)
    counts = np.stack([random.binomial(gold, 0.7), gold - 1, gold], axis=1)
    one = Metrics.of(counts)
    for figure, bounds in (
        (one.precision, one.precision_interval),
        (one.recall, one.recall_interval),
        (one.f1, one.interval),
    ):
        assert figure is not None
        assert bounds is not None
        assert bounds[0] < figure < bounds[1]
    assert one.precision_interval != one.recall_interval


def test_half_counts_stay_halves_and_whole_ones_whole() -> None:
    assert Metrics.of(np.array([[1.5, 2, 2]])).correct == 1.5
    assert type(Metrics.of(np.array([[1.5, 2, 2], [0.5, 1, 1]])).correct) is int


def test_the_macro_mean_is_over_labels_with_gold_and_has_an_interval() -> None:
    counts = np.array([[[3, 4, 4], [1, 2, 2], [0, 1, 0]]] * 12)
    scores = Scores.of(counts, ["A", "B", "C"])
    assert scores.macro_f1 == pytest.approx((0.75 + 0.5) / 2)
    assert scores.macro_interval
    assert list(scores.macro_interval) == pytest.approx([0.625, 0.625])
    assert Scores.of(counts[:1], ["A", "B", "C"]).macro_interval is None
    assert Scores.of(counts[:, 2:], ["C"]).macro_f1 is None
    assert Scores.of(counts[:, 2:], ["C"]).macro_interval is None


def test_a_label_in_few_documents_leaves_the_macro_interval_defined() -> None:
    counts = np.array([[[3, 4, 4], [0, 0, 0]]] * 11 + [[[1, 2, 3], [1, 1, 2]]])
    assert Scores.of(counts, ["A", "B"]).macro_interval is not None


def f1_interval(counts: Counts) -> Interval | None:
    return Metrics.of(counts).interval


def test_documents_that_are_all_alike_leave_no_doubt() -> None:
    low, high = f1_interval(np.array([[8, 10, 10]] * 20)) or (0.0, 0.0)
    assert low == high == pytest.approx(0.8)


def test_an_interval_lies_around_its_figure_and_narrows_with_data() -> None:
    random = np.random.default_rng(1)

    def counts(size: int) -> np.ndarray:
        correct = random.integers(0, 11, size)
        return np.stack([correct, np.full(size, 10), np.full(size, 10)], axis=1)

    few, many = counts(20), counts(2000)
    widths = []
    for data in (few, many):
        low, high = f1_interval(data) or (0.0, 0.0)
        assert low < f1_of(data.sum(axis=0)) < high
        widths.append(high - low)
    assert widths[0] / widths[1] == pytest.approx(10, rel=0.5)  # as the square root of 100


def test_an_interval_covers_the_true_value_as_often_as_it_should() -> None:
    """Each document has 10 mentions, of which 60 % are found on average."""
    random = np.random.default_rng(2)
    covered = 0
    for _ in range(100):
        correct = random.binomial(10, random.beta(6, 4, 60))
        low, high = f1_interval(np.stack([correct, np.full(60, 10), np.full(60, 10)], axis=1)) or (0.0, 0.0)
        covered += low <= 0.6 <= high
    assert 88 <= covered <= 99


def test_the_same_data_give_the_same_interval() -> None:
    data = np.array([[1, 2, 3], [4, 5, 6], [0, 1, 1]])
    assert f1_interval(data) == f1_interval(data)


@pytest.mark.parametrize("counts", [np.zeros((0, 3)), np.array([[1, 1, 1]]), np.zeros((9, 3))])
def test_no_interval_where_there_is_nothing_to_vary(counts: np.ndarray) -> None:
    assert f1_interval(counts.astype(np.int64)) is None


def test_resampling_keeps_the_number_of_documents_and_labels_apart() -> None:
    counts = np.ones((7, 4, 3), np.int64)
    sums = resample(counts)
    assert sums.shape == (RESAMPLES, 4, 3)
    assert (sums == 7).all()


def test_a_figure_undefined_in_most_resamples_has_no_interval() -> None:
    assert percentile_interval(np.array([0.5, np.nan, np.nan])) is None
    assert percentile_interval(np.array([0.5, 0.5, np.nan])) == (0.5, 0.5)


def test_figures_vary_only_where_two_documents_have_any() -> None:
    assert not varies(np.array([0, 5, 0]))
    assert varies(np.array([1, 5, 0]))
    assert f1_interval(np.array([[1, 2, 2], [0, 0, 0], [0, 0, 0]])) is None
