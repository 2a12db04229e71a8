"""Two readings of the same reports: what differs is named, where it stands, in a fixed order."""

from __future__ import annotations

import pytest
from conflict_ner.data.document import Document, Mention
from conflict_ner.evaluation.pairing import differences, in_order_of

ACTOR, PLACE = Mention(0, 6, "ACTOR"), Mention(12, 16, "LOCATION")
A = Document("a", "Rebels left Goma.", (ACTOR, PLACE), origin="one:1")
B = Document("b", "Police came.", origin="one:2")


def said(first: list[Document], second: list[Document], *, gold: bool = False) -> list[str]:
    return [str(problem) for problem in differences(first, second, "mend it", gold=gold)]


def test_the_same_documents_in_another_order_are_the_same() -> None:
    assert said([A, B], [B, A], gold=True) == []
    assert in_order_of([A, B], [B, A]) == [1, 0]


def test_reports_on_one_side_only_are_named_in_their_order() -> None:
    c, d = Document("c", "x", origin="two:1"), Document("d", "x", origin="two:2")
    assert said([A, B], [c, B, d]) == [
        "one:1: report 'a' stands only here; mend it",
        "two:1: report 'c' stands only here; mend it",
        "two:2: report 'd' stands only here; mend it",
    ]


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("Rebels left Gaza.", "from 'aza.' on"),
        ("Rebels", "from '' on"),
        ("Rebels left Goma. Then", "from ' Then' on"),
    ],
)
def test_another_text_is_shown_where_it_begins(text: str, what: str) -> None:
    other = Document("a", text, origin="two:1")
    assert said([A], [other]) == [f"two:1: report 'a' has another text than at one:1, {what}; mend it"]


@pytest.mark.parametrize(
    ("mentions", "what"),
    [
        ((ACTOR,), "'Goma' (LOCATION, 12:16) stands only there"),
        ((ACTOR, PLACE, Mention(16, 17, "WEAPON")), "'.' (WEAPON, 16:17) stands only here"),
        ((Mention(0, 6, "WEAPON"), PLACE), "'Rebels' (ACTOR, 0:6) stands only there"),
    ],
)
def test_other_gold_is_shown_where_it_is_asked_for(mentions: tuple[Mention, ...], what: str) -> None:
    other = Document("a", A.text, mentions, origin="two:1")
    assert said([A], [other]) == []
    (found,) = said([A], [other], gold=True)
    assert what in found
