"""Slices: metrics of parts of the data, which together make the whole."""

from __future__ import annotations

import pytest
from conflict_ner.data.document import Document, Mention
from conflict_ner.errors import DataError
from conflict_ner.evaluation.matching import align
from conflict_ner.evaluation.report import Report, label_counts, score
from conflict_ner.evaluation.seen_mentions import SeenMentions
from conflict_ner.evaluation.slices import is_in_capitals, slices
from helpers.evaluations import labelings, properties
from hypothesis import given, settings
from hypothesis import strategies as st

TEXT = "M23 rebels of Kivu left Goma."


def document(name: str, text: str = TEXT, **metadata: str) -> Document:
    return Document(name, text, (Mention(0, 10, "ACTOR"), Mention(24, 28, "LOCATION")), metadata)


def report(documents: list[Document], **options: object) -> Report:
    predicted = [[Mention(0, 10, "ACTOR"), Mention(14, 18, "LOCATION")] for _ in documents]
    return score(documents, predicted, ["ACTOR", "LOCATION"], **options)  # type: ignore[arg-type]


def test_a_field_with_few_values_is_sliced_and_its_parts_make_the_whole() -> None:
    scored = report([document("a", theatre="Kivu"), document("b", theatre="Kivu"), document("c", theatre="Ituri")])
    theatres = scored.slices["theatre"]
    assert {value: one.documents for value, one in theatres.items()} == {"Ituri": 1, "Kivu": 2}
    assert sum(one.strict.gold for one in theatres.values()) == scored.strict.micro.gold
    assert theatres["Ituri"].strict.interval is None
    assert theatres["Kivu"].strict.interval is not None


@settings(properties, max_examples=40)
@given(st.lists(st.tuples(labelings(20, "AB"), labelings(20, "AB"), st.sampled_from("xyz")), max_size=8))
def test_the_counts_of_all_values_of_a_slice_add_up_to_the_whole(
    reports: list[tuple[list[Mention], list[Mention], str]],
) -> None:
    documents = [Document(str(k), "a" * 20, tuple(gold), {"f": value}) for k, (gold, _, value) in enumerate(reports)]
    pairs = [align(gold, predicted) for gold, predicted, _ in reports]
    total = label_counts(pairs, "AB").sum(axis=(0, 1)).tolist()
    for parts in slices(documents, pairs, ["f"] if documents else []).values():
        counts = [(part.strict.correct, part.strict.predicted, part.strict.gold) for part in parts.values()]
        assert [sum(column) for column in zip((0, 0, 0), *counts, strict=True)] == total


def test_fields_with_one_value_or_too_many_are_not_sliced_unless_named() -> None:
    documents = [document(str(k), source="all", note=str(k)) for k in range(25)]
    assert {"source", "note"}.isdisjoint(report(documents).slices)
    assert len(report(documents, fields=["note"]).slices["note"]) == 25


def test_a_report_without_the_field_is_a_value_of_its_own() -> None:
    assert list(report([document("a", theatre="Kivu"), document("b")], fields=["theatre"]).slices["theatre"]) == [
        "(none)",
        "Kivu",
    ]


def test_an_unknown_field_is_an_error_that_names_those_there_are() -> None:
    with pytest.raises(DataError, match="no report has the field 'teatre'; the fields are theatre"):
        report([document("a", theatre="Kivu")], fields=["teatre"])


def test_a_field_with_the_name_of_a_built_in_slice_is_refused() -> None:
    documents = [document("a", capitals="of states"), document("b", capitals="none")]
    assert list(report(documents).slices["capitals"]) == ["mixed case"]
    with pytest.raises(DataError, match="'capitals' is the name of a built-in slice; rename the field"):
        report(documents, fields=["capitals"])


def test_values_that_are_no_strings_are_in_json_and_nothing_is_none() -> None:
    documents = [Document(str(k), TEXT, (), {"tags": tags}) for k, tags in enumerate((["x", "y"], None, 3))]
    assert set(score(documents, [[]] * 3, ["ACTOR"], fields=["tags"]).slices["tags"]) == {'["x", "y"]', "(none)", "3"}


def test_mentions_are_sliced_by_their_length_in_words() -> None:
    lengths = report([document("a")]).slices["mention length"]
    assert {value: (one.strict.correct, one.strict.predicted, one.strict.gold) for value, one in lengths.items()} == {
        "1 word": (0, 1, 1),
        "2 words": (1, 1, 1),
    }


@pytest.mark.parametrize(
    ("words", "value"), [(1, "1 word"), (2, "2 words"), (3, "3-4 words"), (4, "3-4 words"), (5, "5 words or more")]
)
def test_lengths(words: int, value: str) -> None:
    text = " ".join(["a"] * words)
    found = score([Document("d", text, (Mention(0, len(text), "ACTOR"),))], [[]], ["ACTOR"])
    assert list(found.slices["mention length"]) == [value]


def test_seen_and_unseen_in_training() -> None:
    seen = SeenMentions.of([Document("t", "M23 rebels", (Mention(0, 10, "ACTOR"),))])
    upper = document("b", TEXT.upper())
    scored = report([document("a"), upper], seen=seen)
    exact, lower = scored.slices["seen in training"], scored.slices["seen in training (lower-cased)"]
    assert exact["seen"].strict.gold == 1
    assert lower["seen"].strict.gold == 2
    assert exact["unseen"].strict.gold == 3
    assert lower["unseen"].strict.correct == 0


def test_a_report_that_was_in_training_is_seen() -> None:
    seen = SeenMentions.of([document("t")], [document("v", "Other text, with  Goma here ok.")])
    scored = report([document("a"), document("b", "OTHER text, with Goma HERE ok. ")], seen=seen)
    assert {value: one.documents for value, one in scored.slices["report seen in training"].items()} == {"seen": 2}


def test_without_seen_mentions_there_are_no_slices_of_them() -> None:
    assert not [name for name in report([document("a")]).slices if "seen" in name]


@pytest.mark.parametrize(
    ("text", "expected"), [("TROOPS LEFT BUKAVU", True), ("Troops left", False), ("1234 !", False), ("", False)]
)
def test_a_text_in_capitals(text: str, expected: bool) -> None:
    assert is_in_capitals(text) is expected
