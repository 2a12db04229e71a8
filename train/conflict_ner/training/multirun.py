"""One config trained several times: with other seeds, or with each fold held out in turn.

A score of one run says little of the next: fine-tuning with another seed alone moves F1 by
points (Dodge et al. 2020, Reimers & Gurevych 2017). So a recipe is judged by the mean of
several runs and their standard deviation (of a sample: n - 1 below the line).

Each run is an ordinary one, of a config that differs in its seed or its fold, so the
`run.yaml` beside its weights trains it again. Runs go one after another in this process:
`run.train` sets the seed before it makes anything, and under `accelerate launch` fresh
processes would have to be launched again.

>>> from conflict_ner.config import Config
>>> config = Config(labels=["ACTOR"], data={"train": ["a"], "validation": ["b"]}, output="models/x")
>>> [(run.name, run.config.training.seed, run.config.output.name) for run in with_seeds(config, 2)]
[('seed 7', 7, 'x-seed7'), ('seed 8', 8, 'x-seed8')]
"""

from __future__ import annotations

import gc
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, stdev

from pydantic import BaseModel, ConfigDict
from rich.console import Console

from conflict_ner.checkpoint import Checkpoint
from conflict_ner.config import Config, FoldConfig, dump_config
from conflict_ner.data.corpus import Corpus
from conflict_ner.data.splits import group_values, read_splits
from conflict_ner.errors import CheckpointError, TrainingError
from conflict_ner.evaluation.report import Report
from conflict_ner.files import atomic_write
from conflict_ner.modeling.device import choose_device
from conflict_ner.reporting.tables import percent
from conflict_ner.training import run
from conflict_ner.training.environment import config_decides, start_processes
from conflict_ner.training.saved_epochs import refuse_lost_work

STRICT, DEFAULT = "strict_f1", "seqeval_default_f1"
_HEADINGS = {STRICT: "F1", DEFAULT: "seqeval default"}

RunFigures = Mapping[str, Mapping[str, float | None]]  # by split, then by figure


@dataclass(frozen=True, slots=True)
class Run:
    """One of several trainings."""

    name: str
    config: Config


class Outcome(BaseModel):
    """What one run scored, its checkpoint's folder, and the values of the group that it held out."""

    model_config = ConfigDict(frozen=True)

    run: str
    checkpoint: str
    held_out: tuple[str, ...]
    figures: RunFigures


class Outcomes(BaseModel):
    """All runs with the mean and the standard deviation of every figure.

    None where a run has no such figure, or where one run alone has no deviation.
    """

    model_config = ConfigDict(frozen=True)

    runs: tuple[Outcome, ...]
    mean: RunFigures
    sd: RunFigures


def with_seeds(config: Config, count: int) -> list[Run]:
    """The config with its seed and those that follow it, each with an output of its own."""
    runs = []
    for seed in range(config.training.seed, config.training.seed + count):
        training = config.training.model_copy(update={"seed": seed})
        changed = {"training": training, "output": _beside(config.output, f"-seed{seed}")}
        runs.append(Run(f"seed {seed}", config.model_copy(update=changed)))
    return runs


def with_folds(config: Config, count: int, group: str | None) -> list[Run]:
    """The config with each of `count` folds of its training reports held out in turn."""
    runs = []
    for number in range(1, count + 1):
        data = config.data.model_copy(update={"fold": FoldConfig(number=number, count=count, group=group)})
        changed = {"data": data, "output": _beside(config.output, f"-fold{number}")}
        runs.append(Run(f"fold {number}", config.model_copy(update=changed)))
    return runs


