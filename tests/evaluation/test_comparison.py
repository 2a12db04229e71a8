"""Two evaluations of the same reports, and of reports, gold or labels that are not the same."""

from __future__ import annotations

import dataclasses
import json
import random
from collections.abc import Callable

import pytest
from conflict_ner.data.document import Document, Entity, Mention
from conflict_ner.errors import DataError
from conflict_ner.evaluation.comparison import Change, changes, compare, document_differences, indices_by_id
from conflict_ner.evaluation.matching import CORRECT, align
from conflict_ner.evaluation.report import Evaluation, score
from helpers.evaluations import labelings, properties
from hypothesis import given, settings
from hypothesis import strategies as st

LABELS = ("ACTOR", "LOCATION", "WEAPON")
TEXT = "Rebels left Goma. Police came to Sake."
MENTIONS = (Mention(0, 6, "ACTOR"), Mention(12, 16, "LOCATION"), Mention(18, 24, "ACTOR"), Mention(33, 37, "LOCATION"))
DOCUMENTS = tuple(Document(f"r{k}", TEXT, MENTIONS, origin=f"demo.md:{k}") for k in range(30))


def entity(mention: Mention) -> Entity:
    return Entity(mention.label, TEXT[mention.start : mention.end], mention.start, mention.end, 0.9)


def evaluation(
    name: str, quality: float, documents: tuple[Document, ...] = DOCUMENTS, labels: tuple[str, ...] = LABELS
) -> Evaluation:
    """Return an evaluation in which each mention was found with the probability `quality`."""
    chance = random.Random(name)
    found = tuple(tuple(entity(m) for m in d.mentions if chance.random() < quality) for d in documents)
    return Evaluation(name, "demo.md", labels, documents, found, score(documents, found, labels))


def test_an_evaluation_does_not_differ_from_itself() -> None:
    one = evaluation("one", 0.7)
    comparison = compare(one, one)
    assert (comparison.micro.difference, comparison.micro.p, comparison.micro.interval, comparison.differing) == (
        0,
        1,
        (0, 0),
        0,
    )
    assert comparison.changes == ()
    assert comparison.verdict == "No difference can be shown: both score the same in every report."


def test_a_better_one_is_called_better_and_its_labels_too() -> None:
    comparison = compare(evaluation("one", 0.4), evaluation("other", 0.9))
    assert comparison.verdict.startswith("B is better by ")
    assert comparison.by_label.endswith("With p adjusted for 2 tests (Holm), B is better on ACTOR, LOCATION.")
    assert compare(evaluation("other", 0.9), evaluation("one", 0.4)).verdict.startswith("A is better by ")
    assert comparison.micro.p is not None
    assert comparison.micro.p < 0.001
    assert comparison.micro.b.f1 is not None
    assert comparison.micro.a.f1 is not None
    assert comparison.micro.difference == pytest.approx(comparison.micro.b.f1 - comparison.micro.a.f1)
    assert "another seed" in comparison.caveat


def test_a_label_that_is_nowhere_is_undefined_and_no_test() -> None:
    comparison = compare(evaluation("one", 0.6), evaluation("other", 0.8))
    weapon = comparison.labels["WEAPON"]
    assert (weapon.difference, weapon.interval, weapon.not_better, weapon.p, weapon.adjusted_p) == (None,) * 5
    p = sorted(one.p for one in comparison.labels.values() if one.p is not None)
    adjusted = sorted(one.adjusted_p for one in comparison.labels.values() if one.adjusted_p is not None)
    assert len(p) == 2
    assert adjusted[0] == pytest.approx(min(2 * p[0], 1))


def test_the_changes_are_counted_by_kind() -> None:
    one, other = evaluation("one", 0.6), evaluation("other", 0.8)
    comparison = compare(one, other)
    assert sum(comparison.changed.values()) == len(comparison.changes)
    gained = other.report.strict.micro.correct - one.report.strict.micro.correct
    assert comparison.changed["now right"] - comparison.changed["now wrong"] == gained
    assert comparison.changed["otherwise changed"] == 0


def test_the_order_of_reports_and_labels_does_not_matter() -> None:
    one, other = evaluation("one", 0.6), evaluation("other", 0.8)
    reordered = dataclasses.replace(
        other, documents=other.documents[::-1], predicted=other.predicted[::-1], labels=other.labels[::-1]
    )
    assert compare(one, reordered) == compare(one, other)


def test_thresholds_stand_beside_the_name() -> None:
    one = evaluation("one", 0.6)
    least = dataclasses.replace(one, report=one.report.model_copy(update={"threshold": {"ACTOR": 0.5, "WEAPON": 0.8}}))
    comparison = compare(one, least)
    assert (comparison.a, comparison.b) == ("one", "one (ACTOR >= 0.5, WEAPON >= 0.8)")


def test_json_knows_no_nan() -> None:
    comparison = compare(evaluation("one", 0.6, DOCUMENTS[:1]), evaluation("other", 0.8, DOCUMENTS[:1]))
    assert comparison.micro.interval is None
    written = json.loads(comparison.model_dump_json(), parse_constant=pytest.fail)
    assert written["labels"]["WEAPON"]["p"] is None


Alter = Callable[[Document], Document]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: dataclasses.replace(d, id="x"), "demo.md:3: report 'r3' appears only here (and 1 more such faults)"),
        (
            lambda d: dataclasses.replace(d, text=TEXT + " Now."),
            "differs from that at demo.md:3, starting at ' Now.'",
        ),
        (lambda d: dataclasses.replace(d, mentions=MENTIONS[1:]), "'Rebels' (ACTOR, 0:6) appears only there"),
    ],
)
def test_other_reports_are_refused(change: Alter, message: str) -> None:
    others = tuple(change(document) if document.id == "r3" else document for document in DOCUMENTS)
    with pytest.raises(DataError) as caught:
        compare(evaluation("one", 0.6), evaluation("other", 0.8, others))
    assert message in str(caught.value)
    assert "; evaluate both on the same data" in str(caught.value)


