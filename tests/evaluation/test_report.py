"""The figures: seqeval's own, over whole documents, with every gold mention counted."""

from __future__ import annotations

import json
import random
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from conflict_ner.config import Config
from conflict_ner.data.document import Document, Entity, Mention
from conflict_ner.data.words import split_words
from conflict_ner.evaluation.matching import align
from conflict_ner.evaluation.report import Report, label_counts, score, seqeval_default_f1, strict_micro
from conflict_ner.evaluation.scores import Counts, Metrics, Scores
from pydantic import ValidationError
from seqeval.metrics import classification_report, f1_score
from seqeval.scheme import IOB2

LABELS = ("ACTOR", "WEAPON", "LOCATION", "NUMBER")
WORDS = ["rebels", "left", "Goma", "after", "3", "drone", "strikes", ",", "police", "said"]
GOMA = Document("d", "Rebels left Goma.", (Mention(0, 6, "ACTOR"), Mention(12, 16, "LOCATION")))


def random_mentions(text: str, chance: random.Random) -> tuple[Mention, ...]:
    """Mentions of one to three words that do not overlap."""
    starts, ends = split_words(text)
    mentions, word = [], 0
    while word < len(starts):
        length = chance.randint(1, 3)
        if chance.random() < 0.4 and word + length <= len(starts):
            mentions.append(Mention(int(starts[word]), int(ends[word + length - 1]), chance.choice(LABELS)))
            word += length
        else:
            word += 1
    return tuple(mentions)


def random_data(seed: int) -> tuple[list[Document], list[tuple[Mention, ...]]]:
    """Documents and predictions that are right about half of the time."""
    chance = random.Random(seed)
    documents, predicted = [], []
    for number in range(chance.randint(1, 12)):
        text = " ".join(chance.choices(WORDS, k=chance.randint(0, 25)))
        gold = random_mentions(text, chance)
        documents.append(Document(str(number), text, gold))
        predicted.append(gold if chance.random() < 0.5 else random_mentions(text, chance))
    return documents, predicted


def word_tags(text: str, mentions: Sequence[Mention]) -> list[str]:
    """Tag each word with IOB2, independently of the package."""
    starts, ends = split_words(text)
    tags = ["O"] * len(starts)
    for mention in mentions:
        for word, (start, end) in enumerate(zip(starts, ends, strict=True)):
            if mention.start <= start and end <= mention.end:
                tags[word] = ("B-" if start == mention.start else "I-") + mention.label
    return tags


