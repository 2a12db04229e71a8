"""`tag --values` and `tag --rows incidents`: columns for coders."""

from __future__ import annotations

import csv
import io
import json
import re
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from conflict_ner.data.document import Entity
from conflict_ner.inference.tagger import Tagger
from conflict_ner.values import Quantity
from helpers.command import conflict_ner

TEXT = "At least 19 fighters died in a drone strike near El Fasher."
Captured = pytest.CaptureFixture[str]


@pytest.fixture
def reports(tmp_path: Path) -> Path:
    file = tmp_path / "reports.csv"
    file.write_text(f"id,province,text\na,Darfur,{TEXT}\nb,Darfur,Quiet.\n", encoding="utf-8")
    return file


@pytest.fixture
def counting_tagger(monkeypatch: pytest.MonkeyPatch) -> None:
    """A model that knows what numbers count: nothing trained in a second learns that."""
    found = [
        Entity("NUMBER.killed", "At least 19", 0, 11, 0.9, Quantity(19, 19), "killed"),
        Entity("ACTOR", "fighters", 12, 20, 0.9),
        Entity("WEAPON", "drone strike", 31, 43, 0.9, kind="uav"),
        Entity("LOCATION", "El Fasher", 49, 58, 0.9),
    ]
    monkeypatch.setattr(Tagger, "stream", lambda _, texts: (found if text == TEXT else [] for text in texts))


def test_values_are_columns_of_mentions(checkpoint_folder: Path, reports: Path, capsys: Captured) -> None:
    out = reports.with_name("out.csv")
    assert conflict_ner(capsys, "tag", checkpoint_folder, reports, "--values", "-o", out)[0] == 0
    with out.open(encoding="utf-8", newline="") as stream:
        rows = {row["label"]: row for row in csv.DictReader(stream)}
    names = ["value", "low", "high", "approximate", "unit", "kind"]
    assert list(rows["NUMBER"])[5:] == ["score", *names, "province"]
    assert [rows["NUMBER"][name] for name in names] == ["19", "19", "", "false", "", ""]
    assert [rows["WEAPON"][name] for name in names] == ["", "", "", "", "", "uav"]
    assert [rows["ACTOR"][name] for name in names] == [""] * 6


def test_values_are_in_every_form(checkpoint_folder: Path, reports: Path, capsys: Captured) -> None:
    code, printed, _ = conflict_ner(capsys, "tag", checkpoint_folder, reports, "--values", "--json")
    (number, *_) = json.loads(printed.splitlines()[0])["entities"]
    assert (code, number["value"], number["low"], number["high"], number["kind"]) == (0, 19, 19, None, None)
    for table in ("reports", "mentions"):
        out = reports.with_name(f"{table}.parquet")
        assert conflict_ner(capsys, "tag", checkpoint_folder, reports, "--values", "--rows", table, "-o", out)[0] == 0
        rows = pq.read_table(out).to_pylist()
        first = rows[0]["entities"][0] if table == "reports" else rows[0]
        assert (first["text"], first["low"], first["high"], first["approximate"]) == ("At least 19", 19.0, None, False)


@pytest.mark.usefixtures("counting_tagger")
@pytest.mark.parametrize("ending", ["csv", "parquet", "jsonl", "xlsx"])
def test_an_incident_is_a_row_a_report(ending: str, checkpoint_folder: Path, reports: Path, capsys: Captured) -> None:
    out = reports.with_name(f"out.{ending}")
    code, _, err = conflict_ner(capsys, "tag", checkpoint_folder, reports, "--rows", "incidents", "-o", out)
    assert code == 0
    assert "does not know what numbers count" in err  # the checkpoint has only plain labels
    if ending == "parquet":
        rows = pq.read_table(out).to_pylist()
    elif ending == "jsonl":
        rows = list(map(json.loads, out.read_text(encoding="utf-8").splitlines()))
    elif ending == "csv":
        rows = list(csv.DictReader(io.StringIO(out.read_text(encoding="utf-8"))))
    else:
        from python_calamine import CalamineWorkbook

        header, *cells = CalamineWorkbook.from_path(out).get_sheet_by_index(0).to_python()
        rows = [dict(zip(header, row, strict=True)) for row in cells]
    assert [row["id"] for row in rows] == ["a", "b"]
    first, second = ({key: value if value != "" else None for key, value in row.items()} for row in rows)
    assert (first["actors"], first["weapons"], first["weapon_kinds"]) == ("fighters", "drone strike", "uav")
    assert (first["locations"], first["province"], first["killed_rule"]) == ("El Fasher", "Darfur", "single")
    assert [float(first[name] or 0) for name in ("killed_low", "killed_value", "killed_high")] == [19, 19, 0]
    assert (second["actors"], second["killed_value"], second["killed_rule"]) == (None, None, None)


@pytest.mark.usefixtures("counting_tagger")
def test_incidents_go_to_standard_output_too(checkpoint_folder: Path, reports: Path, capsys: Captured) -> None:
    code, printed, _ = conflict_ner(capsys, "tag", checkpoint_folder, reports, "--rows", "incidents", "--json")
    assert code == 0
    assert [json.loads(line)["killed_parts"] for line in printed.splitlines()] == ["At least 19", None]


@pytest.mark.usefixtures("counting_tagger")
def test_columns_of_the_input_that_have_a_name_of_ours_are_renamed(
    checkpoint_folder: Path, tmp_path: Path, capsys: Captured
) -> None:
    file, out = tmp_path / "in.csv", tmp_path / "out.csv"
    file.write_text(f"id,actors,killed_low,text\na,mine,7,{TEXT}\n", encoding="utf-8")
    assert conflict_ner(capsys, "tag", checkpoint_folder, file, "--rows", "incidents", "-o", out)[0] == 0
    (row,) = csv.DictReader(io.StringIO(out.read_text(encoding="utf-8")))
    assert (row["actors"], row["report.actors"], row["killed_low"], row["report.killed_low"]) == (
        "fighters",
        "mine",
        "19",
        "7",
    )


@pytest.mark.usefixtures("counting_tagger")
def test_a_terminal_shows_values_and_incidents(
    checkpoint_folder: Path, reports: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Tagger, "labels", property(lambda _: ("ACTOR", "WEAPON", "LOCATION", "NUMBER.killed")))
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    shown = conflict_ner(capsys, "tag", checkpoint_folder, reports, "--values")[1]
    assert "drone strike WEAPON uav" in " ".join(re.sub(r"\x1b\[[\d;]*m", "", shown).split())
    incidents = conflict_ner(capsys, "tag", checkpoint_folder, reports, "--rows", "incidents")[1]
    assert [json.loads(line)["id"] for line in incidents.splitlines()] == ["a", "b"]
