"""Calibration figures and curves, against hand-made and simulated predictions."""

from __future__ import annotations

import numpy as np
import pytest
from conflict_ner.evaluation.calibration import ScoredPrediction, calibration, precision_recall_curve


def simulated(count: int, seed: int, sharpen: float = 1.0) -> list[ScoredPrediction]:
    """Simulate predictions that are correct as often as their scores say, then sharpen the scores."""
    random = np.random.default_rng(seed)
    truth = random.uniform(0.3, 1.0, count)
    right = random.random(count) < truth
    return [(k % 50, "A", float(p**sharpen), bool(r)) for k, (p, r) in enumerate(zip(truth, right, strict=True))]


def test_honest_scores_have_little_error_and_dishonest_ones_much() -> None:
    honest, modest = calibration(simulated(5000, 1), 50), calibration(simulated(5000, 1, 3.0), 50)
    assert honest
    assert modest
    assert honest.ece < 0.03
    assert modest.ece > 0.15
    for one in (honest, modest):
        assert one.ece_interval
        assert one.ece_interval[0] <= one.ece_interval[1]
        assert sum(one_bin.mentions for one_bin in one.bins) == 5000


def test_each_score_falls_into_one_bin_with_its_upper_edge() -> None:
    scores = [0.0, 0.1, 0.100001, 0.95, 1.0]
    found = calibration([(0, "A", score, True) for score in scores], 1)
    assert found
    bins = found.bins
    assert [one_bin.mentions for one_bin in bins] == [2, 1, 0, 0, 0, 0, 0, 0, 0, 2]
    assert bins[2].score is None
    assert bins[2].correct is None
    assert bins[-1].score == pytest.approx(0.975)


def test_one_document_has_no_interval_and_no_prediction_no_calibration() -> None:
    one = calibration([(0, "A", 0.5, True)], 1)
    assert one
    assert one.ece == pytest.approx(0.5)
    assert one.ece_interval is None
    assert calibration([], 3) is None


def test_a_curve_says_what_a_threshold_would_keep() -> None:
    scored: list[ScoredPrediction] = [
        (0, "A", 0.9, True),
        (0, "A", 0.8, False),
        (1, "A", 0.8, True),
        (1, "B", 0.7, True),
    ]
    points = precision_recall_curve(scored, "A", gold=4)
    assert [(p.threshold, p.recall) for p in points] == [(0.8, 0.5), (0.9, 0.25)]
    assert [p.precision for p in points] == pytest.approx([2 / 3, 1.0])
    assert [p.f1 for p in points] == pytest.approx([4 / 7, 2 / 5])


def test_a_curve_has_few_points_and_keeps_its_ends() -> None:
    scored = simulated(3000, 2)
    points = precision_recall_curve(scored, "A", gold=3000)
    assert 40 <= len(points) <= 50
    assert points[0].threshold == min(score for _, _, score, _ in scored)
    assert points[-1].threshold == max(score for _, _, score, _ in scored)


def test_a_label_without_gold_or_without_predictions() -> None:
    assert precision_recall_curve([], "A", gold=3) == ()
    (point,) = precision_recall_curve([(0, "A", 0.5, False)], "A", gold=0)
    assert (point.precision, point.recall, point.f1) == (0.0, None, 0.0)
