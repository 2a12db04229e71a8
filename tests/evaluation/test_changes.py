"""What changed from one prediction to another: every place once, and as many as the counts say."""

from __future__ import annotations

import random

import pytest
from conflict_ner.data.document import Document, Entity, Mention
from conflict_ner.evaluation.changes import Change, changes
from conflict_ner.evaluation.matching import CORRECT, align

TEXT = "Rebels left Goma on Monday after shelling by the army of the north."
GOLD = Document("r", TEXT, (Mention(0, 6, "ACTOR"), Mention(12, 16, "LOCATION")))
REBELS, GOMA = GOLD.mentions


def found(a: list[Mention], b: list[Mention], gold: Document = GOLD) -> list[Change]:
    return changes(gold, align(gold.mentions, a), align(gold.mentions, b))


@pytest.mark.parametrize(
    ("a", "b", "kinds"),
    [
        ([REBELS, GOMA], [REBELS, GOMA], []),
        ([REBELS], [REBELS, GOMA], [("now right", "Goma", "LOCATION")]),
        ([REBELS, GOMA], [REBELS], [("now wrong", "Goma", "LOCATION")]),
        ([Mention(0, 11, "ACTOR")], [REBELS], [("now right", "Rebels", "ACTOR")]),
        ([Mention(0, 11, "ACTOR")], [Mention(0, 6, "WEAPON")], [("otherwise changed", "Rebels", "ACTOR")]),
        ([Mention(0, 11, "ACTOR")], [], [("otherwise changed", "Rebels", "ACTOR")]),
        ([], [Mention(20, 26, "NUMBER")], [("now wrong", "Monday", None)]),
        ([Mention(20, 26, "NUMBER")], [], [("now right", "Monday", None)]),
        ([Mention(20, 26, "NUMBER")], [Mention(20, 26, "NUMBER")], []),
        ([Mention(20, 26, "NUMBER")], [Mention(17, 26, "NUMBER")], [("otherwise changed", "Monday", None)]),
        # The same span on both sides: here beside another answer, there as the only one.
        (
            [Mention(0, 3, "ACTOR"), Mention(4, 6, "ACTOR")],
            [Mention(4, 6, "ACTOR")],
            [("otherwise changed", "Rebels", "ACTOR")],
        ),
    ],
)
def test_a_change_has_its_kind(a: list[Mention], b: list[Mention], kinds: list[tuple[str, str, str | None]]) -> None:
    assert [(change.kind, change.text, change.gold) for change in found(a, b)] == kinds


def test_a_change_says_what_either_side_said_and_where() -> None:
    said = [Entity("ACTOR", "Rebels left", 0, 11, 0.75)]
    (change,) = changes(GOLD, align(GOLD.mentions, [GOMA]), align(GOLD.mentions, [*said, GOMA]))
    assert change.a is None
    assert change.b is not None
    assert (change.b.label, change.b.text, change.b.start, change.b.end, change.b.score) == (
        "ACTOR",
        "Rebels left",
        0,
        11,
        0.75,
    )
    assert (change.document, change.start, change.end) == ("r", 0, 6)
    assert (change.before, change.after) == ("", TEXT[6:46])


def test_changes_come_in_the_order_of_the_text() -> None:
    assert [change.text for change in found([Mention(20, 26, "NUMBER")], [GOMA, Mention(8, 10, "ACTOR"), REBELS])] == [
        "Rebels",
        "ef",
        "Goma",
        "Monday",
    ]


def spans(chance: random.Random) -> list[Mention]:
    cuts = sorted(chance.sample(range(30), 2 * chance.randint(0, 5)))
    return [Mention(s, e, chance.choice("AB")) for s, e in zip(cuts[::2], cuts[1::2], strict=True)]


@pytest.mark.parametrize("seed", range(200))
def test_what_is_gained_and_lost_adds_up_to_the_counts(seed: int) -> None:
    chance = random.Random(seed)
    gold = Document("d", "x" * 30, tuple(spans(chance)))
    a, b = spans(chance), spans(chance)
    there, back = found(a, b, gold), found(b, a, gold)
    correct = [sum(pair.kind == CORRECT for pair in align(gold.mentions, side)) for side in (a, b)]
    gained, lost = (sum(c.kind == kind and c.gold is not None for c in there) for kind in ("now right", "now wrong"))
    assert gained - lost == correct[1] - correct[0]
    turned = {"now right": "now wrong", "now wrong": "now right"}
    mirrored = [(turned.get(c.kind, c.kind), c.gold, c.a, c.b) for c in there if c.gold]
    assert mirrored == [(c.kind, c.gold, c.b, c.a) for c in back if c.gold]
    assert found(a, a, gold) == []
    if set(a) != set(b):
        assert there
