"""Scores of several runs of one config: of each, their mean and their standard deviation; read and written as JSON.

`train --seeds` writes them to `OUTPUT-seeds.json`, `train --folds` to `OUTPUT-folds.json`.

>>> first = Outcome(run="seed 7", checkpoint="m-seed7", figures={"test": {STRICT: 0.5}})
>>> second = Outcome(run="seed 8", checkpoint="m-seed8", figures={"test": {STRICT: 0.7}})
>>> outcomes = summary([first, second])
>>> round(outcomes.mean["test"][STRICT], 2), round(outcomes.sd["test"][STRICT], 3)
(0.6, 0.141)
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import mean, stdev

from pydantic import BaseModel, ConfigDict, ValidationError

from conflict_ner.errors import DataError, Problem
from conflict_ner.files import atomic_write

STRICT, DEFAULT = "strict_f1", "seqeval_default_f1"
_BEGINNING = 200  # characters of a file by which it is recognized

RunFigures = Mapping[str, Mapping[str, float | None]]  # by split, then by figure


class Outcome(BaseModel):
    """The scores of one run.

    checkpoint: the name of its folder.
    held_out: the group values that it held out.
    figures: by split, then by figure.
    label_f1: strict F1 by split, then by label. Empty in files of older versions, as is `data`.
    data: the SHA-256 of the reports that were scored, by split.
    """

    model_config = ConfigDict(frozen=True)

    run: str
    checkpoint: str
    held_out: tuple[str, ...] = ()
    figures: RunFigures
    label_f1: RunFigures = {}
    data: Mapping[str, str] = {}


class Outcomes(BaseModel):
    """All runs, with the mean and the standard deviation of every figure.

    None where a run lacks the figure; the deviation of a single run is None too.
    """

    model_config = ConfigDict(frozen=True)

    runs: tuple[Outcome, ...]
    mean: RunFigures
    sd: RunFigures


def summary(outcomes: Sequence[Outcome]) -> Outcomes:
    """Compute the mean and the standard deviation of all figures."""
    means: dict[str, dict[str, float | None]] = {}
    deviations: dict[str, dict[str, float | None]] = {}
    for split, figures in outcomes[0].figures.items():
        for name in figures:
            values = [outcome.figures[split][name] for outcome in outcomes]
            known = [value for value in values if value is not None]
            is_complete = len(known) == len(values)
            means.setdefault(split, {})[name] = mean(known) if is_complete else None
            deviations.setdefault(split, {})[name] = stdev(known) if is_complete and len(known) > 1 else None
    return Outcomes(runs=tuple(outcomes), mean=means, sd=deviations)


def write(outcomes: Outcomes, file: Path) -> None:
    """Write outcomes as JSON; checkpoints are named relative to the file's folder."""
    with atomic_write(file) as stream:
        stream.write(outcomes.model_dump_json(indent=2) + "\n")


def is_outcomes(file: Path) -> bool:
    """Return whether a file begins as one that `write` has written; False if it cannot be read."""
    try:
        with file.open(encoding="utf-8") as stream:
            return re.match(r'\s*\{\s*"runs"\s*:', stream.read(_BEGINNING)) is not None
    except (OSError, UnicodeDecodeError):
        return False


def load(file: Path) -> Outcomes:
    """Read outcomes from a file that `write` has written.

    Raises:
        DataError: if it cannot be read, or is damaged.
    """
    try:
        return Outcomes.model_validate_json(file.read_bytes())
    except OSError as error:
        raise DataError([Problem(str(file), f"cannot be read: {error.strerror}")]) from None
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        fault = f"not a result of `train --seeds`: {place + ': ' if place else ''}{first['msg']}"
        raise DataError([Problem(str(file), fault, "train again with --seeds, or restore the file")]) from None
