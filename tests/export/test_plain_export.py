"""A model that was trained elsewhere becomes a checkpoint by an export, in both forms."""

from __future__ import annotations

from pathlib import Path

import pytest
from conflict_ner.checkpoint import Checkpoint
from conflict_ner.errors import CheckpointError, OverwriteError
from conflict_ner.export.checkpoint_writer import copy_checkpoint
from conflict_ner.inference.tagger import Tagger
from helpers.encoders import SENTENCES
from helpers.plain_models import change_json, make_plain_model

BIOES = ("B-PER", "I-PER", "E-PER", "S-PER", "S-LOC", "O")
MAP = {"PER": "ACTOR"}

pytestmark = pytest.mark.usefixtures("verified_here")


@pytest.fixture(scope="module")
def plain_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_plain_model(tmp_path_factory.mktemp("models") / "plain", tags=BIOES)


def test_a_copy_has_a_manifest_that_keeps_how_the_model_is_read(plain_folder: Path, tmp_path: Path) -> None:
    (plain_folder / "training_args.bin").write_bytes(b"pickled")
    copy = copy_checkpoint(plain_folder, tmp_path / "copy", device="cpu", label_map=MAP)
    original = Tagger.load(plain_folder, "cpu", label_map=MAP)
    copied = Tagger.load(copy.folder, "cpu")
    assert copied.tag(SENTENCES) == original.tag(SENTENCES)
    assert copied.labels == ("ACTOR",)
    assert (copy.is_plain, copy.unverified, copy.scores) == (False, None, {})
    assert copy.manifest.plain == original.checkpoint.manifest.plain
    assert copy.manifest.weights_sha256 == original.checkpoint.weights_sha256
    assert copy.manifest.pipeline is not None
    assert "conflict-ner" in copy.manifest.versions
    assert {file.name for file in copy.folder.iterdir()} == {
        "README.md", "config.json", "manifest.json", "model.safetensors", "scores.json", "tokenizer.json",
        "tokenizer_config.json",
    }  # fmt: skip
    card = (copy.folder / "README.md").read_text()
    assert "This is `plain`, trained elsewhere" in card
    assert "BIOES tags; read are PER as ACTOR; left out are LOC" in card
    assert "Not known: `conflict-ner evaluate` scores it" in card


def test_a_copy_of_other_names_is_not_replaced_unasked(plain_folder: Path, tmp_path: Path) -> None:
    copy_checkpoint(plain_folder, tmp_path / "copy", device="cpu", label_map=MAP)
    copy_checkpoint(plain_folder, tmp_path / "copy", device="cpu", label_map=MAP)
    with pytest.raises(OverwriteError, match="a checkpoint of another model, or of other names of labels"):
        copy_checkpoint(plain_folder, tmp_path / "copy", device="cpu", label_map={"PER": "PERSON"})


def test_a_changed_copy_is_refused(plain_folder: Path, tmp_path: Path) -> None:
    folder = copy_checkpoint(plain_folder, tmp_path / "copy", device="cpu").folder
    change_json(folder / "config.json", id2label={str(n): tag for n, tag in enumerate(reversed(BIOES))})
    with pytest.raises(CheckpointError, match=r"config\.json and manifest\.json name different labels"):
        Tagger.load(folder, "cpu")


def test_an_onnx_form_tags_as_the_model_does(plain_folder: Path, tmp_path: Path) -> None:
    pytest.importorskip("onnxscript")
    from conflict_ner.export.onnx.export import export_onnx

    with pytest.raises(CheckpointError, match="a model that was trained elsewhere names none; name some with --data"):
        export_onnx(plain_folder, tmp_path / "onnx", "fp32", label_map=MAP)
    data = tmp_path / "gold.md"
    data.write_text("=== a\n\n[Rebels](ACTOR) left Goma with [missiles](WEAPON).\n")
    exported = export_onnx(plain_folder, tmp_path / "onnx", "fp32", data, label_map=MAP)
    assert exported.manifest.exported is not None
    original, form = Tagger.load(plain_folder, "cpu", label_map=MAP), Tagger.load(tmp_path / "onnx")
    for before, after in zip(original.tag(SENTENCES), form.tag(SENTENCES), strict=True):
        assert [(e.label, e.start, e.end) for e in after] == [(e.label, e.start, e.end) for e in before]
    assert Checkpoint.load(tmp_path / "onnx").manifest.plain == original.checkpoint.manifest.plain
