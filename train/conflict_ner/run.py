"""The whole pipeline, from a config to a checkpoint, in the order in which it happens.

    Config -> Corpus -> LabelScheme -> Encoded -> TrainResult -> Report -> Checkpoint

`train` is what `conflict-ner train` calls; a script can call it as well::

    from conflict_ner import configfile, run

    outcome = run.train(configfile.load(Path("configs/default.yaml")))
    print(outcome.scores["test"].strict.micro.f1)
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import datasets
from accelerate import PartialState
from rich.console import Console
from transformers import PreTrainedModel, PreTrainedTokenizerFast, set_seed

from conflict_ner import checkpoint, configfile, corpus, evaluation
from conflict_ner.checkpoint import Checkpoint, Manifest
from conflict_ner.config import Config
from conflict_ner.corpus import Corpus
from conflict_ner.document import Document, Entity
from conflict_ner.encoder import describe, load_encoder_config, load_model, load_tokenizer, quiet, resolve
from conflict_ner.encoding import TextEncoder, encoder_window, training_windows
from conflict_ner.errors import CheckpointError, TrainingError
from conflict_ner.evaluation import Report
from conflict_ner.export import Expected, export
from conflict_ner.hardware import Hardware, choose
from conflict_ner.labels import LabelScheme
from conflict_ner.modelcard import model_card
from conflict_ner.prediction import Predictor
from conflict_ner.progress import TrainingProgress
from conflict_ner.training import TrainResult, fit

# Encoders name their dropouts differently; the first name that one has is set.
_DROPOUT = ("hidden_dropout_prob", "hidden_dropout", "dropout", "resid_pdrop")
_ATTENTION_DROPOUT = ("attention_probs_dropout_prob", "attention_dropout", "attn_pdrop")


@dataclass(frozen=True, slots=True)
class Outcome:
    """A finished run: the checkpoint and its scores by split."""

    checkpoint: Checkpoint
    scores: Mapping[str, Report]


def train(config: Config, *, resume: bool = False, console: Console | None = None) -> Outcome:
    """Train, evaluate and export as a config says.

    Args:
        resume: go on from the last state of a killed run of the same config, if there is one.
        console: where progress is shown; nowhere if None.

    Raises:
        ConflictNerError: of the kind that says which part of the input is at fault.
    """
    console = console or Console(quiet=True)
    hardware = choose(config.training.device, config.training.precision)
    state = PartialState(cpu=hardware.device == "cpu")
    if not state.is_main_process:
        console = Console(quiet=True)

    paths = {"train": config.data.train, "validation": config.data.validation, "test": config.data.test}
    data = corpus.load({split: p for split, p in paths.items() if p}, config.labels, strict=config.data.strict)
    _refuse_hopeless(data, config.labels)

    scheme = LabelScheme(config.labels)
    with state.main_process_first():  # a bundled encoder may have to be unpacked once
        source = resolve(config.encoder)
    tokenizer = load_tokenizer(source)
    set_seed(config.training.seed)  # before the head is made
    model = _new_model(source, scheme, config, hardware)
    window = encoder_window(tokenizer, model.config, config.encoding.window)
    encoder = TextEncoder.make(tokenizer, window, config.encoding.overlap)

    rows, unaligned = training_windows(data["train"], encoder, scheme)
    _preflight(console, config, data, rows, unaligned, hardware, state.num_processes)

    def validate(model: PreTrainedModel) -> Mapping[str, float]:
        _, report = _evaluate(Predictor(model, encoder, scheme), data["validation"], config.labels)
        micro = report.strict.micro
        return {
            "strict_f1": micro.f1 or 0.0,
            "precision": micro.precision or 0.0,
            "recall": micro.recall or 0.0,
            "predicted": micro.predicted,
        }

    folder = _training_folder(config, resume, state)
    result = fit(
        model,
        datasets.Dataset.from_list(rows),
        config.training,
        hardware,
        folder,
        validate,
        resume=resume,
        callbacks=[TrainingProgress(console)] if state.is_main_process else [],
    )
    if state.is_main_process:
        console.print("evaluating, exporting and verifying", highlight=False)
        best = load_model(str(result.state)).to(hardware.device)
        _finish(config, data, result, Predictor(best, encoder, scheme), tokenizer, hardware)
    state.wait_for_everyone()
    done = Checkpoint.load(config.output)
    if state.is_main_process:
        shutil.rmtree(folder, ignore_errors=True)
    return Outcome(done, done.scores)


def evaluate(folder: Path, entries: Sequence[Path], *, strict: bool = True, device: str = "auto") -> Report:
    """Score a checkpoint on labeled files and folders.

    Raises:
        CheckpointError: if the checkpoint is not whole.
        DataError: if the data has problems; a label that the checkpoint does not know is one.
    """
    from conflict_ner.tagger import Tagger

    tagger = Tagger.load(folder, device)
    documents = corpus.load({"data": entries}, tagger.labels, strict=strict)["data"]
    found = tagger.tag([document.text for document in documents])
    return evaluation.score(documents, found, tagger.labels)


def export_again(source: Path, folder: Path, entries: Iterable[Path] = (), device: str = "auto") -> Checkpoint:
    """Copy a checkpoint to another folder, verified on the texts of labeled files or on built-in ones.

    Raises:
        CheckpointError: if the source is not whole, or the copy does not tag as the source does.
        DataError: if the files cannot be read.
    """
    from conflict_ner.errors import DataError
    from conflict_ner.export import PROBES, copy
    from conflict_ner.tagger import Tagger

    tagger = Tagger.load(source, device)
    documents, problems = corpus.read(entries)
    if problems:
        raise DataError(problems)
    if source.resolve() == folder.resolve():
        raise CheckpointError(f"{folder} is the checkpoint itself; name another folder")
    texts = [document.text for document in documents] or list(PROBES)
    run_yaml = None
    if (source / "run.yaml").is_file():
        run_yaml = configfile.dump(configfile.load(source / "run.yaml"), folder.resolve())
    return copy(tagger.checkpoint, folder, list(zip(texts, tagger.tag(texts), strict=True)), run_yaml, device)


def _new_model(source: str, scheme: LabelScheme, config: Config, hardware: Hardware) -> PreTrainedModel:
    model_config = load_encoder_config(source, id2label=scheme.id2label, label2id=scheme.label2id)
    for names, value in ((_DROPOUT, config.training.dropout), (_ATTENTION_DROPOUT, config.training.attention_dropout)):
        name = next((name for name in names if hasattr(model_config, name)), None)
        if name:
            setattr(model_config, name, value)
    # Short inputs train faster on CPUs with plain matrix products than with fused attention.
    attention = {"attn_implementation": "eager"} if hardware.device == "cpu" else {}
    return load_model(source, config=model_config, **attention)


def _evaluate(
    predictor: Predictor, documents: Sequence[Document], labels: Sequence[str]
) -> tuple[list[list[Entity]], Report]:
    found = list(predictor.predict(document.text for document in documents))
    return found, evaluation.score(documents, found, labels)


def _refuse_hopeless(data: Corpus, labels: Sequence[str]) -> None:
    """Raise on data that cannot teach what the config asks for, before any work is done."""
    counts = data.counts("train")
    if not counts:
        raise TrainingError("data.train: no report has a mention; there is nothing to learn")
    unseen = [label for label in labels if not counts[label]]
    if unseen:
        raise TrainingError(f"data.train: no mention of {', '.join(unseen)}; label some or remove it from labels:")
    if not data.counts("validation"):
        raise TrainingError("data.validation: no report has a mention, so no epoch could be better than another")


def _preflight(
    console: Console,
    config: Config,
    data: Corpus,
    rows: Sequence[Mapping[str, Any]],
    unaligned: Sequence[tuple[Document, Any]],
    hardware: Hardware,
    processes: int,
) -> None:
    """Say what is about to happen, and what of the data it cannot use."""
    from conflict_ner.batching import TokenBudgetSampler

    counts = data.counts("train")
    tokens = [len(row["input_ids"]) for row in rows]
    batches = len(TokenBudgetSampler(tokens, config.training.batch_tokens, 0, processes)) // processes
    steps = -(-batches // config.training.gradient_accumulation)
    mentions = ", ".join(f"{label} {counts[label]:,}" for label in config.labels)
    where = f"{processes} x {hardware.device}" if processes > 1 else hardware.device
    console.print(
        f"train: {len(data['train']):,} reports, {len(rows):,} windows, {sum(tokens):,} tokens; "
        f"{counts.total():,} mentions ({mentions}); {steps:,} steps an epoch, {steps * config.training.epochs:,} "
        f"at most; {describe(config.encoder)} on {where} in {hardware.precision}",
        highlight=False,
    )
    for problem in data.skipped:
        console.print(f"left out: {problem}", style="yellow", highlight=False, markup=False)
    if unaligned:
        document, mention = unaligned[0]
        console.print(
            f"{len(unaligned)} mentions begin or end inside a word and cannot be learned exactly, "
            f"first {document.slice(mention)!r} in {document.id!r} ({document.origin})",
            style="yellow",
            highlight=False,
            markup=False,
        )


def _training_folder(config: Config, resume: bool, state: PartialState) -> Path:
    """Where states are saved; a resumed run must be of the same config, or it would be neither."""
    folder = config.output.with_name(config.output.name + ".training")
    record, said = folder / "run.yaml", configfile.dump(config, folder)
    if resume and record.is_file() and record.read_text(encoding="utf-8") != said:
        raise TrainingError(f"{folder} holds a run of another config ({record}); train without --resume to start anew")
    state.wait_for_everyone()
    if state.is_main_process:
        if not resume:
            shutil.rmtree(folder, ignore_errors=True)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            record.write_text(said, encoding="utf-8")
        except OSError as error:
            raise CheckpointError(f"{folder} cannot be written: {error.strerror}") from None
    state.wait_for_everyone()
    return folder


def _finish(
    config: Config,
    data: Corpus,
    result: TrainResult,
    predictor: Predictor,
    tokenizer: PreTrainedTokenizerFast,
    hardware: Hardware,
) -> None:
    """Score the best epoch on validation and test, and export it."""
    scores: dict[str, Report] = {}
    expected: list[tuple[str, Sequence[Entity]]] = []
    for split in ("validation", "test"):
        if data[split]:
            found, scores[split] = _evaluate(predictor, data[split], config.labels)
            expected += zip((document.text for document in data[split]), found, strict=True)
    manifest = Manifest(
        labels=config.labels,
        encoder=describe(config.encoder),
        window=predictor.encoder.window,
        overlap=predictor.encoder.overlap,
        data={s: checkpoint.facts(data[s], data.counts(s), data.fingerprint(s)) for s in data.splits},
        best_epoch=result.best_epoch,
        steps=result.steps,
        history=result.history,
        hardware=f"{hardware.device} in {hardware.precision}",
        versions=checkpoint.versions(),
        weights_sha256="",
    )
    _export(config, manifest, scores, expected, predictor, tokenizer, hardware)


def _export(
    config: Config,
    manifest: Manifest,
    scores: Mapping[str, Report],
    expected: Expected,
    predictor: Predictor,
    tokenizer: PreTrainedTokenizerFast,
    hardware: Hardware,
) -> None:
    def fill(folder: Path) -> None:
        # A tokenizer file may ask to truncate or pad; a checkpoint's must not.
        tokenizer.backend_tokenizer.no_truncation()
        tokenizer.backend_tokenizer.no_padding()
        tokenizer.model_max_length = predictor.encoder.window
        predictor.model.config._name_or_path = manifest.encoder  # not a path of this machine
        with quiet():
            predictor.model.save_pretrained(folder)
            tokenizer.save_pretrained(folder)
        (folder / "run.yaml").write_text(configfile.dump(config, config.output), encoding="utf-8")

    export(
        config.output,
        fill,
        manifest,
        checkpoint.dump_scores(scores),
        lambda finished: model_card(config.output.name, finished, scores),
        expected,
        hardware.device,
    )
