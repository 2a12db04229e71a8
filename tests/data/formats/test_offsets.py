"""Offsets that count something other than characters are mended by the texts of the mentions, or refused."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from conflict_ner.data.document import Mention
from conflict_ner.data.formats.format import MendedOffsets
from conflict_ner.data.formats.offsets import OffsetMender, RawMention, mend
from hypothesis import given, settings
from hypothesis import strategies as st

TEXT = "\U0001f4a5 Die Kämpfer \U0001f1f8\U0001f1e9 verließen\r\nGoma und e\u0301l-Fasher, غادر المتمردون\r\n東京."
SURFACES = ["Kämpfer", "Goma", "e\u0301l-Fasher", "المتمردون", "東京"]
WIDTHS: dict[str, Callable[[str], int]] = {
    "characters": len,
    "UTF-16 units": lambda text: len(text.encode("utf-16-le")) // 2,
    "bytes of UTF-8": lambda text: len(text.encode()),
    "characters, \\r\\n as one": lambda text: len(text.replace("\r\n", "\n")),
    "UTF-16 units, \\r\\n as one": lambda text: len(text.replace("\r\n", "\n").encode("utf-16-le")) // 2,
    "bytes of UTF-8, \\r\\n as one": lambda text: len(text.replace("\r\n", "\n").encode()),
}


def places(text: str, surfaces: list[str]) -> list[tuple[int, int]]:
    return [(text.index(surface), text.index(surface) + len(surface)) for surface in surfaces]


@pytest.mark.parametrize("unit", WIDTHS)
def test_every_unit_is_recognized_and_mended(unit: str) -> None:
    true = places(TEXT, SURFACES)
    spans = [(WIDTHS[unit](TEXT[:start]), WIDTHS[unit](TEXT[:end]), TEXT[start:end]) for start, end in true]
    mended = mend(TEXT, spans)
    assert (mended.unit, mended.spans) == (unit, true)
    assert mended.moved == sum(span[:2] != place for span, place in zip(spans, true, strict=True))


def test_newlines_that_count_twice_are_recognized() -> None:
    text = "Rebels left.\nPolice came.\nGoma fell."
    (start, end), crlf = places(text, ["Goma"])[0], text.replace("\n", "\r\n")
    at = crlf.index("Goma")
    assert mend(text, [(at, at + 4, "Goma")]).spans == [(start, end)]
    over_lines = (0, crlf.index("came") + 4, "Rebels left.\r\nPolice came")
    assert mend(text, [over_lines, (at, at + 4, "Goma")]).spans == [(0, text.index("came") + 4), (start, end)]


def test_a_mention_without_its_text_counts_as_the_others_of_its_report() -> None:
    text = "\U0001f600 Rebels left Goma."
    assert mend(text, [(3, 9, "Rebels"), (15, 19, None)]).spans == [(2, 8), (14, 18)]
    assert mend(text, [(2, 8, None)]).spans == [(2, 8)]
    assert mend(text, [(2, 99, None), (5, 5, None), (-1, 3, None)]).spans == [None, None, None]


@pytest.mark.parametrize(
    ("text", "span", "expected"),
    [
        ("Text: Goma,  Bunia.", (6, 18, "Goma, Bunia"), (6, 18)),  # a browser shows two spaces as one
        ("\U0001f600 El\nFasher fell.", (3, 12, "El Fasher"), (2, 11)),
        ("El\nFasher fell.", (0, 9, "ElFasher"), (0, 9)),
        ("To Goma fell.", (2, 7, "Goma"), (3, 7)),  # the edges are those of the text
    ],
)
def test_the_white_space_inside_a_mention_may_differ(
    text: str, span: tuple[int, int, str], expected: tuple[int, int]
) -> None:
    assert mend(text, [span]).spans == [expected]


@pytest.mark.parametrize(
    ("text", "spans", "unit", "expected"),
    [
        ("\U0001f600 Rebels left.", [(3, 9)], "UTF-16 units", [(2, 8)]),
        (
            "\U0001f1f8\U0001f1e9 Cafe\u0301 of Rebels.",
            [(2, 6), (10, 16)],
            "characters as they are seen",
            [(3, 8), (12, 18)],
        ),
        ("\U0001f600 Rebels left.", [(2, 8)], "characters", [(2, 8)]),
        ("\U0001f600 Antigovernment.", [(6, 16)], "characters", [(6, 16)]),  # inside a word in every unit
        ("Antigovernment forces.", [(4, 14)], "characters", [(4, 14)]),
    ],
)
def test_without_texts_the_edges_of_words_decide_if_they_can(
    text: str, spans: list[tuple[int, int]], unit: str, expected: list[tuple[int, int]]
) -> None:
    mended = mend(text, [(*span, None) for span in spans])
    assert (mended.unit, mended.spans) == (unit, expected)
    assert mended.by_edges == (unit != "characters")


def test_mending_by_edges_has_a_note_of_its_own() -> None:
    mender = OffsetMender("a.jsonl")
    mender.mentions("\U0001f600 Goma.", [RawMention(3, 7, "LOCATION")], "a.jsonl:1")
    (note,) = mender.notes()
    assert isinstance(note, MendedOffsets)
    assert "the offsets of 1 mention cut words unless they count UTF-16 units" in note.what


def test_a_text_that_stands_once_near_by_is_found() -> None:
    text = "Rebels left Goma on Monday. " * 3 + "Soldiers came to Bunia."
    at = text.index("Bunia")
    for shift in (-7, -1, 1, 3):
        mended = mend(text, [(0, 6, "Rebels"), (at + shift, at + shift + 5, "Bunia")])
        assert mended.spans == [(0, 6), (at, at + 5)]
        assert mended.moved == 1


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("Rebels left. Rebels came.", (3, 9, "Rebels")),  # twice
        ("In 1998 they left.", (0, 2, "19")),  # a part of a number
        ("The Malians left.", (0, 4, "Mali")),  # a part of a word
        ("Rebels left." + " " * 80 + "Goma", (0, 4, "Goma")),  # far away
        ("Rebels left.", (0, 6, "Police")),  # not there
        ("Rebels left.", (0, 6, "")),
        ("Cafe\u0301 left.", (1, 5, "Cafe")),  # a letter without its mark
    ],
)
def test_what_is_not_there_exactly_once_is_not_mended(text: str, span: tuple[int, int, str]) -> None:
    assert mend(text, [span]).spans == [None]


def test_units_that_fit_and_disagree_are_not_chosen_between() -> None:
    text = "\U0001f600babab"  # as UTF-16 units it is the second "a", as bytes the first
    assert mend(text, [(5, 6, "a")]).spans == [None]
    assert mend(text, [(5, 6, "a"), (6, 7, "b"), (3, 4, "a")]).spans == [(4, 5), (5, 6), (2, 3)]


LETTERS = st.text(st.sampled_from("ab é\u0301\U0001f600東\r\n"), max_size=12)


@settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(LETTERS, LETTERS.filter(bool), LETTERS, st.sampled_from(sorted(WIDTHS)))
def test_what_is_mended_has_the_text_of_the_mention(before: str, surface: str, after: str, unit: str) -> None:
    text = before + surface + after
    width = WIDTHS[unit]
    (span,) = mend(text, [(width(before), width(before + surface), surface)]).spans
    if span is not None:
        assert text[span[0] : span[1]].replace("\r\n", "\n") == surface.replace("\r\n", "\n")
    if unit == "characters":
        assert span == (len(before), len(before + surface))


def test_a_file_has_one_note_and_a_problem_for_each_mention_that_is_not_there() -> None:
    mender = OffsetMender("a.json")
    for number in range(3):
        mentions, problems = mender.mentions(
            "\U0001f600 Goma.", [RawMention(3, 7, "LOCATION", "Goma")], f"a.json, task {number}"
        )
        assert (mentions, problems) == ((Mention(2, 6, "LOCATION"),), [])
    mentions, problems = mender.mentions(
        "Goma fell.",
        [RawMention(0, 4, "LOCATION", "Bunia"), RawMention(5, 9, "X", "fell"), RawMention(5, 99, "X")],
        "a.json, task 9",
    )
    assert mentions == (Mention(5, 9, "X"),)
    assert [problem.where for problem in problems] == ["a.json, task 9"] * 2
    assert "the mention 0:4 (LOCATION) should be 'Bunia', but 'Goma' is at its offsets" in problems[0].what
    assert "not in the text, which has 10 characters" in problems[1].what
    (note,) = mender.notes()
    assert isinstance(note, MendedOffsets)
    assert (note.count, note.note) == (3, True)
    assert "3 mentions were mended by their texts: their offsets count UTF-16 units" in note.what
    assert list(OffsetMender("b.json").notes()) == []
