"""Recipes are compared by several seeds of each: what scipy computes, and what cannot be compared is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from conflict_ner.errors import DataError
from conflict_ner.evaluation.series.comparison import compare_series
from conflict_ner.evaluation.series.outcomes import STRICT, Outcome, Outcomes, load, summary, write
from helpers.command import conflict_ner
from scipy.stats import ttest_ind

A, B = (0.70, 0.72, 0.71), (0.74, 0.75, 0.77, 0.745)


def series(*f1: float, data: str = "x", run: str = "seed", splits: tuple[str, ...] = ("test",)) -> Outcomes:
    """Runs with these F1; the label GUN has half of it, and RARE only in the first run."""
    return summary(
        [
            Outcome(
                run=f"{run} {number}",
                checkpoint=f"m-{number}",
                figures={split: {STRICT: value} for split in splits},
                label_f1={split: {"GUN": value / 2, "RARE": None if number else 0.5} for split in splits},
                data=dict.fromkeys(splits, data) if data else {},
            )
            for number, value in enumerate(f1)
        ]
    )


def test_means_are_compared_by_welchs_test() -> None:
    found = compare_series(("a", series(*A)), ("b", series(*B))).splits["test"]
    expected = ttest_ind(B, A, equal_var=False)
    assert found.micro.p == pytest.approx(expected.pvalue)
    assert found.micro.interval == pytest.approx(tuple(expected.confidence_interval()))
    assert found.verdict.startswith("B is better by 4.1 points on test (95 %: ")
    assert list(found.labels) == ["GUN"]  # RARE is undefined in some runs
    assert found.labels["GUN"].difference == pytest.approx(found.micro.difference / 2)
    other = compare_series(("b", series(*B)), ("a", series(*A))).splits["test"]
    assert other.verdict.startswith("A is better by 4.1 points on test (95 %: ")


def test_what_seeds_may_explain_is_no_difference_and_the_smallest_visible_one_is_named() -> None:
    found = compare_series(("a", series(0.70, 0.74)), ("b", series(0.71, 0.75))).splits["test"]
    assert found.verdict.startswith("No difference can be shown on test: B minus A is +1.0 points")
    # A difference of exactly that size has p = 0.05.
    moved = 0.70 + found.micro.visible
    assert compare_series(("a", series(0.70, 0.74)), ("b", series(moved, moved + 0.04))).splits[
        "test"
    ].micro.p == pytest.approx(0.05)


def test_runs_without_any_spread_are_not_tested() -> None:
    found = compare_series(("a", series(0.7, 0.7)), ("b", series(0.8, 0.8))).splits["test"]
    assert found.micro.p is None
    assert "nothing to test" in found.verdict


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (series(0.7), "holds one run, which has no spread; train at least two seeds"),
        (series(0.7, 0.8, run="fold"), "holds folds: .*; compare results of `train --seeds`"),
        (series(0.7, 0.8, data="y"), "shares no split with a: test is left out: A and B were scored on other reports"),
        (series(0.7, 0.8, splits=("validation",)), "shares no split with a"),
    ],
)
def test_what_cannot_be_compared_is_refused(other: Outcomes, message: str) -> None:
    with pytest.raises(DataError, match=message):
        compare_series(("a", series(*A)), ("b", other))


def test_the_command_compares_the_files_of_two_recipes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one, two = tmp_path / "a-seeds.json", tmp_path / "b-seeds.json"
    write(series(*A), one)
    write(series(*B, data=""), two)  # of a version that did not record the data
    code, out, _ = conflict_ner(capsys, "compare", one, two, "--markdown")
    assert code == 0
    assert "| **all (micro)** | **71.0 ± 1.0** | **75.1 ± 1.3** | **+4.1** |" in out
    assert "A: a-seeds.json (3 runs), B: b-seeds.json (4 runs)" in out
    assert "the same reports of test is not recorded" in out
    code, out, _ = conflict_ner(capsys, "compare", one, two)
    assert code == 0
    assert "B is better by 4.1 points on test" in " ".join(out.split())
    code, _, err = conflict_ner(capsys, "compare", one, two, tmp_path)
    assert (code, "leave it out" in err) == (1, True)
    (tmp_path / "c.jsonl").write_text("{}")
    code, _, err = conflict_ner(capsys, "compare", tmp_path / "c.jsonl", two)
    assert (code, "is a result of `train --seeds`" in err) == (1, True)


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    file = tmp_path / "a-seeds.json"
    file.write_text('{"runs": [{"run": "seed 7"}]}')
    with pytest.raises(
        DataError, match=r"a-seeds\.json: not a result of `train --seeds`: runs\.0\.checkpoint: Field required"
    ):
        load(file)
