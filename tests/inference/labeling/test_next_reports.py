"""Choosing reports to label next: the least sure of each kind of text, without copies, from any number of texts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from conflict_ner.data.document import Document
from conflict_ner.evaluation.seen_mentions import SeenMentions
from conflict_ner.inference.files.sources import Source
from conflict_ner.inference.labeling import next_reports as module
from conflict_ner.inference.labeling.next_reports import (
    Candidate,
    choose_next,
    next_reports,
    spread_out,
    uncertainty,
    word_vectors,
)
from conflict_ner.inference.tagger import Tagger

SPORT = "The team won the match after the goalkeeper saved a penalty in minute"
COURT = "The judge found the accused guilty and the court set a sentence of years"
RAIN = "Heavy rain fell on the coast and the river rose over its banks at night"


def pool(**texts: float) -> list[Candidate]:
    return [Candidate(k, text, unsure) for k, (text, unsure) in enumerate(texts.items())]


def test_the_least_sure_of_each_kind_comes_before_the_second_of_any() -> None:
    sport = [f"{SPORT} {word} {word}s {word}ly {word}er" for word in ("seven", "kick", "north", "slow", "grand")]
    court = [f"{COURT} {word} {word}s {word}ly {word}er" for word in ("stern", "cold", "firm", "short", "loud")]
    candidates = [Candidate(f"s{k}", text, 0.9 - k / 100) for k, text in enumerate(sport)]
    candidates += [Candidate(f"c{k}", text, 0.5 - k / 100) for k, text in enumerate(court)]
    candidates += [Candidate("r", RAIN, 0.1)]
    # By uncertainty alone all three would be of sport. No two of one kind are near-copies of each other here.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "NEAR_DUPLICATE_SIMILARITY", 1.1)
        assert {str(candidate.id)[0] for candidate in spread_out(candidates, 3)} == {"s", "c", "r"}
        chosen = [candidate.id for candidate in spread_out(candidates, 11)]
    assert chosen[0] == "s0"
    assert sorted(map(str, chosen)) == sorted(str(candidate.id) for candidate in candidates)


def test_a_near_copy_of_a_chosen_report_is_left_out() -> None:
    candidates = [Candidate(0, f"{SPORT} nine", 0.9), Candidate(1, f"{SPORT} ten", 0.8), Candidate(2, RAIN, 0.1)]
    assert [candidate.id for candidate in spread_out(candidates, 3)] == [0, 2]


def test_few_or_wordless_candidates_are_all_chosen_in_order() -> None:
    assert spread_out([], 5) == []
    assert [candidate.id for candidate in spread_out(pool(a=0.1, b=0.3, c=0.2), 5)] == [1, 2, 0]


def test_texts_of_one_kind_have_vectors_that_are_close() -> None:
    first, second, other, last = word_vectors([f"{SPORT} one", f"{SPORT} two", f"{COURT} one", f"{COURT} two"])
    assert first @ second > 0.8
    assert first @ other < 0.3
    assert np.linalg.norm([first, other, last], axis=1) == pytest.approx(1)
    assert not word_vectors(["one", "two"]).any()


def test_uncertainty_neither_grows_with_length_nor_falls_to_one_hard_word() -> None:
    hard, easy = [0.5, 0.5], [0.99, 0.01]
    assert uncertainty(np.zeros((0, 2))) == 0
    short, long = uncertainty(np.array([hard])), uncertainty(np.array([hard] * 4))
    assert long == pytest.approx(2 * short)  # not four times as much
    assert uncertainty(np.array([hard, easy])) < uncertainty(np.array([hard, hard]))
    assert uncertainty(np.array([hard, *[easy] * 8])) < short < uncertainty(np.array([hard] * 9))


class FakePredictor:
    """Is as unsure of a text as its last word says; reads ahead, as the real one does."""

    def logits(self, texts: Iterable[str]) -> Iterator[tuple[Any, Any]]:
        for text in list(texts):
            unsure = float(text.split()[-1])
            yield SimpleNamespace(first_subwords=np.array([0])), np.log([[1 - unsure, unsure]]).astype(np.float32)


def fake_tagger(*learned: str) -> Any:
    seen = SeenMentions.of([Document(str(k), text) for k, text in enumerate(learned)])
    return SimpleNamespace(predictor=FakePredictor(), checkpoint=SimpleNamespace(seen_mentions=lambda: seen))


def test_copies_empty_texts_and_those_of_training_are_counted_and_not_chosen() -> None:
    texts = ["Rain 0.3", "rain  0.3", "Rain 0.4", "", " \n", "Known 0.4", "Snow 0.2"]
    sources = [Source(f"id{k}", text, {"row": k}) for k, text in enumerate(texts)]
    found = next_reports(fake_tagger("known 0.4"), sources, 5)
    assert [candidate.id for candidate in found.chosen] == ["id0", "id6"]  # figures alone make no other text
    assert (found.read, found.copies, found.empty, found.learned) == (7, 2, 2, 1)
    assert found.chosen[0].to_record() == {"id": "id0", "row": 0, "text": "Rain 0.3", "uncertainty": 0.3}


def test_of_many_reports_only_the_least_sure_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MIN_POOL", 3)
    monkeypatch.setattr(module, "_POOL_FACTOR", 1)
    words = ["rain", "snow", "wind", "hail", "sun", "fog"]
    sources = [Source(k, f"{word} 0.{k + 1}") for k, word in enumerate(words[:5])]
    compared: list[list[Any]] = []

    def watch(candidates: list[Candidate], count: int) -> list[Candidate]:
        compared.append([candidate.id for candidate in candidates])
        return spread_out(candidates, count)

    monkeypatch.setattr(module, "spread_out", watch)
    next_reports(fake_tagger(), sources, 2)
    # Tags are two, so a probability of 0.4 is as unsure as one of 0.6: the pool has 0.3, 0.4 and 0.5.
    assert compared == [[2, 3, 4]]


def test_a_script_gets_positions(tagger: Tagger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Tagger, "load", lambda *_, **__: tagger)
    texts = ["Nobody saw the convoy leave the harbor.", "", "Snow closed both passes for a week."]
    chosen = choose_next("models/x", iter(texts), 2)
    assert sorted(candidate.id for candidate in chosen) == [0, 2]
    assert all(texts[candidate.id] == candidate.text for candidate in chosen)
    with pytest.raises(ValueError, match="at least 1, not 0"):
        choose_next("models/x", texts, 0)
    for wrong, error in (("Goma fell", "several texts"), (["a", None], "number 1 is NoneType"), ([b"a"], "decode it")):
        with pytest.raises(TypeError, match=error):
            choose_next("models/x", wrong, 2)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="half of a surrogate pair in it; read the file"):
        choose_next("models/x", ["\ud800"], 2)
