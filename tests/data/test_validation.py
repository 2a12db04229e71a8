"""Checks of labeled reports, alone and against each other."""

from __future__ import annotations

import pytest
from conflict_ner.data.document import Document, Mention
from conflict_ner.data.validation import check_document, check_groups, check_splits
from conflict_ner.errors import Problem

LABELS = ("ACTOR", "WEAPON", "LOCATION", "NUMBER")
STORY = "Shells that landed on a row of milk stalls killed at least 27 people in the town on Tuesday, medics said."


def check(text: str, *mentions: tuple[int, int] | Mention) -> list[Problem]:
    """The problems of one text with mentions, ACTOR unless a label is given."""
    all_mentions = tuple(m if isinstance(m, Mention) else Mention(*m, "ACTOR") for m in mentions)
    return check_document(Document("r", text, all_mentions, origin="f.md:1"), LABELS)


def check_mention(text: str) -> list[Problem]:
    """The problems of a mention of this text, with a word before and after it."""
    return check(f"x {text} x", (2, 2 + len(text)))


def splits(**texts: list[str]) -> list[str]:
    """The problems in splits of these texts; all ids differ."""
    documents = {
        split: [Document(f"{split}-{n}", text, origin=f"{split}:{n}") for n, text in enumerate(split_texts)]
        for split, split_texts in texts.items()
    }
    return [str(finding.problem) for finding in check_splits(documents, LABELS)]


def test_a_valid_report_has_no_problems() -> None:
    assert check("Rebels left Goma.", (0, 6), Mention(12, 16, "LOCATION")) == []


def test_a_problem_has_the_position_of_its_mention_if_the_format_has_one() -> None:
    mentions = (Mention(0, 6, "ACTOR"), Mention(7, 11, "ACTR"))
    known = Document("r", "Rebels left.", mentions, origin="f.md:1", places=("f.md:3:1", "f.md:3:18"))
    unknown = Document("r", "Rebels left.", mentions, origin="f.jsonl:1")
    assert [problem.where for problem in check_document(known, LABELS)] == ["f.md:3:18"]
    assert [problem.where for problem in check_document(unknown, LABELS)] == ["f.jsonl:1"]


@pytest.mark.parametrize(
    ("labels", "wrong", "fix"),
    [
        (LABELS, "ACTR", "did you mean ACTOR?"),
        (LABELS, "actor", "did you mean ACTOR?"),
        (LABELS, "Locations", "did you mean LOCATION?"),
        (("Actor", "Weapon"), "Wepon", "did you mean Weapon?"),
        (LABELS, "XYZ", "the labels are ACTOR, WEAPON, LOCATION, NUMBER"),
    ],
)
def test_the_fix_of_an_unknown_label_is_the_most_similar_one(labels: tuple[str, ...], wrong: str, fix: str) -> None:
    (found,) = check_document(Document("r", "Rebels left.", (Mention(0, 6, wrong),)), labels)
    assert "unknown label" in found.what
    assert found.fix == fix


@pytest.mark.parametrize(
    ("span", "what"),
    [((3, 3), "is empty"), ((0, 99), "outside"), ((-3, 2), "outside"), ((50, 60), "outside"), ((4, 2), "4:2")],
)
def test_offsets_must_cover_some_of_the_text(span: tuple[int, int], what: str) -> None:
    (found,) = check("Rebels left.", span)
    assert what in found.what
    assert found.fix


@pytest.mark.parametrize("space", [" ", "\n", "\t", "\u00a0", "\u3000"], ids=ascii)
def test_spaces_stay_outside_a_mention(space: str) -> None:
    assert ["begins with a space" in p.what for p in check_mention(f"{space}army")] == [True]
    assert ["ends with a space" in p.what for p in check_mention(f"army{space}")] == [True]


@pytest.mark.parametrize(
    "mark", [",", ".", ";", '"', "\u201c", "\u201d", "'", "-", "\u2014", "(", ")", "!", "\u060c", "\u3002"]
)
def test_punctuation_stays_outside_a_mention(mark: str) -> None:
    assert ["begins with the punctuation" in p.what for p in check_mention(f"{mark}soldiers")] == [True]
    assert ["ends with the punctuation" in p.what for p in check_mention(f"soldiers{mark}")] == [True]
    assert check_mention(f"sol{mark}diers") == []


@pytest.mark.parametrize(
    "text",
    [
        "U.S.",
        "Kan.",
        "Inc.",
        "Northrop Corp.",
        "D.C.",
        "Gen.",
        "50%",
        "3‰",
        "$3",
        "€5m",
        "#FreeGaza",
        "@user",
        "+20",
        "PMF (Hashd)",
    ],
)
def test_punctuation_that_belongs_to_a_mention_may_stay(text: str) -> None:
    assert check_mention(text) == []


