"""Trains one config several times: with different seeds, or with each fold held out in turn.

The score of one run says little about the next: another seed alone changes F1 by points
(Dodge et al. 2020, Reimers & Gurevych 2017). So a recipe is judged by the mean of several
runs and their standard deviation (of a sample: divided by n - 1).

Each run is an ordinary one, of a config that differs in its seed or its fold, so the
`run.yaml` in its checkpoint trains it again. Runs follow one another in this process:
`run.train` sets the seed first, and under `accelerate launch` new processes would have to
be launched for each.

Folds also tell which training labels are wrong (`review_folds`): each report is read by a model that has
not learned it.

>>> from conflict_ner.config import Config
>>> config = Config(labels=["ACTOR"], data={"train": ["a"], "validation": ["b"]}, output="models/x")
>>> [(run.name, run.config.training.seed, run.config.output.name) for run in with_seeds(config, 2)]
[('seed 7', 7, 'x-seed7'), ('seed 8', 8, 'x-seed8')]
"""

from __future__ import annotations

import gc
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from conflict_ner.checkpoint import Checkpoint
from conflict_ner.config import Config, FoldConfig
from conflict_ner.data.corpus import Corpus
from conflict_ner.data.document import Document
from conflict_ner.data.formats.report_files import read_entries
from conflict_ner.data.labels import LabelScheme
from conflict_ner.data.splits import config_of_reports, divide_corpus, group_values, read_splits
from conflict_ner.errors import CheckpointError, TrainingError
from conflict_ner.evaluation.gold.label_errors import Reading, Review, rank_findings
from conflict_ner.evaluation.report import Report
from conflict_ner.evaluation.series.outcomes import DEFAULT, STRICT, Outcome, Outcomes, summary
from conflict_ner.export.overwriting import config_differences
from conflict_ner.files import short_path
from conflict_ner.inference.labeling.review import read, require_mentions
from conflict_ner.inference.tagger import Tagger
from conflict_ner.modeling.device import choose_device
from conflict_ner.reporting.tables import percent
from conflict_ner.training import run as pipeline
from conflict_ner.training.environment import config_decides, start_processes
from conflict_ner.training.saved_epochs import refuse_lost_work

_HEADINGS = {STRICT: "F1", DEFAULT: "seqeval default"}


@dataclass(frozen=True, slots=True)
class Run:
    """One of several runs: its name and its config."""

    name: str
    config: Config


def with_seeds(config: Config, count: int) -> list[Run]:
    """Return `count` runs of a config, with its seed and those that follow; each has its own output."""
    runs = []
    for seed in range(config.training.seed, config.training.seed + count):
        training = config.training.model_copy(update={"seed": seed})
        changes = {"training": training, "output": _with_suffix(config.output, f"-seed{seed}")}
        runs.append(Run(f"seed {seed}", config.model_copy(update=changes)))
    return runs


def with_folds(config: Config, count: int, group: str | None) -> list[Run]:
    """Return `count` runs of a config; each holds out another fold of the training reports.

    Args:
        group: None: that of the config's own fold, if it has one.
    """
    group = group or (config.data.fold.group if config.data.fold else None)
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
    with config_decides(hardware, settings):
        is_main = start_processes(hardware.device, sharded=settings.sharded).is_main_process
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