@pytest.mark.parametrize("seed", range(25))
def test_strict_figures_are_seqevals_own(seed: int) -> None:
    documents, predicted = random_data(seed)
    truth = [word_tags(document.text, document.mentions) for document in documents]
    guess = [word_tags(document.text, spans) for document, spans in zip(documents, predicted, strict=True)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        table: dict[str, Any] = classification_report(
            truth, guess, output_dict=True, mode="strict", scheme=IOB2, zero_division=0
        )
        default = f1_score(truth, guess, zero_division=0)
    report = score(documents, predicted, LABELS)
    for name, figures in [("micro avg", report.strict.micro), *report.strict.labels.items()]:
        row = table.get(name, {"precision": 0, "recall": 0, "f1-score": 0, "support": 0})
        assert figures.gold == row["support"]
        assert (figures.precision or 0) == pytest.approx(row["precision"])
        assert (figures.recall or 0) == pytest.approx(row["recall"])
        assert (figures.f1 or 0) == pytest.approx(row["f1-score"])
    present = [row["f1-score"] for label, row in table.items() if label in LABELS and row["support"]]
    assert (report.strict.macro_f1 or 0) == pytest.approx(sum(present) / max(len(present), 1))
    assert (report.seqeval_default_f1 or 0) == pytest.approx(default)


@pytest.mark.parametrize("seed", range(10))
def test_every_gold_mention_of_the_data_is_scored(seed: int) -> None:
    documents, predicted = random_data(seed)
    report = score(documents, predicted, LABELS)
    wanted = sum(len(document.mentions) for document in documents)
    assert report.mentions == report.strict.micro.gold == report.type.micro.gold == wanted
    assert report.documents == len(documents)
    assert report.strict.micro.predicted == sum(map(len, predicted))


@pytest.mark.parametrize(
    ("predicted", "correct", "overlapping"),
    [(Mention(3, 5, "ACTOR"), 1, 1), (Mention(0, 9, "ACTOR"), 0, 1), (Mention(0, 3, "ACTOR"), 0, 0)],
)
def test_a_gold_mention_with_an_edge_inside_a_word_counts(predicted: Mention, correct: int, overlapping: int) -> None:
    document = Document("d", "antigovernment", (Mention(3, 5, "ACTOR"),))
    report = score([document], [[predicted]], LABELS)
    assert (report.strict.micro.correct, report.strict.micro.gold) == (correct, 1)
    assert report.type.micro.correct == overlapping


@pytest.mark.parametrize(
    "wrong",
    [Mention(12, 16, "ACTOR"), Mention(12, 17, "LOCATION"), Mention(13, 16, "LOCATION"), Mention(7, 11, "ACTOR")],
)
def test_a_mention_counts_only_with_its_exact_edges_and_label(wrong: Mention) -> None:
    micro = score([GOMA], [[Mention(0, 6, "ACTOR"), wrong]], LABELS).strict.micro
    assert (micro.correct, micro.predicted, micro.gold) == (1, 2, 2)


def test_adjacent_mentions_of_one_label_are_two() -> None:
    document = Document("d", "Goma Beni", (Mention(0, 4, "LOCATION"), Mention(5, 9, "LOCATION")))
    assert score([document], [document.mentions], LABELS).strict.micro.correct == 2
    assert score([document], [[Mention(0, 9, "LOCATION")]], LABELS).strict.micro.correct == 0


def figures(report: Report) -> tuple[float | None, ...]:
    micro = report.strict.micro
    return micro.precision, micro.recall, micro.f1, report.strict.macro_f1, report.type.micro.f1


@pytest.mark.parametrize(
    ("documents", "predicted", "expected"),
    [
        ([], [], (None, None, None, None, None)),
        ([Document("d", "")], [[]], (None, None, None, None, None)),
        ([Document("d", "Goma.")], [[]], (None, None, None, None, None)),
        ([Document("d", "Goma.")], [[Mention(0, 4, "LOCATION")]], (0.0, None, 0.0, None, 0.0)),
        ([GOMA], [[]], (None, 0.0, 0.0, 0.0, 0.0)),
        ([GOMA, Document("e", "")], [GOMA.mentions, []], (1.0, 1.0, 1.0, 1.0, 1.0)),
    ],
)
def test_what_is_undefined_is_none_and_not_zero(
    documents: list[Document], predicted: list[Sequence[Mention]], expected: tuple[float | None, ...]
) -> None:
    assert figures(score(documents, predicted, LABELS)) == expected


def test_a_label_without_gold_has_no_recall_and_no_part_in_the_mean() -> None:
    report = score([GOMA], [[*GOMA.mentions, Mention(7, 11, "WEAPON")]], LABELS)
    weapon, number = report.strict.labels["WEAPON"], report.strict.labels["NUMBER"]
    assert (weapon.precision, weapon.recall, weapon.f1) == (0.0, None, 0.0)
    assert (number.precision, number.recall, number.f1) == (None, None, None)
    assert report.strict.macro_f1 == 1.0
    assert report.strict.micro.precision == pytest.approx(2 / 3)


def test_labels_keep_their_order() -> None:
    report = score([GOMA], [[]], ("LOCATION", "NUMBER", "ACTOR"))
    assert list(report.strict.labels) == list(report.type.labels) == ["LOCATION", "NUMBER", "ACTOR"]


def test_figures_are_plain_values_that_survive_json() -> None:
    documents, predicted = random_data(3)
    report = score(documents, predicted, LABELS)

    def check(value: object) -> None:
        if isinstance(value, dict):
            for item in value.values():
                check(item)
        elif isinstance(value, tuple):
            for item in value:
                check(item)
        else:
            assert type(value) in (int, float, str, type(None))

    check(report.model_dump())
    assert json.loads(json.dumps(report.model_dump(mode="json"))) == report.model_dump(mode="json")
    assert Report.model_validate_json(report.model_dump_json()) == report


def most_pairs(left: Sequence[Mention], right: Sequence[Mention]) -> int:
    """The size of a maximum matching, by trying them all."""
    if not left:
        return 0
    first, rest = left[0], left[1:]
    best = most_pairs(rest, right)
    for index, other in enumerate(right):
        if first.start < other.end and other.start < first.end:
            best = max(best, 1 + most_pairs(rest, [*right[:index], *right[index + 1 :]]))
    return best


@pytest.mark.parametrize("seed", range(40))
def test_overlapping_mentions_are_paired_one_to_one_and_as_many_as_can_be(seed: int) -> None:
    chance = random.Random(seed)

    def spans() -> tuple[Mention, ...]:
        edges = sorted(chance.sample(range(31), 2 * chance.randint(1, 6)))
        return tuple(Mention(start, end, "ACTOR") for start, end in zip(edges[::2], edges[1::2], strict=True))

    gold, guess = spans(), spans()
    matched = score([Document("d", "x" * 30, gold)], [guess[::-1]], LABELS).type.labels["ACTOR"].correct
    assert matched == most_pairs(gold, guess)


def test_overlap_asks_for_the_same_label() -> None:
    guess = [Mention(0, 11, "ACTOR"), Mention(12, 16, "ACTOR")]
    overlap = score([GOMA], [guess], LABELS).type
    assert (overlap.micro.correct, overlap.labels["LOCATION"].correct) == (1, 0)


def test_touching_mentions_do_not_overlap() -> None:
    assert score([GOMA], [[Mention(6, 12, "ACTOR")]], LABELS).type.micro.correct == 0


@pytest.mark.parametrize("label", ["ARMED-GROUP", "B", "I-A", "micro", "_", "X-", "-X"])
def test_any_label_that_a_config_takes_can_be_scored(label: str) -> None:
    try:
        Config.model_validate({"labels": [label], "data": {"train": ["x"], "validation": ["x"]}, "output": "x"})
    except ValidationError:
        return
    document = Document("d", "Rebels left.", (Mention(0, 6, label),))
    assert score([document], [document.mentions], [label, "ACTOR"]).strict.labels[label].f1 == 1.0


def test_predictions_for_other_documents_are_refused() -> None:
    with pytest.raises(ValueError, match="1 documents but predictions for 2"):
        score([GOMA], [[], []], LABELS)


@pytest.mark.parametrize("span", [Mention(12, 18, "ACTOR"), Mention(-1, 2, "ACTOR"), Mention(3, 3, "ACTOR")])
def test_a_predicted_span_outside_its_text_is_refused(span: Mention) -> None:
    with pytest.raises(ValueError, match="outside the text of 'd'"):
        score([GOMA], [[span]], LABELS)


@pytest.mark.parametrize(
    ("gold", "predicted", "message"),
    [
        ([], [Mention(0, 6, "ACTOR"), Mention(0, 6, "WEAPON")], "predicted spans of 'd' overlap"),
        ([], [Mention(5, 8, "ACTOR"), Mention(0, 6, "ACTOR")], "predicted spans of 'd' overlap"),
        ([Mention(0, 6, "ACTOR"), Mention(3, 4, "ACTOR")], [], "gold mentions of 'd' overlap"),
        ([Mention(0, 6, "GROUP")], [], "gold mentions of 'd' have the label 'GROUP'"),
        ([], [Mention(0, 6, "GROUP")], "predicted spans of 'd' have the label 'GROUP'"),
    ],
)
def test_what_would_be_counted_twice_or_not_at_all_is_refused(
    gold: list[Mention], predicted: list[Mention], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        score([Document("d", "Rebels left.", tuple(gold))], [predicted], LABELS)


ERRORS = Document(
    "e",
    "Rebels of M23 hit Goma with two drones and 3 guns.",
    (
        Mention(0, 13, "ACTOR"),
        Mention(18, 22, "LOCATION"),
        Mention(28, 31, "NUMBER"),
        Mention(32, 38, "WEAPON"),
        Mention(43, 44, "NUMBER"),
    ),
)
GUESSES = [
    Mention(0, 6, "ACTOR"),  # wrong edges
    Mention(14, 17, "WEAPON"),  # spurious
    Mention(18, 22, "ACTOR"),  # wrong label
    Mention(32, 38, "WEAPON"),  # correct
    Mention(43, 49, "WEAPON"),  # wrong both; "two" is missed
]


def test_errors_are_counted_by_kind_and_label() -> None:
    report = score([ERRORS], [GUESSES], LABELS)
    found = {(kind, label) for kind, counts in report.errors.items() for label, count in counts.items() if count}
    assert found == {
        ("wrong edges", "ACTOR"),
        ("spurious", "WEAPON"),
        ("wrong label", "LOCATION"),
        ("missed", "NUMBER"),
        ("wrong label and edges", "NUMBER"),
    }
    assert sum(sum(counts.values()) for counts in report.errors.values()) == 5


def test_the_semeval_figures_of_one_document_by_hand() -> None:
    report = score([ERRORS], [GUESSES], LABELS)
    assert report.exact
    assert report.partial
    counts = [one.correct for one in (report.strict.micro, report.type.micro, report.exact, report.partial)]
    assert counts == [1, 2, 2, 3.0]  # partial: two exact edges and two halves
    assert (report.partial.predicted, report.partial.gold) == (5, 5)


def test_words_are_confused_with_each_other_and_with_nothing() -> None:
    confusion = score([ERRORS], [GUESSES], LABELS).confusion
    assert confusion
    assert confusion.labels == ("O", *LABELS)
    table = {
        (gold, guess): count
        for gold, row in zip(confusion.labels, confusion.words, strict=True)
        for guess, count in zip(confusion.labels, row, strict=True)
        if count
    }
    assert table == {
        ("O", "O"): 3,  # with, and, the full stop
        ("O", "WEAPON"): 2,  # hit, guns
        ("ACTOR", "ACTOR"): 1,
        ("ACTOR", "O"): 2,  # of, M23
        ("LOCATION", "ACTOR"): 1,
        ("NUMBER", "O"): 1,
        ("NUMBER", "WEAPON"): 1,
        ("WEAPON", "WEAPON"): 1,
    }


def test_every_word_of_the_data_is_in_the_confusion_once() -> None:
    documents, predicted = random_data(5)
    confusion = score(documents, predicted, LABELS).confusion
    assert confusion
    assert sum(map(sum, confusion.words)) == sum(len(split_words(document.text)[0]) for document in documents)


def test_scores_of_the_first_versions_can_still_be_read() -> None:
    strict = score([GOMA], [GOMA.mentions], LABELS).model_dump(mode="json")["strict"]
    old = {"documents": 1, "mentions": 2, "strict": strict, "overlap": strict, "seqeval_default_f1": 1.0}
    read = Report.model_validate_json(json.dumps(old))
    assert read.type == read.strict
    assert (read.exact, read.confusion, read.calibration, dict(read.errors)) == (None, None, None, {})


def test_entities_have_calibration_and_curves_and_plain_spans_have_none() -> None:
    entities = [Entity("ACTOR", "Rebels", 0, 6, 0.9), Entity("LOCATION", "left Goma", 7, 16, 0.4)]
    report = score([GOMA], [entities], LABELS)
    assert report.calibration
    assert report.calibration.ece == pytest.approx((0.1 + 0.4) / 2)
    assert [point.threshold for point in report.curves["ACTOR"]] == [0.9]
    plain = score([GOMA], [[Mention(e.start, e.end, e.label) for e in entities]], LABELS)
    assert plain.calibration is None
    assert set(plain.curves.values()) == {()}


def test_one_document_alone_has_no_intervals() -> None:
    report = score([GOMA, Document("e", "Nothing here.")], [GOMA.mentions, []], LABELS)
    for one in (report.strict.micro, report.type.micro, report.exact, report.partial):
        assert one
        assert (one.interval, one.precision_interval, one.recall_interval) == (None, None, None)
    assert report.strict.macro_interval is None


@pytest.mark.parametrize(
    ("counts", "expected"),
    [((1, 2, 4), (0.5, 0.25, 1 / 3)), ((0, 0, 3), (None, 0.0, 0.0)), ((0, 2, 0), (0.0, None, 0.0))],
)
def test_figures_follow_from_counts(counts: tuple[int, int, int], expected: tuple[float | None, ...]) -> None:
    metrics = Metrics.of(np.array([counts]))
    assert (metrics.precision, metrics.recall, metrics.f1) == pytest.approx(expected)


def test_the_headline_alone_is_that_of_the_whole_report() -> None:
    documents, predicted = random_data(5)
    assert strict_micro(documents, predicted, LABELS) == score(documents, predicted, LABELS).strict.micro


SEQEVAL_LABELS = ("ACTOR", "LOCATION", "WEAPON")
GOLD = [
    Document("a", "Rebels left Goma.", (Mention(0, 6, "ACTOR"), Mention(12, 16, "LOCATION"))),
    Document("b", "Police came.", (Mention(0, 6, "ACTOR"),)),
]
FOUND = [[Mention(0, 6, "ACTOR"), Mention(7, 16, "LOCATION")], [Mention(0, 6, "ACTOR")]]


def counted(found: list[list[Mention]]) -> Counts:
    pairs = [align(document.mentions, spans) for document, spans in zip(GOLD, found, strict=True)]
    return label_counts(pairs, SEQEVAL_LABELS)


def test_the_default_mode_is_given_by_label_and_for_all() -> None:
    by_label, micro = seqeval_default_f1(Scores.of(counted(FOUND), SEQEVAL_LABELS), GOLD, FOUND, SEQEVAL_LABELS)
    assert by_label == {"ACTOR": 1.0, "LOCATION": 0.0, "WEAPON": None}
    assert micro == pytest.approx(2 / 3)


def test_counts_that_seqeval_does_not_find_are_a_defect() -> None:
    wrong = counted(FOUND)
    wrong[0, 1, 0] += 1  # the LOCATION with a wrong edge taken for a correct one
    with pytest.raises(AssertionError, match="seqeval disagrees on LOCATION"):
        seqeval_default_f1(Scores.of(wrong, SEQEVAL_LABELS), GOLD, FOUND, SEQEVAL_LABELS)


def test_a_gold_mention_that_was_not_counted_is_a_defect() -> None:
    short = counted(FOUND)
    short[1, 0] = 0  # a report passed over
    with pytest.raises(AssertionError, match="seqeval disagrees on ACTOR"):
        seqeval_default_f1(Scores.of(short, SEQEVAL_LABELS), GOLD, FOUND, SEQEVAL_LABELS)


def test_nothing_to_find_and_nothing_found_is_undefined() -> None:
    none = [Document("c", "Nobody came."), Document("d", "")]
    scores = Scores.of(label_counts([[], []], SEQEVAL_LABELS), SEQEVAL_LABELS)
    assert seqeval_default_f1(scores, none, [[], []], SEQEVAL_LABELS) == (dict.fromkeys(SEQEVAL_LABELS), None)


def test_labels_of_two_levels_are_scored_at_both() -> None:
    gold = Document("d", "5 dead, 6 hurt", (Mention(0, 1, "NUMBER.killed"), Mention(8, 9, "NUMBER.injured")))
    guess = [Mention(0, 1, "NUMBER.killed"), Mention(8, 9, "NUMBER.killed")]
    labels = ("ACTOR", "NUMBER.killed", "NUMBER.injured")
    report = score([gold], [guess], labels)
    assert report.strict.micro.f1 == 0.5
    assert report.first_level is not None
    assert report.first_level.micro.f1 == report.first_level.labels["NUMBER"].f1 == 1
    assert set(report.first_level.labels) == {"ACTOR", "NUMBER"}
    assert score([GOMA], [GOMA.mentions], LABELS).first_level is None
