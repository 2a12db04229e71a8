"""Checkpoint folders are read, and incomplete or damaged ones are refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from conflict_ner.checkpoint import SEEN_MENTIONS, Checkpoint, dump_scores, library_versions, split_facts
from conflict_ner.data.corpus import Corpus
from conflict_ner.data.document import Document, Mention
from conflict_ner.errors import CheckpointError
from conflict_ner.files import sha256
from conflict_ner.inference.evaluate import evaluate
from conflict_ner.modeling.model_files import WEIGHTS
from helpers.runs import LABELS


@pytest.fixture
def copy(checkpoint_folder: Path, tmp_path: Path) -> Path:
    """A copy of the checkpoint that a test may damage."""
    return shutil.copytree(checkpoint_folder, tmp_path / "copy")


def test_a_checkpoint_has_its_facts(checkpoint_folder: Path) -> None:
    loaded = Checkpoint.load(str(checkpoint_folder))
    assert loaded.scheme.labels == loaded.manifest.labels == LABELS
    assert loaded.manifest.weights_sha256 == sha256(checkpoint_folder / WEIGHTS)
    assert loaded.manifest.versions == library_versions()
    assert loaded.scores["validation"].documents == loaded.manifest.data["validation"].documents == 3
    assert loaded.manifest.pipeline is not None
    assert (checkpoint_folder / "scores.json").read_text() == dump_scores(loaded.scores)
    assert {"README.md", "run.yaml", "tokenizer.json"} <= {file.name for file in checkpoint_folder.iterdir()}


def test_no_file_names_a_path_of_this_machine(checkpoint_folder: Path) -> None:
    for name in ("config.json", "manifest.json", "README.md", "tokenizer_config.json"):
        assert str(checkpoint_folder.parent.parent) not in (checkpoint_folder / name).read_text()


@pytest.mark.parametrize("names", [["manifest.json"], ["config.json"], [WEIGHTS], ["manifest.json", WEIGHTS]])
def test_missing_files_are_named(copy: Path, names: list[str]) -> None:
    for name in names:
        (copy / name).unlink()
    with pytest.raises(CheckpointError, match=f"not a conflict-ner checkpoint: {', '.join(names)} missing"):
        Checkpoint.load(copy)


def test_missing_scores_are_an_error(copy: Path) -> None:
    (copy / "scores.json").unlink()
    with pytest.raises(CheckpointError, match=r"scores\.json"):
        Checkpoint.load(copy)


DAMAGE = pytest.mark.parametrize("damage", [b"", b"{}", b"[]", b'{"format": 1, "lab', b"\xff\x00", b"[" * 100_000])


@DAMAGE
def test_a_damaged_manifest_is_a_checkpoint_error(copy: Path, damage: bytes) -> None:
    (copy / "manifest.json").write_bytes(damage)
    with pytest.raises(CheckpointError, match=r"manifest\.json cannot be read.*; restore it") as error:
        Checkpoint.load(copy)
    assert "\n" not in str(error.value)


@DAMAGE
def test_damaged_scores_are_a_checkpoint_error_where_they_are_read(copy: Path, damage: bytes) -> None:
    (copy / "scores.json").write_bytes(damage)
    loaded = Checkpoint.load(copy)
    with pytest.raises(CheckpointError, match=r"scores\.json cannot be read"):
        _ = loaded.scores


@pytest.mark.parametrize("news", [{}, {"something": "new"}])
def test_a_format_of_the_future_asks_for_an_upgrade(copy: Path, news: dict[str, str]) -> None:
    manifest = json.loads((copy / "manifest.json").read_text())
    (copy / "manifest.json").write_text(json.dumps({**manifest, "format": 2, **news}))
    with pytest.raises(CheckpointError, match=r"format 2.*upgrade"):
        Checkpoint.load(copy)


def test_a_missing_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no such checkpoint folder"):
        Checkpoint.load(tmp_path / "nowhere")


def test_the_facts_of_a_split_identify_its_data_without_its_text() -> None:
    report = Document("r", "Rebels left Goma.", (Mention(0, 6, "ACTOR"), Mention(12, 16, "LOCATION")))
    facts = split_facts(Corpus({"train": (report,)}), "train")
    assert (facts.documents, facts.mentions) == (1, {"ACTOR": 1, "LOCATION": 1})
    assert "Goma" not in facts.model_dump_json()
    other = Document("r", "Rebels left Beni.", report.mentions)
    assert split_facts(Corpus({"train": (other,)}), "train").sha256 != facts.sha256


def test_mentions_seen_in_training_are_kept(checkpoint_folder: Path) -> None:
    seen = Checkpoint.load(checkpoint_folder).seen_mentions()
    assert seen is not None
    assert seen.knows("LOCATION", "El Fasher")
    assert not seen.knows("ACTOR", "El Fasher")
    assert seen.knows_text("At least 19 fighters died in a drone strike near El Fasher.")
    assert seen.knows_text("At least 19 fighters died in a drone strike near El Fasher. Over.")  # of validation
    assert b"Fasher" not in (checkpoint_folder / SEEN_MENTIONS).read_bytes()


@pytest.mark.parametrize("damage", [b"", b"[]", b"{}", b'{"forms": ["12', b"\xff\x00"])
def test_a_damaged_file_of_seen_mentions_is_a_checkpoint_error(copy: Path, damage: bytes) -> None:
    (copy / SEEN_MENTIONS).write_bytes(damage)
    with pytest.raises(CheckpointError, match=r"training_memory\.json cannot be read"):
        Checkpoint.load(copy).seen_mentions()


def test_a_checkpoint_of_an_earlier_version_is_still_scored(copy: Path, reports_file: Path) -> None:
    (copy / SEEN_MENTIONS).unlink()
    manifest = json.loads((copy / "manifest.json").read_text())
    del manifest["calibration"]
    (copy / "manifest.json").write_text(json.dumps(manifest))
    loaded = Checkpoint.load(copy)
    assert loaded.seen_mentions() is None
    assert (loaded.manifest.calibration, loaded.manifest.temperature) == (None, 1.0)
    report = evaluate(copy, [reports_file], device="cpu").report
    assert report.strict.micro.f1 == 1.0
    assert "seen in training" not in report.slices
