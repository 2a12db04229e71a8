"""Silver reports: never scored, never drawn for validation or a fold, counted apart."""

from __future__ import annotations

from pathlib import Path

import pytest
from conflict_ner.config import DataConfig, FoldConfig
from conflict_ner.data import corpus, splits
from conflict_ner.data.corpus import Corpus
from conflict_ner.data.document import Document, Mention
from conflict_ner.data.formats import markup
from conflict_ner.data.silver import as_silver, divide_gold_and_silver, is_silver, refuse_silver
from conflict_ner.errors import DataError
from helpers.runs import LABELS

GOLD = tuple(Document(f"g{n}", f"Rebels left town {n}.", (Mention(0, 6, "ACTOR"),)) for n in range(6))
SILVER = tuple(as_silver(Document(f"s{n}", f"Troops took hill {n}."), [Mention(0, 6, "ACTOR")]) for n in range(30))


def test_the_mark_survives_the_text_form_and_replaces_labels() -> None:
    [read], problems = markup.parse(markup.dump(SILVER[:1]), "s.md")
    assert not problems
    assert is_silver(read)
    assert read == SILVER[0]
    assert as_silver(read, ()).mentions == ()


def test_only_that_mark_counts() -> None:
    for mark in ("Silver", " SILVER ", ["silver"]):  # typed by hand
        assert is_silver(Document("r", "x", metadata={"labels": mark}))
    for other in ("gold", ["ACTOR"], 3, None):
        assert not is_silver(Document("r", "x", metadata={"labels": other}))


def test_they_are_not_drawn_for_validation_or_a_fold() -> None:
    data = Corpus({"train": GOLD[:3] + SILVER + GOLD[3:]})
    drawn = splits.set_aside_validation(data, 0.5, seed=7)
    assert len(drawn["validation"]) == 3  # half of the gold
    assert not any(map(is_silver, drawn["validation"]))
    assert len(drawn["train"]) == 33
    settings = DataConfig(train=("a",), validation=("b",), fold=FoldConfig(number=1, count=3))
    fold = splits.divide_corpus(data, settings, seed=7)
    assert len(fold["fold"]) == 2
    assert not any(map(is_silver, fold["fold"]))
    assert all(report in fold["train"] for report in SILVER)


def test_a_share_of_them_is_drawn_and_the_gold_stays() -> None:
    data = Corpus({"train": GOLD[:3] + SILVER + GOLD[3:]})
    drawn = {}
    for share in (0.2, 0.5, 1.0):
        settings = DataConfig(train=("a",), validation=("b",), silver_share=share)
        drawn[share] = splits.divide_corpus(data, settings, seed=7)["train"]
        assert [report for report in drawn[share] if not is_silver(report)] == list(GOLD)
    assert [len(reports) for reports in drawn.values()] == [6 + 6, 6 + 15, 36]
    assert set(map(id, drawn[0.2])) < set(map(id, drawn[0.5]))
    assert (
        "0.5 of the silver reports"
        in splits.describe_splits(DataConfig(train=("a",), validation=("b",), silver_share=0.5), 7)["train"]
    )


def test_they_are_counted_apart() -> None:
    rows = Corpus({"train": GOLD + SILVER, "silver": SILVER, "empty": ()}).summary(LABELS)
    assert {name: row["reports"] for name, row in rows.items()} == {
        "train": 6,
        "train, silver": 30,
        "silver": 30,
        "empty": 0,
    }
    assert divide_gold_and_silver(GOLD + SILVER) == (GOLD, SILVER)


def test_a_refusal_names_the_first() -> None:
    with pytest.raises(DataError, match=r"30 of the 36 reports were labeled by a model .* first 's0'"):
        refuse_silver("data", GOLD + SILVER, "take them out")
    with pytest.raises(DataError, match="the only report was labeled by a model"):
        refuse_silver("data", SILVER[:1], "take it out")
    refuse_silver("data", GOLD, "")


def test_a_conflict_of_train_may_be_in_silver_and_one_of_test_may_not(tmp_path: Path) -> None:
    for split, header in {"train": "Sudan", "test": "Mali", "silver": "Sudan\nlabels: silver"}.items():
        (tmp_path / split).mkdir()
        text = f"=== {split}-1\ntheatre: {header}\n\n[Rebels](ACTOR) of {split} left.\n"
        (tmp_path / split / "a.md").write_text(text)
    corpus.load(corpus.find_splits(tmp_path), LABELS, group="theatre")
    silver = tmp_path / "silver" / "a.md"
    silver.write_text(silver.read_text().replace("Sudan", "Mali"))
    with pytest.raises(DataError, match='theatre "Mali" occurs in train and in test'):
        corpus.load(corpus.find_splits(tmp_path), LABELS, group="theatre")


def test_silver_reports_alone_are_no_fold() -> None:
    with pytest.raises(DataError, match="no training report was labeled by reading, and silver ones are in no fold"):
        splits.make_folds((), 3, None, 7)
