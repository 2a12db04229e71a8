"""One temperature makes scores honest, changes no decision and lies in the weights."""

from __future__ import annotations

import copy
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from conflict_ner.data.document import Document, Entity, Mention
from conflict_ner.data.labels import LabelScheme
from conflict_ner.inference.predictor import Predictor
from conflict_ner.inference.torch_runtime import TorchRuntime
from conflict_ner.modeling.encoder import copy_backend, load_tokenizer, new_model
from conflict_ner.modeling.tokenization import WindowTokenizer
from conflict_ner.training import temperature_scaling
from conflict_ner.training.temperature_scaling import (
    PredictedSpans,
    calibrate,
    fit_temperature,
    fit_temperature_of_words,
    predicted_spans,
    scale_head,
)
from helpers.encoders import SENTENCES, wordpiece
from helpers.runs import LABELS
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import nn
from transformers import AutoConfig, AutoModelForTokenClassification

SCHEME = LabelScheme(LABELS)
TEXTS = ["", *SENTENCES, " ".join(SENTENCES * 2)]


@pytest.fixture
def predictor(encoder_folder: Path) -> Predictor:
    """A real encoder under a head that prefers some tag for every word."""
    torch.manual_seed(1)
    model: Any = new_model(str(encoder_folder), SCHEME, 0.0, 0.0)
    nn.init.normal_(model.classifier.weight, std=0.4)
    return Predictor(
        TorchRuntime(model),
        WindowTokenizer.from_tokenizer(copy_backend(load_tokenizer(str(encoder_folder))), 32, 8),
        SCHEME,
    )


def model_of(predictor: Predictor) -> Any:
    runtime: Any = predictor.runtime
    return runtime.model


def simulated(count: int, temperature: float, words: int = 1) -> PredictedSpans:
    """PredictedSpans between two tags, right as often as their logits say after division by a temperature."""
    random = np.random.default_rng(3)
    margins = random.uniform(0.5, 4.0, count)
    right = random.random(count) < 1 / (1 + np.exp(-margins))
    logits = np.column_stack([np.zeros(count), temperature * margins])
    tags = np.ones(count * words, dtype=np.int64)
    return PredictedSpans(np.repeat(logits, words, axis=0), tags, np.repeat(np.arange(count), words), right)


def documents(predictor: Predictor, keep: float = 0.5) -> list[Document]:
    """Reports whose gold is a share of what the model finds in them."""
    reports, random = [], np.random.default_rng(5)
    for index, text in enumerate(TEXTS * 4):
        (found,) = predictor.predict([text])
        mentions = tuple(Mention(e.start, e.end, e.label) for e in found if random.random() < keep)
        reports.append(Document(f"r{index}", text, mentions))
    return reports


def spans_of(found: list[list[Entity]]) -> list[list[tuple[str, int, int]]]:
    return [[(entity.label, entity.start, entity.end) for entity in entities] for entities in found]


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.5])
@pytest.mark.parametrize("words", [1, 3])
def test_the_temperature_that_spoiled_scores_is_found_again(temperature: float, words: int) -> None:
    predicted = simulated(20_000, temperature, words)
    found = fit_temperature(predicted)
    assert found is not None
    assert found == pytest.approx(temperature, rel=0.05)
    honest = predicted.ece(found)
    assert honest is not None
    assert honest < 0.01
    if temperature != 1.0:
        spoiled = predicted.ece()
        assert spoiled is not None
        assert spoiled > 3 * honest


def test_a_temperature_of_words_is_found_again() -> None:
    random = np.random.default_rng(4)
    logits = random.normal(size=(20_000, 5)) * 2
    shares = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    gold = (random.random((len(logits), 1)) > shares.cumsum(-1)).sum(-1).clip(max=4)
    assert fit_temperature_of_words((3 * logits).astype(np.float32), gold) == pytest.approx(3, rel=0.05)


@pytest.mark.parametrize("right", [[True] * 100, [False] * 100, [True, False] * 20, []])
def test_too_little_to_tell_gives_none(right: list[bool]) -> None:
    logits = np.tile([0.0, 1.0], (len(right), 1))
    tags, spans = np.ones(len(right), dtype=np.int64), np.arange(len(right))
    assert fit_temperature(PredictedSpans(logits, tags, spans, np.array(right, dtype=bool))) is None
    gold = np.array(right, dtype=np.int64)
    assert fit_temperature_of_words(logits.astype(np.float32), gold) is None


