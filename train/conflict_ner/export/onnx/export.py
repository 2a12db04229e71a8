"""Exports a checkpoint in ONNX form, if it still finds what the original finds.

Precisions: fp32, whose spans must be those of the original in every report of validation; and int8
(see `quantising`), which may lose 0.3 points of strict F1 there. bf16 is refused: ONNX Runtime has
no bf16 matrix products for CPUs.

>>> judge("int8", 90, 78, 0.866, 0.864)
'strict F1 on 90 labeled reports: 86.60 before, 86.40 after (78 reports with identical mentions)'
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from tokenizers import Tokenizer

from conflict_ner.checkpoint import ONNX_WEIGHTS, WEIGHTS, Checkpoint, ExportFacts, Manifest
from conflict_ner.config import ColumnsConfig, Config, dump_config
from conflict_ner.data import corpus
from conflict_ner.data.corpus import Corpus
from conflict_ner.data.document import Document, Entity
from conflict_ner.data.splits import divide_corpus
from conflict_ner.errors import CheckpointError, ConfigError, Problem, require_packages
from conflict_ner.evaluation.report import strict_micro
from conflict_ner.export.checkpoint_writer import write_checkpoint
from conflict_ner.export.model_card import model_card
from conflict_ner.export.onnx.quantization import Batch
from conflict_ner.export.onnx.trace import NEEDED, write
from conflict_ner.export.overwriting import refuse_lost_checkpoint
from conflict_ner.files import as_paths, sha256
from conflict_ner.inference.onnx_runtime import OnnxRuntime
from conflict_ner.inference.predictor import Predictor
from conflict_ner.inference.tagger import Tagger
from conflict_ner.modeling.tokenization import WindowTokenizer

PRECISIONS = ("fp32", "int8")
TOLERANCE = 0.003  # of strict F1, for reduced precision
_CALIBRATION = 200  # reports on which ranges are measured


class Labeled(NamedTuple):
    """What an export is made with: reports to compare on, and texts to measure ranges on."""

    documents: Sequence[Document]
    calibration: Sequence[str]


def export_onnx(
    source: str | Path,
    folder: str | Path,
    precision: str = "fp32",
    entries: str | Path | Iterable[str | Path] = (),
    *,
    overwrite: bool = False,
) -> Checkpoint:
    """Export a checkpoint for ONNX Runtime, compared with the original before it takes its place.

    Args:
        precision: fp32 or int8.
        entries: labeled files to compare on; by default the run's own validation reports.
        overwrite: replace a checkpoint of another config or form; the old one is kept as `NAME.previous`.

    Raises:
        OverwriteError: if such a checkpoint is there and `overwrite` is not asked for.
        CheckpointError: if the source is not whole or has no PyTorch weights, if there is nothing
            to compare on, or if the export finds other mentions than it may; nothing is written.
        ConfigError: if there is no such precision.
        DataError: if the files cannot be read.
        MissingExtraError: if a package is missing; it says what to type.
    """
    _refuse_other_precision(precision)
    require_packages("ONNX", NEEDED)
    source, folder = Path(source), Path(folder).absolute()
    if source.resolve() == folder.resolve():
        raise CheckpointError(f"{folder} is the checkpoint itself; name another folder")
    refuse_lost_checkpoint(Checkpoint.load(source).config(), folder, form=f"onnx in {precision}", overwrite=overwrite)
    tagger = Tagger.load(source, "cpu", precision="fp32")
    _refuse_changed(tagger.checkpoint)
    labeled = _labeled(tagger.checkpoint, as_paths(entries))
    with tempfile.TemporaryDirectory() as scratch:
        made = Path(scratch)
        window_tokenizer = _encoder(tagger.checkpoint)
        write(source, made, list(_batches(window_tokenizer, labeled.calibration)) if precision == "int8" else None)
        shutil.copy2(source / "config.json", made)
        runtime, texts = OnnxRuntime.load(made), [document.text for document in labeled.documents]
        found = list(Predictor(runtime, window_tokenizer, tagger.checkpoint.scheme).predict(texts))
        facts = check_parity(precision, labeled.documents, tagger.tag(texts), found, tagger.labels)
        return _put(tagger.checkpoint, made / ONNX_WEIGHTS, folder, facts, list(zip(texts, found, strict=True)))


def check_parity(
    precision: str,
    documents: Sequence[Document],
    before: Sequence[Sequence[Entity]],
    after: Sequence[Sequence[Entity]],
    labels: Sequence[str],
) -> ExportFacts:
    """What the original and the export find in labeled reports.

    Raises:
        CheckpointError: if the export finds other mentions than it may.
    """
    pairs = zip(before, after, strict=True)
    identical = sum(set(map(_mark, one)) == set(map(_mark, other)) for one, other in pairs)
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
    """The verdict of the gate in words; `before` and `after` are strict F1, None where undefined.

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
    measured = f"strict F1 on {documents} labeled reports: {100 * before:.2f} before, {100 * after:.2f} after"
    if before - after > TOLERANCE:
        raise CheckpointError(
            f"the export was refused: {measured}, more than {100 * TOLERANCE:.1f} points lost; nothing was written. "
            "Export it in fp32"
        )
    return f"{measured} ({identical} reports with identical mentions)"