def test_other_labels_are_named() -> None:
    with pytest.raises(DataError, match="more: has the label NUMBER, one has not; compare models"):
        compare(evaluation("one", 0.6), evaluation("more", 0.6, labels=(*LABELS, "NUMBER")))
    with pytest.raises(DataError, match="more: has the label NUMBER, one has not"):
        compare(evaluation("more", 0.6, labels=(*LABELS, "NUMBER")), evaluation("one", 0.6))


def test_nothing_is_not_compared() -> None:
    with pytest.raises(DataError, match="none was evaluated on no reports"):
        compare(evaluation("one", 0.6), evaluation("none", 0.6, ()))


SHELLED = "Rebels left Goma on Monday after shelling by the army of the north."
GOLD = Document("r", SHELLED, (Mention(0, 6, "ACTOR"), Mention(12, 16, "LOCATION")))
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
        # The same span on both sides: A has another prediction in the mention, B has only this one.
        (
            [Mention(0, 3, "ACTOR"), Mention(4, 6, "ACTOR")],
            [Mention(4, 6, "ACTOR")],
            [("otherwise changed", "Rebels", "ACTOR")],
        ),
    ],
)
def test_a_change_has_its_kind(a: list[Mention], b: list[Mention], kinds: list[tuple[str, str, str | None]]) -> None:
    assert [(change.kind, change.text, change.gold) for change in found(a, b)] == kinds


def test_a_change_has_the_predictions_of_both_sides_and_their_places() -> None:
    predicted = [Entity("ACTOR", "Rebels left", 0, 11, 0.75)]
    (change,) = changes(GOLD, align(GOLD.mentions, [GOMA]), align(GOLD.mentions, [*predicted, GOMA]))
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
    assert (change.before, change.after) == ("", SHELLED[6:46])


def test_changes_come_in_the_order_of_the_text() -> None:
    assert [change.text for change in found([Mention(20, 26, "NUMBER")], [GOMA, Mention(8, 10, "ACTOR"), REBELS])] == [
        "Rebels",
        "ef",
        "Goma",
        "Monday",
    ]


@properties
@given(labelings(30), labelings(30), labelings(30))
def test_what_is_gained_and_lost_adds_up_to_the_counts(
    mentions: list[Mention], a: list[Mention], b: list[Mention]
) -> None:
    gold = Document("d", "x" * 30, tuple(mentions))
    forward, backward = found(a, b, gold), found(b, a, gold)
    correct = [sum(pair.kind == CORRECT for pair in align(gold.mentions, side)) for side in (a, b)]
    gained, lost = (sum(c.kind == kind and c.gold is not None for c in forward) for kind in ("now right", "now wrong"))
    assert gained - lost == correct[1] - correct[0]
    opposite = {"now right": "now wrong", "now wrong": "now right"}
    mirrored = [(opposite.get(c.kind, c.kind), c.gold, c.a, c.b) for c in forward if c.gold]
    assert mirrored == [(c.kind, c.gold, c.b, c.a) for c in backward if c.gold]
    assert found(a, a, gold) == []
    if set(a) != set(b):
        assert forward


def labeled(name: str, gold: list[list[Mention]], predicted: list[list[Mention]]) -> Evaluation:
    documents = tuple(Document(f"r{k}", "x" * 20, tuple(mentions)) for k, mentions in enumerate(gold))
    spans = tuple(tuple(Entity(m.label, "x" * (m.end - m.start), m.start, m.end, 0.5) for m in p) for p in predicted)
    return Evaluation(name, "demo.md", ("A", "B", "C"), documents, spans, score(documents, spans, "ABC"))


@settings(properties, max_examples=20)
@given(st.lists(st.tuples(labelings(20), labelings(20), labelings(20)), min_size=1, max_size=8))
def test_swapping_a_and_b_negates_the_difference(reports: list[tuple[list[Mention], ...]]) -> None:
    gold, a, b = (list(side) for side in zip(*reports, strict=True))
    first, second = labeled("first", gold, a), labeled("second", gold, b)
    forward, backward = compare(first, second), compare(second, first)
    assert (backward.a, backward.b, backward.differing) == (forward.b, forward.a, forward.differing)
    differences = [(forward.micro, backward.micro), *((forward.labels[k], backward.labels[k]) for k in "ABC")]
    for one, other in differences:
        assert (other.a, other.b) == (one.b, one.a)
        assert other.difference == (None if one.difference is None else -one.difference)
        assert (other.p, other.adjusted_p) == (one.p, one.adjusted_p)
        assert (other.interval is None) == (one.interval is None)
        if one.interval and other.interval:
            assert (-other.interval[1], -other.interval[0]) == pytest.approx(one.interval)


ACTOR, PLACE = Mention(0, 6, "ACTOR"), Mention(12, 16, "LOCATION")
A = Document("a", "Rebels left Goma.", (ACTOR, PLACE), origin="one:1")
B = Document("b", "Police came.", origin="one:2")


def problems(first: list[Document], second: list[Document]) -> list[str]:
    return [str(problem) for problem in document_differences(first, second, "mend it")]


def test_the_same_documents_in_another_order_are_the_same() -> None:
    assert problems([A, B], [B, A]) == []
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
    other = Document("a", text, A.mentions, origin="two:1")
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
def test_different_gold_mentions_are_quoted(mentions: tuple[Mention, ...], difference: str) -> None:
    other = Document("a", A.text, mentions, origin="two:1")
    (found,) = problems([A], [other])
    assert difference in found
