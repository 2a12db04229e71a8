"""The whole pipeline, from a config to a checkpoint, in the order in which it happens.

    Config -> Corpus -> LabelScheme -> EncodedText -> TrainResult -> Report -> Checkpoint

`train` is what `conflict-ner train` calls; a script can call it as well::

    from conflict_ner import train

    checkpoint = train("configs/default.yaml")
    print(checkpoint.scores["test"].strict.micro.f1)
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import datasets
from accelerate import PartialState
from rich.console import Console
from transformers import PreTrainedModel, PreTrainedTokenizerFast

from conflict_ner import checkpoint
from conflict_ner.checkpoint import Checkpoint, Manifest
from conflict_ner.config import Config, dump_config, load_config
from conflict_ner.data.corpus import Corpus
from conflict_ner.data.document import Document, Entity
from conflict_ner.data.labels import LabelScheme
from conflict_ner.data.scripts import scripts_of
from conflict_ner.data.splits import describe_splits, divide_corpus, read_splits
from conflict_ner.evaluation import report
from conflict_ner.evaluation.report import Report
from conflict_ner.evaluation.seen_mentions import SeenMentions
from conflict_ner.export.checkpoint_writer import write_checkpoint
from conflict_ner.export.model_card import model_card
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
from conflict_ner.modeling.threads import limit_threads
from conflict_ner.modeling.tokenization import WindowTokenizer, training_windows
from conflict_ner.training.environment import config_decides, rounding, start_processes
from conflict_ner.training.preflight import announce, refuse_unlearnable
from conflict_ner.training.progress import TrainingProgress
from conflict_ner.training.saved_epochs import open_training_folder, refuse_lost_work
from conflict_ner.training.temperature_scaling import calibrate
from conflict_ner.training.trainer import TrainResult, fit


def train(
    config: Config | str | Path,
    *,
    resume: bool = False,
    restart: bool = False,
    overwrite: bool = False,
    console: Console | None = None,
    data: Corpus | None = None,
) -> Checkpoint:
    """Train, evaluate and export as a config says; the checkpoint holds its scores.

    Args:
        config: the run's config, or the path of its YAML file.
        resume: go on from the last state of a killed run of the same config, if there is one.
        restart: delete what a killed run has saved, and start anew.
        overwrite: replace a checkpoint of another config; the old one is kept as `NAME.previous`.
        data: what `load` gives for this config, if that is at hand already.
        console: where progress is shown; nowhere if None.

    Raises:
        OverwriteError: if earlier work would be destroyed that `restart` or `overwrite` does not give up.
        ConflictNerError: of the kind that says which part of the input is at fault.
    """
    config = config if isinstance(config, Config) else load_config(config)
    refuse_lost_work(config, resume=resume, restart=restart, overwrite=overwrite)  # now, not after hours of training
    hardware = choose_device(config.training.device, config.training.precision)
    limit_threads()
    with config_decides(hardware) as notes:
        processes = start_processes(hardware.device)
        console = console if console and processes.is_main_process else Console(quiet=True)
        for note in notes:
            console.print(note, style="yellow", highlight=False, markup=False, soft_wrap=True)
        return _train(config, data, hardware, processes, console, resume=resume, restart=restart)


def _train(
    config: Config,
    data: Corpus | None,
    hardware: Hardware,
    processes: PartialState,
    console: Console,
    *,
    resume: bool,
    restart: bool,
) -> Checkpoint:
    main = processes.is_main_process
    data = data or load(config)
    scheme = LabelScheme(config.labels)
    with processes.main_process_first():  # a bundled encoder may have to be unpacked once
        source = resolve_encoder(config.encoder)
    tokenizer, window_tokenizer, model = build_encoder(config, source, scheme, hardware)
    windows, unaligned = training_windows(data["train"], window_tokenizer, scheme)
    announce(console, config, data, windows, unaligned, hardware, processes.num_processes)

    def validate(model: PreTrainedModel) -> Mapping[str, float]:
        found = Predictor(TorchRuntime(model), window_tokenizer, scheme).predict(
            document.text for document in data["validation"]
        )
        micro = report.strict_micro(data["validation"], list(found), scheme.labels)
        figures = {"strict_f1": micro.f1, "precision": micro.precision, "recall": micro.recall}
        return {name: value or 0.0 for name, value in figures.items()} | {"predicted": micro.predicted}

    rows = datasets.Dataset.from_list(windows)
    share = _characters(data["validation"]) / _characters(data["train"])
    with open_training_folder(config, data, restart, processes) as folder:
        with quiet_transformers(), TrainingProgress(console, share, config.training.patience) as progress:
            shown = [progress] if main else []
            result = fit(model, rows, config.training, hardware, folder, validate, resume=resume, callbacks=shown)
        if main:
            console.print("evaluating, exporting and verifying", highlight=False)
            best = move_to_device(load_model(str(result.state)), hardware.device)
            replaces = (config.output / "manifest.json").is_file()
            _finish(config, data, result, best, tokenizer, window_tokenizer, hardware)
            if replaces:
                kept = f"the checkpoint that was there before is kept in {short_path(previous_folder(config.output))}"
                console.print(kept, highlight=False, markup=False, soft_wrap=True)
    if main:
        shutil.rmtree(folder, ignore_errors=True)
    processes.wait_for_everyone()
    return Checkpoint.load(config.output)


def load(config: Config, files: Corpus | None = None) -> Corpus:
    """The data that a config names, checked, and divided as it says.

    Args:
        files: what `read_splits` gives, if that is at hand already.

    Raises:
        DataError: if the data has problems, or cannot be parted into folds.
        TrainingError: if it cannot be learned from.
    """
    data = divide_corpus(files or read_splits(config), config.data, config.training.seed)
    refuse_unlearnable(data, config.labels)
    return data


def _characters(documents: Sequence[Document]) -> int:
    return sum(len(document.text) for document in documents)


def _evaluate(
    predictor: Predictor, documents: Sequence[Document], seen: SeenMentions
) -> tuple[list[list[Entity]], Report]:
    found = list(predictor.predict(document.text for document in documents))
    return found, report.score(documents, found, predictor.scheme.labels, seen=seen)


@dataclass(frozen=True, slots=True)
class _Finished:
    """What the best epoch says of every evaluated report, and how good that is."""

    scores: Mapping[str, Report]
    expected: Sequence[tuple[str, Sequence[Entity]]]


def _score_splits(data: Corpus, predictor: Predictor, seen: SeenMentions) -> _Finished:
    scores: dict[str, Report] = {}
    expected: list[tuple[str, Sequence[Entity]]] = []
    for split in ("validation", "test", "fold"):
        if data[split]:
            found, scores[split] = _evaluate(predictor, data[split], seen)
            expected += zip((document.text for document in data[split]), found, strict=True)
    return _Finished(scores, expected)


def _finish(
    config: Config,
    data: Corpus,
    result: TrainResult,
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerFast,
    window_tokenizer: WindowTokenizer,
    hardware: Hardware,
) -> None:
    """Calibrate the best epoch, score it on all that is not trained on, and export it."""
    predictor = Predictor(TorchRuntime(model), window_tokenizer, LabelScheme(config.labels))
    calibrated = calibrate(model, predictor, data["validation"])
    seen = SeenMentions.of(data["train"], data["validation"])
    finished = _score_splits(data, predictor, seen)
    name = encoder_name(config.encoder)
    drawn = describe_splits(config.data, config.training.seed)
    manifest = Manifest(
        labels=config.labels,
        encoder=name,
        window=window_tokenizer.window,
        overlap=window_tokenizer.overlap,
        data={split: checkpoint.split_facts(data, split, drawn.get(split, "")) for split in data.splits},
        best_epoch=result.best_epoch,
        steps=result.steps,
        history=result.history,
        hardware=", ".join([f"{hardware.device} in {hardware.precision}", *rounding(hardware)]),
        versions=checkpoint.library_versions(),
        weights_sha256="",
        calibration=calibrated,
        scripts=scripts_of(document.text for document in data["train"]),
    )

    def fill(folder: Path) -> None:
        model.config._name_or_path = name  # not a path of this machine
        save_tokenizer(tokenizer, window_tokenizer.window, folder)
        with quiet_transformers():
            model.save_pretrained(folder)
        (folder / "run.yaml").write_text(dump_config(config, config.output), encoding="utf-8")
        (folder / checkpoint.SEEN_MENTIONS).write_text(seen.dump(), encoding="utf-8")

    def card(manifest: Manifest) -> str:
        return model_card(config.output.name, manifest, finished.scores)

    write_checkpoint(config.output, fill, manifest, finished.scores, card, finished.expected, hardware.device)
