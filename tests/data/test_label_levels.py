"""Labels of two levels: how deep a list of labels reads the data."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from conflict_ner.data import corpus
from conflict_ner.data.document import Document, Mention
from conflict_ner.data.label_levels import (
    NUMBER_KINDS,
    first_level,
    first_levels,
    is_first_level_only,
    resolve_label,
    resolve_labels,
)
from conflict_ner.data.labels import LabelScheme
from conflict_ner.data.validation import check_document
from conflict_ner.errors import DataError
from hypothesis import given, settings
from hypothesis import strategies as st

LABELS = ("ACTOR", "WEAPON", "LOCATION", "NUMBER")
DEEP = ("ACTOR", "WEAPON", "LOCATION", *(f"NUMBER.{kind}" for kind in NUMBER_KINDS))
MARKUP = "=== r\n\n[Rebels](ACTOR) killed [two](NUMBER.killed) and hurt [3](NUMBER.injured).\n"


@pytest.mark.parametrize(
    ("label", "labels", "expected"),
    [
        ("NUMBER.killed", ["NUMBER"], "NUMBER"),
        ("NUMBER.killed", ["NUMBER", "NUMBER.killed"], "NUMBER.killed"),
        ("NUMBER.killed.children", ["NUMBER", "NUMBER.killed"], "NUMBER.killed"),
        ("NUMBER", ["NUMBER.killed"], None),
        ("NUMBERS.killed", ["NUMBER"], None),
        ("NUMBER.killed", ["NUM", "ER", ""], None),
        (".killed", ["killed"], None),
        ("NUMBER.", ["NUMBER"], "NUMBER"),
    ],
)
def test_a_label_is_read_as_the_most_specific_one_at_or_above_it(
    label: str, labels: list[str], expected: str | None
) -> None:
    assert resolve_label(label, labels) == expected


@given(st.text(".abc", max_size=8))
@settings(max_examples=40)
def test_a_label_has_a_first_level_that_is_not_empty_unless_it_is(label: str) -> None:
    assert first_level(first_level(label)) == first_level(label)
    assert bool(first_level(label)) == bool(label)
    assert resolve_label(label, [label]) == label


def test_documents_at_the_depth_of_the_labels_are_unchanged_and_deeper_ones_are_cut() -> None:
    deep = Document("r", "two died", (Mention(0, 3, "NUMBER.killed"),))
    assert resolve_labels([deep], DEEP)[0] is deep
    assert resolve_labels([deep], LABELS)[0].mentions == (Mention(0, 3, "NUMBER"),)
    with pytest.raises(ValueError, match=r"'r' has the label 'NUMBER.killed'"):
        resolve_labels([deep], ["ACTOR"])


def test_data_without_kinds_is_recognized() -> None:
    plain, typed = (Document("r", "two", (Mention(0, 3, label),)) for label in ("NUMBER", "NUMBER.killed"))
    assert is_first_level_only([plain], DEEP)
    assert not is_first_level_only([plain, typed], DEEP)
    assert not is_first_level_only([typed], DEEP)
    assert not is_first_level_only([plain], LABELS)
    assert not is_first_level_only([], DEEP)


def test_one_file_is_read_at_either_depth(tmp_path: Path) -> None:
    file = tmp_path / "r.md"
    file.write_text(MARKUP)
    flat = corpus.load({"data": [file]}, LABELS)
    deep = corpus.load({"data": [file]}, DEEP)
    assert dict(flat.counts("data")) == {"ACTOR": 1, "NUMBER": 2}
    assert dict(deep.counts("data")) == {"ACTOR": 1, "NUMBER.killed": 1, "NUMBER.injured": 1}
    plain = tmp_path / "plain.md"
    plain.write_text(MARKUP.replace(".killed", "").replace(".injured", ""))
    assert flat["data"] == corpus.load({"data": [plain]}, LABELS)["data"]
    assert flat.fingerprint("data") == corpus.load({"data": [plain]}, LABELS).fingerprint("data")


def test_data_less_deep_than_the_labels_is_an_error_or_read_at_its_own_depth(tmp_path: Path) -> None:
    file = tmp_path / "plain.md"
    file.write_text("=== r\n\n[Rebels](ACTOR) killed [two](NUMBER) here.\n")
    with pytest.raises(DataError) as caught:
        corpus.load({"data": [file]}, DEEP)
    assert caught.value.problems[0].fix.startswith("write one of NUMBER.killed, NUMBER.injured, ")
    loaded = corpus.load({"data": [file]}, DEEP, as_deep_as_data=True)
    assert loaded.labels == LABELS == first_levels(DEEP)
    file.write_text(file.read_text() + "\n=== s\n\n[Two](NUMBER.killed) died.\n")
    with pytest.raises(DataError, match="without its kind"):
        corpus.load({"data": [file]}, DEEP, as_deep_as_data=True)


@pytest.mark.parametrize(
    ("label", "labels", "guidelines", "fix"),
    [
        ("NUMBER.killed", LABELS, None, None),
        ("NUMBER.kiled", LABELS, None, "did you mean NUMBER.killed?"),
        ("NUMBER.kiled", DEEP, None, "did you mean NUMBER.killed?"),
        ("NUMBER.kiled", LABELS, False, None),  # kinds of the user's own guidelines
        ("ORG.gov", ("ORG",), None, None),
        ("ORG.gov", ("ORG.gov", "ORG"), None, None),
        ("NUMBER.dead", LABELS, None, f"write one of {', '.join(DEEP[3:])}"),
        ("NUMBER.dead", DEEP, None, f"write one of {', '.join(DEEP[3:])}"),
        (
            "NUMBER.forces",
            DEEP[:5],
            None,
            "write one of NUMBER.killed, NUMBER.injured, or add NUMBER to labels, which takes the other kinds",
        ),
        ("ORG.gov", ("ORG.press",), None, "write one of ORG.press, or add ORG to labels, which takes the other kinds"),
        ("ACTOR.police", LABELS, None, None),
    ],
)
def test_a_kind_that_the_guidelines_do_not_have_is_an_unknown_label(
    label: str, labels: tuple[str, ...], guidelines: bool | None, fix: str | None
) -> None:
    document = Document("r", "Two died", (Mention(0, 3, label),))
    problems = check_document(document, labels, guidelines=guidelines)
    assert [problem.fix for problem in problems] == ([fix] if fix else [])


def test_kinds_of_one_label_do_not_divide_a_mention() -> None:
    scheme = LabelScheme(("ACTOR", "NUMBER.killed", "NUMBER.injured"))
    b_killed, i_killed, b_injured, i_injured = (
        scheme.label2id[tag] for tag in ("B-NUMBER.killed", "I-NUMBER.killed", "B-NUMBER.injured", "I-NUMBER.injured")
    )

    def decode(*tags: int) -> list[tuple[int, int, str]]:
        return scheme.decode(np.array(tags))

    assert decode(b_killed, i_injured, i_killed) == [(0, 3, "NUMBER.killed")]
    assert decode(b_killed, b_injured) == [(0, 1, "NUMBER.killed"), (1, 2, "NUMBER.injured")]
    assert decode(scheme.label2id["B-ACTOR"], i_killed) == [(0, 1, "ACTOR"), (1, 2, "NUMBER.killed")]
    assert decode(0, i_injured, 0) == [(1, 2, "NUMBER.injured")]
