"""The table, Markdown and JSON of one report show the same numbers."""

from __future__ import annotations

import io
import re

import pytest
from conflict_ner.data.document import Document, Entity, Mention
from conflict_ner.evaluation.report import Report, score
from conflict_ner.reporting import tables
from conflict_ner.reporting.tables import HEADINGS, markdown, percent, rows, table
from conflict_ner.values import Quantity
from rich.console import Console


@pytest.fixture
def report() -> Report:
    """ACTOR half right, LOCATION found with a wrong edge, WEAPON nowhere."""
    gold = Document("r", "Rebels and police left Goma.", (Mention(0, 6, "ACTOR"), Mention(23, 27, "LOCATION")))
    guess = [Mention(0, 6, "ACTOR"), Mention(11, 17, "ACTOR"), Mention(18, 27, "LOCATION")]
    return score([gold], [guess], ["ACTOR", "LOCATION", "WEAPON"])


@pytest.mark.parametrize(
    ("share", "expected"), [(None, "n/a"), (0.0, "0.0"), (1.0, "100.0"), (2 / 3, "66.7"), (0.99949, "99.9")]
)
def test_a_share_is_shown_in_per_cent_or_as_undefined(share: float | None, expected: str) -> None:
    assert percent(share) == expected


def test_rows_are_the_labels_then_micro_then_macro(report: Report) -> None:
    assert rows(report) == [
        ("ACTOR", "50.0", "100.0", "66.7", "n/a", "1", "66.7"),
        ("LOCATION", "0.0", "0.0", "0.0", "n/a", "1", "100.0"),
        ("WEAPON", "n/a", "n/a", "n/a", "n/a", "0", "n/a"),
        ("all (micro)", "33.3", "50.0", "40.0", "n/a", "2", "80.0"),
        ("mean of labels (macro)", "", "", "33.3", "n/a", "", "83.3"),
    ]


def test_markdown_is_a_whole_table_of_the_same_cells(report: Report) -> None:
    lines = markdown(report).splitlines()
    assert {line.count("|") for line in lines} == {len(HEADINGS) + 1}
    cells = [tuple(cell.strip(" *") for cell in line.strip("|").split("|")) for line in lines]
    assert [cells[0], *cells[2:]] == [HEADINGS, *rows(report)]


def test_the_terminal_shows_the_same_cells_and_what_they_mean(report: Report) -> None:
    stream = io.StringIO()
    Console(file=stream, width=120).print(table(report, "test"))
    shown = stream.getvalue()
    assert "test: strict (exact edges and label), 1 report" in shown
    assert "type F1: the label is right, the edges overlap" in " ".join(shown.split())
    for row in rows(report):
        assert re.search(r"\W+".join(re.escape(cell) for cell in row if cell), shown)


def test_large_counts_are_readable() -> None:
    text = "x " * 1200
    gold = Document("r", text, tuple(Mention(at, at + 1, "ACTOR") for at in range(0, len(text), 2)))
    assert rows(score([gold], [[]], ["ACTOR"]))[0][5] == "1,200"


def test_the_details_show_errors_slices_calibration_and_a_short_curve(capsys: pytest.CaptureFixture[str]) -> None:
    text = "Rebels left Goma."
    gold = [
        Document(str(k), text, (Mention(0, 6, "ACTOR"), Mention(12, 16, "LOCATION")), {"theatre": f"no {k % 2}"})
        for k in range(40)
    ]
    found = [[Entity("ACTOR", "Rebels", 0, 6, 0.5 + k / 100), Entity("ACTOR", "Goma", 12, 16, 0.4)] for k in range(40)]
    tables.show_details(score(gold, found, ["ACTOR", "LOCATION"]), ["theatre"], curves=True)
    shown = capsys.readouterr().out
    lines = [" ".join(line.split()) for line in shown.splitlines()]
    assert "wrong label 0 40" in lines
    assert "theatre no 1 20 50.0 50.0-50.0 40" in lines
    assert any(line.startswith("calibration error of scores (ECE):") for line in lines)
    thresholds = [line for line in lines if line.startswith("0.")]
    assert 8 <= len(thresholds) <= 15
    assert [line for line in thresholds if line.endswith("best F1")] == ["0.500 100.0 100.0 100.0 best F1"]


def test_what_is_undefined_is_shown_as_such(capsys: pytest.CaptureFixture[str]) -> None:
    tables.show_details(score([Document("d", "Quiet.")], [[]], ["ACTOR"]), [], curves=True)
    shown = capsys.readouterr().out
    assert "ECE" not in shown
    assert "missed" in shown
    assert "ACTOR by threshold: n/a" in shown


def test_a_path_or_a_value_that_looks_like_markup_is_shown_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    documents = [Document(str(k), "Quiet.", (), {"source": "[/red]"}) for k in range(2)]
    scored = score(documents, [[], []], ["ACTOR"], fields=["source"])
    tables.show(scored, "data [/x]")
    tables.show_details(scored, ["source", "source"])
    shown = capsys.readouterr().out
    assert "data [/x]: strict" in shown
    assert shown.count("[/red]") == 1


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (Quantity.exact(19), "killed 19"),
        (Quantity(None, 2, 5), "killed 2-5"),
        (Quantity(20, 15, 25), "killed 20 (15-25)"),
        (Quantity(1000, high=1000), "killed up to 1,000"),
        (Quantity(60, approximate=True, unit="percent"), "killed ~60 percent"),
        (None, "killed"),
    ],
)
def test_a_marked_mention_says_what_it_is_worth(value: Quantity | None, words: str) -> None:
    entity = Entity("NUMBER", "some", 0, 4, 0.9, value, "killed")
    assert tables.highlight_entities("some died", [entity], ["NUMBER"]).plain == f"some NUMBER {words} died"