@pytest.mark.parametrize("text", ["soldiers.", "town.", "M23)", "%", "%5"])
def test_punctuation_that_only_looks_so_may_not(text: str) -> None:
    assert len(check_mention(text)) == 1


@pytest.mark.parametrize(
    ("spans", "what"),
    [
        ([(0, 8), (4, 13)], "overlaps"),
        ([(0, 13), (4, 8)], "lies inside"),
        ([(0, 13), (9, 13)], "lies inside"),
        ([(0, 8), (0, 8)], "lies inside"),
    ],
)
def test_mentions_neither_overlap_nor_nest(spans: list[tuple[int, int]], what: str) -> None:
    (found,) = check("The army left.", *spans)
    assert what in found.what
    assert found.fix


def test_an_overlap_has_the_position_of_its_later_mention() -> None:
    mentions = (Mention(0, 8, "ACTOR"), Mention(4, 13, "ACTOR"))
    document = Document("r", "The army left.", mentions, places=("f.md:3:1", "f.md:3:9"))
    assert [problem.where for problem in check_document(document, LABELS)] == ["f.md:3:9"]


def test_each_mention_inside_another_is_reported() -> None:
    assert len(check("The Sudanese army left.", (0, 17), (4, 12), (13, 17))) == 2


def test_mentions_may_touch() -> None:
    assert check("60km", Mention(0, 2, "NUMBER"), Mention(2, 4, "NUMBER")) == []


@pytest.mark.parametrize("text", ["", " ", "\n\t \u3000"], ids=ascii)
def test_a_report_without_text_is_empty(text: str) -> None:
    (found,) = check(text)
    assert "is empty" in found.what


@pytest.mark.parametrize(
    "document",
    [Document("r", "Goma \ud83d fell"), Document("\udc00", "Goma fell"), Document("r", "x", (), {"k": ["\ud83d"]})],
    ids=["text", "id", "metadata"],
)
def test_half_a_surrogate_pair_is_found(document: Document) -> None:
    (found,) = check_document(document, LABELS)
    assert "surrogate" in found.what


def test_all_problems_of_a_report_are_returned_together() -> None:
    found = check("The army left, \ud800.", (0, 4), (4, 14), Mention(5, 6, "X"), (90, 95))
    for word in ("surrogate", "space", "punctuation", "unknown label", "outside", "lies inside"):
        assert [problem for problem in found if word in problem.what], word
    assert len(found) == 6


@pytest.mark.parametrize("other", ["train", "test"], ids=["in one split", "across splits"])
def test_an_id_may_occur_only_once(other: str) -> None:
    first, second = Document("r", STORY, origin="a:1"), Document("r", "Another story.", origin="b:9")
    found = check_splits(
        {"train": [first], other: [second]} if other != "train" else {"train": [first, second]}, LABELS
    )
    assert [(finding.problem.where, finding.document) for finding in found] == [("b:9", second)]
    assert "'r'" in found[0].problem.what
    assert "a:1" in found[0].problem.what


def test_a_text_may_occur_only_once_ignoring_case_and_spaces() -> None:
    (found,) = splits(train=["Rebels left Goma.", "  REBELS left\nGoma. "])
    assert "same text" in found
    assert "train:1" in found
    assert "train:0" in found


def test_a_text_in_two_splits_names_both() -> None:
    (found,) = splits(train=[STORY], validation=["Other."], test=[STORY.upper()])
    assert "same text" in found
    assert "(train and test)" in found


def test_a_near_copy_in_another_split_is_found() -> None:
    (found,) = splits(train=[STORY], test=[STORY.replace("27", "30")])
    assert "near-copy" in found
    assert "train:0" in found
    assert "test:0" in found


def test_near_copies_within_a_split_are_allowed() -> None:
    assert splits(train=[STORY, STORY.replace("27", "30")]) == []


def test_every_report_with_a_near_copy_before_it_is_found_and_the_nearest_named() -> None:
    second, third = splits(
        train=[STORY], validation=[STORY.replace("27", "30")], test=[STORY.replace("27", "30") + " Nobody said more."]
    )
    assert "(validation) is a near-copy of" in second
    assert "(test) is a near-copy of" in third
    assert "(validation) at" in third


def test_punctuation_alone_does_not_hide_a_copy() -> None:
    (found,) = splits(train=[STORY], test=[STORY.replace(",", ";")])
    assert "100%" in found


def test_reports_that_share_a_phrase_are_no_copies() -> None:
    other = "Two drones fell on a depot. At least 27 people in the town were hurt when its roof came down at dawn."
    assert splits(train=[STORY], test=[other]) == []


