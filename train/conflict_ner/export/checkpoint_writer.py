"""Writes checkpoints: to a hidden folder first, which takes its place once a fresh process has verified it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from conflict_ner.checkpoint import (
    Checkpoint,
    Manifest,
    PipelineFacts,
    dump_scores,
    library_versions,
    refuse_non_checkpoint,
)
from conflict_ner.config import Config, dump_config
from conflict_ner.data import corpus
from conflict_ner.errors import CheckpointError, DataError
from conflict_ner.evaluation.report import Report
from conflict_ner.export.model_card import model_card
from conflict_ner.export.overwriting import checkpoint_form, refuse_lost_checkpoint
from conflict_ner.export.verify import ExpectedEntities, dump_expected
from conflict_ner.files import atomic_folder, sha256
from conflict_ner.inference.tagger import Tagger
from conflict_ner.modeling.model_files import CONFIG, WEIGHTS

# Typical sentences of conflict reports, for the verification of a copy where no labeled files are named.
PROBES = (
    "At least 19 fighters died in a drone strike near El Fasher.",
    "KABUL - Two policemen were wounded when a roadside bomb hit their vehicle in Paktika province, Reuters reported.",
    "GOVERNMENT TROOPS SHELLED REBEL POSITIONS WITH 155MM ARTILLERY; NO CASUALTIES WERE REPORTED.",
)


@dataclass(frozen=True, slots=True)
class CheckpointDraft:
    """What `write_checkpoint` makes a checkpoint from.

    config: of the run that trained the model; it becomes `run.yaml`. None for a model that was trained elsewhere.
    manifest: without `weights_sha256`, and without `pipeline` where that is still to be measured.
    scores: by split.
    expected: what the model must find when it is loaded from the new folder.
    write_model_files: writes the model, its tokenizer and all other files that are not made from the
        fields above into a folder.
    """

    config: Config | None
    manifest: Manifest
    scores: Mapping[str, Report]
    expected: ExpectedEntities
    write_model_files: Callable[[Path], None]


def write_checkpoint(folder: Path, draft: CheckpointDraft, device: str) -> Checkpoint:
    """Write a checkpoint to a hidden folder, verify it in a fresh process and move it to `folder`.

    Args:
        device: on which the verification tags.

    Raises:
        CheckpointError: if the folder cannot be written or the verification fails; an old checkpoint stays.
    """
    folder = folder.absolute()  # the working folder may be the one that is replaced
    with atomic_folder(folder, refuse_non_checkpoint) as draft_folder:
        try:
            draft.write_model_files(draft_folder)
            if draft.config:
                run = dump_config(draft.config, draft.config.output)
                (draft_folder / "run.yaml").write_text(run, encoding="utf-8")
            (draft_folder / "scores.json").write_text(dump_scores(draft.scores), encoding="utf-8")
            digest = sha256(draft_folder / draft.manifest.weights)
            versions = draft.manifest.versions or library_versions()
            manifest = draft.manifest.model_copy(update={"weights_sha256": digest, "versions": versions})
            _write_manifest(draft_folder, manifest)
            pipeline = _verify_in_fresh_process(draft_folder, draft.expected, device)
            manifest = manifest.model_copy(update={"pipeline": manifest.pipeline or pipeline})
            _write_manifest(draft_folder, manifest)
            card = model_card(folder.name, manifest, draft.scores)
            (draft_folder / "README.md").write_text(card, encoding="utf-8")
            _apply_umask(draft_folder)
        except OSError as error:
            raise CheckpointError(f"{folder} cannot be written: {error.strerror}") from None
    return Checkpoint.load(folder)


def copy_checkpoint(
    source: Path,
    folder: Path,
    entries: Sequence[Path] = (),
    device: str = "auto",
    *,
    overwrite: bool = False,
    label_map: Mapping[str, str | None] | None = None,
) -> Checkpoint:
    """Copy a checkpoint to another folder and verify that the copy tags as the original does.

    A plain transformers model gets a manifest that way, which keeps the names of its labels.

    Args:
        source: its folder, or whatever else `Tagger.load` takes.
        entries: labeled files and folders whose texts are tagged for it; built-in sentences if there are none.
        overwrite: replace a checkpoint of another config or form; the old one is kept as `NAME.previous`.
        label_map: for a plain transformers model, what each of its labels is called (see `Tagger.load`).

    Raises:
        OverwriteError: if there is such a checkpoint and `overwrite` is False.
        CheckpointError: if the source is incomplete or has changed since its export, or the copy
            does not tag as the source does.
        ConfigError: if the map of labels is wrong.
        DataError: if the files cannot be read.
    """
    folder = folder.absolute()
    original = Checkpoint.load(source, label_map)
    refuse_same_folder(original.folder, folder)
    form = checkpoint_form(original.manifest)
    refuse_lost_checkpoint(original.manifest.plain or original.config(), folder, form=form, overwrite=overwrite)
    tagger = Tagger.load(original.folder, device, precision="fp32", label_map=label_map)
    refuse_changed_weights(original)
    documents, problems = corpus.read(entries)
    if problems:
        raise DataError(problems)
    texts = [document.text for document in documents] or list(PROBES)
    draft = CheckpointDraft(
        config=moved_config(original, folder),
        manifest=original.manifest,
        scores=original.scores,
        expected=list(zip(texts, tagger.tag(texts), strict=True)),
        write_model_files=partial(copy_model_files, original),
    )
    return write_checkpoint(folder, draft, device)


def refuse_same_folder(source: Path, folder: Path) -> None:
    """Raise if an export would replace the checkpoint that it is made from.

    Raises:
        CheckpointError: saying so.
    """
    if source.resolve() == folder.resolve():
        raise CheckpointError(f"{folder} is the checkpoint itself; name another folder")


def refuse_changed_weights(checkpoint: Checkpoint) -> None:
    """Raise if a checkpoint's weights are not those that its manifest records.

    Raises:
        CheckpointError: saying so.
    """
    manifest = checkpoint.manifest
    if not checkpoint.is_plain and sha256(checkpoint.folder / manifest.weights) != manifest.weights_sha256:
        raise CheckpointError(f"{checkpoint.folder}: {manifest.weights} has changed since it was exported")


def moved_config(original: Checkpoint, folder: Path) -> Config | None:
    """Return a checkpoint's config with another output; None for a model that was trained elsewhere.

    Trained again from its `run.yaml`, an export then replaces itself and not the original.
    """
    return None if original.manifest.plain else original.config().model_copy(update={"output": folder.resolve()})


def copy_model_files(original: Checkpoint, folder: Path, *, except_for: str = "") -> None:
    """Copy the files of a checkpoint; of a plain model the tokenizer in the form that it is loaded in, and no others.

    Args:
        except_for: the name of a file that is not copied.
    """
    if not original.is_plain:
        copy_files(original.folder, folder, except_for=except_for)
        return
    from conflict_ner.modeling.encoder import load_tokenizer, save_tokenizer

    for name in {CONFIG, WEIGHTS} - {except_for}:
        shutil.copy2(original.folder / name, folder / name)
    save_tokenizer(load_tokenizer(str(original.folder), local_files_only=True), original.manifest.window, folder)


def copy_files(source: Path, folder: Path, *, except_for: str = "") -> None:
    """Copy the files of a folder, but not its subfolders, into another.

    Args:
        except_for: the name of a file that is not copied.
    """
    for file in source.iterdir():
        if file.is_file() and file.name != except_for:
            shutil.copy2(file, folder / file.name)


def _write_manifest(folder: Path, manifest: Manifest) -> None:
    (folder / "manifest.json").write_text(manifest.model_dump_json(indent=2) + "\n", encoding="utf-8")


def _apply_umask(folder: Path) -> None:
    """Give files the permissions of any new file; libraries let only the owner read the weights."""
    mask = os.umask(0)
    os.umask(mask)
    for file in folder.iterdir():
        file.chmod(0o666 & ~mask)


def _verify_in_fresh_process(folder: Path, expected: ExpectedEntities, device: str) -> PipelineFacts | None:
    """Run `conflict_ner.export.verify` on a folder; return what it measured.

    Raises:
        CheckpointError: with the reason, if the verification fails.
    """
    with tempfile.TemporaryDirectory() as scratch_folder:
        file = Path(scratch_folder) / "expected.jsonl"
        file.write_text(dump_expected(expected), encoding="utf-8")
        # -P: modules in the working folder must not stand in for installed ones.
        command = [sys.executable, "-P", "-m", "conflict_ner.export.verify", str(folder), str(file), device]
        process = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own module
    if process.returncode:
        error_lines = process.stderr.strip().splitlines()
        reason = error_lines[-1] if error_lines else f"exit code {process.returncode}"
        raise CheckpointError(f"the exported model failed its verification, nothing was replaced: {reason}")
    facts = process.stdout.strip().splitlines()[-1]
    return None if facts == "null" else PipelineFacts.model_validate_json(facts)
