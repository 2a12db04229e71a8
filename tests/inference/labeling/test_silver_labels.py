"""Labeling reports with a checkpoint, so that another model can learn from them."""

from __future__ import annotations

from pathlib import Path

import pytest
from conflict_ner.data import corpus
from conflict_ner.data.silver import is_silver
from conflict_ner.errors import DataError, OverwriteError
from conflict_ner.inference.evaluate import evaluate
from conflict_ner.inference.labeling.silver_labels import label_files
from conflict_ner.inference.tagger import Tagger

DRAFT = "# A draft.\n\n=== d-1\ntheatre: Sudan\nyear: 2024\n\nRebels left Goma \\[again\\].\n\n=== d-2\n\nNothing.\n"


@pytest.fixture
def drafts(tmp_path: Path) -> Path:
    (tmp_path / "drafts" / "more").mkdir(parents=True)
    (tmp_path / "drafts" / "a.md").write_text(DRAFT)
    (tmp_path / "drafts" / "more" / "b.jsonl").write_text(
        '{"id": "d-3", "text": "Troops left Goma.", "entities": []}\n'
    )
    return tmp_path / "drafts"


def test_the_labels_are_what_the_checkpoint_finds(drafts: Path, checkpoint_folder: Path, tagger: Tagger) -> None:
    target = drafts.parent / "silver"
    assert label_files(checkpoint_folder, drafts, target, "cpu") == 3
    documents, problems = corpus.read([target])
    assert not problems
    assert [(d.id, d.text) for d in documents] == [
        ("d-1", "Rebels left Goma [again]."),
        ("d-2", "Nothing."),
        ("d-3", "Troops left Goma."),
    ]
    assert all(map(is_silver, documents))
    assert documents[0].metadata == {"theatre": "Sudan", "year": 2024, "labels": "silver"}
    for document, entities in zip(documents, tagger.tag([d.text for d in documents]), strict=True):
        assert [(m.start, m.end, m.label) for m in document.mentions] == [(e.start, e.end, e.label) for e in entities]
    assert f"model {checkpoint_folder.name};" in (target / "a.md").read_text()


def test_files_are_replaced_in_place_and_elsewhere_only_on_request(drafts: Path, checkpoint_folder: Path) -> None:
    label_files(checkpoint_folder, drafts / "a.md", drafts, "cpu")
    assert label_files(checkpoint_folder, drafts / "a.md", drafts, "cpu") == 2  # silver labels are replaced
    before = (drafts / "a.md").read_text()
    (drafts / "other.md").write_text(DRAFT)
    (drafts.parent / "out").mkdir()
    (drafts.parent / "out" / "other.md").write_text("mine")
    with pytest.raises(OverwriteError, match="--overwrite"):
        label_files(checkpoint_folder, drafts, drafts.parent / "out", "cpu")
    assert (drafts.parent / "out" / "other.md").read_text() == "mine"
    label_files(checkpoint_folder, drafts, drafts.parent / "out", "cpu", overwrite=True)
    assert (drafts.parent / "out" / "a.md").read_text() == before


def test_comments_above_the_first_report_are_kept(drafts: Path, checkpoint_folder: Path) -> None:
    label_files(checkpoint_folder, drafts, drafts, "cpu")
    label_files(checkpoint_folder, drafts, drafts, "cpu")  # the comment of the first labeling is not repeated
    above = (drafts / "a.md").read_text().partition("===")[0]
    assert above == f"# Labeled by the model {checkpoint_folder.name}; nobody has read these labels.\n# A draft.\n\n"


def test_files_keep_their_names_and_subfolders(drafts: Path, checkpoint_folder: Path) -> None:
    for name in ("notes.1.md", "notes.2.md", "more/notes.1.md"):
        (drafts / name).write_text(DRAFT.replace("d-", f"{name}-"))
    (drafts / "more" / "b.jsonl").unlink()
    before = {file for file in drafts.rglob("*") if file.is_file()}
    assert label_files(checkpoint_folder, drafts, drafts, "cpu") == 8
    assert {file for file in drafts.rglob("*") if file.is_file()} == before
    assert all("labels: silver" in file.read_text() for file in before)


def test_labels_that_may_be_someones_work_are_not_replaced(drafts: Path, checkpoint_folder: Path) -> None:
    gold = DRAFT.replace("Rebels", "[Rebels](ACTOR)")
    (drafts / "a.md").write_text(gold)
    with pytest.raises(DataError, match="'d-1' has labels and is not marked as silver"):
        label_files(checkpoint_folder, drafts, drafts, "cpu")
    assert (drafts / "a.md").read_text() == gold
    with pytest.raises(DataError, match="no such file"):
        label_files(checkpoint_folder, drafts / "c.md", drafts, "cpu")


def test_a_model_is_scored_on_silver_reports_only_on_request(drafts: Path, checkpoint_folder: Path) -> None:
    label_files(checkpoint_folder, drafts, drafts.parent / "silver", "cpu")
    with pytest.raises(DataError, match="3 of the 3 reports were labeled by a model") as refusal:
        evaluate(checkpoint_folder, drafts.parent / "silver", device="cpu")
    assert "--silver" in str(refusal.value)
    assert evaluate(checkpoint_folder, drafts.parent / "silver", device="cpu", silver=True).report.documents == 3
