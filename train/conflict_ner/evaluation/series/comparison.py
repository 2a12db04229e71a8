"""Comparison of two recipes, each trained with several seeds: is one better, beyond what another seed would change.

Welch's t-test compares the means of the two series (Welch 1947). It takes neither equal numbers of runs nor equal
spreads, and of the tests in use it is the most robust for few seeds (Colas, Sigaud & Oudeyer 2018). It varies the
training and keeps the reports; `evaluation.comparison` varies the reports and keeps the checkpoints.

>>> from conflict_ner.evaluation.series.outcomes import Outcome, summary
>>> def series(*f1):
...     figures = [{"test": {STRICT: value}} for value in f1]
...     return summary([Outcome(run="seed", checkpoint="model", figures=one) for one in figures])
>>> comparison = compare_series(("old", series(0.70, 0.71, 0.72)), ("new", series(0.75, 0.74, 0.76)))
>>> print(comparison.splits["test"].verdict.partition(" (")[0])
B is better by 4.0 points on test
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import sqrt
from pathlib import Path
from statistics import mean, stdev

from pydantic import BaseModel, ConfigDict

from conflict_ner.errors import DataError, Problem
from conflict_ner.evaluation.scores import Interval
from conflict_ner.evaluation.series.outcomes import STRICT, Outcomes, is_outcomes, load
from conflict_ner.evaluation.significance import by_label, format_p, holm, points

CAVEAT = (
    "This holds for the two recipes on these reports: it varies the seed, not the reports. "
    "`compare` on a checkpoint of each says what other reports might change."
)
_SIGNIFICANT_P = 0.05
_LEAST_RUNS = 2  # one run has no spread


class SeriesF1(BaseModel):
    """Strict F1 of a series: mean and standard deviation (n - 1) over its runs."""

    model_config = ConfigDict(frozen=True)

    mean: float
    sd: float
    runs: int


class SeriesDifference(BaseModel):
    """Strict F1 of A and of B, and the mean of B minus that of A.

    interval: the 95 % of the difference. p: two-sided; None if no run of either series differs from another.
    adjusted_p: of a label: the same, corrected because each label is a separate test (Holm 1979).
    visible: the smallest difference that so many runs with this spread could show.
    """

    model_config = ConfigDict(frozen=True)

    a: SeriesF1
    b: SeriesF1
    difference: float
    interval: Interval
    p: float | None
    adjusted_p: float | None = None
    visible: float


class SplitComparison(BaseModel):
    """The comparison on one split, of all mentions and by label."""

    model_config = ConfigDict(frozen=True)

    verdict: str
    by_label: str
    micro: SeriesDifference
    labels: Mapping[str, SeriesDifference]


class SeriesComparison(BaseModel):
    """How recipe B differs from recipe A, by split.

    notes: what could not be compared, or not be checked.
    """

    model_config = ConfigDict(frozen=True)

    a: str
    b: str
    splits: Mapping[str, SplitComparison]
    notes: tuple[str, ...] = ()
    caveat: str = CAVEAT


def are_series(first: Path, second: Path, data: Sequence[Path] = ()) -> bool:
    """Return whether both paths are results of `train --seeds`.

    Raises:
        DataError: if only one of them is, or there is data, which was scored when they were trained.
    """
    found = [is_outcomes(path) for path in (first, second)]
    if any(found) and not all(found):
        series, other = (first, second) if found[0] else (second, first)
        fault = f"is a result of `train --seeds`, {other} is not"
        raise DataError([Problem(str(series), fault, "compare two such results, or two checkpoints")])
    if all(found) and data:
        fault = "is not used: the results of `train --seeds` hold their scores"
        raise DataError([Problem(str(data[0]), fault, "leave it out")])
    return all(found)


def compare_files(first: Path, second: Path) -> SeriesComparison:
    """Compare two files that `train --seeds` has written.

    Raises:
        DataError: as `compare_series` does, or if a file cannot be read.
    """
    names = (first.name, second.name) if first.name != second.name else (str(first), str(second))
    return compare_series((names[0], load(first)), (names[1], load(second)))


def compare_series(first: tuple[str, Outcomes], second: tuple[str, Outcomes]) -> SeriesComparison:
    """Compare two series of runs on each split that both were scored on.

    Args:
        first, second: the name of a series, and its runs.

    Raises:
        DataError: if a series holds folds or fewer than two runs, or no split has the same reports.
    """
    for name, outcomes in (first, second):
        _refuse_unfit(name, outcomes)
    (a_name, a), (b_name, b) = first, second
    splits, notes = {}, []
    for split in a.mean:
        if split not in b.mean or a.mean[split].get(STRICT) is None or b.mean[split].get(STRICT) is None:
            notes.append(f"{split} is left out: not every run has a score there.")
            continue
        recorded = [{run.data.get(split, "") for run in side.runs} for side in (a, b)]
        if "" in recorded[0] | recorded[1]:
            notes.append(
                f"Whether both were scored on the same reports of {split} is not recorded; see that they were."
            )
        elif not recorded[0] & recorded[1]:
            notes.append(f"{split} is left out: A and B were scored on other reports there.")
            continue
        splits[split] = _compare_split(split, a, b)
    if not splits:
        raise DataError(
            [Problem(b_name, f"shares no split with {a_name}: {' '.join(notes)}", "score both on the same data")]
        )
    return SeriesComparison(a=a_name, b=b_name, splits=splits, notes=tuple(notes))


def _refuse_unfit(name: str, outcomes: Outcomes) -> None:
    if any(run.run.startswith("fold") for run in outcomes.runs):
        fault = "holds folds: their trainings share reports, so that no test of their scores is valid (Dietterich 1998)"
        raise DataError([Problem(name, fault, "compare results of `train --seeds`")])
    if len(outcomes.runs) < _LEAST_RUNS:
        fix = "train at least two seeds, better five: `train CONFIG --seeds 5 --resume` keeps the finished one"
        raise DataError([Problem(name, "holds one run, which has no spread", fix)])


def _compare_split(split: str, a: Outcomes, b: Outcomes) -> SplitComparison:
    micro = _difference(*([run.figures[split][STRICT] or 0.0 for run in side.runs] for side in (a, b)))
    found = {label: _difference(*sides) for label, sides in _label_scores(split, a, b)}
    tested = [label for label, one in found.items() if one.p is not None]
    adjusted = dict(zip(tested, holm([found[label].p or 0.0 for label in tested]), strict=True))
    labels = {label: one.model_copy(update={"adjusted_p": adjusted.get(label)}) for label, one in found.items()}
    return SplitComparison(
        verdict=_verdict(split, micro),
        by_label=by_label({label: (one.difference, one.adjusted_p) for label, one in labels.items()}),
        micro=micro,
        labels=labels,
    )


def _label_scores(split: str, a: Outcomes, b: Outcomes) -> Iterator[tuple[str, tuple[list[float], list[float]]]]:
    """Yield each label with its F1 in all runs of A and of B; one that lacks it in some run is left out."""
    for label in a.runs[0].label_f1.get(split, {}):
        sides = [[run.label_f1.get(split, {}).get(label) for run in side.runs] for side in (a, b)]
        first, second = ([value for value in side if value is not None] for side in sides)
        if (len(first), len(second)) == (len(sides[0]), len(sides[1])):
            yield label, (first, second)


def _difference(a: Sequence[float], b: Sequence[float]) -> SeriesDifference:
    """Compare two samples by Welch's t-test."""
    from scipy.stats import t  # takes longer to import than all else

    sides = [SeriesF1(mean=mean(side), sd=stdev(side), runs=len(side)) for side in (a, b)]
    difference = sides[1].mean - sides[0].mean
    variances = [side.sd**2 / side.runs for side in sides]
    error = sqrt(sum(variances))
    if not error:
        return SeriesDifference(
            a=sides[0], b=sides[1], difference=difference, interval=(difference, difference), p=None, visible=0.0
        )
    freedom = sum(variances) ** 2 / sum(v**2 / (side.runs - 1) for v, side in zip(variances, sides, strict=True))
    visible = float(t.ppf(1 - _SIGNIFICANT_P / 2, freedom)) * error
    return SeriesDifference(
        a=sides[0],
        b=sides[1],
        difference=difference,
        interval=(difference - visible, difference + visible),
        p=float(2 * t.sf(abs(difference) / error, freedom)),
        visible=visible,
    )


def _verdict(split: str, found: SeriesDifference) -> str:
    low, high = found.interval
    if found.p is None:
        return (
            f"B minus A is {points(found.difference, sign=True)} points on {split}. No seed changes the score of "
            "either, so there is nothing to test."
        )
    if found.p <= _SIGNIFICANT_P:
        better, ends = ("B", (low, high)) if found.difference > 0 else ("A", (-high, -low))
        return (
            f"{better} is better by {points(abs(found.difference))} points on {split} (95 %: {points(ends[0])} to "
            f"{points(ends[1])}; {format_p(found.p)}; {found.a.runs} and {found.b.runs} runs): "
            "the difference is unlikely to come from the seeds."
        )
    return (
        f"No difference can be shown on {split}: B minus A is {points(found.difference, sign=True)} points (95 %: "
        f"{points(low, sign=True)} to {points(high, sign=True)}; {format_p(found.p)}), which may well come from the "
        f"seeds. {found.a.runs} and {found.b.runs} runs with this spread show only differences of "
        f"{points(found.visible)} points or more; more seeds show smaller ones."
    )
