"""Intervals that mean what they say: their width, their coverage and their limits."""

from __future__ import annotations

import numpy as np
import pytest
from conflict_ner.evaluation.bootstrap import RESAMPLES, Counts, Interval, f1_of, interval, resampled, varies
from conflict_ner.evaluation.scores import Figures


def f1_interval(counts: Counts) -> Interval | None:
    return Figures.of(counts).interval


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


def test_an_interval_holds_the_truth_as_often_as_it_says() -> None:
    """Documents of 10 mentions with a share found that is 0.6 in the mean."""
    random = np.random.default_rng(2)
    held = 0
    for _ in range(100):
        correct = random.binomial(10, random.beta(6, 4, 60))
        low, high = f1_interval(np.stack([correct, np.full(60, 10), np.full(60, 10)], axis=1)) or (0.0, 0.0)
        held += low <= 0.6 <= high
    assert 88 <= held <= 99


def test_the_same_data_give_the_same_interval() -> None:
    data = np.array([[1, 2, 3], [4, 5, 6], [0, 1, 1]])
    assert f1_interval(data) == f1_interval(data)


@pytest.mark.parametrize("counts", [np.zeros((0, 3)), np.array([[1, 1, 1]]), np.zeros((9, 3))])
def test_no_interval_where_there_is_nothing_to_vary(counts: np.ndarray) -> None:
    assert f1_interval(counts.astype(np.int64)) is None


def test_resampling_keeps_the_number_of_documents_and_labels_apart() -> None:
    counts = np.ones((7, 4, 3), np.int64)
    sums = resampled(counts)
    assert sums.shape == (RESAMPLES, 4, 3)
    assert (sums == 7).all()


def test_a_figure_undefined_in_most_resamples_has_no_interval() -> None:
    assert interval(np.array([0.5, np.nan, np.nan])) is None
    assert interval(np.array([0.5, 0.5, np.nan])) == (0.5, 0.5)


def test_figures_vary_only_where_two_documents_have_any() -> None:
    assert not varies(np.array([0, 5, 0]))
    assert varies(np.array([1, 5, 0]))
    assert f1_interval(np.array([[1, 2, 2], [0, 0, 0], [0, 0, 0]])) is None
