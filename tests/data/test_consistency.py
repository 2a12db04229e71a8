"""Hints at inconsistent annotation: all such places, and no others."""

from __future__ import annotations

import pytest
from conflict_ner.data.consistency import find_hints
from conflict_ner.data.document import Document
from conflict_ner.data.formats.markup import parse


def documents(*texts: str) -> list[Document]:
    source = "".join(f"=== r{n}\n\n{text}\n\n" for n, text in enumerate(texts))
    parsed, problems = parse(source, "f.md")
    assert not problems
    return parsed


def hints_in(*texts: str) -> list[str]:
    return [str(hint) for hint in find_hints(documents(*texts))]


def test_consistent_labels_give_no_hints() -> None:
    texts = ["[Rebels](ACTOR) left [Goma](LOCATION).", "The [rebels](ACTOR) came to [Goma](LOCATION) again."]
    assert hints_in(*texts) == []


def test_an_unlabeled_name_is_found_at_its_position() -> None:
    (hint,) = hints_in("[M23](ACTOR) left.", "[M23](ACTOR) came.", "Nobody saw M23 again.")
    assert hint == "f.md:9: 'M23' is unlabeled here, ACTOR 2 times elsewhere: Nobody saw [M23] again."


def test_only_the_longest_known_words_give_a_hint() -> None:
    (hint,) = hints_in(*["[Spin Boldak](LOCATION) and [Boldak](LOCATION)."] * 2, "To Spin Boldak.")
    assert "'Spin Boldak' is unlabeled" in hint


@pytest.mark.parametrize(
    "texts",
    [
        ["[Fire](WEAPON) fell.", "The fire spread.", "A fire started.", "No fire burned."],  # mostly no mention
        ["[Fire](WEAPON) fell.", "The fire spread."],  # labeled only once
        ["[Goma](LOCATION) fell.", "[Goma](LOCATION) fell.", "The Gomans left."],  # part of a word
    ],
)
def test_words_that_are_rarely_mentions_give_no_hint(texts: list[str]) -> None:
    assert hints_in(*texts) == []


def test_the_rarer_of_two_labels_gives_a_hint() -> None:
    texts = ["[Grad](WEAPON) fell."] * 9
    (hint,) = hints_in(*texts, "[Grad](LOCATION) fell.")
    assert "f.md:37: 'Grad' is LOCATION here and 0 times more, WEAPON 9 times" in hint


def test_words_that_often_have_both_labels_give_no_hint() -> None:
    assert hints_in("[Kabul](ACTOR) said.", "[Kabul](LOCATION) fell.", "in [Kabul](LOCATION)") == []


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("[the rebels](ACTOR) left", "begins with 'the'"),
        ("[Several gunmen](ACTOR) left", "begins with 'Several'"),
        ("[Gen. Votel](ACTOR) left", "begins with 'Gen.'"),
        ("[rebels'](ACTOR) base", "ends with a possessive"),
        ("[Kabul's](LOCATION) roads", "ends with a possessive"),
        ("[Kabul\u2019s](LOCATION) roads", "ends with a possessive"),
    ],
)
def test_mentions_that_include_too_much_give_a_hint(text: str, what: str) -> None:
    (hint,) = hints_in(text)
    assert what in hint


@pytest.mark.parametrize("text", ["[The](ACTOR) left", "[Theran](LOCATION) fell", "[Generals](ACTOR) met"])
def test_similar_edges_give_no_hint(text: str) -> None:
    assert hints_in(text) == []
