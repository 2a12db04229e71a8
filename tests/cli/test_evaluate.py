"""The command `evaluate`: its options, what it refuses and what it prints."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from conflict_ner.cli import main
from conflict_ner.cli.options import parse_thresholds
from conflict_ner.errors import ConfigError
from hypothesis import given, settings
from hypothesis import strategies as st


def run(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    monkeypatch.setattr(sys, "argv", ["conflict-ner", *map(str, arguments)])
    with pytest.raises(SystemExit) as exit_:
        main.main()
    return int(exit_.value.code or 0)


def test_thresholds_are_label_and_score() -> None:
    assert parse_thresholds(["ACTOR=0.5", "A=B=1"]) == {"ACTOR": 0.5, "A=B": 1.0}
    with pytest.raises(ConfigError, match="--threshold WEAPON: not LABEL=SCORE") as error:
        parse_thresholds(["WEAPON", "=1", "X=high"])
    assert len(error.value.problems) == 3


def test_a_second_threshold_of_a_label_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"--threshold WEAPON=0\.7: WEAPON has one already") as error:
        parse_thresholds(["WEAPON=0.6", "ACTOR=0.6", "WEAPON=0.7"])
    assert len(error.value.problems) == 1


@settings(max_examples=50, deadline=None, derandomize=True)
@given(st.dictionaries(st.text(min_size=1), st.floats(allow_nan=False)))
def test_any_labels_and_scores_are_parsed_as_they_were_written(thresholds: dict[str, float]) -> None:
    assert parse_thresholds([f"{label}={score}" for label, score in thresholds.items()]) == thresholds


@settings(max_examples=50, deadline=None, derandomize=True)
@given(st.lists(st.text("AB=1.x", max_size=5), max_size=6))
def test_options_give_a_threshold_each_or_an_error_that_quotes_the_faulty_ones(options: list[str]) -> None:
    labels = [option.rpartition("=")[0] for option in options]
    scores = [option.rpartition("=")[2] for option in options]
    is_valid = all(labels) and all(is_number(score) for score in scores) and len(set(labels)) == len(labels)
    if is_valid:
        assert parse_thresholds(options) == dict(zip(labels, map(float, scores), strict=True))
        return
    with pytest.raises(ConfigError) as error:
        parse_thresholds(options)
    assert {problem.where for problem in error.value.problems} <= {f"--threshold {option}" for option in options}


def is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def test_a_threshold_is_applied_and_recorded(
    checkpoint_folder: Path, reports_file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    thresholds = [f"--threshold={label}=1" for label in ("ACTOR", "WEAPON", "LOCATION", "NUMBER")]
    assert run(monkeypatch, "evaluate", checkpoint_folder, reports_file, "--json", *thresholds) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["threshold"] == {"ACTOR": 1, "WEAPON": 1, "LOCATION": 1, "NUMBER": 1}
    assert report["strict"]["micro"]["predicted"] == 0
    assert report["strict"]["micro"]["precision"] is None
    assert report["calibration"] is None


def test_without_a_checkpoint_the_model_of_the_package_is_scored(
    checkpoint_folder: Path, reports_file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("conflict_ner.checkpoint.SHIPPED_MODEL", checkpoint_folder)
    assert run(monkeypatch, "evaluate", reports_file, "--json") == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["strict"]["micro"]["f1"] == 1  # it was trained on these reports
    assert "note: no checkpoint is named: using the model" in err


def test_tagging_takes_thresholds_too(
    checkpoint_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.txt").write_text("At least 19 fighters died in a drone strike near El Fasher.", encoding="utf-8")
    found = []
    for options in ([], ["--threshold=ACTOR=1", "--threshold=WEAPON=0"]):
        assert run(monkeypatch, "tag", checkpoint_folder, tmp_path / "a.txt", "--json", *options) == 0
        found.append([entity["label"] for entity in json.loads(capsys.readouterr().out)["entities"]])
    assert found == [["NUMBER", "ACTOR", "WEAPON", "LOCATION"], ["NUMBER", "WEAPON", "LOCATION"]]


@pytest.mark.parametrize(
    ("option", "message"),
    [("--threshold=CITY=0.5", "CITY=0.5: not a label"), ("--threshold=ACTOR=1.5", "ACTOR=1.5: not a score")],
)
def test_a_wrong_threshold_is_refused(
    option: str,
    message: str,
    checkpoint_folder: Path,
    reports_file: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for command in ("evaluate", "tag"):
        assert run(monkeypatch, command, checkpoint_folder, reports_file, option) == 2
        assert message in capsys.readouterr().err


def test_an_unknown_field_is_refused_with_a_list_of_the_fields(
    checkpoint_folder: Path, reports_file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "evaluate", checkpoint_folder, reports_file, "--slice=teatre") == 1
    assert "no report has the field 'teatre'; the fields are theatre, genre" in capsys.readouterr().err


def test_the_slices_and_the_curves_are_printed(
    checkpoint_folder: Path, reports_file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "evaluate", checkpoint_folder, reports_file, "--slice=theatre", "--curves") == 0
    out = capsys.readouterr().out
    assert "Nowhere" in out
    assert "ACTOR by threshold" in out
    assert "seen in training" in out


def test_the_page_is_written_under_the_old_name_of_the_option_too(
    checkpoint_folder: Path,
    reports_file: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    pages = [tmp_path / "html" / "page.html", tmp_path / "report" / "page.html"]
    for page in pages:
        page.parent.mkdir()
        assert run(monkeypatch, "evaluate", checkpoint_folder, reports_file, f"--{page.parent.name}", page) == 0
        assert "open it in a browser" in capsys.readouterr().err
    assert pages[0].read_bytes() == pages[1].read_bytes()
    both = ["--html", pages[0], "--report", pages[1]]
    assert run(monkeypatch, "evaluate", checkpoint_folder, reports_file, *both) == 2
    assert run(monkeypatch, "evaluate", "--help") == 0
    out = capsys.readouterr().out
    assert "--html" in out
    assert "--report" not in out


def test_two_outputs_in_one_file_are_refused(
    checkpoint_folder: Path, reports_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    options = ["--html=out", f"--predictions={tmp_path / 'out'}"]
    assert run(monkeypatch, "evaluate", checkpoint_folder, reports_file, *options) == 2
    assert run(monkeypatch, "tag", checkpoint_folder, reports_file, "--html=out", "--output=./out") == 2
    assert not list(tmp_path.iterdir())


def test_a_missing_folder_is_an_error_before_the_work(
    checkpoint_folder: Path,
    reports_file: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("conflict_ner.inference.evaluate.evaluate", lambda *_, **__: pytest.fail("it was evaluated"))
    target = tmp_path / "nowhere" / "saved.jsonl"
    assert run(monkeypatch, "evaluate", checkpoint_folder, reports_file, f"--predictions={target}") == 3
    assert f"{target}: No such file or directory" in capsys.readouterr().err
