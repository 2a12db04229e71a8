"""Evaluating one checkpoint on labeled files, or two for a comparison."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from conflict_ner.checkpoint import Checkpoint
from conflict_ner.data.document import Entity
from conflict_ner.errors import ConfigError, DataError
from conflict_ner.evaluation import predictions
from conflict_ner.evaluation.comparison import check_same_labels, compare
from conflict_ner.evaluation.report import Evaluation
from conflict_ner.inference import evaluate
from conflict_ner.inference.evaluate import evaluate_pair
from conflict_ner.inference.tagger import Tagger
from helpers.runs import LABELS


@pytest.fixture(scope="module")
def evaluation(checkpoint_folder: Path, reports_file: Path) -> Evaluation:
    return evaluate.evaluate(checkpoint_folder, [reports_file], device="cpu")


def test_an_evaluation_holds_what_was_scored_and_on_what(
    evaluation: Evaluation, checkpoint_folder: Path, reports_file: Path, tagger: Tagger
) -> None:
    assert (evaluation.name, evaluation.data, evaluation.labels) == (checkpoint_folder.name, str(reports_file), LABELS)
    assert [document.id for document in evaluation.documents] == ["t-1", "t-2", "t-3"]
    assert [list(entities) for entities in evaluation.predicted] == tagger.tag(
        [document.text for document in evaluation.documents]
    )
    assert evaluation.history == Checkpoint.load(checkpoint_folder).manifest.history
    assert evaluation.report.documents == 3


def test_what_training_has_seen_is_known_from_the_checkpoint(evaluation: Evaluation) -> None:
    assert set(evaluation.report.slices["report seen in training"]) == {"seen"}
    assert set(evaluation.report.slices["seen in training"]) == {"seen"}
    assert evaluation.report.slices["seen in training"]["seen"].strict.gold == evaluation.report.mentions


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


@pytest.fixture(scope="module")
def saved_file(tmp_path_factory: pytest.TempPathFactory, checkpoint_folder: Path, reports_file: Path) -> Path:
    """The saved evaluation of the checkpoint on its three reports."""
    target = tmp_path_factory.mktemp("saved") / "done.jsonl"
    predictions.save(evaluate.evaluate(checkpoint_folder, [reports_file], device="cpu"), target)
    return target


def test_a_checkpoint_and_its_saved_evaluation_do_not_differ(
    saved_file: Path, checkpoint_folder: Path, reports_file: Path
) -> None:
    one, other = evaluate_pair(checkpoint_folder, saved_file, [reports_file], "cpu")
    assert (one.name, other.name) == (str(checkpoint_folder), str(saved_file))
    assert one.report == other.report
    assert one.predicted == other.predicted
    assert compare(one, other).changes == ()


def test_two_saved_evaluations_need_no_data(saved_file: Path) -> None:
    assert compare(*evaluate_pair(saved_file, saved_file)).micro.p == 1


def test_a_checkpoint_needs_data_and_files_take_none(
    saved_file: Path, checkpoint_folder: Path, reports_file: Path
) -> None:
    with pytest.raises(ConfigError, match=r"DATA: is missing; name labeled reports to evaluate .* on"):
        evaluate_pair(saved_file, checkpoint_folder)
    with pytest.raises(ConfigError, match="is not used: saved evaluations hold their reports; leave it out"):
        evaluate_pair(saved_file, saved_file, [reports_file])


def test_a_path_that_is_not_there_is_named(saved_file: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none: no such file or folder; name a checkpoint's folder, or a file"):
        evaluate_pair(saved_file, tmp_path / "none")


def test_other_labels_are_refused_before_the_model_runs(
    saved_file: Path, tmp_path: Path, checkpoint_folder: Path, reports_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    head, *lines = saved_file.read_text(encoding="utf-8").splitlines(keepends=True)
    changed = json.loads(head)
    changed["labels"].append("VEHICLE")
    nothing = {**changed["report"]["strict"]["labels"]["ACTOR"], "correct": 0, "predicted": 0, "gold": 0}
    changed["report"]["strict"]["labels"]["VEHICLE"] = nothing
    (tmp_path / "other.jsonl").write_text(json.dumps(changed) + "\n" + "".join(lines), encoding="utf-8")
    monkeypatch.setattr(evaluate, "evaluate", lambda *_, **__: pytest.fail("too early"))
    with pytest.raises(DataError, match=r"other\.jsonl: has the label VEHICLE"):
        evaluate_pair(checkpoint_folder, tmp_path / "other.jsonl", [reports_file])


def test_a_saved_evaluation_of_other_reports_is_refused(
    saved_file: Path, tmp_path: Path, checkpoint_folder: Path, reports_file: Path
) -> None:
    other = tmp_path / "other.md"
    other.write_text(reports_file.read_text(encoding="utf-8").replace("from the coast", "inland"), encoding="utf-8")
    with pytest.raises(DataError, match=r"report 't-2' differs .*starting at 'inland.*; evaluate both on the same"):
        compare(*evaluate_pair(saved_file, checkpoint_folder, [other], "cpu"))


def test_a_checkpoint_that_knows_kinds_is_scored_at_the_first_level_on_data_without_them(
    checkpoint_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    deep = ("ACTOR", "WEAPON", "LOCATION", "NUMBER.killed", "NUMBER.other")
    monkeypatch.setattr(Tagger, "labels", property(lambda _: deep))
    found = [[Entity("NUMBER.other", "two", 7, 10, 0.9)]]
    monkeypatch.setattr(Tagger, "tag", lambda *_: found)
    plain, typed = (tmp_path / name for name in ("plain.md", "typed.md"))
    plain.write_text("=== a\n\nKilled [two](NUMBER) there.\n")
    typed.write_text(plain.read_text().replace("NUMBER", "NUMBER.killed"))
    scored = evaluate.evaluate(checkpoint_folder, plain, device="cpu")
    assert capsys.readouterr().err == "note: no label of the data has a kind: scored at the first level\n"
    assert scored.labels == LABELS
    assert scored.report.strict.micro.f1 == 1
    assert scored.predicted[0][0].label == "NUMBER"
    scored = evaluate.evaluate(checkpoint_folder, typed, device="cpu")
    assert (scored.labels, scored.report.strict.micro.f1, capsys.readouterr().err) == (deep, 0, "")
    scored = evaluate.evaluate(checkpoint_folder, [plain.rename(tmp_path / "x.md")], device="cpu", first_level=True)
    assert (scored.report.strict.micro.f1, capsys.readouterr().err) == (1, "")
    mixed = tmp_path / "mixed.md"
    mixed.write_text("=== a\n\nKilled [two](NUMBER) and [3](NUMBER.killed).\n")
    with pytest.raises(DataError, match=r"NUMBER\.other, or score the first level with --first-level"):
        evaluate.evaluate(checkpoint_folder, mixed, device="cpu")


def test_models_of_labels_of_one_and_two_levels_are_compared_at_the_first() -> None:
    with pytest.raises(DataError, match=r"a: has the label NUMBER, b has not; `evaluate --first-level --pred"):
        check_same_labels(["a", "b"], [["ACTOR", "NUMBER"], ["ACTOR", "NUMBER.killed"]])
