"""Exports a checkpoint in ONNX form, after comparing it with the original on the validation reports.

Precisions: fp32, which must find the same mentions as the original in every report; and int8 (see
`quantization`), which may lose 0.3 points of strict F1. bf16 is refused: ONNX Runtime has no bf16
matrix products for CPUs.

>>> judge("int8", 90, 78, 0.866, 0.864)
'strict F1 on 90 labeled reports: 86.60 before, 86.40 after (78 reports with identical mentions)'
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from conflict_ner.checkpoint import Checkpoint, ExportFacts
from conflict_ner.config import Config
from conflict_ner.data import corpus
from conflict_ner.data.corpus import Corpus
from conflict_ner.data.document import Document, Entity
from conflict_ner.data.formats.format import ReadOptions
from conflict_ner.data.splits import divide_corpus
from conflict_ner.errors import CheckpointError, ConfigError, Problem, format_count, require_packages
from conflict_ner.evaluation.report import strict_micro
from conflict_ner.export.checkpoint_writer import (
    CheckpointDraft,
    copy_files,
    copy_model_files,
    moved_config,
    refuse_changed_weights,
    refuse_same_folder,
    write_checkpoint,
)
from conflict_ner.export.onnx.quantization import Batch
from conflict_ner.export.onnx.trace import NEEDED, write_model
from conflict_ner.export.overwriting import refuse_lost_checkpoint
from conflict_ner.export.verify import spans_of
from conflict_ner.files import as_paths
from conflict_ner.inference.labeled_reports import load_reports
from conflict_ner.inference.onnx_runtime import OnnxRuntime
from conflict_ner.inference.predictor import load_window_tokenizer
from conflict_ner.inference.tagger import Tagger
from conflict_ner.modeling.model_files import WEIGHTS
from conflict_ner.modeling.tokenization import WindowTokenizer

PRECISIONS = ("fp32", "int8")
TOLERANCE = 0.003  # the strict F1 that int8 may lose
_CALIBRATION_TEXTS = 200
_TOKENIZER = "tokenizer.json"


class ExportData(NamedTuple):
    """Labeled reports on which an export is compared with the original, and texts to measure ranges on."""

    documents: Sequence[Document]
    calibration_texts: Sequence[str]


def export_onnx(
    checkpoint: str | Path,
    folder: str | Path,
    precision: str = "fp32",
    data: str | Path | Iterable[str | Path] = (),
    *,
    overwrite: bool = False,
    label_map: Mapping[str, str | None] | None = None,
) -> Checkpoint:
    """Export a checkpoint for ONNX Runtime, and compare the export with the original before anything is written.

    Args:
        checkpoint: the folder of the checkpoint to export, or whatever else `Tagger.load` takes.
        folder: the folder to write.
        precision: fp32 or int8.
        data: labeled files to compare on; by default the run's own validation reports. A model that was trained
            elsewhere has none.
        overwrite: replace a checkpoint of another config or form; the old one is kept as `NAME.previous`.
        label_map: for a plain transformers model, what each of its labels is called (see `Tagger.load`).

    Raises:
        OverwriteError: if there is such a checkpoint and `overwrite` is False.
        CheckpointError: if the checkpoint is incomplete or has no PyTorch weights, if there is nothing
            to compare on, or if the export does not pass the comparison; nothing is written.
        ConfigError: if there is no such precision, or the map of labels is wrong.
        DataError: if the files cannot be read.
        MissingExtraError: if a package is missing; it says what to type.
    """
    _refuse_other_precision(precision)
    require_packages("ONNX", NEEDED)
    original, folder = Checkpoint.load(checkpoint, label_map), Path(folder).absolute()
    source, plain = original.folder, original.manifest.plain
    refuse_same_folder(source, folder)
    refuse_lost_checkpoint(plain or original.config(), folder, form=f"onnx in {precision}", overwrite=overwrite)
    tagger = Tagger.load(source, "cpu", precision="fp32", label_map=label_map)
    if original.manifest.exported:
        raise CheckpointError(f"{source} is an export itself; export the checkpoint that it was made from")
    refuse_changed_weights(original)
    reports = _export_data(original, as_paths(data))
    with tempfile.TemporaryDirectory() as scratch:
        scratch_folder = Path(scratch)
        window_tokenizer = load_window_tokenizer(original)
        batches = _batches(window_tokenizer, reports.calibration_texts) if precision == "int8" else None
        tokenizer = window_tokenizer.tokenizer
        write_model(source, scratch_folder, batches, tokenizer)
        copy_model_files(original, scratch_folder, except_for=WEIGHTS)
        tokenizer.save(str(scratch_folder / _TOKENIZER), pretty=False)  # a third of the file is indentation
        predictor = replace(tagger.predictor, runtime=OnnxRuntime.load(scratch_folder))
        texts = [document.text for document in reports.documents]
        found = list(predictor.predict(texts))
        facts = check_parity(precision, reports.documents, tagger.tag(texts), found, tagger.labels)
        draft = CheckpointDraft(
            config=moved_config(original, folder),
            manifest=original.manifest.model_copy(update={"exported": facts, "pipeline": None}),
            scores=original.scores,
            expected=list(zip(texts, found, strict=True)),
            write_model_files=partial(copy_files, scratch_folder),
        )
        return write_checkpoint(folder, draft, "cpu")


def check_parity(
    precision: str,
    documents: Sequence[Document],
    before: Sequence[Sequence[Entity]],
    after: Sequence[Sequence[Entity]],
    labels: Sequence[str],
) -> ExportFacts:
    """Compare the entities that the original (`before`) and the export (`after`) find in labeled reports.

    Raises:
        CheckpointError: if the export does not pass the comparison.
    """
    identical = sum(spans_of(first) == spans_of(second) for first, second in zip(before, after, strict=True))
    f1 = [strict_micro(documents, found, labels).f1 for found in (before, after)]
    return ExportFacts(
        format="onnx",
        precision=precision,
        documents=len(documents),
        identical_documents=identical,
        strict_f1_before=f1[0],
        strict_f1_after=f1[1],
        verdict=judge(precision, len(documents), identical, *f1),
    )


def judge(precision: str, documents: int, identical: int, before: float | None, after: float | None) -> str:
    """Return the result of the comparison in words.

    Args:
        identical: how many of the documents got the same mentions from both.
        before: strict F1 of the original; None where it is undefined.
        after: strict F1 of the export.

    Raises:
        CheckpointError: if the export does not pass.
    """
    if not documents:
        raise CheckpointError("the export cannot be judged without labeled reports; name some with --data")
    if identical == documents:
        return f"the mentions of all {documents} labeled reports are identical"
    if precision == "fp32":
        raise CheckpointError(
            f"the export was refused: {documents - identical} of {documents} labeled reports get other mentions "
            "than from the original; nothing was written"
        )
    if before is None or after is None:
        raise CheckpointError("the export cannot be judged: the labeled reports have no mention; name others (--data)")
    measured = (
        f"strict F1 on {format_count(documents, 'labeled report')}: {100 * before:.2f} before, {100 * after:.2f} after"
    )
    if before - after > TOLERANCE:
        raise CheckpointError(
            f"the export was refused: {measured}, more than {100 * TOLERANCE:.1f} points lost; nothing was written. "
            "Export it in fp32"
        )
    return f"{measured} ({format_count(identical, 'report')} with identical mentions)"


def _refuse_other_precision(precision: str) -> None:
    if precision in PRECISIONS:
        return
    fault = f"ONNX is exported in {' or '.join(PRECISIONS)}"
    if precision == "bf16":
        fault = "ONNX Runtime cannot multiply bf16 matrices on a CPU"
    fix = "take int8, which is faster, or tag with the original, which PyTorch computes in bf16 where that is fast"
    raise ConfigError("the choice of precision", [Problem(f"--precision {precision}", fault, fix)])


def _export_data(checkpoint: Checkpoint, entries: Sequence[Path]) -> ExportData:
    """Read the named reports, or else the validation reports; and training texts, as far as they still exist."""
    if checkpoint.manifest.plain:
        if not entries:
            raise CheckpointError(
                f"{checkpoint.folder}: an export is compared on labeled reports, and a model that was trained "
                "elsewhere names none; name some with --data"
            )
        labeled, _ = load_reports(entries, checkpoint.manifest.labels, leave_others_out=True)
        return _pick_texts(labeled["data"], labeled["data"])
    config = checkpoint.config()
    training: Sequence[Document] = ()
    if all(map(Path.exists, config.data.train)):
        training, _ = corpus.read(config.data.train, ReadOptions.of(config.data))
    documents = (
        _read_labeled(entries, config, ReadOptions(trim=config.data.trim))
        if entries
        else _validation_reports(checkpoint.folder, config)
    )
    return _pick_texts(documents, training or documents)


def _pick_texts(documents: Sequence[Document], pool: Sequence[Document]) -> ExportData:
    """Return labeled reports with texts of a pool that are drawn at random, always the same ones."""
    order = np.random.default_rng(0).permutation(len(pool))[:_CALIBRATION_TEXTS]
    return ExportData(documents, [pool[index].text for index in order])


def _validation_reports(folder: Path, config: Config) -> Sequence[Document]:
    is_drawn = config.data.validation_share is not None
    paths = config.data.train if is_drawn else config.data.validation
    missing = ", ".join(str(path) for path in paths if not path.exists())
    if missing:
        raise CheckpointError(
            f"{folder}: an export is compared on the run's validation reports, and they are gone ({missing}); "
            "name labeled reports with --data"
        )
    documents = _read_labeled(paths, config, ReadOptions.of(config.data))
    if not is_drawn:
        return documents
    return divide_corpus(Corpus({"train": documents}), config.data, config.training.seed)["validation"]


def _read_labeled(paths: Sequence[Path], config: Config, options: ReadOptions) -> tuple[Document, ...]:
    settings = config.data
    return corpus.load(
        {"data": paths},
        config.labels,
        strict=settings.strict,
        allow_copies=True,  # training has checked for copies; for a comparison they do not matter
        guidelines=settings.guidelines,
        options=options,
    )["data"]


def _batches(window_tokenizer: WindowTokenizer, texts: Sequence[str]) -> list[Batch]:
    """Return the first window of each text as a batch of its own, so that no range is measured on padding."""
    windows = [
        np.array([window_tokenizer.window_ids(encoded, 0)])
        for encoded in window_tokenizer.encode(texts)
        if len(encoded.token_ids)
    ]
    return [(ids, np.ones_like(ids)) for ids in windows]
