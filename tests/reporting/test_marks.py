"""Cutting a text so that gold and predictions can both be marked."""

from __future__ import annotations

import random

import pytest
from conflict_ner.data.document import Mention
from conflict_ner.evaluation.matching import (
    CORRECT,
    MISSED,
    SPURIOUS,
    WRONG_BOTH,
    WRONG_EDGES,
    WRONG_LABEL,
    Pair,
    align,
)
from conflict_ner.reporting.marks import caption, pieces


def spans(chance: random.Random, length: int) -> list[Mention]:
    edges = sorted(chance.sample(range(length + 1), 2 * chance.randrange(5)))
    return [Mention(a, b, chance.choice("AB")) for a, b in zip(edges[::2], edges[1::2], strict=True)]


def test_pieces_are_the_text_and_know_what_covers_them() -> None:
    chance = random.Random(1)
    text = "abcdefghijklmnopqrst"
    for _ in range(300):
        gold, predicted = spans(chance, len(text)), spans(chance, len(text))
        low = chance.randrange(8)
        high = chance.randrange(12, 21)
        cut = pieces(text, align(gold, predicted), low, high)
        assert "".join(piece.text for piece in cut) == text[low:high]
        at = low
        for piece in cut:
            for side, said in ((gold, piece.gold), (predicted, piece.predicted)):
                covering = [s for s in side if s.start <= at < s.end]
                assert [s.label for s in covering] == ([] if said is None else [said])
                assert all(s.start <= at and at + len(piece.text) <= s.end for s in covering)
            at += len(piece.text)


def test_edges_and_closings_stand_where_spans_end() -> None:
    pair = Pair(Mention(0, 6, "A"), Mention(3, 9, "B"), WRONG_BOTH)
    cut = pieces("abcdefghi-", [pair])
    assert [(piece.text, sorted(piece.edges)) for piece in cut] == [
        ("abc", ["gold begins"]),
        ("def", ["gold ends", "predicted begins"]),
        ("ghi", ["predicted ends"]),
        ("-", []),
    ]
    assert [piece.closed for piece in cut] == [(), (), (pair,), ()]


def test_a_mention_cut_by_the_window_is_open_there() -> None:
    cut = pieces("abcdef", [Pair(Mention(1, 5, "A"), None, MISSED)], 2, 4)
    assert [(piece.text, piece.gold, piece.edges) for piece in cut] == [("cd", "A", frozenset())]


def test_no_pairs_and_no_text() -> None:
    assert [piece.text for piece in pieces("abc", [])] == ["abc"]
    assert pieces("", []) == []


@pytest.mark.parametrize(
    ("gold", "predicted", "kind", "said"),
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
def test_a_caption_says_what_happened(gold: str | None, predicted: str | None, kind: str, said: str) -> None:
    pair = Pair(Mention(0, 1, gold) if gold else None, Mention(0, 1, predicted) if predicted else None, kind)
    assert caption(pair) == said
