"""The pipeline from a config to a checkpoint, step by step.

    Config -> Corpus -> LabelScheme -> EncodedText -> TrainResult -> Report -> Checkpoint

`conflict-ner train` calls `train`; a script can call it as well::

    from conflict_ner import train

    checkpoint = train("configs/default.yaml")
    print(checkpoint.scores["test"].strict.micro.f1)
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path

import datasets
from accelerate import PartialState
from rich.console import Console
from transformers import PreTrainedModel, PreTrainedTokenizerFast, TrainerCallback

from conflict_ner import checkpoint
from conflict_ner.checkpoint import CalibrationFacts, Checkpoint, Manifest
from conflict_ner.config import Config, load_config
from conflict_ner.data.corpus import Corpus
from conflict_ner.data.document import Document, Entity
from conflict_ner.data.labels import LabelScheme
from conflict_ner.data.scripts import scripts_of
from conflict_ner.data.splits import describe_splits, divide_corpus, read_splits
from conflict_ner.evaluation import report
from conflict_ner.evaluation.report import Report
from conflict_ner.evaluation.seen_mentions import SeenMentions
from conflict_ner.export.checkpoint_writer import CheckpointDraft, write_checkpoint
from conflict_ner.files import previous_folder, short_path
from conflict_ner.inference.predictor import Predictor
from conflict_ner.inference.torch_runtime import TorchRuntime
from conflict_ner.modeling.build import build_encoder
from conflict_ner.modeling.device import Hardware, choose_device
from conflict_ner.modeling.encoder import (
    encoder_name,
    load_model,
    move_to_device,
    quiet_transformers,
    resolve_encoder,
    save_tokenizer,
)
from conflict_ner.modeling.hub_cache import find_folder
from conflict_ner.modeling.threads import limit_threads
from conflict_ner.modeling.tokenization import WindowTokenizer, training_windows
from conflict_ner.training.distillation import (
    checkpoint_hashes,
    describe_teachers,
    distillation_windows,
    warn_of_informed_teachers,
)
from conflict_ner.training.environment import config_decides, is_sharded, rounding_variables, start_processes
from conflict_ner.training.history import Epoch, last_state
from conflict_ner.training.preflight import announce, refuse_unlearnable
from conflict_ner.training.progress import TrainingProgress
from conflict_ner.training.saved_epochs import open_training_folder, refuse_lost_work
from conflict_ner.training.temperature_scaling import calibrate
from conflict_ner.training.tracking.run_tracking import RunTracking, follow_run
from conflict_ner.training.tracking.tools import require_trackers
from conflict_ner.training.trainer import TrainResult, fit
from conflict_ner.training.weight_averaging import average_weights, refuse_other_models


def train(
    config: Config | str | Path,
    *,
    resume: bool = False,
    restart: bool = False,
    overwrite: bool = False,
    console: Console | None = None,
    data: Corpus | None = None,
    callbacks: Sequence[TrainerCallback] = (),
) -> Checkpoint:
    """Train, evaluate and export a model; return the checkpoint with its scores.

    Args:
        config: the run's config, or the path of its YAML file.
        resume: go on from the last state that an interrupted run of the same config has saved, if there is one.
        restart: delete what an interrupted run has saved, and start anew.
        overwrite: replace a checkpoint of another config; the old one is kept as `NAME.previous`.
        data: the result of `load` for this config, if the caller has it.
        callbacks: callbacks of transformers' Trainer; each step logs its loss, each epoch its validation.
        console: where progress is shown; nowhere if None.

    Raises:
        OverwriteError: if earlier work would be destroyed and neither `restart` nor `overwrite` allows it.
        MissingExtraError: if a tool of `training.report_to` is not installed.
        ConflictNerError: of the kind that says which part of the input is at fault.
    """
    config = config if isinstance(config, Config) else load_config(config)
    require_trackers(config.training.report_to)
    refuse_lost_work(config, resume=resume, restart=restart, overwrite=overwrite)  # now, not after hours of training
    with _processes(config, console) as run:
        data = data or load(config)
        with _trained(config, data, run, callbacks, resume=resume, restart=restart) as trained:
            if run.processes.is_main_process:
                _export(config, data, trained, run)
        return Checkpoint.load(config.output)


def train_epochs(
    config: Config,
    data: Corpus,
    *,
    resume: bool = False,
    console: Console | None = None,
    callbacks: Sequence[TrainerCallback] = (),
) -> tuple[Epoch, ...]:
    """Train as `train` does, but return only the history: nothing is exported, and saved epochs are deleted in the end.

    Args, and what is raised, are as in `train`.
    """
    require_trackers(config.training.report_to)
    with (
        _processes(config, console) as run,
        _trained(config, data, run, callbacks, resume=resume, restart=False) as trained,
    ):
        return trained.result.history


@dataclass(frozen=True, slots=True)
class _Running:
    """What a run trains on, and where its progress is shown."""

    hardware: Hardware
    processes: PartialState
    console: Console


@contextmanager
def _processes(config: Config, console: Console | None) -> Iterator[_Running]:
    """Start the processes of a run; within the block the config decides on precision and devices."""
    hardware = choose_device(config.training.device, config.training.precision)
    limit_threads()
    with config_decides(hardware, config.training) as notes:
        processes = start_processes(hardware.device, sharded=config.training.sharded)
        console = console if console and processes.is_main_process else Console(quiet=True)
        for note in notes:
            console.print(note, style="yellow", highlight=False, markup=False, soft_wrap=True)
        yield _Running(hardware, processes, console)


@dataclass(frozen=True, slots=True)
class _Known:
    """What the checkpoints have learned that a run's weights begin with or are averaged with."""

    memories: Sequence[SeenMentions]  # of those that have one
    scripts: Sequence[Sequence[str]]


