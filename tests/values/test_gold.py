"""Values against those that a reader wrote down for the mentions of the shipped validation and test reports."""

from __future__ import annotations

import csv
from collections import Counter
from fractions import Fraction
from pathlib import Path

import pytest
from conflict_ner.data import corpus
from conflict_ner.values import Quantity, parse_number, weapon_kind

DATA = Path(__file__).parents[2] / "data"
LABELS = ("ACTOR", "WEAPON", "LOCATION", "NUMBER")
SPLITS = ("validation", "test")


def rows(file: str, split: str) -> list[dict[str, str]]:
    with (DATA / file).open(encoding="utf-8", newline="") as stream:
        return [row for row in csv.DictReader(stream) if row["split"] == split]


def distinct_mentions(split: str, label: str) -> list[str]:
    documents = corpus.load({split: [DATA / split]}, LABELS)[split]
    return sorted({d.slice(m) for d in documents for m in d.mentions if m.label == label})


def gold_quantity(row: dict[str, str]) -> Quantity | None:
    value, low, high = (float(Fraction(row[name])) if row[name] else None for name in ("value", "low", "high"))
    return Quantity(value, low, high, row["approximate"] == "true", row["unit"] or None) if row["approximate"] else None


@pytest.mark.parametrize("split", SPLITS)
def test_every_distinct_mention_has_a_value_written_by_a_reader(split: str) -> None:
    assert sorted(row["text"] for row in rows("number_values.csv", split)) == distinct_mentions(split, "NUMBER")
    assert sorted(row["text"] for row in rows("weapon_kinds.csv", split)) == distinct_mentions(split, "WEAPON")


@pytest.mark.parametrize("split", SPLITS)
def test_numbers_are_read_as_the_reader_read_them(split: str) -> None:
    gold = {row["text"]: gold_quantity(row) for row in rows("number_values.csv", split)}
    wrong = {text: parse_number(text) for text, expected in gold.items() if parse_number(text) != expected}
    assert len(wrong) <= 0.01 * len(gold), wrong
    assert [text for text, found in wrong.items() if found is not None] == []  # null rather than a wrong figure


@pytest.mark.parametrize("split", SPLITS)
def test_weapons_have_the_kinds_that_the_reader_gave_them(split: str) -> None:
    pairs = [(row["kind"] or None, weapon_kind(row["text"])) for row in rows("weapon_kinds.csv", split)]
    gold, found, right = (
        Counter(kinds) for kinds in ((g for g, _ in pairs), (f for _, f in pairs), (g for g, f in pairs if g == f))
    )
    f1 = {kind: 2 * right[kind] / (gold[kind] + found[kind]) for kind in gold if kind is not None}
    assert sum(f1.values()) / len(f1) >= 0.95, f1
