"""Two labelings of the same reports, and of reports that are not the same."""

from __future__ import annotations

from pathlib import Path

import pytest
from conflict_ner.data.document import Document, Mention
from conflict_ner.errors import DataError
from conflict_ner.evaluation.agreement import agreement, document_differences, indices_by_id

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
    forward, backward = compare(tmp_path, FIRST, second), compare(tmp_path, second, FIRST)
    assert forward == backward
    assert forward[0] == pytest.approx(0.4)


@pytest.mark.parametrize(
    ("second", "place", "message"),
    [
        (
            FIRST.partition("=== b")[0],
            "first.md:5",
            "report 'b' appears only here; label the same reports",
        ),
        (FIRST + "\n=== c\n\nx\n", "second.md:9", "report 'c' appears only here"),
        (
            FIRST.replace("came", "went"),
            "second.md:5",
            "differs from that at .*first.md:5, starting at 'went.'",
        ),
        (
            FIRST.replace(" came.", ""),
            "second.md:5",
            "differs from that at .*first.md:5, starting at ''",
        ),
    ],
)
def test_reports_that_are_not_the_same_are_named(tmp_path: Path, second: str, place: str, message: str) -> None:
    with pytest.raises(DataError, match=message) as caught:
        compare(tmp_path, FIRST, second)
    assert caught.value.problems[0].where.endswith(place)


def test_faults_of_either_side_are_reported(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"second\.md:3.*unknown label"):
        compare(tmp_path, FIRST, FIRST.replace("(ACTOR) left", "(ACTR) left"))


ACTOR, PLACE = Mention(0, 6, "ACTOR"), Mention(12, 16, "LOCATION")
A = Document("a", "Rebels left Goma.", (ACTOR, PLACE), origin="one:1")
B = Document("b", "Police came.", origin="one:2")


def problems(first: list[Document], second: list[Document], *, gold: bool = False) -> list[str]:
    return [str(problem) for problem in document_differences(first, second, "mend it", gold=gold)]


def test_the_same_documents_in_another_order_are_the_same() -> None:
    assert problems([A, B], [B, A], gold=True) == []
    assert indices_by_id([A, B], [B, A]) == [1, 0]


def test_reports_on_one_side_only_are_named_in_their_order() -> None:
    c, d = Document("c", "x", origin="two:1"), Document("d", "x", origin="two:2")
    assert problems([A, B], [c, B, d]) == [
        "one:1: report 'a' appears only here; mend it",
        "two:1: report 'c' appears only here; mend it",
        "two:2: report 'd' appears only here; mend it",
    ]


@pytest.mark.parametrize(
    ("text", "difference"),
    [
        ("Rebels left Gaza.", "starting at 'aza.'"),
        ("Rebels", "starting at ''"),
        ("Rebels left Goma. Then", "starting at ' Then'"),
    ],
)
def test_a_different_text_is_quoted_from_its_first_difference(text: str, difference: str) -> None:
    other = Document("a", text, origin="two:1")
    assert problems([A], [other]) == [
        f"two:1: the text of report 'a' differs from that at one:1, {difference}; mend it"
    ]


@pytest.mark.parametrize(
    ("mentions", "difference"),
    [
        ((ACTOR,), "'Goma' (LOCATION, 12:16) appears only there"),
        ((ACTOR, PLACE, Mention(16, 17, "WEAPON")), "'.' (WEAPON, 16:17) appears only here"),
        ((Mention(0, 6, "WEAPON"), PLACE), "'Rebels' (ACTOR, 0:6) appears only there"),
    ],
)
def test_different_gold_mentions_are_a_problem_only_on_request(mentions: tuple[Mention, ...], difference: str) -> None:
    other = Document("a", A.text, mentions, origin="two:1")
    assert problems([A], [other]) == []
    (found,) = problems([A], [other], gold=True)
    assert difference in found
