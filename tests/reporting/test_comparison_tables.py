"""The table, Markdown and JSON of one comparison show the same numbers, and texts as they are."""

from __future__ import annotations

import json

import pytest
from conflict_ner.data.document import Document, Entity, Mention
from conflict_ner.evaluation.comparison import Change, Comparison, Prediction, compare
from conflict_ner.evaluation.report import Evaluation, score
from conflict_ner.reporting.comparison_tables import HEADINGS, change_lines, markdown, rows, sample_changes, show

LABELS = ("ACTOR", "WEAPON")
TEXT = "[red]Rebels[/red] left."
REPORTS = tuple(Document(f"r{k}", TEXT, (Mention(5, 11, "ACTOR"),)) for k in range(10))
RIGHT = (Entity("ACTOR", "Rebels", 5, 11, 0.75),)


def evaluation(name: str, right: int) -> Evaluation:
    found = tuple(RIGHT if k < right else () for k in range(10))
    return Evaluation(name, "demo.md", LABELS, REPORTS, found, score(REPORTS, found, LABELS))


@pytest.fixture
def comparison() -> Comparison:
    return compare(evaluation("old", 2), evaluation("new", 10))


def test_rows_are_the_labels_then_all(comparison: Comparison) -> None:
    actor, weapon, micro = rows(comparison)
    assert actor[:4] == ("ACTOR", "33.3", "100.0", "+66.7")
    assert float(actor[5]) == pytest.approx(2**-7, abs=0.003)  # all eight that differ, swapped or not
    assert actor[5] == actor[6]
    assert weapon == ("WEAPON", "n/a", "n/a", "n/a", "n/a", "n/a", "n/a", "0")
    assert micro[1:6] == actor[1:6]
    assert micro[6:] == ("", "10")
    assert {len(row) for row in rows(comparison)} == {len(HEADINGS)}


def test_markdown_has_the_table_and_the_words(comparison: Comparison) -> None:
    written = markdown(comparison)
    assert "| **all (micro)** | **33.3** | **100.0** | **+66.7** |" in written
    assert "A: old, B: new; strict F1 on demo.md (10 reports)." in written
    assert "\n\nB is better by 66.7 points (95 %: " in written
    assert "B is not better in 0.0 % of the resamples" in written
    assert "Changed mentions: 0 now wrong, 8 now right, 0 otherwise changed." in written
    assert "another seed" in written


def test_a_terminal_shows_some_changes_with_their_brackets(
    comparison: Comparison, capsys: pytest.CaptureFixture[str]
) -> None:
    show(comparison, max_changes=3)
    out = capsys.readouterr().out
    assert "all (micro)" in out
    assert "now right (3 of 8)" in out
    assert out.count("[red][Rebels][/red] left.") == 3
    assert out.count("gold: ACTOR;  A: nothing;  B: ACTOR 0.75") == 3
    assert "--changes N shows more" in out
    assert max(map(len, out.splitlines())) <= 80
    show(comparison, max_changes=0)
    assert "[Rebels]" not in capsys.readouterr().out
    show(comparison, max_changes=8)
    assert "--changes" not in capsys.readouterr().out


def test_json_has_every_change(comparison: Comparison, capsys: pytest.CaptureFixture[str]) -> None:
    show(comparison, as_json=True, max_changes=0)
    written = json.loads(capsys.readouterr().out)
    assert len(written["changes"]) == 8
    assert Comparison.model_validate(written) == comparison
    first = written["changes"][0]
    assert (first["document"], first["before"], first["text"], first["after"]) == (
        "r2",
        "[red]",
        "Rebels",
        "[/red] left.",
    )


def change(kind: str, number: int) -> Change:
    prediction = Prediction(label="ACTOR", text="a b", start=0, end=3, score=None)
    return Change.model_validate(
        {
            "document": f"d{number}",
            "kind": kind,
            "gold": None,
            "start": 2,
            "end": 3,
            "text": "b",
            "before": "x" * 26,
            "after": "\ny",
            "a": prediction,
            "b": None,
        }
    )


def test_each_kind_has_its_share_of_what_is_shown() -> None:
    changes = [change("now right", k) for k in range(9)] + [change("now wrong", k) for k in range(2)]
    shown = sample_changes(changes, 5)
    assert [(c.kind, c.document) for c in shown] == [
        ("now wrong", "d0"),
        ("now wrong", "d1"),
        ("now right", "d0"),
        ("now right", "d1"),
        ("now right", "d2"),
    ]
    assert len(sample_changes(changes, 50)) == 11
    assert sample_changes(changes, 0) == []


def test_a_cut_context_is_marked_and_different_edges_are_spelled_out() -> None:
    first, second = (line.plain for line in change_lines(change("now right", 1)))
    assert first == f"  d1  ...{'x' * 25}[b] y"
    assert second.strip() == "gold: no mention;  A: ACTOR 'a b';  B: nothing"
