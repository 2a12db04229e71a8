"""Exports are verified in a fresh process before they replace anything."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from conflict_ner.checkpoint import Checkpoint
from conflict_ner.config import load_config
from conflict_ner.data import corpus
from conflict_ner.data.document import Entity
from conflict_ner.errors import CheckpointError, DataError
from conflict_ner.export.checkpoint_writer import PROBES, CheckpointDraft, copy_checkpoint, copy_files, write_checkpoint
from conflict_ner.inference.tagger import Tagger
from conflict_ner.modeling.model_files import WEIGHTS

MASK = 0o027


@pytest.fixture(scope="module")
def exported_copy(checkpoint_folder: Path, reports_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The checkpoint exported to another folder, by someone with a careful umask."""
    folder = tmp_path_factory.mktemp("again") / "deep" / "copy"
    mask = os.umask(MASK)
    try:
        return copy_checkpoint(checkpoint_folder, folder, [reports_file], "cpu").folder
    finally:
        os.umask(mask)


@pytest.fixture
def copy(checkpoint_folder: Path, tmp_path: Path) -> Path:
    """A copy of the checkpoint that a test may damage."""
    return shutil.copytree(checkpoint_folder, tmp_path / "models" / "copy")


def content(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def test_an_exported_copy_tags_the_same(exported_copy: Path, tagger: Tagger, reports_file: Path) -> None:
    documents, _ = corpus.read([reports_file])
    texts = [*PROBES, *(document.text for document in documents)]
    copied = Tagger.load(exported_copy, "cpu", precision="fp32").tag(texts)
    assert copied == tagger.tag(texts)
    assert any(copied)


def test_an_exported_copy_is_whole_and_knows_its_place(exported_copy: Path, checkpoint_folder: Path) -> None:
    ours, theirs = Checkpoint.load(exported_copy), Checkpoint.load(checkpoint_folder)
    assert (ours.manifest, ours.scores) == (theirs.manifest, theirs.scores)
    assert {file.name for file in exported_copy.iterdir()} == {file.name for file in checkpoint_folder.iterdir()}
    assert "\n# copy\n" in (exported_copy / "README.md").read_text()
    assert list(exported_copy.parent.iterdir()) == [exported_copy]
    config, original = (load_config(folder / "run.yaml") for folder in (exported_copy, checkpoint_folder))
    assert config == original.model_copy(update={"output": exported_copy.resolve()})


def test_an_exported_copy_is_readable_by_whom_the_umask_says(exported_copy: Path) -> None:
    assert {file.stat().st_mode & 0o777 for file in exported_copy.iterdir()} == {0o666 & ~MASK}


def test_changed_weights_are_refused(copy: Path, tmp_path: Path) -> None:
    weights = bytearray((copy / WEIGHTS).read_bytes())
    weights[-1] ^= 1
    (copy / WEIGHTS).write_bytes(weights)
    with pytest.raises(CheckpointError, match=r"model\.safetensors has changed since it was exported"):
        copy_checkpoint(copy, tmp_path / "again", device="cpu")
    assert not (tmp_path / "again").exists()


def test_what_is_no_checkpoint_is_not_exported(encoder_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="holds a BertModel, which does not tag words"):
        copy_checkpoint(encoder_folder, tmp_path / "again", device="cpu")
    assert not (tmp_path / "again").exists()


def test_a_checkpoint_is_not_exported_over_itself(copy: Path) -> None:
    before = content(copy)
    with pytest.raises(CheckpointError, match="is the checkpoint itself"):
        copy_checkpoint(copy, copy.parent / "." / "x" / ".." / copy.name, device="cpu")
    assert content(copy) == before


def test_labeled_files_that_cannot_be_read_are_said(copy: Path, tmp_path: Path) -> None:
    (tmp_path / "reports.jsonl").write_text("{broken\n")
    with pytest.raises(DataError, match=r"reports\.jsonl:1"):
        copy_checkpoint(copy, tmp_path / "again", [tmp_path / "reports.jsonl"], "cpu")
    assert not (tmp_path / "again").exists()


def export_to(folder: Path, source: Path, expected: Sequence[tuple[str, Sequence[Entity]]]) -> None:
    original = Checkpoint.load(source)
    copy_all = partial(copy_files, source)
    draft = CheckpointDraft(original.config(), original.manifest, original.scores, expected, copy_all)
    write_checkpoint(folder, draft, "cpu")


def test_a_fresh_process_refuses_a_model_that_finds_other_entities_and_the_old_folder_stays(
    checkpoint_folder: Path, copy: Path, tagger: Tagger
) -> None:
    (copy / "README.md").write_text("the old one")
    before = content(copy)
    first, *others = tagger.tag(PROBES[0])
    expected = [(PROBES[0], [replace(first, label="WEAPON"), *others])]
    with pytest.raises(CheckpointError, match=r"failed its verification, nothing was replaced: .*At least 19"):
        export_to(copy, checkpoint_folder, expected)
    assert content(copy) == before
    assert list(copy.parent.iterdir()) == [copy]


def test_a_full_disk_is_said_and_the_old_folder_stays(copy: Path) -> None:
    before, original = content(copy), Checkpoint.load(copy)

    def run_out_of_space(folder: Path) -> None:
        (folder / WEIGHTS).write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    draft = CheckpointDraft(original.config(), original.manifest, original.scores, [], run_out_of_space)

    with pytest.raises(CheckpointError, match="cannot be written: No space left on device"):
        write_checkpoint(copy, draft, "cpu")
    assert content(copy) == before
    assert list(copy.parent.iterdir()) == [copy]
