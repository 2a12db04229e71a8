"""The label scheme: tags, their ids, and conversion to and from spans."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from conflict_ner.data.labels import LabelScheme, ModelTags, WordSpan
from conflict_ner.errors import ConfigError
from hypothesis import given, settings
from hypothesis import strategies as st

FOUR = LabelScheme(("ACTOR", "WEAPON", "LOCATION", "NUMBER"))
TEN = LabelScheme(tuple(f"L{k}" for k in range(10)))
TWO = LabelScheme(("A", "B"))


def test_the_order_of_the_labels_fixes_the_ids() -> None:
    assert FOUR.id2label == {
        0: "O",
        1: "B-ACTOR",
        2: "I-ACTOR",
        3: "B-WEAPON",
        4: "I-WEAPON",
        5: "B-LOCATION",
        6: "I-LOCATION",
        7: "B-NUMBER",
        8: "I-NUMBER",
    }
    assert LabelScheme(("WEAPON", "ACTOR")).tags != LabelScheme(("ACTOR", "WEAPON")).tags


@pytest.mark.parametrize("scheme", [TWO, FOUR, TEN], ids=["two", "four", "ten"])
def test_begin_and_inside_are_always_a_pair(scheme: LabelScheme) -> None:
    assert len(scheme.tags) == 2 * len(scheme.labels) + 1
    for k, label in enumerate(scheme.labels):
        assert scheme.tags[2 * k + 1 : 2 * k + 3] == (f"B-{label}", f"I-{label}")
    assert {scheme.label2id[tag]: tag for tag in scheme.tags} == scheme.id2label


@pytest.mark.parametrize(
    "scheme", [TWO, FOUR, TEN, LabelScheme(("B-X", "I-X", "x-y"))], ids=["two", "four", "ten", "odd"]
)
def test_from_id2label_rebuilds_the_scheme_of_a_checkpoint(scheme: LabelScheme) -> None:
    assert LabelScheme.from_id2label(scheme.id2label) == scheme
    as_json = {str(index): tag for index, tag in reversed(scheme.id2label.items())}
    assert LabelScheme.from_id2label(as_json) == scheme


@pytest.mark.parametrize(
    "tags",
    [
        ["B-A", "I-A", "O"],
        ["O", "I-A", "B-A"],
        ["O", "B-A", "B-B", "I-A", "I-B"],
        ["O", "B-A"],
        ["O", "B-A", "I-B"],
        ["O", "A", "B"],
        ["O", "B-A", "I-A", "S-A", "E-A"],
        ["LABEL_0", "LABEL_1", "LABEL_2"],
        [],
    ],
    ids=lambda tags: " ".join(tags) or "none",
)
def test_other_orders_of_tags_are_refused(tags: list[str]) -> None:
    with pytest.raises(ValueError, match="IOB2"):
        LabelScheme.from_id2label(dict(enumerate(tags)))


@pytest.mark.parametrize(
    "id2label",
    [{0: "O", 2: "B-A", 3: "I-A"}, {1: "O", 2: "B-A", 3: "I-A"}, {0: "O", 1: "B-A", 2: "I-A", 3: "B-A", 4: "I-A"}],
    ids=["a gap", "from one", "a label twice"],
)
def test_tags_under_other_ids_are_refused(id2label: dict[int, str]) -> None:
    with pytest.raises(ValueError, match="IOB2"):
        LabelScheme.from_id2label(id2label)


@st.composite
def spans_in_words(draw: st.DrawFn, labels: tuple[str, ...]) -> tuple[list[WordSpan], int]:
    """Non-overlapping labeled spans in order, and the number of words."""
    words = draw(st.integers(0, 12))
    edges = sorted(draw(st.sets(st.integers(0, words))))
    drawn = [(first, end, draw(st.sampled_from(["", *labels]))) for first, end in itertools.pairwise(edges)]
    return [span for span in drawn if span[2]], words


@pytest.mark.parametrize("scheme", [TWO, TEN], ids=["two", "ten"])
def test_decode_is_the_inverse_of_encode(scheme: LabelScheme) -> None:
    @settings(max_examples=80, deadline=None, derandomize=True, database=None)
    @given(spans_in_words(scheme.labels))
    def check(example: tuple[list[WordSpan], int]) -> None:
        spans, words = example
        tags = scheme.encode(spans, words)
        assert tags.shape == (words,)
        assert scheme.decode(tags) == spans

    check()


def test_every_sequence_of_tags_decodes_as_conlleval_reads_it() -> None:
    for tags in itertools.product(range(5), repeat=5):
        spans: list[tuple[int, int, str]] = []
        for at, tag in enumerate(TWO.tags[tag] for tag in tags):
            if tag == "O":
                continue
            goes_on = spans and spans[-1][1] == at and spans[-1][2] == tag[2:] and tag[0] == "I"
            spans = [*spans[:-1], (spans[-1][0], at + 1, tag[2:])] if goes_on else [*spans, (at, at + 1, tag[2:])]
        assert TWO.decode(np.array(tags)) == spans


@pytest.mark.parametrize(
    ("tags", "spans"),
    [
        ("I-A", [(0, 1, "A")]),
        ("O I-A I-A", [(1, 3, "A")]),
        ("B-A I-B", [(0, 1, "A"), (1, 2, "B")]),
        ("B-A O I-A", [(0, 1, "A"), (2, 3, "A")]),
        ("I-A B-A", [(0, 1, "A"), (1, 2, "A")]),
    ],
)
def test_an_inside_tag_that_continues_no_mention_begins_one(tags: str, spans: list[tuple[int, int, str]]) -> None:
    assert TWO.decode(np.array([TWO.label2id[tag] for tag in tags.split()])) == spans


def test_inside_tags_returns_the_inside_tag_of_each_label() -> None:
    continued = FOUR.inside_tags(np.arange(9))
    assert [FOUR.tags[tag] for tag in continued] == ["O", *(f"I-{label}" for label in FOUR.labels for _ in "BI")]


def model_tags(*tags: str) -> ModelTags:
    return ModelTags.parse(dict(enumerate(tags)))


def test_the_tags_of_our_own_scheme_are_read_as_it_decodes_them() -> None:
    model = model_tags(*TWO.tags)
    for tags in itertools.product(range(5), repeat=5):
        assert TWO.decode(model.to_iob2(np.array(tags))) == TWO.decode(np.array(tags))


@pytest.mark.parametrize(
    ("scheme", "tags"),
    [
        ("BIO", "B-A O O B-B I-B B-B O"),
        ("BIO", "I-A O O I-B I-B B-B O"),  # IOB1: a B- only between two mentions of one label
        ("BIOES", "S-A O O B-B E-B S-B O"),
        ("BILOU", "U-A O O B-B L-B U-B O"),
        ("BMES", "S-A O O B-B E-B S-B O"),
        ("BMEW", "W-A O O B-B E-B W-B O"),
        ("IOE", "E-A O O I-B E-B E-B O"),  # IOE2
        ("IOE", "I-A O O I-B E-B I-B O"),  # IOE1: an E- only between two mentions of one label
    ],
    ids=["IOB2", "IOB1", "BIOES", "BILOU", "BMES", "BMEW", "IOE2", "IOE1"],
)
def test_every_scheme_tells_adjacent_mentions_apart(scheme: str, tags: str) -> None:
    kinds = {"BIO": "BI", "BMES": "BMES", "BMEW": "BMEW", "IOE": "IE", "BIOES": "BIES", "BILOU": "BILU"}[scheme]
    # The ids are in another order than ours, and O is not the first.
    model = model_tags(*(f"{kind}-{label}" for kind in kinds for label in "BA"), "O")
    assert (model.scheme, model.labels) == (scheme, ("B", "A"))
    ids = np.array([model.tags.index(tag) for tag in tags.split()])
    assert model.output.decode(model.to_iob2(ids)) == [(0, 1, "A"), (3, 5, "B"), (5, 6, "B")]


@pytest.mark.parametrize("tags", [("A", "O", "B"), ("I-A", "O", "I-B")], ids=["bare", "I-"])
def test_without_prefixes_a_run_of_one_label_is_one_mention(tags: tuple[str, ...]) -> None:
    model = model_tags(*tags)
    assert (model.scheme, model.labels) == ("IO", ("A", "B"))
    assert model.output.decode(model.to_iob2(np.array([0, 0, 2, 1, 2]))) == [(0, 2, "A"), (2, 3, "B"), (4, 5, "B")]


def test_prefixes_in_an_impossible_order_lose_no_word() -> None:
    model = model_tags("O", "B-A", "I-A", "E-A", "S-A")
    for tags in itertools.product(range(5), repeat=5):
        spans = model.output.decode(model.to_iob2(np.array(tags)))
        covered = [word for first, end, _ in spans for word in range(first, end)]
        assert covered == [word for word, tag in enumerate(tags) if tag]


def test_a_label_may_get_another_name_and_be_left_out() -> None:
    model = model_tags("O", "B-PER", "I-PER", "B-ORG", "I-ORG", "B-MISC", "I-MISC")
    renamed = model.renamed({"ORG": "ACTOR", "PER": "ACTOR", "MISC": ""})
    assert renamed.output.labels == ("ACTOR",)
    # What the model calls two mentions stays two, under whatever name; what is left out divides mentions.
    spans = renamed.output.decode(renamed.to_iob2(np.array([1, 4, 4, 5, 2, 2])))
    assert spans == [(0, 1, "ACTOR"), (1, 3, "ACTOR"), (4, 6, "ACTOR")]
    assert model.renamed({"PER": "PER"}).output.labels == ("PER",)


@pytest.mark.parametrize(
    ("label_map", "message"),
    [
        ({"PRE": "ACTOR"}, r"--map PRE=ACTOR: the model has no label 'PRE'; did you mean PER\?"),
        ({"WEAPON": "WEAPON"}, "the model has no label 'WEAPON'; its labels are PER, LOC"),
        ({"per": None}, r"--map per=: the model has no label 'per'; did you mean PER\?"),
        ({"PER": "an actor"}, "'an actor' cannot be a label"),
        ({"PER": "O"}, "'O' cannot be a label"),
        ({"PER": "", "LOC": None}, "--map: leaves no label"),
        ({}, "--map: leaves no label"),
    ],
)
def test_a_map_of_unknown_names_is_refused(label_map: dict[str, str | None], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        model_tags("O", "B-PER", "B-LOC").renamed(label_map)


@pytest.mark.parametrize(
    ("tags", "message"),
    [
        (["LABEL_0", "LABEL_1", "LABEL_2"], "the tags have no names, only LABEL_0, LABEL_1"),
        (["O"], "no tag is that of a label"),
        (["O", "B-A", "[CLS]"], r"B-A has a prefix and \[CLS\] has none"),
        (["O", "B_A", "I_A"], "B_A has its prefix in another notation"),
        (["O", "b-a", "i-a"], "b-a has its prefix in another notation"),
        (["O", "A-B", "A-I"], "A-B has its prefix in another notation"),
        (["O", "E-A", "L-A"], "no scheme has all of the prefixes E, L"),
        (["O", "A", "A"], "two ids have the tag A"),
        (["O", "", "A"], "the ids are not the numbers from 0 to 2, each with a tag"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_tags_of_no_known_scheme_are_refused(tags: list[str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        model_tags(*tags)


@pytest.mark.parametrize("ids", [(0, 2), (1, 2), ("one", "two")])
def test_ids_that_are_not_the_numbers_of_outputs_are_refused(ids: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="id"):
        ModelTags.parse(dict(zip(ids, ("O", "A"), strict=True)))


def test_labels_without_prefixes_may_look_odd() -> None:
    model = model_tags("O", "Date of birth", "U_S", "X-Y")
    assert (model.scheme, model.labels) == ("IO", ("Date of birth", "U_S", "X-Y"))


def test_a_scheme_that_marks_no_beginnings_says_nothing_of_them() -> None:
    assert model_tags("PER", "O").shares.tolist() == [[0.0, 0.5, 0.5], [1.0, 0.0, 0.0]]
    assert model_tags("O", "I-PER", "B-PER").shares.tolist() == [[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, 1.0, 0.0]]


def test_only_an_inside_tag_of_the_same_first_level_continues_a_mention() -> None:
    scheme = LabelScheme(("ACTOR", "NUMBER.killed", "NUMBER.other"))
    tags = {tag: number for number, tag in enumerate(scheme.tags)}
    pairs = {
        ("B-ACTOR", "I-ACTOR"): True,
        ("B-NUMBER.killed", "I-NUMBER.other"): True,
        ("I-ACTOR", "B-ACTOR"): False,
        ("I-ACTOR", "I-NUMBER.other"): False,
        ("O", "I-ACTOR"): False,
        ("O", "O"): False,
        ("B-ACTOR", "O"): False,
    }
    before, after = (np.array([tags[pair[side]] for pair in pairs]) for side in (0, 1))
    assert scheme.continues(before, after).tolist() == list(pairs.values())