def test_the_same_words_in_another_order_are_no_copy() -> None:
    words = STORY.split()
    thirds = [words[at : at + 3] for at in range(0, len(words), 3)]
    assert splits(train=[STORY], test=[" ".join(word for third in reversed(thirds) for word in third)]) == []


def test_two_empty_reports_are_empty_and_not_the_same_text() -> None:
    assert ["is empty" in found for found in splits(train=["", " "])] == [True, True]


def sentence(text: str, name: str, *mentions: Mention) -> Document:
    """A sentence as it is read from a CoNLL file: its id is its position."""
    return Document(f"{name}:1", text, mentions, origin=f"folder/{name}.conll:1")


@pytest.mark.parametrize("text", ["' Rebels '", "- held", "Rebels .", "(", "U.S. ,"])
def test_without_our_guidelines_a_mention_may_begin_and_end_with_punctuation(text: str) -> None:
    document = Document("r", text, (Mention(0, len(text), "ACTOR"),))
    assert check_document(document, LABELS, guidelines=False) == []
    assert check_document(document, LABELS) == check_document(document, LABELS, guidelines=True) != []


@pytest.mark.parametrize("text", ["Maj.", "Yahoo!"])
def test_our_guidelines_are_for_exactly_our_labels_unless_set(text: str) -> None:
    document = Document("r", text, (Mention(0, len(text), "ACTOR"),))
    assert check_document(document, ["ACTOR"]) == check_document(document, [*LABELS, "DATE"]) == []
    for labels, setting in ((sorted(LABELS), None), (["ACTOR"], True)):
        (found,) = check_document(document, labels, guidelines=setting)
        assert "ends with the punctuation" in found.what
        assert "--no-guidelines" in found.fix
        assert "data.guidelines: false" in found.fix


@pytest.mark.parametrize("span", [(0, 7), (6, 8), (6, 6), (4, 99)])
def test_spaces_at_edges_and_wrong_offsets_are_faults_by_any_guidelines(span: tuple[int, int]) -> None:
    document = Document("r", "Rebels left.", (Mention(*span, "Org"),))
    assert len(check_document(document, ["Org"])) == len(check_document(document, ["Org"], guidelines=False)) == 1


def test_without_our_guidelines_all_other_checks_of_a_mention_apply() -> None:
    wrong = sentence("Rebels", "r", Mention(0, 6, "ACTR"), Mention(2, 9, "ACTOR"))
    assert len(check_document(wrong, LABELS, guidelines=False)) == 3


def test_without_our_guidelines_a_text_may_occur_twice_in_a_split_but_not_in_two() -> None:
    first, again, far = (sentence(STORY, name) for name in "abc")
    assert check_splits({"train": [first, again]}, LABELS, guidelines=False) == []
    (twice,) = check_splits({"train": [first, again]}, LABELS)
    assert "--no-guidelines" in twice.problem.fix
    (found,) = check_splits({"train": [first, again], "test": [far]}, LABELS, guidelines=False)
    assert found.document is far
    assert "data.allow_copies: true" in found.problem.fix


def test_copies_and_near_copies_can_be_allowed_but_ids_must_differ() -> None:
    near = STORY.replace("27", "30")
    documents = {"train": [sentence(STORY, "a")], "test": [sentence(STORY, "b"), sentence(near, "c")]}
    assert len(check_splits(documents, LABELS)) == 2
    assert check_splits(documents, LABELS, allow_copies=True) == []
    (found,) = check_splits({"train": documents["train"], "test": [sentence("x", "a")]}, LABELS, allow_copies=True)
    assert found.problem.fix.startswith("rename one of the files")


def grouped(**splits: list[object]) -> list[str]:
    """The problems in splits whose reports have these theatres; None is a report without one."""
    documents = {
        split: [
            Document(f"{split}-{n}", "x", metadata={} if value is None else {"theatre": value}, origin=f"{split}:{n}")
            for n, value in enumerate(values)
        ]
        for split, values in splits.items()
    }
    return [str(finding.problem) for finding in check_groups(documents, "theatre")]


def test_groups_in_one_split_each_have_no_problems() -> None:
    assert grouped(train=["Sudan", "Mali", "Sudan"], test=["Congo", 3]) == []


def test_a_group_in_two_splits_is_a_problem_of_every_report_in_the_later_split() -> None:
    found = grouped(train=["Sudan"], validation=["Mali"], test=["Sudan", "Congo", "Sudan"])
    assert [line.split(":", 2)[:2] for line in found] == [["test", "0"], ["test", "2"]]
    assert found[0] == 'test:0: theatre "Sudan" occurs in test and in train (train:0); keep all of it in one split'


@pytest.mark.parametrize("value", [None, ""])
def test_a_report_without_a_group_is_a_problem(value: object) -> None:
    assert grouped(train=["Sudan", value]) == ["train:1: report 'train-1' has no 'theatre' in its header; add it"]
