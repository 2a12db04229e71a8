"""A checkpoint scored on labeled files: one object with all that views need."""

from __future__ import annotations

from pathlib import Path

import pytest
from conflict_ner.checkpoint import Checkpoint
from conflict_ner.errors import DataError
from conflict_ner.evaluation.report import Evaluation
from conflict_ner.inference import evaluate
from conflict_ner.inference.tagger import Tagger
from helpers.runs import LABELS


@pytest.fixture(scope="module")
def done(checkpoint_folder: Path, reports_file: Path) -> Evaluation:
    return evaluate.evaluate(checkpoint_folder, [reports_file], device="cpu")


def test_an_evaluation_holds_what_was_scored_and_on_what(
    done: Evaluation, checkpoint_folder: Path, reports_file: Path, tagger: Tagger
) -> None:
    assert (done.name, done.data, done.labels) == (checkpoint_folder.name, str(reports_file), LABELS)
    assert [document.id for document in done.documents] == ["t-1", "t-2", "t-3"]
    assert [list(each) for each in done.found] == tagger.tag([document.text for document in done.documents])
    assert done.history == Checkpoint.load(checkpoint_folder).manifest.history
    assert done.report.documents == 3


def test_what_training_has_seen_is_known_from_the_checkpoint(done: Evaluation) -> None:
    assert set(done.report.slices["report seen in training"]) == {"seen"}
    assert set(done.report.slices["seen in training"]) == {"seen"}
    assert done.report.slices["seen in training"]["seen"].strict.gold == done.report.mentions


def test_an_unknown_field_is_refused_before_anything_is_tagged(
    checkpoint_folder: Path, reports_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Tagger, "tag", lambda *_: pytest.fail("tagged"))
    with pytest.raises(DataError, match="no report has the field 'year'; the fields are theatre, genre"):
        evaluate.evaluate(checkpoint_folder, [reports_file], device="cpu", fields=["theatre", "year"])


def test_a_checkpoint_is_named_also_where_one_stands_in_it(
    checkpoint_folder: Path, reports_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(checkpoint_folder)
    assert evaluate.evaluate(Path(), [reports_file], device="cpu").name == checkpoint_folder.name
