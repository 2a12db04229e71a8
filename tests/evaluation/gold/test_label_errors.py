"""Ranking of label errors: each kind of error, and what the ranking finds among hundreds of reports."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from conflict_ner.data.document import Document, Entity, Mention
from conflict_ner.data.labels import LabelScheme
from conflict_ner.data.words import split_words
from conflict_ner.evaluation.gold.label_errors import (
    AGREED,
    MISSING_MENTION,
    SPURIOUS_MENTION,
    Finding,
    Reading,
    Review,
    dump,
    rank_findings,
)
from conflict_ner.evaluation.matching import WRONG_EDGES, WRONG_LABEL
from helpers.corruption import KINDS, corrupt, found

SCHEME = LabelScheme(("ACTOR", "WEAPON", "LOCATION"))
TEXT = "Rebels shelled the Somali army near Goma."
#       0      7       15  19     26   31   36


def reading(text: str, *spans: tuple[int, int, str], sure: float = 0.95) -> Reading:
    """What a model reads that finds exactly these mentions and gives each of their tags this probability."""
    starts, ends = split_words(text)
    word_spans = [(int(np.searchsorted(starts, a)), int(np.searchsorted(ends, b)) + 1, label) for a, b, label in spans]
    tags = SCHEME.encode(word_spans, len(starts))
    probabilities = np.full((len(starts), len(SCHEME.tags)), (1 - sure) / (len(SCHEME.tags) - 1))
    probabilities[np.arange(len(starts)), tags] = sure
    entities = [Entity(label, text[a:b], a, b, sure) for a, b, label in spans]
    return Reading(starts, ends, probabilities, np.ones(len(starts), dtype=bool), entities)


def rank(gold: Sequence[tuple[int, int, str]], read: Reading) -> list[Finding]:
    return rank_findings([Document("r", TEXT, tuple(Mention(*each) for each in gold))], [read], SCHEME)


ARMY, GOMA = (19, 30, "ACTOR"), (36, 40, "LOCATION")


@pytest.mark.parametrize(
    ("gold", "kind"),
    [
        ([ARMY, (36, 40, "WEAPON")], WRONG_LABEL),
        ([ARMY, (31, 40, "LOCATION")], WRONG_EDGES),
        ([(26, 30, "ACTOR"), GOMA], WRONG_EDGES),
        ([GOMA], MISSING_MENTION),
        ([(7, 14, "WEAPON"), ARMY, GOMA], SPURIOUS_MENTION),
    ],
)
def test_an_error_of_gold_comes_first_under_its_name(gold: list[tuple[int, int, str]], kind: str) -> None:
    first, *others = rank(gold, reading(TEXT, ARMY, GOMA))
    assert first.kind == kind
    assert first.score > 0.95
    assert {finding.kind for finding in others} == {AGREED}
    assert all(finding.score < 0.1 for finding in others)


def test_the_score_is_that_of_the_word_at_which_gold_is_least_likely() -> None:
    read = reading(TEXT, ARMY, GOMA)
    read.probabilities[4] = [0.3, 0.05, 0.6, 0.02, 0.01, 0.01, 0.01]  # "army": O 0.3, ACTOR 0.65
    [army, _] = rank([ARMY, GOMA], read)
    assert army.gold == Mention(*ARMY)
    assert army.score == pytest.approx(0.35)


def test_two_readings_that_differ_in_the_first_word_do_not_differ_in_the_second() -> None:
    """Gold has "Somali army", the model only "army": what follows a missed first word is no second error."""
    [finding, _] = rank([ARMY, GOMA], reading(TEXT, (26, 30, "ACTOR"), GOMA, sure=0.9))
    assert finding.kind == WRONG_EDGES
    assert finding.score == pytest.approx(1 - 2 * 0.1 / 6)  # B and I of ACTOR at "Somali", and nothing of "army"


def test_two_mentions_that_the_model_reads_as_one_are_one_question() -> None:
    first, second, goma = rank([(19, 25, "ACTOR"), (26, 30, "ACTOR"), GOMA], reading(TEXT, ARMY, GOMA))
    assert first.kind == WRONG_EDGES
    assert first.score > 0.98
    assert second.kind in (SPURIOUS_MENTION, AGREED)
    assert max(second.score, goma.score) < 0.1


def test_words_that_the_model_does_not_read_are_no_evidence() -> None:
    read = reading(TEXT, GOMA)
    is_read = read.is_read.copy()
    is_read[3:5] = False  # "Somali army"
    army = next(f for f in rank([ARMY, GOMA], replace(read, is_read=is_read)) if f.gold == Mention(*ARMY))
    assert (army.kind, army.score, army.is_likely) == (SPURIOUS_MENTION, 0.0, False)


def test_an_error_is_likely_if_the_model_is_as_sure_as_where_gold_agrees() -> None:
    surely, hardly = reading(TEXT, ARMY, GOMA, sure=0.95), reading(TEXT, ARMY, GOMA, sure=0.5)
    right, wrong = (Mention(*ARMY), Mention(*GOMA)), (Mention(*ARMY), Mention(36, 40, "WEAPON"))
    documents = [Document("a", TEXT, right), Document("b", TEXT, wrong), Document("c", TEXT, wrong)]
    findings = rank_findings(documents, [reading(TEXT, ARMY, GOMA, sure=0.9), surely, hardly], SCHEME)
    assert {finding.document.id for finding in findings if finding.is_likely} == {"b"}
    assert [finding.document.id for finding in findings[:2]] == ["b", "c"]


def test_a_report_without_words_or_mentions_has_no_finding() -> None:
    documents = [Document("a", ""), Document("b", TEXT)]
    assert rank_findings(documents, [reading(""), reading(TEXT)], SCHEME) == []


def test_rows_name_rank_place_and_both_sides() -> None:
    document = Document("r", TEXT, (Mention(*GOMA),), origin="a.md:1", places=("a.md:3:36",))
    findings = rank_findings([document], [reading(TEXT, (36, 40, "WEAPON"), ARMY)], SCHEME)
    review = Review("model", "a.md", SCHEME.labels, (document,), tuple(findings))
    rows = [json.loads(line) for line in dump(review)]
    assert [row["rank"] for row in rows] == [1, 2]
    label, missing = sorted(rows, key=lambda row: row["kind"], reverse=True)
    assert (label["kind"], label["place"], label["report"]) == (WRONG_LABEL, "a.md:3:36", "r")
    assert label["gold"] == {"label": "LOCATION", "text": "Goma", "start": 36, "end": 40}
    assert label["predicted"] == {"label": "WEAPON", "text": "Goma", "start": 36, "end": 40, "score": 0.95}
    assert (missing["kind"], missing["place"], missing["gold"]) == (MISSING_MENTION, "a.md:1", None)


def synthetic(count: int, seed: int) -> tuple[list[Document], list[Reading]]:
    """Reports, and what a model reads that is unsure of one word in ten, and knows how sure it is."""
    random = np.random.default_rng(seed)
    names = {"ACTOR": "rebels army police", "WEAPON": "rifle drone mortar", "LOCATION": "Goma Beni Kivu"}
    documents, readings = [], []
    for number in range(count):
        text, mentions = "", []
        for _ in range(6):
            text += " ".join(random.choice(["they", "went", "on", "after", "noon"], 4)) + " "
            label = str(random.choice(list(names)))
            name = " ".join(random.choice(names[label].split(), random.integers(1, 3)))
            mentions.append(Mention(len(text), len(text) + len(name), label))
            text += name + " "
        documents.append(Document(str(number), text, tuple(mentions)))
        truth = reading(text, *((m.start, m.end, m.label) for m in mentions)).probabilities.argmax(1)
        hard = random.random(len(truth)) < 0.1
        sure = np.where(hard, random.uniform(0.4, 0.9, len(truth)), random.uniform(0.995, 1.0, len(truth)))
        best = np.where(random.random(len(truth)) < sure, truth, random.integers(len(SCHEME.tags), size=len(truth)))
        probabilities = np.repeat((1 - sure)[:, None] / (len(SCHEME.tags) - 1), len(SCHEME.tags), axis=1)
        probabilities[np.arange(len(truth)), best] = sure
        starts, ends = split_words(text)
        spans = [(int(starts[a]), int(ends[b - 1]), label) for a, b, label in SCHEME.decode(best)]
        entities = [Entity(label, text[a:b], a, b, 0.9) for a, b, label in spans]
        readings.append(Reading(starts, ends, probabilities, np.ones(len(starts), dtype=bool), entities))
    return documents, readings


def test_most_errors_that_were_put_into_gold_are_at_the_front() -> None:
    clean, readings = synthetic(150, seed=3)
    documents, corruptions = corrupt(clean, 0.03, seed=4)
    assert {c.kind for c in corruptions} == set(KINDS)
    assert len(corruptions) == 27
    findings = rank_findings(documents, readings, SCHEME)
    front = round(0.05 * len(findings))
    assert len(found(corruptions, findings[:front], documents)) >= 0.7 * len(corruptions)
    # By chance it would be one in twenty, and gold without these errors has none of them.
    assert len(found(corruptions, findings[-front:], documents)) < 0.1 * len(corruptions)
    in_clean = rank_findings(clean, readings, SCHEME)[:front]
    assert len(found(corruptions, in_clean, clean)) < 0.5 * len(corruptions)
