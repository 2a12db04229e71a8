"""Schemes of tags: every scheme is read and written alike, a file decides its own, and a doubt is an error."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from conflict_ner.data.formats.tagged_words.tag_schemes import (
    IOB2,
    SCHEME_NAMES,
    Scheme,
    TagStatistics,
    find_scheme,
    read_tags,
    write_tags,
)
from conflict_ner.data.labels import LabelScheme, WordSpan
from conflict_ner.errors import ConfigError, Problem

TWO = LabelScheme(("A", "B"))
# Two mentions of one label side by side, one after another label, one alone, and one in another sentence.
SPANS: list[WordSpan] = [(0, 2, "A"), (2, 3, "A"), (3, 6, "B"), (7, 8, "B"), (9, 11, "A")]
WRITTEN = {
    "IOB2": "B-A I-A B-A B-B I-B I-B O B-B O B-A I-A",
    "IOB1": "I-A I-A B-A I-B I-B I-B O I-B O I-A I-A",
    "IOE2": "I-A E-A E-A I-B I-B E-B O E-B O I-A E-A",
    "IOE1": "I-A E-A I-A I-B I-B I-B O I-B O I-A I-A",
    "BIOES": "B-A E-A S-A B-B I-B E-B O S-B O B-A E-A",
    "BILOU": "B-A L-A U-A B-B I-B L-B O U-B O B-A L-A",
    "BMES": "B-A E-A S-A B-B M-B E-B O S-B O B-A E-A",
    "BMEW": "B-A E-A W-A B-B M-B E-B O W-B O B-A E-A",
    "BIOS": "B-A I-A S-A B-B I-B I-B O S-B O B-A I-A",
}


def decide(*sentences: str) -> Scheme | Problem:
    statistics = TagStatistics()
    for number, tags in enumerate(sentences):
        statistics.add(tags.split(), lambda word, number=number: f"s{number}:{word}")  # type: ignore[misc]
    return statistics.decide("a.conll")


@pytest.mark.parametrize(("name", "tags"), WRITTEN.items())
def test_the_same_mentions_are_written_and_read_in_every_scheme_which_the_tags_decide(name: str, tags: str) -> None:
    scheme = find_scheme(name.lower())
    assert write_tags(SPANS, 11, scheme) == tags.split()
    assert read_tags(tags.split(), scheme) == (SPANS, [])
    assert decide(tags) == scheme


def test_any_spans_come_back_in_every_scheme_and_a_scheme_that_the_tags_keep_to_reads_them_alike() -> None:
    schemes = [find_scheme(name) for name in SCHEME_NAMES]
    for cuts in itertools.product(("O", "A1", "A2", "B1"), repeat=4):
        groups = [(kind, len(list(group))) for kind, group in itertools.groupby(cuts)]
        starts = itertools.accumulate((length for _, length in groups), initial=0)
        spans = [(at, at + n, kind[0]) for at, (kind, n) in zip(starts, groups, strict=False) if kind != "O"]
        touching = any(a[1:] == (b[0], b[2]) for a, b in itertools.pairwise(spans))
        for scheme in schemes:
            if scheme.name == "IO" and touching:
                with pytest.raises(ValueError, match="neighboring mentions of one label"):
                    write_tags(spans, 4, scheme)
                continue
            tags = write_tags(spans, 4, scheme)
            assert read_tags(tags, scheme) == (spans, [])
            found = decide(" ".join(tags))
            assert isinstance(found, Scheme)
            assert read_tags(tags, found) == (spans, [])


def test_labels_without_prefixes_are_io() -> None:
    found = decide("O person-actor person-actor O location")
    assert isinstance(found, Scheme)
    assert (found.name, read_tags(["X", "X", "O", "y-z"], found)) == ("IO", ([(0, 2, "X"), (3, 4, "y-z")], []))


@pytest.mark.parametrize("tags", ["B_X I_X O B_Y", "b-X i-X O b-Y", "X-B X-I O Y-B", "X.B X.I O Y.B"])
def test_tags_in_another_notation_are_no_labels(tags: str) -> None:
    statistics = TagStatistics()
    statistics.add(tags.split(), str)
    assert statistics.decide("a.conll") == IOB2
    assert read_tags(list(map(statistics.normalize, tags.split()))) == ([(0, 2, "X"), (3, 4, "Y")], [])


def test_a_few_faults_do_not_change_the_scheme() -> None:
    assert decide(*["B-A I-A O"] * 20, "O I-A", "E-A O") == IOB2
    assert decide(*["I-A I-A O"] * 20, "O B-A") == find_scheme("IOB1")
    assert decide(*["B-A E-A O S-B"] * 20, "B-A O") == find_scheme("BIOES")


def test_a_doubt_is_an_error_that_lists_the_schemes_with_their_faults() -> None:
    problem = decide("B-A E-A O S-A", "B-A L-A O U-A")
    assert isinstance(problem, Problem)
    assert problem.unreadable
    assert "as BIOES 3 faults (s1:0: 'B-A' cannot stand here in BIOES)" in problem.what
    assert "as BILOU 3 faults (s0:0: 'B-A' cannot stand here in BILOU)" in problem.what
    assert "--scheme IOB2 or BIOES or BILOU" in problem.fix


@pytest.mark.parametrize(
    ("scheme", "tags", "fault"),
    [
        ("IOB1", "O B-A", (1, "'B-A' cannot stand here in IOB1", "write I-A")),
        ("BIOES", "B-A O", (0, "'B-A' cannot stand here in BIOES", "write S-A")),
        ("BIOES", "I-A E-A", (0, "'I-A' cannot stand here in BIOES", "write B-A")),
        ("IOE2", "I-A O", (0, "'I-A' cannot stand here in IOE2", "write E-A")),
        ("BILOU", "S-A", (0, "'S-A' is not a tag of BILOU", "write O, B-LABEL, I-LABEL, L-LABEL or U-LABEL")),
    ],
)
def test_a_tag_that_cannot_stand_in_the_scheme_is_a_fault(scheme: str, tags: str, fault: tuple[object, ...]) -> None:
    assert read_tags(tags.split(), find_scheme(scheme))[1] == [fault]


def test_schemes_have_other_names_and_an_unknown_one_is_explained() -> None:
    assert find_scheme("bio") == IOB2
    assert find_scheme("BILUO") == find_scheme("BIOLU") == find_scheme("BILOU")
    with pytest.raises(ConfigError, match="there is no scheme 'IOB'; it is one of IOB2, IO, IOB1, BIOES"):
        find_scheme("IOB")
    with pytest.raises(ConfigError, match="did you mean BIOES"):
        find_scheme("BIES")


def test_read_tags_and_decode_return_the_same_spans() -> None:
    for tags in itertools.product(TWO.tags, repeat=4):
        spans, faults = read_tags(tags)
        assert spans == TWO.decode(np.array([TWO.label2id[tag] for tag in tags]))
        stray = [n for n, tag in enumerate(tags) if tag[0] == "I" and (n == 0 or tags[n - 1][2:] != tag[2:])]
        assert [word for word, _, _ in faults] == stray


@pytest.mark.parametrize("tag", ["", "o", "B", "B-", "I-", "S-A", "E-A", "A", "B-A B", "0"])
def test_a_string_that_is_not_a_tag_is_a_fault_and_read_as_outside(tag: str) -> None:
    spans, faults = read_tags(["B-A", tag, "I-A"])
    assert spans == [(0, 1, "A"), (2, 3, "A")]
    assert [word for word, _, _ in faults] == [1, 2]


def test_a_label_may_contain_any_characters() -> None:
    assert read_tags(["B-X-Y", "I-X-Y", "I-X"])[0] == [(0, 2, "X-Y"), (2, 3, "X")]


def test_tags_of_a_model_are_read_as_it_decodes_them() -> None:
    spans = [(0, 2, "A"), (2, 3, "A"), (4, 5, "B")]
    assert write_tags(spans, 6) == [TWO.tags[tag] for tag in TWO.encode(spans, 6)]