def review_folds(
    config: Config,
    count: int = 5,
    group: str | None = None,
    *,
    restart: bool = False,
    overwrite: bool = False,
    console: Console | None = None,
) -> Review:
    """Rank the mentions of a config's training reports by how sure models are that their gold label is wrong.

    A model repeats the errors that it has learned, so confident learning requires out-of-sample predictions (Northcutt,
    Jiang & Chuang 2021): `count` models are trained, each without one fold, and read that fold. Finished checkpoints of
    the same config and data (`OUTPUT-fold1` ...) are used as they are, and an interrupted run goes on.

    Reports that a model has labeled are not reviewed. Those that `validation_share` sets aside are learned by no model;
    they chose its epoch and its temperature. The first model reads them.

    Args:
        group: a metadata field, such as the conflict; reports with one value are in one fold.
        restart: train all anew, and delete what interrupted runs have saved.
        overwrite: replace checkpoints of another config; the old ones are kept as `NAME.previous`.
        console: where progress is shown; nowhere if None.

    Raises:
        OverwriteError: if earlier work would be destroyed.
        ConflictNerError: of the kind that says which part of the input is at fault.
    """
    runs, files = with_folds(config, count, group), read_splits(config)
    held_out = [_not_learned(files, run.config) for run in runs]
    documents = tuple(document for part in held_out for document in part)
    name = ", ".join(map(short_path, config.data.train))
    require_mentions(name, documents)
    train_all(runs, resume=not restart, restart=restart, overwrite=overwrite, base=config.output, console=console)
    scheme = LabelScheme(config.labels)
    readings = (reading for run, fold in zip(runs, held_out, strict=True) for reading in _read_fold(run, fold, scheme))
    findings = tuple(rank_findings(documents, readings, scheme))
    return Review(f"{config.output.name}, {count} folds", name, config.labels, documents, findings)


def config_for_files(files: Sequence[Path], output: Path, overrides: Sequence[str] = ()) -> Config:
    """Return a config that trains on labeled files alone, with the settings of `configs/default.yaml`.

    The fewer reports there are, the more epochs: so many that six thousand reports are read in all, but from 4 to 30.

    Args:
        files: labeled files and folders, as in `config_of_reports`.
        overrides: settings as `KEY=VALUE`, which win.

    Raises:
        DataError, ConfigError: as `config_of_reports`.
    """
    documents, _ = read_entries(files, [])  # their problems are reported where they are read to be trained on
    epochs = min(max(6000 // max(len(documents), 1), 4), 30)
    settings = {"epochs": epochs, "learning_rate": 3e-4, "dropout": 0.2, "attention_dropout": 0.0}
    training = [f"training.{name}={value}" for name, value in settings.items()]
    fixed = [f"output={json.dumps(str(output.absolute()))}", *training, "training.freeze_embeddings=true"]
    return config_of_reports(files, [*fixed, *overrides])


def _not_learned(files: Corpus, config: Config) -> tuple[Document, ...]:
    """Return the reports that the model of a fold reads: the fold, and the first model also what is set aside."""
    data, fold = divide_corpus(files, config.data, config.training.seed), config.data.fold
    is_first = fold is not None and fold.number == 1
    return data["fold"] + (data["validation"] if is_first and config.data.validation_share is not None else ())


def _read_fold(run: Run, documents: Sequence[Document], scheme: LabelScheme) -> Iterator[Reading]:
    """Yield what the model of a run reads in the fold that it has not learned; one model is loaded at a time."""
    tagger = Tagger.load(run.config.output, run.config.training.device, precision="fp32")
    yield from read(tagger.predictor, documents, scheme)


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


def _outcome(run: Run, data: Corpus, checkpoint: Checkpoint) -> Outcome:
    fold = run.config.data.fold
    held_out = group_values(data["fold"], fold.group) if fold and fold.group else ()
    scores = checkpoint.scores
    return Outcome(
        run=run.name,
        checkpoint=checkpoint.folder.name,
        held_out=tuple(held_out),
        figures={split: _figures(report) for split, report in scores.items()},
        label_f1={split: {label: one.f1 for label, one in r.strict.labels.items()} for split, r in scores.items()},
        data={split: checkpoint.manifest.data[split].sha256 for split in scores},
    )


def _figures(report: Report) -> dict[str, float | None]:
    return {STRICT: report.strict.micro.f1, DEFAULT: report.seqeval_default_f1}


def _with_suffix(output: Path, suffix: str) -> Path:
    return output.with_name(output.name + suffix)
