"""The words claim what the figures show and no more."""

from __future__ import annotations

import pytest
from conflict_ner.evaluation.bootstrap import Interval
from conflict_ner.evaluation.verdict import by_label, points, said_p, verdict


@pytest.mark.parametrize(
    ("difference", "interval", "p", "differing", "said"),
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
            "No difference can be told: B minus A is +0.4 points (95 %: -1.0 to +2.0; p = 0.600), which may well be",
        ),
        (0.02, (-0.001, 0.04), 0.04, 40, "No difference can be told for sure: B minus A is +2.0 points"),
        (-0.02, (-0.04, -0.001), 0.06, 40, "No difference can be told for sure: B minus A is -2.0 points"),
        (0.0, (0.0, 0.0), 1.0, 0, "No difference can be told: both score the same in every report."),
        (0.5, (0.1, 0.9), 0.06, 5, "they differ in only 5 reports, too few to judge by."),
        (0.5, None, 1.0, 1, "B minus A is +50.0 points (p = 1.000); they differ in only 1 report, too few"),
        (0.5, (0.1, 0.9), 0.03, 6, "B is better by 50.0 points"),
        (None, None, None, 0, "Nothing can be compared"),
        (0.0, (-0.01, 0.01), 1.0, 40, "No difference can be told: B minus A is 0.0 points"),
    ],
)
def test_the_verdict(
    difference: float | None, interval: Interval | None, p: float | None, differing: int, said: str
) -> None:
    assert said in verdict(difference, interval, p, differing)


@pytest.mark.parametrize(
    ("found", "said"),
    [
        ({}, ""),
        ({"A": (None, None)}, ""),
        ({"A": (0.1, 0.01), "B": (None, None)}, "By label, B is better on A."),
        ({"A": (0.1, 0.2), "B": (0.1, 0.051)}, "for 2 (Holm), no label's difference can be told from chance."),
        (
            {"A": (0.1, 0.01), "B": (-0.1, 0.02), "C": (0.1, 0.03), "D": (0.0, 1.0)},
            "for 4 (Holm), B is better on A, C and A is better on B.",
        ),
    ],
)
def test_labels_are_named_by_their_adjusted_p(found: dict[str, tuple[float | None, float | None]], said: str) -> None:
    assert by_label(found).endswith(said)
    assert bool(by_label(found)) == bool(said)


def test_points_and_p_do_not_round_to_what_they_are_not() -> None:
    assert [points(x) for x in (0.018, 0.0, 0.0003, -0.0003)] == ["1.8", "0.0", "0.03", "-0.03"]
    assert [points(x, sign=True) for x in (0.018, 0.0, -0.018, 0.0003, 1e-6)] == [
        "+1.8",
        "0.0",
        "-1.8",
        "+0.03",
        "0.00",
    ]
    assert [said_p(p) for p in (1 / 10_001, 0.001, 0.0499, 1.0)] == ["p < 0.001", "p = 0.001", "p = 0.050", "p = 1.000"]