@dataclass(frozen=True, slots=True)
class _Trained:
    """A run whose epochs are trained: what its export needs."""

    result: TrainResult
    tokenizer: PreTrainedTokenizerFast
    window_tokenizer: WindowTokenizer
    tracking: RunTracking
    known: _Known


@contextmanager
def _trained(
    config: Config,
    data: Corpus,
    run: _Running,
    callbacks: Sequence[TrainerCallback],
    *,
    resume: bool,
    restart: bool,
) -> Iterator[_Trained]:
    """Tokenize and train in every process; delete the saved epochs after the block, if it ends well."""
    hardware, processes, console = run.hardware, run.processes, run.console
    scheme = LabelScheme(config.labels)
    with processes.main_process_first():  # a bundled encoder may have to be unpacked once
        source = resolve_encoder(config.encoder)
    sharded = is_sharded(config.training, processes)
    tokenizer, window_tokenizer, model = build_encoder(config, source, scheme, hardware, sharded=sharded)
    refuse_other_models(config, model, window_tokenizer.tokenizer)
    known = _known_before(config, source)  # now: a file of it that is damaged would stop the export, hours later
    windows, unaligned = training_windows(data["train"], window_tokenizer, scheme)
    announce(console, config, data, windows, unaligned, hardware, processes.num_processes, sharded)
    validate = partial(_validate, window_tokenizer=window_tokenizer, scheme=scheme, documents=data["validation"])
    validation_share = _characters(data["validation"]) / _characters(data["train"])

    with (
        open_training_folder(config, data, restart, processes) as folder,
        follow_run(config, folder, console, is_main=processes.is_main_process) as tracking,
    ):
        rows = _training_rows(config, data, windows, window_tokenizer, folder, hardware, processes, console)
        with quiet_transformers(), TrainingProgress(console, validation_share, config.training.patience) as progress:
            watching = [*([progress] if processes.is_main_process else []), tracking, *callbacks]
            result = fit(model, rows, config.training, hardware, folder, validate, resume=resume, callbacks=watching)
        yield _Trained(result, tokenizer, window_tokenizer, tracking, known)
    if processes.is_main_process:
        shutil.rmtree(folder, ignore_errors=True)
    processes.wait_for_everyone()


def _export(config: Config, data: Corpus, trained: _Trained, run: _Running) -> None:
    """Write the checkpoint of the best epoch, and say where one that it replaces is kept."""
    run.console.print("evaluating, exporting and verifying", highlight=False)
    is_replacement = (config.output / "manifest.json").is_file()
    written = _export_best_epoch(config, data, trained, run.hardware)
    trained.tracking.record_checkpoint(written)
    if is_replacement:
        message = f"the checkpoint that was there before is kept in {short_path(previous_folder(config.output))}"
        run.console.print(message, highlight=False, markup=False, soft_wrap=True)


def _training_rows(
    config: Config,
    data: Corpus,
    windows: Sequence[Mapping[str, Sequence[int]]],
    window_tokenizer: WindowTokenizer,
    folder: Path,
    hardware: Hardware,
    processes: PartialState,
    console: Console,
) -> datasets.Dataset:
    """Return the windows to train on, with the answers of the teachers if there are any."""
    if not config.training.teacher:
        return datasets.Dataset.from_list(list(windows))
    for warning in warn_of_informed_teachers(config, data):
        console.print(warning, style="yellow", highlight=False, markup=False, soft_wrap=True)
    with processes.main_process_first():  # the others read what it has computed
        is_resumed = last_state(folder) is not None
        rows = distillation_windows(config, data, window_tokenizer, folder, hardware, resume=is_resumed)
    console.print(describe_teachers(config, len(rows), len(windows)), highlight=False, markup=False, soft_wrap=True)
    return rows


