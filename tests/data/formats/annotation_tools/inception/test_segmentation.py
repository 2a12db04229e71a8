"""Sentences for annotation tools."""

from __future__ import annotations

import pytest
from conflict_ner.data.document import Mention
from conflict_ner.data.formats.annotation_tools.inception.segmentation import split_sentences


@pytest.mark.parametrize(
    "sentences",
    [
        ["Rebels left.", "Police came!", "Why?"],
        ["J. Kabila met Col. Makenga.", "He said: \u201cNo.\u201d", "They left."],
        ["It cost 3.5 million.", "12 died."],
        ["one line", "another"],
        ["غادر المتمردون؟", "نعم."],
        ["U.N. troops left."],
        ["Rebels left . . .", "They came back."],
    ],
)
def test_a_break_is_after_a_mark_or_at_the_end_of_a_line(sentences: list[str]) -> None:
    text = ("\n" if "another" in sentences else " ").join(sentences)
    assert [text[each.start : each.end] for each in split_sentences(text)] == sentences


def test_sentences_of_scripts_without_spaces_end_without_one() -> None:
    assert len(split_sentences("東京。大阪。")) == 2


def test_no_break_is_inside_a_mention() -> None:
    assert len(split_sentences("St. Mary. Jones left.", [Mention(4, 15, "ACTOR")])) == 1
    assert split_sentences(" \n") == []
