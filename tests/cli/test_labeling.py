"""The commands `review` and `label`: what they write and what they refuse."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from conflict_ner.config import dump_config
from conflict_ner.evaluation.gold.label_errors import Review
from helpers.command import conflict_ner
from helpers.runs import REPORTS, make_config


@pytest.fixture
def wrong_file(tmp_path: Path) -> Path:
    """The reports that the checkpoint knows by heart, one of them with a wrong label."""
    file = tmp_path / "wrong.md"
    file.write_text(REPORTS.replace("[missiles](WEAPON)", "[missiles](ACTOR)"), encoding="utf-8")
    return file


def test_a_review_is_a_table_a_page_and_rows(
    checkpoint_folder: Path,
    wrong_file: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "250")  # a long place in the table would wrap the cells beside it
    page, rows = tmp_path / "page.html", tmp_path / "rows.jsonl"
    arguments = ("review", checkpoint_folder, wrong_file, "--html", page, "-o", rows, "--show", 1)
    code, out, err = conflict_ner(capsys, *arguments)
    assert code == 0
    assert "missiles (ACTOR)  missiles (WEAPON)" in out
    assert "Likely errors of gold: 0." in out  # so small a model is never as sure
    assert "the page is in" in err
    first, *others = [json.loads(line) for line in rows.read_text(encoding="utf-8").splitlines()]
    assert (first["rank"], first["kind"], first["likely"]) == (1, "wrong label", False)
    assert {row["kind"] for row in others} == {"agreed"}
    assert "1. wrong label" in page.read_text(encoding="utf-8")


def test_the_checkpoint_may_be_an_option_and_rows_may_be_printed(
    checkpoint_folder: Path, wrong_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = conflict_ner(capsys, "review", wrong_file, "--checkpoint", checkpoint_folder, "--json")
    assert code == 0
    assert json.loads(out.splitlines()[0])["kind"] == "wrong label"


def test_without_a_checkpoint_the_model_of_the_package_reviews(
    checkpoint_folder: Path, wrong_file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("conflict_ner.checkpoint.SHIPPED_MODEL", checkpoint_folder)
    code, _, err = conflict_ner(capsys, "review", wrong_file)
    assert code == 0
    assert "note: no checkpoint is named: using the model" in err


def test_a_failed_review_writes_nothing(
    checkpoint_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, rows = tmp_path / "a.md", tmp_path / "rows.jsonl"
    file.write_text("=== a\n\n[Rebels](PERSON) left [Goma](TOWN).\n", encoding="utf-8")
    rows.write_text("earlier")
    code, _, err = conflict_ner(capsys, "review", checkpoint_folder, file, "-o", rows)
    assert code == 1
    assert f"{file}:3:1: " in err
    assert "TOWN" in err
    assert rows.read_text() == "earlier"


def test_the_next_reports_are_a_list_and_rows(
    checkpoint_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table, rows = tmp_path / "reports.csv", tmp_path / "next.jsonl"
    texts = ["Nobody saw the convoy leave.", "Snow closed both passes.", "Snow closed both passes.", "A dam broke."]
    table.write_text("key,body\n" + "".join(f"k{n},{text}\n" for n, text in enumerate(texts)), encoding="utf-8")
    columns = ("--column", "body", "--id-column", "key")
    code, out, err = conflict_ner(capsys, "review", checkpoint_folder, table, "--next", 2, "-o", rows, *columns)
    assert code == 0
    records = [json.loads(line) for line in rows.read_text(encoding="utf-8").splitlines()]
    assert len(records) == 2
    assert all(texts[int(record["id"][1])] == record["text"] for record in records)
    assert all(record["id"] in out for record in records)
    assert "left out: copies 1" in err
    code, out, err = conflict_ner(capsys, "review", checkpoint_folder, table, "--next", 9, "--json", *columns)
    assert (code, len(out.splitlines())) == (0, 3)
    assert "there are only 3 reports that differ enough" in err


def test_inputs_that_cannot_be_read_are_named(
    checkpoint_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.jsonl").write_text('{"text": "Snow fell."}\n{"tex": "?"}\n', encoding="utf-8")
    code, _, err = conflict_ner(capsys, "review", checkpoint_folder, tmp_path / "a.jsonl", "--next", 1)
    assert code == 1
    assert "a.jsonl:2: no string under 'text'" in err
    rows = tmp_path / "next.jsonl"
    (tmp_path / "empty.jsonl").write_text("", encoding="utf-8")
    code, _, err = conflict_ner(capsys, "review", checkpoint_folder, tmp_path / "empty.jsonl", "--next", 1, "-o", rows)
    assert code == 1
    assert "nothing is chosen: no report could be read" in err
    assert not rows.exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "name what to review"),
        (("--checkpoint", "models/x"), "name what to review"),
        (("a.md", "--next", "0"), "--next"),
        (("a.md", "--next", "5", "--folds", "5"), "--next and --folds exclude each other"),
        (("a.md", "--next", "5", "--html", "a.html"), "--next makes a list and no page"),
        (("a.yaml", "--folds", "5", "--checkpoint", "x"), "--folds trains its own checkpoints"),
        (("--folds", "5"), "name what to review"),
        (("a.yaml", "b.md", "--folds", "5"), "one config, or labeled files; name either"),
        (("a.yaml", "--folds", "5", "--skip-faulty"), "--set, such as data.strict=false"),
        (("a.yaml", "--folds", "5", "--device", "cuda"), "--set training.device=cpu"),
        (("a.md", "--group", "theatre"), "--group goes with --folds"),
        (("a.md", "--column", "body"), "--column goes with --next"),
        (("a.md", "--html", "x", "-o", "x"), "--html and --output are one file"),
    ],
)
def test_options_that_do_not_go_together_are_refused(
    arguments: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _, err = conflict_ner(capsys, "review", *arguments)
    assert code == 2
    assert message in " ".join(err.replace("│", " ").split())


def test_folds_of_a_config_are_reviewed(
    encoder_folder: Path,
    reports_file: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    config = make_config(tmp_path, encoder_folder, reports_file)
    (tmp_path / "run.yaml").write_text(dump_config(config, tmp_path), encoding="utf-8")
    asked: list[Any] = []

    def review_folds(config: Any, count: int, group: str | None, **options: Any) -> Review:
        asked.append((config.training.epochs, count, group, options["restart"], options["overwrite"]))
        return Review("model, 3 folds", "train.md", config.labels, (), ())

    monkeypatch.setattr("conflict_ner.training.multirun.review_folds", review_folds)
    arguments = ("--folds", 3, "--group", "theatre", "--overwrite", "--set", "training.epochs=2")
    code, out, _ = conflict_ner(capsys, "review", tmp_path / "run.yaml", *arguments)
    assert code == 0
    assert asked == [(2, 3, "theatre", False, True)]
    assert "train.md, read by model, 3 folds" in out


def test_folds_of_labeled_files_need_no_config(
    reports_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[Any] = []

    def review_folds(config: Any, count: int, group: str | None, **_: object) -> Review:
        asked.append((config.data.train, config.training.epochs, config.output, count))
        return Review("review, 5 folds", "reports.md", config.labels, (), ())

    monkeypatch.setattr("conflict_ner.training.multirun.review_folds", review_folds)
    monkeypatch.chdir(tmp_path)
    code, out, _ = conflict_ner(capsys, "review", reports_file, "--folds", 5, "--set", "training.epochs=2")
    assert code == 0
    assert asked == [((reports_file,), 2, tmp_path / "models" / "review", 5)]
    assert "reports.md, read by review, 5 folds" in out