def load(config: Config, files: Corpus | None = None) -> Corpus:
    """Read the data that a config names, check it and divide it into splits.

    Args:
        files: the result of `read_splits`, if the caller has it.

    Raises:
        DataError: if the data has problems or cannot be divided into folds.
        TrainingError: if a model cannot be trained on it.
    """
    data = divide_corpus(files or read_splits(config), config.data, config.training.seed)
    refuse_unlearnable(data, config.labels)
    return data


def _validate(
    model: PreTrainedModel, window_tokenizer: WindowTokenizer, scheme: LabelScheme, documents: Sequence[Document]
) -> Mapping[str, float]:
    """Score a model after an epoch, on all mentions and by label.

    A figure of all mentions that is undefined counts as 0; the F1 of a label without mentions is left out.
    """
    predictor = Predictor(TorchRuntime(model), window_tokenizer, scheme)
    found = list(predictor.predict(document.text for document in documents))
    scores = report.strict_scores(documents, found, scheme.labels)
    micro = scores.micro
    figures = {"strict_f1": micro.f1, "precision": micro.precision, "recall": micro.recall}
    return {
        **{name: value or 0.0 for name, value in figures.items()},
        "predicted": micro.predicted,
        **{f"f1_{label}": metrics.f1 for label, metrics in scores.labels.items() if metrics.f1 is not None},
    }


def _characters(documents: Sequence[Document]) -> int:
    return sum(len(document.text) for document in documents)


def _known_before(config: Config, encoder: str) -> _Known:
    """Return what a run knows before its first step.

    Args:
        encoder: the folder or hub id that it is loaded from.

    Raises:
        CheckpointError: if one of them is a checkpoint of this package that is not complete, or its memory is damaged.
    """
    folders = map(find_folder, dict.fromkeys((encoder, *map(str, config.training.average_with))))
    checkpoints = [Checkpoint.load(folder) for folder in folders if (folder / "manifest.json").is_file()]
    memories = [each.seen_mentions() for each in checkpoints]
    return _Known([memory for memory in memories if memory], [each.manifest.known_scripts for each in checkpoints])


def _export_best_epoch(config: Config, data: Corpus, trained: _Trained, hardware: Hardware) -> Checkpoint:
    """Average and calibrate the best epoch's model, score it on all splits but the training reports, and write it."""
    tokenizer, window_tokenizer = trained.tokenizer, trained.window_tokenizer
    model = load_model(str(trained.result.state))
    average_weights(model, config)
    model = move_to_device(model, hardware.device)
    predictor = Predictor(TorchRuntime(model), window_tokenizer, LabelScheme(config.labels))
    calibration = calibrate(model, predictor, data["validation"])
    seen_mentions = SeenMentions.of(data["train"], data["validation"]).union(*trained.known.memories)
    scores: dict[str, Report] = {}
    expected: list[tuple[str, Sequence[Entity]]] = []
    for split in ("validation", "test", "fold"):
        documents = data[split]
        if documents:
            texts = [document.text for document in documents]
            found = list(predictor.predict(texts))
            scores[split] = report.score(documents, found, config.labels, seen=seen_mentions)
            expected += zip(texts, found, strict=True)

    def write_model_files(folder: Path) -> None:
        model.config._name_or_path = encoder_name(config.encoder)  # not a path of this machine
        save_tokenizer(tokenizer, window_tokenizer.window, folder)
        with quiet_transformers():
            model.save_pretrained(folder)
        (folder / checkpoint.SEEN_MENTIONS).write_text(seen_mentions.dump(), encoding="utf-8")

    manifest = _manifest(config, data, trained, calibration, hardware)
    draft = CheckpointDraft(config, manifest, scores, expected, write_model_files)
    return write_checkpoint(config.output, draft, hardware.device)


def _manifest(
    config: Config,
    data: Corpus,
    trained: _Trained,
    calibration: CalibrationFacts,
    hardware: Hardware,
) -> Manifest:
    """Collect what a checkpoint records of its run; `write_checkpoint` fills in the rest."""
    result, window_tokenizer = trained.result, trained.window_tokenizer
    scripts = [scripts_of(document.text for document in data["train"]), *trained.known.scripts]
    drawn = describe_splits(config.data, config.training.seed)
    return Manifest(
        labels=config.labels,
        encoder=encoder_name(config.encoder),
        window=window_tokenizer.window,
        overlap=window_tokenizer.overlap,
        data={split: checkpoint.split_facts(data, split, drawn.get(split, "")) for split in data.splits},
        best_epoch=result.best_epoch,
        steps=result.steps,
        history=result.history,
        hardware=", ".join([f"{hardware.device} in {hardware.precision}", *rounding_variables(hardware)]),
        versions=checkpoint.library_versions(),
        weights_sha256="",
        calibration=calibration,
        teachers=dict(checkpoint_hashes(config.training.teacher)),
        averaged_with=dict(checkpoint_hashes(config.training.average_with)),
        scripts=tuple(dict.fromkeys(chain(*scripts))) if all(scripts) else (),  # empty: some are unknown
    )