def _mark(entity: Entity) -> tuple[str, int, int]:
    return entity.label, entity.start, entity.end


def _refuse_other_precision(precision: str) -> None:
    if precision in PRECISIONS:
        return
    what = f"ONNX is exported in {' or '.join(PRECISIONS)}"
    if precision == "bf16":
        what = "ONNX Runtime cannot multiply bf16 matrices on a CPU"
    fix = "take int8, which is faster, or tag with the original, which PyTorch computes in bf16 where that is fast"
    raise ConfigError("the choice of precision", [Problem(f"--precision {precision}", what, fix)])


def _refuse_changed(checkpoint: Checkpoint) -> None:
    source, manifest = checkpoint.folder, checkpoint.manifest
    if manifest.exported:
        raise CheckpointError(f"{source} is an export itself; export the checkpoint that it was made from")
    if sha256(source / WEIGHTS) != manifest.weights_sha256:
        raise CheckpointError(f"{source}: {WEIGHTS} has changed since it was exported")


def _labeled(checkpoint: Checkpoint, entries: Sequence[Path]) -> Labeled:
    """The reports to compare on, and texts like those that the model was trained on, if they are there."""
    config = checkpoint.config()
    documents: Sequence[Document]
    training: Sequence[Document] = ()
    if all(map(Path.exists, config.data.train)):
        training, _ = corpus.read(config.data.train, config.data.columns)
    documents = _checked(entries, config, None) if entries else _validation(checkpoint.folder, config)
    order = np.random.default_rng(0).permutation(len(training or documents))[:_CALIBRATION]
    return Labeled(documents, [(training or documents)[index].text for index in order])


def _validation(folder: Path, config: Config) -> Sequence[Document]:
    drawn = config.data.validation_share is not None
    paths = config.data.train if drawn else config.data.validation
    gone = ", ".join(str(path) for path in paths if not path.exists())
    if gone:
        raise CheckpointError(
            f"{folder}: an export is compared on the run's validation reports, and they are gone ({gone}); "
            "name labeled reports with --data"
        )
    documents = _checked(paths, config, config.data.columns)
    if not drawn:
        return documents
    return divide_corpus(Corpus({"train": documents}), config.data, config.training.seed)["validation"]


def _checked(paths: Sequence[Path], config: Config, columns: ColumnsConfig | None) -> tuple[Document, ...]:
    # Whether they are copies of training reports was looked at when it was trained, and is of no weight here.
    settings = config.data
    loaded = corpus.load(
        {"data": paths},
        config.labels,
        strict=settings.strict,
        allow_copies=True,
        guidelines=settings.guidelines,
        columns=columns,
    )
    return loaded["data"]


def _encoder(checkpoint: Checkpoint) -> WindowTokenizer:
    tokenizer = Tokenizer.from_file(str(checkpoint.folder / "tokenizer.json"))
    return WindowTokenizer.from_tokenizer(tokenizer, checkpoint.manifest.window, checkpoint.manifest.overlap)


def _batches(window_tokenizer: WindowTokenizer, texts: Sequence[str]) -> list[Batch]:
    """The first window of each text, a batch each: no padding has a say in the ranges."""
    rows = [
        np.array([window_tokenizer.window_ids(encoded, 0)])
        for encoded in window_tokenizer.encode(texts)
        if len(encoded.token_ids)
    ]
    return [(ids, np.ones_like(ids)) for ids in rows]


def _put(
    original: Checkpoint, file: Path, folder: Path, facts: ExportFacts, found: Sequence[tuple[str, list[Entity]]]
) -> Checkpoint:
    """Make the folder, have it verified in a fresh process, and put it in place."""
    source = original.folder

    def fill(aside: Path) -> None:
        for other in source.iterdir():
            if other.is_file() and other.name != WEIGHTS:
                shutil.copy2(other, aside / other.name)
        shutil.copy2(file, aside / ONNX_WEIGHTS)
        config = original.config().model_copy(update={"output": folder.resolve()})
        (aside / "run.yaml").write_text(dump_config(config, folder.resolve()), encoding="utf-8")

    def card(finished: Manifest) -> str:
        return model_card(folder.name, finished, original.scores)

    manifest = original.manifest.model_copy(update={"exported": facts, "pipeline": None})
    return write_checkpoint(folder, fill, manifest, original.scores, card, found, "cpu")
