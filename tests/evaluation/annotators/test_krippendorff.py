"""Alpha of labeled spans: published examples, the definition written out, and what it must do whatever the labels."""

from __future__ import annotations

import random
from collections.abc import Sequence

import numpy as np
import pytest
from conflict_ner.data.document import Mention
from conflict_ner.evaluation.annotators.krippendorff import Alphas, span_lengths
from helpers.evaluations import labelings, properties
from hypothesis import given
from hypothesis import strategies as st

LENGTH, LABELS = 40, "ABC"
Reading = Sequence[Mention]  # what one annotator has labeled in one document
labeled = labelings(LENGTH, LABELS)
studies = st.lists(st.lists(labeled, min_size=2, max_size=4), min_size=1, max_size=3)  # documents, annotators, mentions


def alphas(documents: Sequence[Sequence[Reading]], length: int = LENGTH, labels: Sequence[str] = LABELS) -> Alphas:
    return Alphas.of(np.array([span_lengths(readings, length, labels) for readings in documents]), labels)


def test_the_published_example_of_spans() -> None:
    """Krippendorff (2019), figure 12.11: three observers, a continuum of 60, seven labels."""
    observers = {
        "Alex": "1-7 1, 8-13 2, 31-32 5, 33-37 6, 38-44 6, 45-60 7",
        "Paul": "1-7 1, 8-13 3, 14-21 5, 33-44 6",
        "Suzan": "1-7 1, 8-13 4, 14-21 5, 33-37 6, 38-41 6, 42-44 6",
    }
    readings = []
    for units in observers.values():
        fields = [unit.replace("-", " ").split() for unit in units.split(", ")]
        readings.append([Mention(int(first) - 1, int(last), label) for first, last, label in fields])
    found = alphas([readings], 60, "1234567")
    assert found.overall.value == pytest.approx(0.510, abs=0.0005)
    assert found.any_label.value == pytest.approx(0.413, abs=0.001)
    assert (found.labels["1"].value, found.labels["6"].value) == (1, 1)
    assert found.labels["7"].value is not None
    assert found.labels["7"].value < 0  # one observer alone has it


@pytest.mark.parametrize(
    ("published", "observers"),
    [
        (0.095, ["0100000010", "1110010000"]),
        (0.692, ["aabbdcccedda", "babbbccceddd"]),
        (0.743, ["123321412***", "1233224125*3", "*3332342251*", "12332441251*"]),
    ],
)
def test_the_published_examples_of_alpha_where_each_mention_has_one_character(
    published: float, observers: list[str]
) -> None:
    """Krippendorff (2011), examples A, B and C: `*` is a report that an observer has not labeled."""
    labels = sorted(set("".join(observers)) - {"*"})
    documents = [
        [[Mention(0, 1, value)] for value in values if value != "*"] for values in zip(*observers, strict=True)
    ]
    compared = [readings for readings in documents if len(readings) > 1]
    assert alphas(compared, 1, labels).overall.value == pytest.approx(published, abs=0.0005)


def units(reading: Reading) -> list[tuple[int, int, str]]:
    """Return the mentions of a reading and the gaps between them, which have the label ""."""
    found, end = [], 0
    for mention in reading:
        found += [(end, mention.start, "")] if mention.start > end else []
        found.append((mention.start, mention.end, mention.label))
        end = mention.end
    return found + ([(end, LENGTH, "")] if end < LENGTH else [])


def defined_alpha(documents: Sequence[Sequence[Reading]]) -> float | None:
    """Compute alpha as equations 32 to 34 of Krippendorff (2019) define it: from lengths of intersections."""
    values = ["", *LABELS]
    observed, squares = np.zeros((4, 4)), np.zeros(4)
    for readings in documents:
        for a, one in enumerate(readings):
            for start, end, label in units(one):
                squares[values.index(label)] += (end - start) ** 2 if label else end - start
            for b, other in enumerate(readings):
                for start, end, label in units(one) if a != b else ():
                    for other_start, other_end, other_label in units(other):
                        shared = max(0, min(end, other_end) - max(start, other_start))
                        pair = values.index(label), values.index(other_label)
                        observed[pair] += shared / (len(readings) - 1)
    sums, total = observed.sum(axis=1), observed.sum()
    expected = (np.outer(sums, sums) - np.diag(squares)) / (total - squares.sum() / total)
    if not expected.sum() - np.trace(expected):
        return None
    return float(1 - (total - np.trace(observed)) / (expected.sum() - np.trace(expected)))


@properties
@given(studies)
def test_alpha_is_what_its_definition_says(documents: list[list[Reading]]) -> None:
    assert alphas(documents).overall.value == pytest.approx(defined_alpha(documents))


@properties
@given(studies)
def test_of_one_label_all_other_text_is_alike(documents: list[list[Reading]]) -> None:
    only_a = [[[m for m in reading if m.label == "A"] for reading in readings] for readings in documents]
    renamed = [[[Mention(m.start, m.end, "A") for m in reading] for reading in readings] for readings in documents]
    found = alphas(documents)
    assert found.labels["A"].value == pytest.approx(defined_alpha(only_a))
    assert found.any_label.value == pytest.approx(defined_alpha(renamed))


@properties
@given(st.lists(labeled, min_size=1, max_size=3), st.integers(2, 4))
def test_annotators_who_do_the_same_agree_fully(readings: list[Reading], annotators: int) -> None:
    found = alphas([[reading] * annotators for reading in readings])
    has_mentions = any(readings)
    has_gaps = any(len(units(reading)) > len(reading) for reading in readings)
    assert found.any_label.value == (1 if has_mentions and has_gaps else None)


def test_labels_at_random_agree_as_chance_would_have_it() -> None:
    chance = random.Random(1)

    def reading() -> Reading:
        drawn = [(k, chance.choice(["", *LABELS])) for k in range(0, 20_000, 5)]
        return [Mention(k, k + 5, label) for k, label in drawn if label]

    found = alphas([[reading(), reading(), reading()]], 20_000)
    values = [alpha.value or 1 for alpha in (found.overall, found.any_label, *found.labels.values())]
    assert max(map(abs, values)) < 0.03


def test_what_nobody_has_labeled_has_no_alpha() -> None:
    found = alphas([[[Mention(0, 3, "A")], [Mention(0, 3, "A")]]] * 3)
    assert found.labels["B"].model_dump() == {"value": None, "interval": None}
    assert found.labels["A"].model_dump() == {"value": 1.0, "interval": (1.0, 1.0)}
    assert alphas([[[], []]]).overall.value is None


def test_the_interval_holds_alpha_and_needs_two_documents() -> None:
    same, different = [[Mention(0, 9, "A")]] * 2, [[Mention(0, 9, "A")], [Mention(20, 29, "A")]]
    assert alphas([different]).overall.interval is None
    found = alphas([same] * 6 + [different] * 3).overall
    assert found.value is not None
    assert found.interval is not None
    low, high = found.interval
    assert low < found.value < high <= 1
