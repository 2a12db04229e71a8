"""Writes a checkpoint: aside, verified in a fresh process, and only then in its place."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from conflict_ner.checkpoint import Checkpoint, Manifest, PipelineFacts, dump_scores, refuse_non_checkpoint
from conflict_ner.config import dump_config
from conflict_ner.data import corpus
from conflict_ner.data.document import Entity
from conflict_ner.errors import CheckpointError, DataError
from conflict_ner.evaluation.report import Report
from conflict_ner.export.model_card import model_card
from conflict_ner.export.overwriting import TORCH, refuse_lost_checkpoint
from conflict_ner.export.verify import dump_expected
from conflict_ner.files import atomic_folder, sha256
from conflict_ner.inference.tagger import Tagger

Expected = Sequence[tuple[str, Sequence[Entity]]]

# Said by every kind of conflict report; stands in for data where none is at hand.
PROBES = (
    "At least 19 fighters died in a drone strike near El Fasher.",
    "KABUL - Two policemen were wounded when a roadside bomb hit their vehicle in Paktika province, Reuters reported.",
    "GOVERNMENT TROOPS SHELLED REBEL POSITIONS WITH 155MM ARTILLERY; NO CASUALTIES WERE REPORTED.",
)


def write_checkpoint(
    folder: Path,
    fill: Callable[[Path], None],
    manifest: Manifest,
    scores: Mapping[str, Report],
    card: Callable[[Manifest], str],
    expected: Expected,
    device: str,
) -> Checkpoint:
    """Fill a folder aside, prove that it reproduces `expected`, put it in place.

    Args:
        fill: writes model, tokenizer and run.yaml into the folder it is given.
        card: makes the model card from the finished manifest.

    Raises:
        CheckpointError: if the folder cannot be written or does not reproduce; the old one stays.
    """
    folder = folder.absolute()  # the working folder may be the one that is replaced
    with atomic_folder(folder, refuse_non_checkpoint) as aside:
        try:
            fill(aside)
            manifest = manifest.model_copy(update={"weights_sha256": sha256(aside / manifest.weights)})
            (aside / "scores.json").write_text(dump_scores(scores), encoding="utf-8")
            (aside / "manifest.json").write_text(manifest.model_dump_json(indent=2) + "\n", encoding="utf-8")
            agreement = _verify_elsewhere(aside, expected, device)
            manifest = manifest.model_copy(update={"pipeline": manifest.pipeline or agreement})
            (aside / "manifest.json").write_text(manifest.model_dump_json(indent=2) + "\n", encoding="utf-8")
            (aside / "README.md").write_text(card(manifest), encoding="utf-8")
            _readable_by_umask(aside)
        except OSError as error:
            raise CheckpointError(f"{folder} cannot be written: {error.strerror}") from None
    return Checkpoint.load(folder)


def copy_checkpoint(
    source: Path, folder: Path, entries: Sequence[Path] = (), device: str = "auto", *, overwrite: bool = False
) -> Checkpoint:
    """Copy a checkpoint to another folder, verified on the texts of labeled files or on built-in ones.

    Args:
        overwrite: replace a checkpoint of another config or form; the old one is kept as `NAME.previous`.

    Raises:
        OverwriteError: if such a checkpoint is there and `overwrite` is not asked for.
        CheckpointError: if the source is not whole or has changed since its export, or the copy
            does not tag as the source does.
        DataError: if the files cannot be read.
    """
    folder = folder.absolute()
    if source.resolve() == folder.resolve():
        raise CheckpointError(f"{folder} is the checkpoint itself; name another folder")
    original = Checkpoint.load(source)
    exported = original.manifest.exported
    form = f"{exported.format} in {exported.precision}" if exported else TORCH
    refuse_lost_checkpoint(original.config(), folder, form=form, overwrite=overwrite)
    tagger = Tagger.load(source, device, precision="fp32")
    manifest, scores = tagger.checkpoint.manifest, tagger.checkpoint.scores
    if sha256(source / manifest.weights) != manifest.weights_sha256:
        raise CheckpointError(f"{source}: {manifest.weights} has changed since it was exported")
    documents, problems = corpus.read(entries)
    if problems:
        raise DataError(problems)
    texts = [document.text for document in documents] or list(PROBES)

    def fill(aside: Path) -> None:
        for file in source.iterdir():
            if file.is_file():
                shutil.copy2(file, aside / file.name)
        # Trained again, the copy's run replaces the copy, not the original.
        config = original.config().model_copy(update={"output": folder.resolve()})
        (aside / "run.yaml").write_text(dump_config(config, folder.resolve()), encoding="utf-8")

    def card(manifest: Manifest) -> str:
        return model_card(folder.name, manifest, scores)

    return write_checkpoint(
        folder, fill, manifest, scores, card, list(zip(texts, tagger.tag(texts), strict=True)), device
    )


def _readable_by_umask(folder: Path) -> None:
    """Weights are written readable by their owner alone; a checkpoint is a file like any other."""
    mask = os.umask(0)
    os.umask(mask)
    for file in folder.iterdir():
        file.chmod(0o666 & ~mask)


def _verify_elsewhere(aside: Path, expected: Expected, device: str) -> PipelineFacts | None:
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch) / "expected.jsonl"
        file.write_text(dump_expected(expected), encoding="utf-8")
        # -P: modules in the working folder must not stand in for installed ones.
        command = [sys.executable, "-P", "-m", "conflict_ner.export.verify", str(aside), str(file), device]
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own module
    if done.returncode:
        reason = done.stderr.strip().splitlines()[-1] if done.stderr.strip() else f"exit code {done.returncode}"
        raise CheckpointError(f"the exported model failed its verification, nothing was replaced: {reason}")
    said = done.stdout.strip().splitlines()[-1]
    return None if said == "null" else PipelineFacts.model_validate_json(said)
