"""Predicting over texts: order, batches, windows and laziness change nothing."""

from __future__ import annotations

import contextlib
import dataclasses
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from conflict_ner.data.document import Entity
from conflict_ner.data.labels import LabelScheme
from conflict_ner.inference.decoding.spans import decode
from conflict_ner.inference.predictor import CHUNK, Predictor, length_batches
from conflict_ner.inference.runtime import Ids, Logits, Runtime
from conflict_ner.inference.torch_runtime import TorchRuntime
from conflict_ner.modeling.encoder import copy_backend, load_tokenizer, new_model
from conflict_ner.modeling.tokenization import WindowTokenizer
from helpers.encoders import SENTENCES
from helpers.runs import LABELS
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from transformers import PreTrainedTokenizerFast

SCHEME = LabelScheme(LABELS)
TEXTS = ["", *SENTENCES, " ".join(SENTENCES), "Goma", " \n", "\u200f", " ".join(SENTENCES * 2)]


@pytest.fixture(scope="module")
def predictor(encoder_folder: Path) -> Predictor:
    """A real encoder under a random head whose logits are far apart, so that it decides clearly for every word."""
    torch.manual_seed(1)
    model: Any = new_model(str(encoder_folder), SCHEME, 0.5, 0.5)
    nn.init.normal_(model.classifier.weight, std=3.0)
    return Predictor(
        TorchRuntime(model),
        WindowTokenizer.from_tokenizer(copy_backend(load_tokenizer(str(encoder_folder))), 32, 8),
        SCHEME,
    )


