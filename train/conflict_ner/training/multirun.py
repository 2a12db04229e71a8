"""Trains one config several times: with different seeds, or with each fold held out in turn.

The score of one run says little about the next: another seed alone changes F1 by points
(Dodge et al. 2020, Reimers & Gurevych 2017). So a recipe is judged by the mean of several
runs and their standard deviation (of a sample: divided by n - 1).

Each run is an ordinary one, of a config that differs in its seed or its fold, so the
`run.yaml` in its checkpoint trains it again. Runs follow one another in this process:
`run.train` sets the seed first, and under `accelerate launch` new processes would have to
be launched for each.

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
from conflict_ner.config import Config, FoldConfig
from conflict_ner.data.corpus import Corpus
from conflict_ner.data.splits import group_values, read_splits
from conflict_ner.errors import CheckpointError, TrainingError
from conflict_ner.evaluation.report import Report
from conflict_ner.export.overwriting import config_differences
from conflict_ner.files import atomic_write
from conflict_ner.modeling.device import choose_device
from conflict_ner.reporting.tables import percent
from conflict_ner.training import run as pipeline
from conflict_ner.training.environment import config_decides, start_processes
from conflict_ner.training.saved_epochs import refuse_lost_work

STRICT, DEFAULT = "strict_f1", "seqeval_default_f1"
_HEADINGS = {STRICT: "F1", DEFAULT: "seqeval default"}

RunFigures = Mapping[str, Mapping[str, float | None]]  # by split, then by figure


@dataclass(frozen=True, slots=True)
class Run:
    """One of several runs: its name and its config."""

    name: str
    config: Config


class Outcome(BaseModel):
    """The scores of one run, the name of its checkpoint's folder, and the group values that it held out."""

    model_config = ConfigDict(frozen=True)

    run: str
    checkpoint: str
    held_out: tuple[str, ...]
    figures: RunFigures


class Outcomes(BaseModel):
    """All runs, with the mean and the standard deviation of every figure.

    None where a run lacks the figure; the deviation of a single run is None too.
    """

    model_config = ConfigDict(frozen=True)

    runs: tuple[Outcome, ...]
    mean: RunFigures
    sd: RunFigures


def with_seeds(config: Config, count: int) -> list[Run]:
    """Return `count` runs of a config, with its seed and those that follow; each has its own output."""
    runs = []
    for seed in range(config.training.seed, config.training.seed + count):
        training = config.training.model_copy(update={"seed": seed})
        changes = {"training": training, "output": _with_suffix(config.output, f"-seed{seed}")}
        runs.append(Run(f"seed {seed}", config.model_copy(update=changes)))
    return runs


def with_folds(config: Config, count: int, group: str | None) -> list[Run]:
    """Return `count` runs of a config; each holds out another fold of the training reports."""
    runs = []
    for number in range(1, count + 1):
        data = config.data.model_copy(update={"fold": FoldConfig(number=number, count=count, group=group)})
        changes = {"data": data, "output": _with_suffix(config.output, f"-fold{number}")}
        runs.append(Run(f"fold {number}", config.model_copy(update=changes)))
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
    """Train, evaluate and export every run, after checking all of them.

    Args:
        resume: keep the checkpoints of finished runs, if they are of the same config and data,
            and go on from the last state of the run that was interrupted.
        restart: delete what interrupted runs have saved, and train all of them again.
        overwrite: replace checkpoints of another config; the old ones are kept as `NAME.previous`.
        base: the output from which those of the runs are derived, for messages.
        console: where progress is shown; nowhere if None.

    Raises:
        OverwriteError: if earlier work would be destroyed and neither `restart` nor `overwrite` allows it.
        ConflictNerError: of the kind that says which part of the input is at fault.
    """
    for run in runs:
        refuse_lost_work(run.config, resume=resume, restart=restart, overwrite=overwrite, base=base)
    settings = runs[0].config.training
    hardware = choose_device(settings.device, settings.precision)
    with config_decides(hardware):
        is_main = start_processes(hardware.device).is_main_process
    console = console if console and is_main else Console(quiet=True)
    files = read_splits(runs[0].config)
    for run in runs:
        try:
            pipeline.load(run.config, files)
        except TrainingError as error:
            raise TrainingError(f"{run.name}: {error}") from None
    outcomes = []
    for run in runs:
        config, data = run.config, pipeline.load(run.config, files)
        checkpoint = finished_checkpoint(config, data) if resume else None
        status = "finished before" if checkpoint else "training"
        console.print(f"{run.name}: {status}", style="bold", highlight=False)
        if checkpoint is None:
            checkpoint = pipeline.train(
                config, resume=resume, restart=restart, overwrite=overwrite, console=console, data=data
            )
        outcomes.append(_outcome(run, data, checkpoint))
        gc.collect()  # the Trainer and its model refer to each other
    return summary(outcomes)


def finished_checkpoint(config: Config, data: Corpus) -> Checkpoint | None:
    """Return the checkpoint in a config's output, if it is of exactly this config and data."""
    try:
        checkpoint = Checkpoint.load(config.output)
        _ = checkpoint.scores  # read now: without them the run is not finished
    except CheckpointError:
        return None
    same_config = not config_differences(checkpoint.folder / "run.yaml", config)
    recorded = {split: facts.sha256 for split, facts in checkpoint.manifest.data.items()}
    same_data = recorded == {split: data.fingerprint(split) for split in data.splits}
    return checkpoint if same_config and same_data else None


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


def table(outcomes: Outcomes) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Return headings and rows with figures in per cent; the last two rows are the mean and the deviation."""
    columns = [(split, name) for split, figures in outcomes.mean.items() for name in figures]
    has_held_out = any(outcome.held_out for outcome in outcomes.runs)
    headings = ["run", *(f"{split} {_HEADINGS[name]}" for split, name in columns), "checkpoint"]
    rows = [(o.run, o.figures, o.checkpoint, ", ".join(o.held_out)) for o in outcomes.runs]
    rows += [("mean", outcomes.mean, "", ""), ("standard deviation", outcomes.sd, "", "")]
    body = [
        (
            name,
            *(percent(figures[split][figure]) for split, figure in columns),
            folder,
            *([held_out] if has_held_out else []),
        )
        for name, figures, folder, held_out in rows
    ]
    return (*headings, *(["held out"] if has_held_out else [])), body


def write(outcomes: Outcomes, file: Path) -> None:
    """Write outcomes as JSON; checkpoints are named relative to the file's folder."""
    with atomic_write(file) as stream:
        stream.write(outcomes.model_dump_json(indent=2) + "\n")


def _outcome(run: Run, data: Corpus, checkpoint: Checkpoint) -> Outcome:
    fold = run.config.data.fold
    held_out = group_values(data["fold"], fold.group) if fold and fold.group else ()
    figures = {split: _figures(report) for split, report in checkpoint.scores.items()}
    return Outcome(run=run.name, checkpoint=checkpoint.folder.name, held_out=tuple(held_out), figures=figures)


def _figures(report: Report) -> dict[str, float | None]:
    return {STRICT: report.strict.micro.f1, DEFAULT: report.seqeval_default_f1}


def _with_suffix(output: Path, suffix: str) -> Path:
    return output.with_name(output.name + suffix)
