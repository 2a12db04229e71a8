"""The command `train`: one run or several, and what it prints."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest
from conflict_ner.config import dump_config, load_config
from conflict_ner.training import run, saved_epochs
from helpers.command import conflict_ner
from helpers.runs import REPORTS, make_config


@pytest.fixture
def recipe(tmp_path: Path, encoder_folder: Path, reports_file: Path) -> Path:
    """A config of one epoch on three reports."""
    config = make_config(tmp_path, encoder_folder, reports_file, epochs=1)
    file = tmp_path / "recipe.yaml"
    file.write_text(dump_config(config, tmp_path), encoding="utf-8")
    return file


@pytest.mark.usefixtures("verified_here")
def test_one_run_is_shown_as_a_table_markdown_or_json(recipe: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = conflict_ner(capsys, "train", recipe)
    assert code == 0
    assert "validation: strict" in out
    assert "Tagger.load(" in out
    code, out, _ = conflict_ner(capsys, "train", recipe, "--json")
    assert json.loads(out)["scores"]["validation"]["documents"] == 3
    code, out, _ = conflict_ner(capsys, "train", recipe, "--markdown")
    assert out.startswith("validation:\n\n| label |")


@pytest.mark.usefixtures("verified_here")
def test_labeled_reports_are_trained_on_without_a_config(
    recipe: Path, reports_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, overlap = recipe.parent / "mine", "encoding.overlap=8"
    encoder = load_config(recipe).encoder
    settings = [f"output={out}", f"encoder={encoder}", "training.epochs=1", "training.device=cpu", overlap]
    options = [part for setting in settings for part in ("--set", setting)]
    code, printed, err = conflict_ner(capsys, "train", reports_file, *options, "--json")
    assert code == 0
    assert json.loads(printed)["scores"]["validation"]["documents"] == 1
    assert "its labels are learned (ACTOR, LOCATION, NUMBER, WEAPON), 20% of the reports choose the best epoch" in err
    assert load_config(out / "run.yaml").data.validation_share == 0.2


@pytest.mark.usefixtures("verified_here")
def test_seeds_give_one_table_and_a_file(recipe: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = conflict_ner(capsys, "train", recipe, "--seeds", "2", "--markdown")
    assert code == 0
    lines = out.splitlines()
    assert lines[0] == "| run | validation F1 | validation seqeval default | checkpoint |"
    assert [line.split("|")[1].strip() for line in lines[2:]] == ["seed 7", "seed 8", "mean", "standard deviation"]
    assert "model-seeds.json" in err
    code, again, _ = conflict_ner(capsys, "train", recipe, "--seeds", "2", "--resume", "--json")
    assert code == 0
    assert json.loads(again) == json.loads((recipe.parent / "model-seeds.json").read_text(encoding="utf-8"))
    shown = conflict_ner(capsys, "train", recipe, "--seeds", "2", "--resume")[1]
    assert "seed 8 is in model-seed8\n" in shown
    assert "standard deviation" in shown


def test_seeds_and_folds_exclude_each_other(recipe: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for options in (("--seeds", "2", "--folds", "2"), ("--group", "theatre"), ("--seeds", "0"), ("--folds", "1")):
        assert conflict_ner(capsys, "train", recipe, *options)[0] == 2


def test_impossible_folds_are_refused(recipe: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = conflict_ner(capsys, "train", recipe, "--folds", "3", "--group", "theatre")
    assert code == 1
    assert "2 values of 'theatre' among the training reports, too few for 3 folds" in err
    code, _, err = conflict_ner(capsys, "train", recipe, "--folds", "2", "--group", "genre")
    assert code == 1
    assert "has no 'genre' in its header" in err


@pytest.mark.usefixtures("verified_here")
def test_folds_name_what_they_hold_out_also_on_a_narrow_terminal(
    recipe: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    reports = recipe.parent / "train.md"
    more = (REPORTS.replace("=== t-", f"=== {n}-").replace("Nowhere", n).replace("Elsewhere", n) for n in "ab")
    reports.write_text("\n".join(more), encoding="utf-8")
    monkeypatch.setenv("COLUMNS", "80")
    options = ("--set", f"data.train=[{reports}]", "--set", "data.allow_copies=true", "--folds", "2")
    code, out, err = conflict_ner(capsys, "train", recipe, *options, "--group", "theatre")
    assert code == 0
    lines = [line.rstrip() for line in out.splitlines()]
    assert {lines[-2], lines[-1]} in (
        {"fold 1 is in model-fold1; it holds out a", "fold 2 is in model-fold2; it holds out b"},
        {"fold 1 is in model-fold1; it holds out b", "fold 2 is in model-fold2; it holds out a"},
    )
    assert "single reports" not in err
    markdown = conflict_ner(capsys, "train", recipe, *options, "--group", "theatre", "--resume", "--markdown")[1]
    assert markdown.splitlines()[0].endswith("| fold seqeval default | checkpoint | held out |")
    assert "single reports" in conflict_ner(capsys, "train", recipe, *options, "--overwrite")[2]


@pytest.mark.parametrize("moment", ["loading data", "before an epoch is saved", "after an epoch is saved"])
def test_an_interrupt_prints_in_one_line_what_is_saved_and_the_command_that_continues(
    recipe: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    if moment == "loading data":
        monkeypatch.setattr(run, "load", interrupt)
    elif moment == "before an epoch is saved":
        monkeypatch.setattr(run, "fit", interrupt)
    else:
        monkeypatch.setattr(run, "_export_best_epoch", interrupt)
    code, out, err = conflict_ner(capsys, "train", recipe)
    assert (code, out) == (130, "")
    lines = [line for line in err.splitlines() if "interrupted" in line]
    if moment == "after an epoch is saved":
        safe = f"epochs that are safe in {recipe.parent}/model.training: 1"
        assert lines == [f"interrupted; {safe}; to go on: conflict-ner train {recipe} --resume"]
    else:
        assert lines == [f"interrupted; no epoch is saved yet; to start anew: conflict-ner train {recipe}"]
    assert "Traceback" not in err


def test_a_signal_before_anything_is_saved_exits_with_130_and_one_line(
    recipe: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(saved_epochs, "refuse_lost_work", lambda *_, **__: signal.raise_signal(signal.SIGINT))
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background ignores it
    try:
        code, out, err = conflict_ner(capsys, "train", recipe)
    finally:
        signal.signal(signal.SIGINT, handler)
    assert (code, out) == (130, "")
    assert err.strip() == f"interrupted; no epoch is saved yet; to start anew: conflict-ner train {recipe}"
