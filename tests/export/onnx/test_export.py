"""An export in ONNX form finds what the original finds, or is refused and nothing is written."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from conflict_ner.checkpoint import Checkpoint
from conflict_ner.data.document import Document, Entity, Mention
from conflict_ner.errors import CheckpointError, ConfigError
from conflict_ner.export.checkpoint_writer import copy_checkpoint
from conflict_ner.export.onnx import export, trace
from conflict_ner.export.onnx.export import check_parity, export_onnx, judge
from conflict_ner.inference.tagger import Tagger
from helpers.encoders import SENTENCES
from helpers.tracing import traced_once
from tokenizers import Tokenizer

onnx = pytest.importorskip("onnx")
for needed in ("onnxruntime", "onnxscript"):
    pytest.importorskip(needed)


@pytest.fixture(scope="module", autouse=True)
def traced(traces: Path) -> Iterator[None]:
    """Each model of this file is traced once."""
    with traced_once(traces):
        yield


@pytest.fixture(scope="module", params=["fp32", "int8"])
def exported(
    request: pytest.FixtureRequest, checkpoint_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Checkpoint:
    """The trained checkpoint in ONNX form."""
    return export_onnx(checkpoint_folder, tmp_path_factory.mktemp("onnx") / request.param, request.param)


def spans_of(entities: list[Entity]) -> set[tuple[str, int, int]]:
    return {(entity.label, entity.start, entity.end) for entity in entities}


def test_the_export_tags_as_the_original_and_says_how_it_compared(exported: Checkpoint, tagger: Tagger) -> None:
    ours = Tagger.load(exported.folder)
    assert [spans_of(found) for found in ours.tag(SENTENCES)] == [spans_of(found) for found in tagger.tag(SENTENCES)]
    assert any(ours.tag(SENTENCES))
    facts = exported.manifest.exported
    assert facts is not None
    assert (facts.precision, facts.documents, facts.identical_documents) == (exported.folder.name, 3, 3)
    assert facts.strict_f1_before == facts.strict_f1_after == 1.0
    assert exported.manifest.pipeline is None


def test_a_text_has_the_same_scores_alone_and_in_a_batch(exported: Checkpoint) -> None:
    ours = Tagger.load(exported.folder)
    words = " ".join(SENTENCES).split()
    texts = [
        *SENTENCES,
        *(" ".join(words[start : start + size]) for size in (1, 3, 9, 27) for start in range(0, 30, 4)),
    ]
    assert ours.tag(texts) == [ours.tag(text) for text in texts]  # scores too, to the last bit


def test_the_folder_has_all_but_the_old_weights(exported: Checkpoint, checkpoint_folder: Path) -> None:
    names = {file.name for file in checkpoint_folder.iterdir()} - {"model.safetensors"} | {"model.onnx"}
    assert {file.name for file in exported.folder.iterdir()} == names
    ours, theirs = ((folder / "tokenizer.json").read_text() for folder in (exported.folder, checkpoint_folder))
    assert json.loads(ours) == json.loads(theirs)
    assert len(ours) < len(theirs)
    constants = {tensor.name for tensor in onnx.load(exported.folder / "model.onnx").graph.initializer}
    assert any(name.endswith("/direction_indices") for name in constants)  # the trained encoder got capitals
    card = (exported.folder / "README.md").read_text()
    assert f"Exported as ONNX in {exported.folder.name}. Compared with the original: the mentions of all 3" in card
    assert "library_name: onnxruntime" in card
    assert "transformers import pipeline" not in card


def test_a_fresh_process_tags_with_it_without_pytorch_and_without_what_scores_are_read_with(
    exported: Checkpoint,
) -> None:
    unneeded = {"torch", "transformers", "yaml", "conflict_ner.config", "conflict_ner.evaluation"}
    code = (
        "import sys; from conflict_ner import Tagger; found = Tagger.load(sys.argv[1]).tag(sys.argv[2]); "
        f"print(len(found), {unneeded} & set(sys.modules))"
    )
    command = [sys.executable, "-c", code, str(exported.folder), SENTENCES[0]]
    process = subprocess.run(command, capture_output=True, text=True, check=True)
    assert process.stdout.strip() == "4 set()"


def test_an_export_can_be_copied_and_not_exported_again(exported: Checkpoint, tmp_path: Path) -> None:
    copy = copy_checkpoint(exported.folder, tmp_path / "copy", device="cpu")
    assert copy.manifest == exported.manifest
    with pytest.raises(CheckpointError, match="is an export itself"):
        export_onnx(exported.folder, tmp_path / "other")


@pytest.fixture
def source(checkpoint_folder: Path, tmp_path: Path) -> Path:
    """A copy in another place: the reports that its run.yaml names are not there."""
    return shutil.copytree(checkpoint_folder, tmp_path / "deep" / "source")


def test_without_the_runs_reports_others_are_asked_for(source: Path, reports_file: Path, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"validation\.md\); name labeled reports with --data"):
        export_onnx(source, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    checkpoint = export_onnx(source, tmp_path / "out", data=[reports_file])
    assert checkpoint.manifest.exported
    assert checkpoint.manifest.exported.documents == 3


def test_an_export_that_tags_otherwise_is_refused(
    checkpoint_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write_wrong_model(source: Path, folder: Path, batches: object, tokenizer: Tokenizer) -> Path:
        file = write_right_model(source, folder, batches, tokenizer)  # type: ignore[arg-type]
        model = onnx.load(file)
        for tensor in model.graph.initializer:
            if tensor.name.endswith("classifier.bias"):
                tensor.CopyFrom(onnx.numpy_helper.from_array(-10 * onnx.numpy_helper.to_array(tensor), tensor.name))
        onnx.save(model, file)
        return file

    write_right_model = trace.write_model
    monkeypatch.setattr(export, "write_model", write_wrong_model)
    with pytest.raises(CheckpointError, match=r"refused: \d of 3 labeled reports get other mentions"):
        export_onnx(checkpoint_folder, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_bf16_is_refused_with_what_to_take_instead(checkpoint_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot multiply bf16 matrices on a CPU; take int8"):
        export_onnx(checkpoint_folder, tmp_path / "out", "bf16")
    with pytest.raises(ConfigError, match="fp32 or int8"):
        export_onnx(checkpoint_folder, tmp_path / "out", "int4")


def test_changed_weights_and_the_checkpoint_itself_are_refused(source: Path, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="is the checkpoint itself"):
        export_onnx(source, source)
    manifest = json.loads((source / "manifest.json").read_text())
    (source / "manifest.json").write_text(json.dumps({**manifest, "weights_sha256": "0"}))
    with pytest.raises(CheckpointError, match=r"model\.safetensors has changed"):
        export_onnx(source, tmp_path / "out")


def test_a_little_may_be_lost_in_8_bits_and_nothing_in_fp32() -> None:
    assert "86.60 before, 86.31 after (8 reports with" in judge("int8", 9, 8, 0.866, 0.8631)
    assert judge("int8", 9, 8, 0.866, 0.9)
    with pytest.raises(CheckpointError, match=r"86\.60 before, 86\.29 after, more than 0\.3 points lost"):
        judge("int8", 9, 8, 0.866, 0.8629)
    with pytest.raises(CheckpointError, match="1 of 9 labeled reports get other mentions"):
        judge("fp32", 9, 8, 0.866, 0.866)


def test_what_cannot_be_judged_is_refused() -> None:
    assert "all 9" in judge("int8", 9, 9, None, None)
    with pytest.raises(CheckpointError, match="have no mention"):
        judge("int8", 9, 8, None, 0.0)
    with pytest.raises(CheckpointError, match="without labeled reports"):
        judge("int8", 0, 0, None, None)


def test_a_label_is_as_much_of_a_mention_as_its_edges() -> None:
    documents = [Document("r", "Rebels left.", (Mention(0, 6, "ACTOR"),))]
    found = Entity("ACTOR", "Rebels", 0, 6, 0.9)
    assert check_parity("fp32", documents, [[found]], [[replace(found, score=0.8)]], ["ACTOR"]).identical_documents == 1
    with pytest.raises(CheckpointError):
        check_parity("fp32", documents, [[found]], [[replace(found, label="WEAPON")]], ["ACTOR", "WEAPON"])
