"""The tables of an agreement, and the sentences on which reports were compared."""

from __future__ import annotations

import json

import pytest
from conflict_ner.data.document import Document, Mention
from conflict_ner.evaluation.annotators.agreement import AgreementReport, agree
from conflict_ner.reporting import agreement_tables

ACTOR, PLACE = Mention(0, 6, "ACTOR"), Mention(12, 16, "LOCATION")


def document(key: str, *mentions: Mention) -> Document:
    return Document(key, "Rebels left Goma.", mentions)


def report(*ids: str, annotators: str = "abc") -> AgreementReport:
    """Return the agreement of annotators of whom each has labeled the reports in whose ids her name is."""
    documents = {
        name: [document(key, ACTOR, *([PLACE] if name == "a" else [])) for key in ids if name in key]
        for name in annotators
    }
    return agree(documents, ["ACTOR", "LOCATION"]).report


def test_two_annotators_need_no_table_of_pairs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "120")  # narrower, a cell of two words is wrapped
    agreement_tables.show(report("ab", "abx", annotators="ab"))
    out = capsys.readouterr().out
    assert "agreement of a, b on 2 reports" in out
    assert "two annotators at a time" not in out
    assert "2 reports, labeled by both annotators." in out
    assert out.splitlines()[3].split() == [
        "ACTOR",
        "100.0",
        "100.0-100.0",
        "100.0",
        "1.000",
        "1.000",
        "to",
        "1.000",
        "4",
    ]


def test_reports_that_some_or_one_has_labeled_are_counted_and_named(capsys: pytest.CaptureFixture[str]) -> None:
    agreement_tables.show(report("abc", "ab", "bc", *(f"a{k}" for k in range(7))))
    out = " ".join(capsys.readouterr().out.split())
    assert "3 reports: 1 labeled by all 3 annotators, 2 by some of them." in out
    assert "7 reports labeled by one annotator alone are left out: a0, a1, a2, a3, a4, ...." in out
    assert "a, b 2 66.7" in out
    assert "b, c 2 100.0" in out


def test_markdown_has_the_same_tables_and_json_everything(capsys: pytest.CaptureFixture[str]) -> None:
    found = report("abc", "b1", "abc2")
    agreement_tables.show(found, as_markdown=True)
    blocks = capsys.readouterr().out.split("\n\n")
    assert [block.split(" |")[0] for block in blocks[:4]] == ["| label", "| annotators", "| annotator", "| difference"]
    assert "| **all labels** | **" in blocks[0]
    assert "| a | 2 | 4 | 2 | 2 |" in blocks[2]
    assert "| only one has it | 0 | 4 | 4 |" in blocks[3]
    assert blocks[-1] == "1 report labeled by one annotator alone is left out: b1.\n"
    agreement_tables.show(found, as_json=True)
    shown = json.loads(capsys.readouterr().out)
    assert AgreementReport.model_validate(shown) == found
    assert shown["differences"][0]["readings"][0] == {"annotators": ["b", "c"], "mentions": []}