def test_a_temperature_stays_within_bounds_and_is_never_worse_than_none() -> None:
    logits = np.tile([0.0, 3.0], (100, 1))
    tags, spans = np.ones(100, dtype=np.int64), np.arange(100)
    hopeless = PredictedSpans(logits, tags, spans, spans < 10)  # no temperature makes a tenth of two
    found = fit_temperature(hopeless)
    assert found is not None
    assert 9 < found <= 10
    assert np.isfinite(hopeless.scores(found)).all()


def test_scores_of_decisions_are_the_entities_scores(predictor: Predictor) -> None:
    reports = documents(predictor)
    predicted = predicted_spans(predictor, reports)
    found = list(predictor.predict(report.text for report in reports))
    assert predicted.scores().tolist() == pytest.approx([e.score for entities in found for e in entities], abs=1e-5)
    gold = [{(m.label, m.start, m.end) for m in report.mentions} for report in reports]
    expected = [mark in known for marked, known in zip(spans_of(found), gold, strict=True) for mark in marked]
    assert predicted.right.tolist() == expected
    assert 0 < predicted.right.sum() < len(predicted.right)


@pytest.mark.parametrize("temperature", [0.3, 1.0, 1.7, 8.0])
def test_folding_divides_the_logits_and_changes_no_span(predictor: Predictor, temperature: float) -> None:
    before, spans = [logits for _, logits in predictor.logits(TEXTS)], spans_of(list(predictor.predict(TEXTS)))
    expected = predicted_spans(predictor, documents(predictor)).scores(temperature)
    reports = documents(predictor)
    assert scale_head(model_of(predictor), predictor, temperature, TEXTS)
    for original, (_, divided) in zip(before, predictor.logits(TEXTS), strict=True):
        np.testing.assert_allclose(divided * temperature, original, atol=1e-4)
        np.testing.assert_array_equal(divided.argmax(-1), original.argmax(-1))
    assert spans_of(list(predictor.predict(TEXTS))) == spans
    np.testing.assert_allclose(predicted_spans(predictor, reports).scores(), expected, atol=1e-5)