class ByToken(nn.Module):
    """Tags a token by its id alone, so that context and windows cannot matter."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(2)
        self.table = nn.Embedding(500, len(SCHEME.tags))
        self.device = torch.device("cpu")
        self.config = SimpleNamespace(pad_token_id=0)
        self.shapes: list[tuple[int, ...]] = []

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> SimpleNamespace:
        assert input_ids.shape == attention_mask.shape
        self.shapes.append(tuple(input_ids.shape))
        return SimpleNamespace(logits=self.table(input_ids))


def by_token(tokenizer: PreTrainedTokenizerFast, window: int, overlap: int = 8, **settings: Any) -> Predictor:
    model: Any = ByToken()
    return Predictor(
        TorchRuntime(model),
        WindowTokenizer.from_tokenizer(copy_backend(tokenizer), window, overlap),
        SCHEME,
        **settings,
    )


def have_same_entities(left: list[list[Entity]], right: list[list[Entity]]) -> bool:
    def without_scores(side: list[list[Entity]]) -> list[list[Entity]]:
        return [[dataclasses.replace(entity, score=0.0) for entity in entities] for entities in side]

    scores = [[entity.score for entities in side for entity in entities] for side in (left, right)]
    return without_scores(left) == without_scores(right) and scores[0] == pytest.approx(scores[1], abs=1e-4)


def test_results_come_in_the_order_of_the_texts(predictor: Predictor) -> None:
    found = list(predictor.predict(TEXTS))
    assert len(found) == len(TEXTS)
    assert sum(map(bool, found)) > 5
    assert have_same_entities(found[::-1], list(predictor.predict(TEXTS[::-1])))
    for text, entities in zip(TEXTS, found, strict=True):
        assert all(text[entity.start : entity.end] == entity.text for entity in entities)


def test_a_texts_entities_are_the_same_alone_and_in_company(predictor: Predictor) -> None:
    alone = [next(predictor.predict([text])) for text in TEXTS]
    assert have_same_entities(list(predictor.predict(TEXTS)), alone)


@pytest.mark.parametrize("batch_tokens", [1, 100, 10**6])
def test_the_size_of_batches_changes_nothing(predictor: Predictor, batch_tokens: int) -> None:
    sized = dataclasses.replace(predictor, batch_tokens=batch_tokens)
    assert have_same_entities(list(sized.predict(TEXTS)), list(predictor.predict(TEXTS)))


@dataclasses.dataclass
class RuntimeStub:
    """Computes with another runtime, and records the shapes of batches and the threads that compute them."""

    runtime: Runtime
    padding: int | None
    batch_tokens: int
    workers: int = 1
    tie_margin: float = 0.0
    device: str = "cpu"
    shapes: list[tuple[int, ...]] = dataclasses.field(default_factory=list)
    threads: set[int] = dataclasses.field(default_factory=set)

    def logits(self, ids: Ids, mask: Ids) -> Logits:
        assert self.padding is not None or mask.all()
        self.shapes.append(ids.shape)
        self.threads.add(threading.get_ident())
        if self.workers > 1:
            time.sleep(0.002 * (ids.shape[1] % 5))  # the first batch to begin is not the first to end
        return self.runtime.logits(ids, mask)

    logits_fp32 = logits

    def parallel(self) -> contextlib.AbstractContextManager[None]:
        return contextlib.nullcontext()


def test_batches_that_are_asked_from_several_threads_keep_their_order(tokenizer: PreTrainedTokenizerFast) -> None:
    alone = by_token(tokenizer, 64)
    stub = RuntimeStub(alone.runtime, alone.runtime.padding, batch_tokens=40, workers=3)
    together = dataclasses.replace(alone, runtime=stub)
    assert have_same_entities(list(together.predict(TEXTS * 3)), list(alone.predict(TEXTS * 3)))
    assert 1 < len(stub.threads) <= 3


def test_a_runtime_without_padding_is_asked_for_rows_of_one_length(tokenizer: PreTrainedTokenizerFast) -> None:
    alone = by_token(tokenizer, 64)
    stub = RuntimeStub(alone.runtime, None, batch_tokens=1000)
    together = dataclasses.replace(alone, runtime=stub)
    assert have_same_entities(list(together.predict(TEXTS * 3)), list(alone.predict(TEXTS * 3)))
    assert max(rows for rows, _ in stub.shapes) >= 3  # those of one length do share a batch


@pytest.mark.parametrize(("window", "overlap"), [(12, 3), (24, 8), (64, 0), (64, 31)])
def test_windows_cover_the_whole_of_a_long_report(
    any_tokenizer: PreTrainedTokenizerFast, window: int, overlap: int
) -> None:
    text = "\n".join(SENTENCES * 12)
    (unwindowed,) = by_token(any_tokenizer, 10**6).predict([text])
    (windowed,) = by_token(any_tokenizer, window, overlap).predict([text])
    assert have_same_entities([windowed], [unwindowed])
    assert unwindowed[-1].end > 0.95 * len(text)


def test_windows_are_no_longer_than_the_encoder_takes(tokenizer: PreTrainedTokenizerFast) -> None:
    predictor = by_token(tokenizer, 24)
    list(predictor.predict([" ".join(SENTENCES * 9)]))
    runtime: Any = predictor.runtime
    model = runtime.model
    assert max(length for _, length in model.shapes) <= 24


def test_texts_are_read_as_they_are_needed(tokenizer: PreTrainedTokenizerFast) -> None:
    read_count = 0

    def texts() -> Iterator[str]:
        nonlocal read_count
        for _ in range(4 * CHUNK):
            read_count += 1
            yield "Goma"

    results = by_token(tokenizer, 64).predict(texts())
    assert read_count == 0
    next(results)
    assert 1 <= read_count <= 2 * CHUNK + 1
    assert 1 + sum(1 for _ in results) == read_count == 4 * CHUNK


def test_no_texts_give_nothing(predictor: Predictor) -> None:
    assert list(predictor.predict([])) == []


@pytest.mark.parametrize("training", [True, False])
def test_the_model_is_asked_without_dropout_and_left_as_it_was(predictor: Predictor, training: bool) -> None:
    expected = list(predictor.predict(TEXTS))
    runtime: Any = predictor.runtime
    model = runtime.model
    model.train(training)
    assert have_same_entities(list(predictor.predict(TEXTS)), expected)
    assert model.training is training
    model.train(False)


def test_the_logits_are_what_the_entities_come_from(predictor: Predictor) -> None:
    found = list(predictor.predict(TEXTS))
    with_logits = list(predictor.logits(TEXTS))
    assert [len(encoded.windows) > 1 for encoded, _ in with_logits].count(True) >= 2
    for text, entities, (encoded, logits) in zip(TEXTS, found, with_logits, strict=True):
        assert logits.shape == (len(encoded.word_starts), len(SCHEME.tags))
        tags, scores = predictor.best_tags(logits, [encoded])
        chosen = torch.from_numpy(logits).softmax(-1).gather(-1, torch.from_numpy(tags)[:, None])
        np.testing.assert_allclose(scores, chosen[:, 0].numpy(), atol=1e-6)
        assert have_same_entities(decode([text], [encoded], tags, scores, SCHEME), [entities])


def test_logits_too_are_computed_as_they_are_needed(tokenizer: PreTrainedTokenizerFast) -> None:
    texts = iter(["Goma"] * (4 * CHUNK))
    next(by_token(tokenizer, 64).logits(texts))
    assert sum(1 for _ in texts) >= 2 * CHUNK - 1


@settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(st.lists(st.integers(1, 64), max_size=120), st.integers(1, 2000), st.booleans())
def test_length_batches_cover_each_index_once_within_the_budget(
    lengths: list[int], budget: int, unpadded: bool
) -> None:
    batches = list(length_batches(lengths, budget, unpadded=unpadded))
    assert sorted(index for batch in batches for index in batch) == list(range(len(lengths)))
    for batch in batches:
        batch_lengths = [lengths[index] for index in batch]
        assert len(batch) == 1 or len(batch) * max(batch_lengths) <= budget
        assert not unpadded or len(set(batch_lengths)) == 1


def test_length_batches_fill_the_budget() -> None:
    assert [len(batch) for batch in length_batches([10] * 7, 30)] == [3, 3, 1]


def test_unpadded_batches_have_one_length_each() -> None:
    assert [len(batch) for batch in length_batches([9, 10, 9, 10, 10], 25, unpadded=True)] == [2, 1, 2]


def test_no_lengths_make_no_batches() -> None:
    assert list(length_batches([], 100)) == []
