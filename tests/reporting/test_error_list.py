"""Errors in their sentences: all of them, each in a window that holds it."""

from __future__ import annotations

from collections import Counter

import pytest
from conflict_ner.data.document import Document, Mention
from conflict_ner.evaluation.matching import ERRORS, align
from conflict_ner.reporting.error_list import errors_of, sentence
from helpers.evaluations import evaluation


def test_the_list_has_what_the_report_counts() -> None:
    done = evaluation()
    pairs = [align(d.mentions, found) for d, found in zip(done.documents, done.found, strict=True)]
    errors = errors_of(pairs, done.documents)
    counted = Counter((error.kind, error.label) for error in errors)
    assert {kind for kind, _ in counted} == set(ERRORS)
    assert {kind: {label: counted[kind, label] for label in done.labels} for kind in ERRORS} == done.report.errors
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
    at = text.index(mention)
    start, end = sentence(text, at, at + len(mention))
    assert text[start:end] == shown


def test_a_very_long_sentence_is_cut_at_spaces() -> None:
    text = "word " * 400 + "Goma " + "word " * 400
    at = text.index("Goma")
    start, end = sentence(text, at, at + 4)
    assert at - 260 < start < at < end < at + 260
    assert set(text[start:end].split()) == {"word", "Goma"}


def test_a_text_without_spaces_is_shown_too() -> None:
    text = "x" * 3000
    start, end = sentence(text, 1500, 1504)
    assert 0 < start <= 1500
    assert 1504 <= end < 3000


def test_what_touches_an_error_is_shown_with_it() -> None:
    gold = (Mention(0, 10, "A"),)
    pairs = align(gold, [Mention(0, 3, "A"), Mention(4, 10, "A"), Mention(20, 22, "A")])
    errors = errors_of([pairs], [Document("r", "abcdefghij" * 3, gold)])
    assert [(error.kind, len(error.touching)) for error in errors] == [
        ("wrong edges", 2),
        ("spurious", 2),
        ("spurious", 1),
    ]
