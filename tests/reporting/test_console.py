"""Tables for a console: every cell is printed completely, whatever the width and the labels."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest
from conflict_ner.benchmark import tables as benchviews
from conflict_ner.cli import train
from conflict_ner.data.document import Document, Entity, Mention
from conflict_ner.evaluation.comparison import compare
from conflict_ner.evaluation.report import Evaluation, score
from conflict_ner.reporting import comparison_tables
from conflict_ner.reporting import tables as views
from conflict_ner.reporting.console import ConsoleTable, ignore_unusable_sizes, print_table, print_wrapped, width_of
from helpers.benchmarks import BOTH, TRAINING
from helpers.evaluations import properties
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

WIDTHS = (20, 25, 30, 40, 50, 60, 72, 80, 100, 120)
LABEL_SETS = (
    ("ACTOR", "WEAPON", "LOCATION", "NUMBER"),
    ("ARMED_GROUP", "GOVERNMENT_FORCE", "WEAPON_SYSTEM", "LOCATION", "CASUALTY_COUNT", "DATE"),
    tuple(f"A_LABEL_WITH_A_LONG_NAME_{k:02}" for k in range(12)),
)
Capture = pytest.CaptureFixture[str]


def assert_whole(shown: str, rows: Sequence[Sequence[str]]) -> None:
    """Assert that every cell is in the output, between spaces, and nothing was shortened."""
    spaced = re.sub(r"\s", " ", f" {shown} ")
    for row in rows:
        for cell in filter(None, row):
            assert re.search(rf"(?<=[ ]){re.escape(cell)}(?= )", spaced), f"{cell!r} is not whole in:\n{shown}"
    assert "..." not in shown
    assert "\N{HORIZONTAL ELLIPSIS}" not in shown


def evaluation(labels: Sequence[str], name: str = "m") -> Evaluation:
    """Return an evaluation with over a thousand mentions of every label, two thirds of them found."""
    text = " ".join("word" for _ in range(40 * len(labels)))
    mentions = tuple(Mention(5 * k, 5 * k + 4, labels[k % len(labels)]) for k in range(40 * len(labels)))
    documents = tuple(Document(str(k), text, mentions, {"theatre": f"Theatre number {k % 2}"}) for k in range(30))
    found = tuple(Entity(m.label, "word", m.start, m.end, 0.5 + k % 40 / 100) for k, m in enumerate(mentions) if k % 3)
    predicted = (found,) * 30
    report = score(documents, predicted, labels, fields=["theatre"])
    return Evaluation(name, "data", tuple(labels), documents, predicted, report)


@pytest.fixture(scope="module", params=LABEL_SETS, ids=["4 labels", "6 labels", "12 labels"])
def scored(request: pytest.FixtureRequest) -> Evaluation:
    return evaluation(request.param)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("labels", LABEL_SETS, ids=["4 labels", "6 labels", "12 labels"])
def test_counts_are_whole(labels: Sequence[str], width: int, monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    row = {"reports": 1234, "words": 169_821, "mentions": 24_996, "labels": {x: 1000 + k for k, x in enumerate(labels)}}
    views.show_counts({"train": row, "validation": row}, labels)
    shown = capsys.readouterr().out
    figures = [f"{1000 + k:,}" for k in range(len(labels))]
    assert_whole(shown, [("train", "validation", "1,234", "169,821", "24,996"), figures])
    assert all(label in shown for label in labels)
    if width >= 40:
        assert max(map(len, shown.splitlines())) <= width


@pytest.mark.parametrize("width", WIDTHS)
def test_an_evaluation_is_whole(
    scored: Evaluation, width: int, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    report = scored.report
    views.show(report, "data")
    scores = capsys.readouterr().out
    assert_whole(scores, views.rows(report))
    views.show_details(report, ["theatre"], curves=True)
    details = capsys.readouterr().out
    errors = [(kind, *(f"{n:,}" for n in of.values())) for kind, of in report.errors.items()]
    slices = [
        (name, value, f"{one.documents:,}", views.percent(one.strict.f1), views.format_interval(one.strict.interval))
        for name in ("theatre", "mention length")
        for value, one in report.slices[name].items()
    ]
    assert_whole(details, [*errors, *slices])
    assert all(label in scores and label in details for label in scored.labels)
    if width >= 60:
        assert max(map(len, (scores + details).splitlines())) <= width


@pytest.mark.parametrize("width", WIDTHS)
def test_comparisons_benchmarks_and_series_are_whole(
    scored: Evaluation, width: int, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    compared = compare(scored, scored)
    comparison_tables.show(compared)
    assert_whole(capsys.readouterr().out, comparison_tables.rows(compared))
    benchviews.show(BOTH, TRAINING)
    tables = [*benchviews.tagging_grids(BOTH), *benchviews.training_grids(TRAINING)]
    assert_whole(capsys.readouterr().out, [row for grid in tables for row in grid.rows])
    heads = ("run", "validation F1", "validation seqeval default", "test F1", "checkpoint", "held out")
    body = [(name, "81.5", "82.5", "83.5", "model-fold1-of-a-run", "Mali") for name in ("fold 1", "mean", "deviation")]
    train._print_runs_table(heads, body)
    assert_whole(capsys.readouterr().out, [row[:4] for row in body] + [("model-fold1-of-a-run;", "Mali")])


CELLS = st.text("ab\N{CJK UNIFIED IDEOGRAPH-6226}.", min_size=1, max_size=3)  # at most six cells wide
TABLES = st.integers(2, 6).flatmap(
    lambda columns: st.lists(st.lists(CELLS, min_size=columns, max_size=columns), min_size=2, max_size=4)
)


@properties
@given(TABLES, st.integers(20, 60))
def test_every_cell_of_any_table_is_printed_and_no_line_is_wider_than_the_console(
    grid: list[list[str]], width: int
) -> None:
    headings, *body = grid
    lines = [line.plain for line in ConsoleTable(headings, body).lines(width)]
    assert max(map(cell_len, lines)) <= width
    printed, expected = Counter(" ".join(lines).split()), Counter(cell for row in body for cell in row)
    assert expected <= printed


def test_parts_of_a_split_table_begin_with_the_first_column_and_its_rows() -> None:
    table = ConsoleTable(("label", "one", "two", "three"), [("ACTOR", "1,000", "2,000", "3,000")], bold_rows=("ACTOR",))
    assert [line.plain for line in table.lines(20, rule="-")] == [
        "label    one    two",
        "-------------------",
        "ACTOR  1,000  2,000",
        "",
        "label  three",
        "------------",
        "ACTOR  3,000",
    ]


def test_a_name_too_long_for_its_figures_stands_above_them() -> None:
    table = ConsoleTable(
        ("slice", "value", "F1", "95 %"), [("theatre", "a very long name", "81.5", "79.0-85.0")], key_columns=2
    )
    assert [line.plain for line in table.lines(24, rule="-")] == [
        "slice  value",
        "    F1       95 %",
        "-----------------",
        "theatre  a very long name",
        "  81.5  79.0-85.0",
    ]
    assert [line.plain for line in table.lines(15)] == [
        "theatre",
        "  value: a very long name",
        "  F1: 81.5",
        "  95 %: 79.0-85.0",
    ]


def test_wide_characters_are_aligned_and_control_characters_are_shown() -> None:
    table = ConsoleTable(("name", "n"), [("戦闘", "1"), ("a\nb\x1b[0m", "2")])
    assert [line.plain for line in table.lines()][2:] == ["戦闘         1", r"a\nb\x1b[0m  2"]


@pytest.mark.parametrize("columns", ["0", "-5", "wide", "", "²", "1e3", "9" * 5000, None])
def test_a_width_that_is_none_is_ignored(columns: str | None, monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    if columns is not None:
        monkeypatch.setenv("COLUMNS", columns)
        ignore_unusable_sizes()
        assert "COLUMNS" not in os.environ
    cells = [str(10_000 + k) for k in range(40)]
    print_table(ConsoleTable(("row", *cells), [("first", *cells)]))
    shown = capsys.readouterr().out
    assert len(shown.splitlines()) == 3
    assert_whole(shown, [("row", "first", *cells)])
    print_wrapped("a/path/" + "x" * 100 + " is named.")
    assert capsys.readouterr().out.splitlines() == ["a/path/" + "x" * 100, "is named."]


def test_a_terminal_is_asked_for_its_width(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    sizes = iter([(57, 20), (0, 0), (3, 3)])
    monkeypatch.setattr(os, "get_terminal_size", lambda _: os.terminal_size(next(sizes)))
    with Path(os.devnull).open(encoding="utf-8") as stream:
        assert [width_of(stream) for _ in range(3)] == [57, 80, 20]
    assert width_of(None) is None


@pytest.mark.parametrize("columns", ["0", "1", "30", "50", "x", None])
def test_the_command_prints_figures_whole(columns: str | None, tmp_path: Path) -> None:
    labels = ("ARMED_GROUP", "GOVERNMENT_FORCE", "WEAPON_SYSTEM", "LOCATION", "CASUALTY_COUNT", "DATE")
    reports = tmp_path / "reports.md"
    reports.write_text("=== a\n\n" + " ".join(f"[w{k}](LOCATION)" for k in range(1234)) + ".\n", encoding="utf-8")
    environment = {"PYTHONPATH": os.environ.get("PYTHONPATH", "")} | ({"COLUMNS": columns} if columns else {})
    command = [sys.executable, "-m", "conflict_ner", "check", str(reports), "--labels", ",".join(labels)]
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, encoding="utf-8", check=False)
    assert ran.returncode == 0, ran.stderr
    assert_whole(ran.stdout, [("1,234",)])
    assert all(label in ran.stdout for label in labels)
    if columns == "1":  # the narrowest of all
        shown = subprocess.run([*command[:4], "--help"], env=environment, capture_output=True, text=True, check=False)
        assert "--labels" in shown.stdout