def train_all(
    runs: Sequence[Run],
    *,
    resume: bool = False,
    restart: bool = False,
    overwrite: bool = False,
    base: Path | None = None,
    console: Console | None = None,
) -> Outcomes:
    """Train, evaluate and export every run.

    All that could be refused is refused before the first begins.

    Args:
        resume: keep the checkpoints of runs that are finished, if they are of the same config
            and data, and go on from the last state of the one that was killed.
        restart: delete what killed runs have saved, and train all anew.
        overwrite: replace checkpoints of another config; the old ones are kept as `NAME.previous`.
        base: the output that those of the runs are derived from, for errors.

    Raises:
        OverwriteError: if earlier work would be destroyed that `restart` or `overwrite` does not give up.
        ConflictNerError: of the kind that says which part of the input is at fault.
    """
    for each in runs:
        refuse_lost_work(each.config, resume=resume, restart=restart, overwrite=overwrite, base=base)
    settings = runs[0].config.training
    hardware = choose_device(settings.device, settings.precision)
    with config_decides(hardware):
        main = start_processes(hardware.device).is_main_process
    console = console if console and main else Console(quiet=True)
    files = read_splits(runs[0].config)
    for each in runs:
        try:
            run.load(each.config, files)
        except TrainingError as error:
            raise TrainingError(f"{each.name}: {error}") from None
    outcomes = []
    for each in runs:
        data = run.load(each.config, files)
        done = finished(each.config, data) if resume else None
        console.print(f"{each.name}: {'finished before' if done else 'training'}", style="bold", highlight=False)
        done = done or run.train(
            each.config, resume=resume, restart=restart, overwrite=overwrite, console=console, data=data
        )
        outcomes.append(_outcome(each, data, done))
        gc.collect()  # the Trainer and its model refer to each other
    return summary(outcomes)


def finished(config: Config, data: Corpus) -> Checkpoint | None:
    """The checkpoint in a config's output, if it is of this very config and data."""
    try:
        done = Checkpoint.load(config.output)
    except CheckpointError:
        return None
    same_config = (done.folder / "run.yaml").read_text(encoding="utf-8") == dump_config(config, config.output)
    known = {split: facts.sha256 for split, facts in done.manifest.data.items()}
    return done if same_config and known == {split: data.fingerprint(split) for split in data.splits} else None


def summary(outcomes: Sequence[Outcome]) -> Outcomes:
    """The runs with mean and standard deviation."""
    centre: dict[str, dict[str, float | None]] = {}
    spread: dict[str, dict[str, float | None]] = {}
    for split, figures in outcomes[0].figures.items():
        for name in figures:
            values = [outcome.figures[split][name] for outcome in outcomes]
            known = [value for value in values if value is not None]
            whole = len(known) == len(values)
            centre.setdefault(split, {})[name] = mean(known) if whole else None
            spread.setdefault(split, {})[name] = stdev(known) if whole and len(known) > 1 else None
    return Outcomes(runs=tuple(outcomes), mean=centre, sd=spread)


def table(outcomes: Outcomes) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Headings and rows, figures in per cent; the last two rows are the mean and the deviation."""
    columns = [(split, name) for split, figures in outcomes.mean.items() for name in figures]
    grouped = any(outcome.held_out for outcome in outcomes.runs)
    headings = ["run", *(f"{split} {_HEADINGS[name]}" for split, name in columns), "checkpoint"]
    rows = [(o.run, o.figures, o.checkpoint, ", ".join(o.held_out)) for o in outcomes.runs]
    rows += [("mean", outcomes.mean, "", ""), ("standard deviation", outcomes.sd, "", "")]
    body = [
        (name, *(percent(figures[split][figure]) for split, figure in columns), folder, *([held] if grouped else []))
        for name, figures, folder, held in rows
    ]
    return (*headings, *(["held out"] if grouped else [])), body


def write(outcomes: Outcomes, file: Path) -> None:
    """Keep the outcomes as JSON; checkpoints are named relative to the file's folder."""
    with atomic_write(file) as stream:
        stream.write(outcomes.model_dump_json(indent=2) + "\n")


def _outcome(each: Run, data: Corpus, done: Checkpoint) -> Outcome:
    fold = each.config.data.fold
    held = group_values(data["fold"], fold.group) if fold and fold.group else ()
    figures = {split: _figures(report) for split, report in done.scores.items()}
    return Outcome(run=each.name, checkpoint=done.folder.name, held_out=tuple(held), figures=figures)


def _figures(report: Report) -> dict[str, float | None]:
    return {STRICT: report.strict.micro.f1, DEFAULT: report.seqeval_default_f1}


def _beside(output: Path, ending: str) -> Path:
    return output.with_name(output.name + ending)
