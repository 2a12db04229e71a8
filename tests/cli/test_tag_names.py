"""`tag --names` and `evaluate --names`: a user's list wins, says so in a column, and is checked before any work."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from conflict_ner.inference.files import resumable_job
from conflict_ner.inference.tagger import Tagger
from helpers.command import conflict_ner

TEXT = "At least 19 fighters died in a drone strike near El Fasher."
Captured = pytest.CaptureFixture[str]


@pytest.fixture
def reports(tmp_path: Path) -> Path:
    file = tmp_path / "reports.csv"
    file.write_text(f"id,source,text\na,Radio,{TEXT}\nb,Radio,Quiet.\n", encoding="utf-8")
    return file


@pytest.fixture
def names(tmp_path: Path) -> Path:
    file = tmp_path / "names.csv"
    file.write_text("name,label\nstrike near,ACTOR\n", encoding="utf-8")
    return file


def test_mentions_say_where_they_are_from(
    checkpoint_folder: Path, reports: Path, names: Path, capsys: Captured
) -> None:
    out = reports.with_name("out.csv")
    assert conflict_ner(capsys, "tag", checkpoint_folder, reports, "--names", names, "--values", "-o", out)[0] == 0
    with out.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert list(rows[0])[-3:] == ["kind", "source", "report.source"]
    assert [(row["text"], row["source"], row["score"]) for row in rows if row["source"] == "names"] == [
        ("strike near", "names", "1.0")
    ]
    assert {row["source"] for row in rows} == {"names", "model"}


def test_the_column_is_in_every_form_and_only_with_names(
    checkpoint_folder: Path, reports: Path, names: Path, capsys: Captured
) -> None:
    _, printed, _ = conflict_ner(capsys, "tag", checkpoint_folder, reports, "--names", names, "--json")
    assert [e["source"] for e in json.loads(printed.splitlines()[0])["entities"]].count("names") == 1
    _, printed, _ = conflict_ner(capsys, "tag", checkpoint_folder, reports, "--json")
    assert all("source" not in entity for entity in json.loads(printed.splitlines()[0])["entities"])
    page = reports.with_name("page.html")
    for table in ("reports", "mentions", "incidents"):
        out = reports.with_name(f"{table}.parquet")
        options = ("--names", names, "--rows", table, "-o", out, "--html", page)
        assert conflict_ner(capsys, "tag", checkpoint_folder, reports, *options)[0] == 0
        rows = pq.read_table(out).to_pylist()
        if table == "incidents":
            assert "strike near" in rows[0]["actors"]
        else:
            sources = [e["source"] for e in rows[0]["entities"]] if table == "reports" else [r["source"] for r in rows]
            assert sources.count("names") == 1
        assert "strike near" in page.read_text(encoding="utf-8")


def test_a_faulty_list_is_refused_before_the_model_is_loaded(
    checkpoint_folder: Path, reports: Path, names: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Tagger, "load", None)
    names.write_text("name,label\nGoma,PLACE\n,ACTOR\n", encoding="utf-8")
    out = reports.with_name("out.csv")
    code, _, err = conflict_ner(capsys, "tag", checkpoint_folder, reports, "--names", names, "-o", out)
    assert code
    assert not out.exists()
    assert f"{names}:2: 'PLACE' is not a label of the checkpoint" in err
    assert f"{names}:3: the name is empty" in err


def test_another_list_is_another_job(
    checkpoint_folder: Path, reports: Path, names: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resumable_job, "EVERY", 0.0)
    out = reports.with_name("out.jsonl")
    partial, progress = resumable_job.job_files(out)

    def stop(job: resumable_job.Job, *_: object) -> None:
        job._save()
        raise KeyboardInterrupt

    monkeypatch.setattr(resumable_job.Job, "finish", stop)
    conflict_ner(capsys, "tag", checkpoint_folder, reports, "--names", names, "-o", out)
    monkeypatch.undo()
    facts = json.loads(progress.read_text(encoding="utf-8").splitlines()[0])
    assert len(facts["names"]) == 64
    names.write_text("name,label\nEl Fasher,ACTOR\n", encoding="utf-8")
    code, _, err = conflict_ner(capsys, "tag", checkpoint_folder, reports, "--names", names, "-o", out, "--resume")
    assert code
    assert "names: was" in err
    assert partial.exists()


def test_evaluate_scores_with_names(checkpoint_folder: Path, reports_file: Path, names: Path, capsys: Captured) -> None:
    def predicted(*options: object) -> int:
        code, printed, _ = conflict_ner(capsys, "evaluate", checkpoint_folder, reports_file, "--json", *options)
        assert code == 0
        return int(json.loads(printed)["strict"]["micro"]["correct"])

    assert predicted("--names", names) == predicted() - 1
