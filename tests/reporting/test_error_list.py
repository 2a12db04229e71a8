"""The list has every error, each with the sentence around it."""

from __future__ import annotations

from collections import Counter

import pytest
from conflict_ner.data.document import Document, Mention
from conflict_ner.evaluation.matching import (
    CORRECT,
    ERRORS,
    MISSED,
    SPURIOUS,
    WRONG_BOTH,
    WRONG_EDGES,
    WRONG_LABEL,
    Pair,
    align,
)
from conflict_ner.reporting.error_list import caption, cut_pieces, find_sentence, list_errors
from helpers.evaluations import evaluation, labelings, properties
from hypothesis import given
from hypothesis import strategies as st


def test_the_list_has_the_errors_that_the_report_counts() -> None:
    original = evaluation()
    pairs = [align(d.mentions, found) for d, found in zip(original.documents, original.predicted, strict=True)]
    errors = list_errors(pairs, original.documents)
    counted = Counter((error.kind, error.label) for error in errors)
    assert {kind for kind, _ in counted} == set(ERRORS)
    assert {
        kind: {label: counted[kind, label] for label in original.labels} for kind in ERRORS
    } == original.report.errors
    assert [error.number for error in errors] == list(range(1, len(errors) + 1))


@pytest.mark.parametrize(
    ("text", "mention", "shown"),
    [
        ("Rain fell. Rebels left Goma. Calm.", "Goma", "Rebels left Goma."),
        ("Rain fell. Rebels left Goma. Calm.", "Rain", "Rain fell."),
        ("Rain fell. Rebels left Goma. Calm.", "Calm", "Calm."),
        ("Lt. Gen. Gary Volesky left.", "Volesky", "Lt. Gen. Gary Volesky left."),
        ("They fired 2.5 inch rockets. All fled.", "rockets", "They fired 2.5 inch rockets."),
        ("HEADLINE\nRebels left Goma\nCalm", "Goma", "Rebels left Goma"),
        ('"We left." He fled.', "He", "He fled."),
        ("Rebels left Goma", "Rebels left Goma", "Rebels left Goma"),
        ("It rained. Two\nlines. Three.", "Two\nlines", "Two\nlines."),
    ],
)
def test_a_sentence_is_cut_where_it_ends(text: str, mention: str, shown: str) -> None:
    index = text.index(mention)
    start, end = find_sentence(text, index, index + len(mention))
    assert text[start:end] == shown


def test_a_very_long_sentence_is_cut_at_spaces() -> None:
    text = "word " * 400 + "Goma " + "word " * 400
    index = text.index("Goma")
    start, end = find_sentence(text, index, index + 4)
    assert index - 260 < start < index < end < index + 260
    assert set(text[start:end].split()) == {"word", "Goma"}


def test_a_text_without_spaces_is_shown_too() -> None:
    text = "x" * 3000
    start, end = find_sentence(text, 1500, 1504)
    assert 0 < start <= 1500
    assert 1504 <= end < 3000


def test_pairs_that_overlap_an_error_are_shown_with_it() -> None:
    gold = (Mention(0, 10, "A"),)
    pairs = align(gold, [Mention(0, 3, "A"), Mention(4, 10, "A"), Mention(20, 22, "A")])
    errors = list_errors([pairs], [Document("r", "abcdefghij" * 3, gold)])
    assert [(error.kind, len(error.overlapping)) for error in errors] == [
        ("wrong edges", 2),
        ("spurious", 2),
        ("spurious", 1),
    ]


@properties
@given(labelings(20), labelings(20), st.integers(0, 7), st.integers(12, 20))
def test_pieces_are_the_text_and_know_what_covers_them(
    gold: list[Mention], predicted: list[Mention], low: int, high: int
) -> None:
    text = "abcdefghijklmnopqrst"
    cut = cut_pieces(text, align(gold, predicted), low, high)
    assert "".join(piece.text for piece in cut) == text[low:high]
    start = low
    for piece in cut:
        end = start + len(piece.text)
        for side, label in ((gold, piece.gold), (predicted, piece.predicted)):
            covering = [s for s in side if s.start <= start < s.end]
            assert [s.label for s in covering] == ([] if label is None else [label])
            assert all(s.start <= start and end <= s.end for s in covering)
        start = end


@properties
@given(st.lists(st.sampled_from(["Rebels", "left", "Gen", ".", "?", " ", "\n", "x" * 300]), min_size=1), st.data())
def test_a_sentence_holds_its_mention(words: list[str], data: st.DataObject) -> None:
    text = "".join(words)
    start = data.draw(st.integers(0, len(text) - 1))
    end = data.draw(st.integers(start + 1, len(text)))
    first, last = find_sentence(text, start, end)
    assert 0 <= first <= start < end <= last <= len(text)


def test_edges_and_endings_are_where_spans_begin_and_end() -> None:
    pair = Pair(Mention(0, 6, "A"), Mention(3, 9, "B"), WRONG_BOTH)
    cut = cut_pieces("abcdefghi-", [pair])
    assert [(piece.text, sorted(piece.edges)) for piece in cut] == [
        ("abc", ["gold begins"]),
        ("def", ["gold ends", "predicted begins"]),
        ("ghi", ["predicted ends"]),
        ("-", []),
    ]
    assert [piece.ending for piece in cut] == [(), (), (pair,), ()]


def test_a_mention_cut_by_the_window_is_open_there() -> None:
    cut = cut_pieces("abcdef", [Pair(Mention(1, 5, "A"), None, MISSED)], 2, 4)
    assert [(piece.text, piece.gold, piece.edges) for piece in cut] == [("cd", "A", frozenset())]


def test_no_pairs_and_no_text() -> None:
    assert [piece.text for piece in cut_pieces("abc", [])] == ["abc"]
    assert cut_pieces("", []) == []


@pytest.mark.parametrize(
    ("gold", "predicted", "kind", "expected"),
    [
        ("A", "A", CORRECT, "A"),
        ("A", None, MISSED, "missed A"),
        (None, "B", SPURIOUS, "spurious B"),
        ("A", "B", WRONG_LABEL, "A → B"),
        ("A", "A", WRONG_EDGES, "A, wrong edges"),
        ("A", "B", WRONG_BOTH, "A → B, wrong edges"),
        (None, "B", "", "B"),
    ],
)
def test_captions(gold: str | None, predicted: str | None, kind: str, expected: str) -> None:
    pair = Pair(Mention(0, 1, gold) if gold else None, Mention(0, 1, predicted) if predicted else None, kind)
    assert caption(pair) == expected
