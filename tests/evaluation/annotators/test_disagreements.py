"""Where annotators differ: places, kinds and who has what."""

from __future__ import annotations

from itertools import pairwise

import pytest
from conflict_ner.data.document import Document, Mention
from conflict_ner.evaluation.annotators.disagreements import KINDS, count_kinds, find_differences
from conflict_ner.evaluation.matching import CORRECT, align
from helpers.evaluations import labelings, properties
from hypothesis import given
from hypothesis import strategies as st

REPORT = Document("a", "Rebels of the north left Goma.")
NORTH, REBELS, GOMA = Mention(0, 19, "ACTOR"), Mention(0, 6, "ACTOR"), Mention(25, 29, "LOCATION")
ONLY_ONE, LABELS, EDGES, BOTH = KINDS


@pytest.mark.parametrize(
    ("first", "second", "text", "kinds"),
    [
        ([REBELS], [], "Rebels", (ONLY_ONE,)),
        ([REBELS], [NORTH], "Rebels of the north", (EDGES,)),
        ([GOMA], [Mention(25, 29, "ACTOR")], "Goma", (LABELS,)),
        ([REBELS], [Mention(0, 19, "LOCATION")], "Rebels of the north", (BOTH,)),
        ([REBELS, Mention(14, 19, "LOCATION")], [NORTH], "Rebels of the north", (ONLY_ONE, EDGES)),
    ],
)
def test_a_difference_is_one_place_with_its_kinds(
    first: list[Mention], second: list[Mention], text: str, kinds: tuple[str, ...]
) -> None:
    for sides in ((first, second), (second, first)):
        [found] = find_differences(REPORT, dict(zip(("anna", "ben"), sides, strict=True)))
        assert (found.text, found.kinds) == (text, kinds)
        assert found.before + found.text + found.after == REPORT.text


def test_readings_name_those_who_share_them_the_most_common_first() -> None:
    readings = {"anna": [REBELS, GOMA], "ben": [NORTH, GOMA], "carla": [NORTH, GOMA], "dora": [GOMA]}
    [found] = find_differences(REPORT, readings)
    assert [(one.annotators, [m.text for m in one.mentions]) for one in found.readings] == [
        (("ben", "carla"), ["Rebels of the north"]),
        (("anna",), ["Rebels"]),
        (("dora",), []),
    ]
    assert found.kinds == (ONLY_ONE, EDGES)


def test_different_labels_count_for_both_but_once_in_all() -> None:
    counts = count_kinds(align([REBELS, GOMA], [Mention(0, 6, "LOCATION")]), ["ACTOR", "LOCATION"])
    assert counts[LABELS].model_dump() == {"total": 1, "labels": {"ACTOR": 1, "LOCATION": 1}}
    assert counts[ONLY_ONE].model_dump() == {"total": 1, "labels": {"ACTOR": 0, "LOCATION": 1}}
    assert counts[EDGES].total == counts[BOTH].total == 0


@properties
@given(st.lists(labelings(40), min_size=2, max_size=4))
def test_no_difference_is_lost_and_what_is_alike_is_none(readings: list[list[Mention]]) -> None:
    report = Document("a", "x" * 40)
    found = list(find_differences(report, {str(k): reading for k, reading in enumerate(readings)}))
    for k, reading in enumerate(readings):
        own = {m for one in found for r in one.readings if str(k) in r.annotators for m in r.mentions}
        inside = {m for m in reading for one in found if one.start <= m.start < m.end <= one.end}
        assert {(m.start, m.end, m.label) for m in own} == {(m.start, m.end, m.label) for m in inside}
        assert {m for m in reading if m not in inside} <= {m for other in readings for m in other}
    everybody_agrees = all(pair.kind == CORRECT for other in readings for pair in align(readings[0], other))
    assert bool(found) != everybody_agrees
    assert all(a.end <= b.start for a, b in pairwise(found))
