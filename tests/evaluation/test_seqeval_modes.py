"""Our counts are held against seqeval's, and what differs is not passed over."""

from __future__ import annotations

import pytest
from conflict_ner.data.document import Document, Mention
from conflict_ner.evaluation.bootstrap import Counts
from conflict_ner.evaluation.matching import align
from conflict_ner.evaluation.report import label_counts
from conflict_ner.evaluation.scores import Scores
from conflict_ner.evaluation.seqeval_modes import agree_with_seqeval

LABELS = ("ACTOR", "LOCATION", "WEAPON")
GOLD = [
    Document("a", "Rebels left Goma.", (Mention(0, 6, "ACTOR"), Mention(12, 16, "LOCATION"))),
    Document("b", "Police came.", (Mention(0, 6, "ACTOR"),)),
]
FOUND = [[Mention(0, 6, "ACTOR"), Mention(7, 16, "LOCATION")], [Mention(0, 6, "ACTOR")]]


def counted(found: list[list[Mention]]) -> Counts:
    pairs = [align(document.mentions, spans) for document, spans in zip(GOLD, found, strict=True)]
    return label_counts(pairs, LABELS)


def test_the_default_mode_is_told_by_label_and_over_all() -> None:
    by_label, micro = agree_with_seqeval(Scores.of(counted(FOUND), LABELS), GOLD, FOUND, LABELS)
    assert by_label == {"ACTOR": 1.0, "LOCATION": 0.0, "WEAPON": None}
    assert micro == pytest.approx(2 / 3)


def test_counts_that_seqeval_does_not_find_are_a_defect() -> None:
    wrong = counted(FOUND)
    wrong[0, 1, 0] += 1  # the LOCATION with a wrong edge taken for a correct one
    with pytest.raises(AssertionError, match="seqeval disagrees on LOCATION"):
        agree_with_seqeval(Scores.of(wrong, LABELS), GOLD, FOUND, LABELS)


def test_a_gold_mention_that_was_not_counted_is_a_defect() -> None:
    short = counted(FOUND)
    short[1, 0] = 0  # a report passed over
    with pytest.raises(AssertionError, match="seqeval disagrees on ACTOR"):
        agree_with_seqeval(Scores.of(short, LABELS), GOLD, FOUND, LABELS)


def test_nothing_to_find_and_nothing_found_is_undefined() -> None:
    none = [Document("c", "Nobody came."), Document("d", "")]
    scores = Scores.of(label_counts([[], []], LABELS), LABELS)
    assert agree_with_seqeval(scores, none, [[], []], LABELS) == (dict.fromkeys(LABELS), None)
