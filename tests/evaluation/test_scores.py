"""Figures and their intervals; undefined is None, never 0."""

from __future__ import annotations

import numpy as np
import pytest
from conflict_ner.evaluation.scores import Figures, Scores


def test_figures_of_nothing_are_undefined() -> None:
    none = Figures.of(np.zeros((4, 3), np.int64))
    assert (none.precision, none.recall, none.f1) == (None, None, None)
    assert (none.interval, none.precision_interval, none.recall_interval) == (None, None, None)


def test_every_figure_lies_in_its_interval() -> None:
    random = np.random.default_rng(4)
    gold = random.integers(5, 15, 60)
    counts = np.stack([random.binomial(gold, 0.7), gold - 1, gold], axis=1)
    one = Figures.of(counts)
    for figure, interval in (
        (one.precision, one.precision_interval),
        (one.recall, one.recall_interval),
        (one.f1, one.interval),
    ):
        assert figure is not None
        assert interval is not None
        assert interval[0] < figure < interval[1]
    assert one.precision_interval != one.recall_interval


def test_half_counts_stay_halves_and_whole_ones_whole() -> None:
    assert Figures.of(np.array([[1.5, 2, 2]])).correct == 1.5
    assert type(Figures.of(np.array([[1.5, 2, 2], [0.5, 1, 1]])).correct) is int


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
