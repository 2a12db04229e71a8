"""Two labelings of the same reports, and of reports that are not the same."""

from __future__ import annotations

from pathlib import Path

import pytest
from conflict_ner.errors import DataError
from conflict_ner.evaluation.agreement import agreement

LABELS = ("ACTOR", "LOCATION")
FIRST = "=== a\n\n[Rebels](ACTOR) left [Goma](LOCATION).\n\n=== b\n\n[Police](ACTOR) came.\n"


def compare(folder: Path, first: str, second: str) -> tuple[float | None, int]:
    for name, text in (("first.md", first), ("second.md", second)):
        (folder / name).write_text(text, encoding="utf-8")
    report = agreement(folder / "first.md", folder / "second.md", LABELS)
    return report.strict.micro.f1, report.documents


def test_the_same_labels_agree_in_any_order(tmp_path: Path) -> None:
    a, b = FIRST.split("=== b")
    assert compare(tmp_path, FIRST, f"=== b{b}\n{a}") == (1.0, 2)


def test_agreement_is_strict_and_the_same_both_ways(tmp_path: Path) -> None:
    second = FIRST.replace("[Rebels](ACTOR) left", "[Rebels left](ACTOR)").replace("[Police](ACTOR)", "Police")
    there, back = compare(tmp_path, FIRST, second), compare(tmp_path, second, FIRST)
    assert there == back
    assert there[0] == pytest.approx(0.4)


@pytest.mark.parametrize(
    ("second", "where", "what"),
    [
        (
            FIRST.partition("=== b")[0],
            "first.md:5",
            "report 'b' stands only here; label the same reports",
        ),
        (FIRST + "\n=== c\n\nx\n", "second.md:9", "report 'c' stands only here"),
        (FIRST.replace("came", "went"), "second.md:5", "another text than at .*first.md:5, from 'went.' on"),
        (FIRST.replace(" came.", ""), "second.md:5", "another text than at .*first.md:5, from '' on"),
    ],
)
def test_reports_that_are_not_the_same_are_named(tmp_path: Path, second: str, where: str, what: str) -> None:
    with pytest.raises(DataError, match=what) as caught:
        compare(tmp_path, FIRST, second)
    assert caught.value.problems[0].where.endswith(where)


def test_faults_of_either_side_are_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"second\.md:3.*unknown label"):
        compare(tmp_path, FIRST, FIRST.replace("(ACTOR) left", "(ACTR) left"))