@settings(max_examples=15, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(temperature=st.floats(0.1, 10.0), seed=st.integers(0, 2**32))
def test_no_temperature_changes_the_best_tag(predictor: Predictor, temperature: float, seed: int) -> None:
    model: Any = model_of(predictor)
    torch.manual_seed(seed)
    nn.init.normal_(model.classifier.weight, std=0.4)
    nn.init.normal_(model.classifier.bias, std=0.4)
    before = np.concatenate([logits for _, logits in predictor.logits(TEXTS)])
    assert scale_head(model, predictor, temperature, TEXTS[:2])
    after = np.concatenate([logits for _, logits in predictor.logits(TEXTS)])
    chosen = before[np.arange(len(before)), after.argmax(-1)]
    np.testing.assert_allclose(chosen, before.max(-1), rtol=0, atol=1e-5)  # another tag only where two tie


@pytest.mark.parametrize("temperature", [0.3, 1.3, 3.0])
def test_where_tags_tie_one_of_them_wins_still(predictor: Predictor, temperature: float) -> None:
    model: Any = model_of(predictor)
    with torch.no_grad():  # ACTOR's tags are NUMBER's
        for parameter in (model.classifier.weight, model.classifier.bias):
            parameter[7:9] = parameter[1:3]
    before = np.concatenate([logits for _, logits in predictor.logits(TEXTS)])
    assert scale_head(model_of(predictor), predictor, temperature, TEXTS)
    after = np.concatenate([logits for _, logits in predictor.logits(TEXTS)])
    best = before.max(-1)
    tied = (before > best[:, None] - 1e-5).sum(-1) > 1
    assert 0 < tied.sum() < len(tied)
    np.testing.assert_array_equal(after.argmax(-1)[~tied], before.argmax(-1)[~tied])
    assert (before[np.arange(len(best)), after.argmax(-1)] > best - 1e-5).all()


@pytest.mark.parametrize(
    "kind", ["bert", "roberta", "distilbert", "electra", "deberta-v2", "modernbert", "xlm-roberta", "mpnet", "albert"]
)
def test_the_head_is_found_in_common_architectures(kind: str) -> None:
    tokenizer = wordpiece()
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    names = {"distilbert": {"dim": 16, "n_layers": 1, "n_heads": 2, "hidden_dim": 32}}.get(kind, sizes)
    extra = {"albert": {"embedding_size": 8}}.get(kind, {})
    config = AutoConfig.for_model(
        kind, vocab_size=len(tokenizer) + 2, pad_token_id=0, num_labels=len(SCHEME.tags), **names, **extra
    )
    torch.manual_seed(0)
    model = AutoModelForTokenClassification.from_config(config)  # type: ignore[no-untyped-call]
    predictor = Predictor(TorchRuntime(model), WindowTokenizer.from_tokenizer(copy_backend(tokenizer), 32, 8), SCHEME)
    before = [logits for _, logits in predictor.logits(TEXTS)]
    assert scale_head(model_of(predictor), predictor, 3.0, TEXTS[:3])
    for original, (_, divided) in zip(before, predictor.logits(TEXTS), strict=True):
        np.testing.assert_allclose(3 * divided, original, atol=1e-5)


class Odd(nn.Module):
    """A model whose last linear layer does not make the logits; or that has none."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        torch.manual_seed(2)
        tags = len(SCHEME.tags)
        self.kind = kind
        self.table = nn.Embedding(500, tags)
        self.device = torch.device("cpu")
        self.config = SimpleNamespace(pad_token_id=0, num_labels=tags)
        self.base_model_prefix = "encoder"
        if kind != "no linear layer":
            self.last = nn.Linear(tags, tags)

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> SimpleNamespace:
        hidden = self.table(input_ids)
        if self.kind == "capped":
            return SimpleNamespace(logits=3 * torch.tanh(self.last(hidden)))
        if self.kind == "added":
            return SimpleNamespace(logits=hidden + self.last(hidden))
        return SimpleNamespace(logits=hidden)


@pytest.mark.parametrize("kind", ["no linear layer", "capped", "added", "unused"])
@pytest.mark.parametrize("temperature", [1.001, 2.0])
def test_a_model_without_a_plain_head_stays_as_it_is_and_the_facts_say_so(
    kind: str, temperature: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    model: Any = Odd(kind)
    predictor = Predictor(TorchRuntime(model), WindowTokenizer.from_tokenizer(copy_backend(wordpiece()), 32, 8), SCHEME)
    before = copy.deepcopy(model.state_dict())
    monkeypatch.setattr(temperature_scaling, "fit_temperature", lambda _: temperature)
    facts = calibrate(model_of(predictor), predictor, documents(predictor))
    assert (facts.temperature, facts.fitted_on) == (1.0, "")
    assert "not a linear layer" in facts.note
    assert facts.ece_before == facts.ece_after
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())


def test_calibrating_lessens_the_error_and_the_facts_are_true(predictor: Predictor) -> None:
    reports = documents(predictor, keep=0.3)
    spans = spans_of(list(predictor.predict(TEXTS)))
    facts = calibrate(model_of(predictor), predictor, reports)
    assert facts.fitted_on == "spans"
    assert facts.ece_before is not None
    assert facts.ece_after is not None
    assert facts.ece_after < facts.ece_before
    assert predicted_spans(predictor, reports).ece() == pytest.approx(facts.ece_after, abs=1e-4)
    assert spans_of(list(predictor.predict(TEXTS))) == spans
    again = calibrate(model_of(predictor), predictor, reports)
    assert again.temperature == pytest.approx(1.0, abs=0.01)


def test_few_spans_leave_it_to_the_words(predictor: Predictor) -> None:
    reports = documents(predictor)
    few = [Document("few", reports[1].text, ()), Document("r", SENTENCES[1], (Mention(0, 6, "ACTOR"),))] * 2
    facts = calibrate(model_of(predictor), predictor, few)
    assert facts.spans < temperature_scaling.MIN_SPANS
    assert facts.fitted_on == "words"
    assert facts.temperature != 1.0


def test_words_that_a_mention_cuts_tell_nothing(predictor: Predictor) -> None:
    text = SENTENCES[0] * 8
    uncut = [Document("a", text, (Mention(0, 2, "ACTOR"),))]  # "At"
    cut = [Document("a", text, (Mention(0, 1, "ACTOR"),))]  # "A" of it
    (logits, gold), (fewer, cut_gold) = (
        temperature_scaling._labeled_words(predictor, reports) for reports in (uncut, cut)
    )
    assert (len(fewer), gold[0]) == (len(logits) - 1, 1)
    assert not cut_gold.any()


@pytest.mark.parametrize("reports", [[], [Document("a", "")], [Document("a", "Goma fell.")]])
def test_without_evidence_nothing_is_done_and_said(predictor: Predictor, reports: list[Document]) -> None:
    before = copy.deepcopy(model_of(predictor).state_dict())
    facts = calibrate(model_of(predictor), predictor, reports)
    assert (facts.temperature, facts.fitted_on) == (1.0, "")
    assert "too few" in facts.note
    assert all(torch.equal(before[name], value) for name, value in model_of(predictor).state_dict().items())
