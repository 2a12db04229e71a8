"""A model run by PyTorch: bf16 finds the spans of fp32, because near ties are computed again."""

from __future__ import annotations

import dataclasses
import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conflict_ner.data.labels import LabelScheme
from conflict_ner.errors import EncoderError
from conflict_ner.inference import torch_runtime
from conflict_ner.inference.predictor import Predictor
from conflict_ner.inference.torch_runtime import TorchRuntime
from conflict_ner.modeling.device import Hardware
from conflict_ner.modeling.encoder import copy_backend, load_tokenizer, new_model
from conflict_ner.modeling.tokenization import WindowTokenizer
from helpers.encoders import SENTENCES
from helpers.runs import LABELS
from torch import nn
from transformers import PreTrainedModel

SCHEME = LabelScheme(LABELS)
TEXTS = [*SENTENCES, " ".join(SENTENCES * 3), *" ".join(SENTENCES).split()]


@pytest.fixture
def model(encoder_folder: Path) -> PreTrainedModel:
    """A model with two tags whose logits are almost equal, so that there are many near ties."""
    torch.manual_seed(3)
    model: Any = new_model(str(encoder_folder), SCHEME, 0.5, 0.5)
    nn.init.normal_(model.classifier.weight, std=0.3)
    with torch.no_grad():
        for matrix in filter(lambda weight: weight.dim() > 1, model.base_model.parameters()):
            matrix.mul_(12)  # so that rounding shows
        model.classifier.weight[3] = model.classifier.weight[1] + 1e-2 * torch.randn(model.config.hidden_size)
    return model  # type: ignore[no-any-return]


def predictor(model: PreTrainedModel, encoder_folder: Path, *, in_bf16: bool) -> Predictor:
    window_tokenizer = WindowTokenizer.from_tokenizer(copy_backend(load_tokenizer(str(encoder_folder))), 32, 8)
    return Predictor(TorchRuntime(model, in_bf16), window_tokenizer, SCHEME)


def spans(found: Any) -> list[list[tuple[str, int, int]]]:
    return [[(entity.label, entity.start, entity.end) for entity in entities] for entities in found]


def test_bf16_rounds_and_yet_finds_the_spans_of_fp32(
    model: PreTrainedModel, encoder_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    exact = predictor(model, encoder_folder, in_bf16=False)
    fast = predictor(model, encoder_folder, in_bf16=True)
    expected = np.concatenate([logits for _, logits in exact.logits(TEXTS)])
    assert spans(fast.predict(TEXTS)) == spans(exact.predict(TEXTS))
    # The near ties are what makes the difference: trusted, some words get another tag.
    monkeypatch.setattr(torch_runtime, "BF16_TIE_MARGIN", 0.0)
    trusting = np.concatenate([logits for _, logits in fast.logits(TEXTS)])
    assert 0 < np.abs(trusting - expected).max() < 0.1
    assert (trusting.argmax(-1) != expected.argmax(-1)).any()


def test_only_inputs_with_a_near_tie_are_computed_again(
    model: PreTrainedModel, encoder_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch_sizes: list[int] = []
    logits_fp32 = TorchRuntime.logits_fp32

    def counting(self: TorchRuntime, ids: Any, mask: Any) -> Any:
        if not torch.is_autocast_enabled("cpu"):
            batch_sizes.append(len(ids))
        return logits_fp32(self, ids, mask)

    monkeypatch.setattr(TorchRuntime, "logits_fp32", counting)
    fast = predictor(model, encoder_folder, in_bf16=True)
    list(fast.predict(TEXTS))
    again = sum(batch_sizes)
    batch_sizes.clear()
    monkeypatch.setattr(torch_runtime, "BF16_TIE_MARGIN", 1e9)
    list(fast.predict(TEXTS))
    assert 0 < again < sum(batch_sizes)


@pytest.mark.parametrize(
    ("precision", "hardware", "expected"),
    [
        ("auto", "bf16", True),
        ("auto", "fp32", False),
        ("auto", "fp16", False),
        ("fp32", "bf16", False),
        ("bf16", "fp32", True),
    ],
)
def test_auto_takes_bf16_where_the_hardware_multiplies_it(
    precision: Any, hardware: Any, expected: bool, model: PreTrainedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch_runtime, "choose_device", lambda device, precision: Hardware(device, hardware))
    runtime = TorchRuntime.of(model, precision)
    assert runtime.in_bf16 is expected
    # Only who asks for bf16 itself is left with its rounding.
    assert (runtime.tie_margin > 0) is (expected and precision == "auto")


def test_a_model_on_the_cpu_is_kept_to_the_cores_that_there_are(
    model: PreTrainedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    limited: list[bool] = []
    monkeypatch.setattr(torch_runtime, "limit_threads", lambda: limited.append(True))
    TorchRuntime.of(model)
    assert limited == [True]


def test_the_head_is_not_rounded(model: PreTrainedModel) -> None:
    ids = np.arange(8, dtype=np.int64)[None]
    logits = TorchRuntime(model, in_bf16=True).logits(ids, np.ones_like(ids))
    rounded = torch.from_numpy(logits).to(torch.bfloat16).float().numpy()
    assert (logits != rounded).mean() > 0.9
    # Outside an autocast the model computes as it did before it was wrapped.
    inputs = {"input_ids": torch.from_numpy(ids)}
    wrapped = model.train(False)(**inputs).logits
    head: Any = model.classifier
    head._forward_hooks.clear()
    torch.testing.assert_close(wrapped, model(**inputs).logits, rtol=0, atol=0)


def test_weights_are_rounded_once_and_give_the_logits_of_an_autocast(
    model: PreTrainedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = np.arange(24, dtype=np.int64).reshape(2, 12)
    runtime = TorchRuntime(model.train(False), in_bf16=True)
    head: Any = model.classifier
    with torch.inference_mode():
        with torch.autocast("cpu", torch.bfloat16):
            hidden = model.base_model(input_ids=torch.from_numpy(ids), attention_mask=torch.ones(2, 12))[0]
        expected = head(hidden.float())
    rounded: list[bool] = []
    linear = nn.functional.linear

    def recording(inputs: Any, weight: Any, bias: Any = None) -> Any:
        rounded.append(weight.dtype == torch.bfloat16)
        return linear(inputs, weight, bias)

    monkeypatch.setattr(nn.functional, "linear", recording)
    found = runtime.logits(ids, np.ones_like(ids))
    assert rounded[-2:] == [False, False]  # the head, in bf16 and again in fp32
    assert set(rounded[:-2]) == {True}
    np.testing.assert_allclose(found, expected.numpy(), rtol=0, atol=1e-6)
    assert {weight.dtype for weight in model.parameters()} == {torch.float32}  # near ties are computed with these


@pytest.mark.parametrize("precision", ["fp32", "bf16", "auto"])
def test_batches_side_by_side_find_what_one_after_the_other_does(
    precision: Any, model: PreTrainedModel, encoder_folder: Path
) -> None:
    window_tokenizer = WindowTokenizer.from_tokenizer(copy_backend(load_tokenizer(str(encoder_folder))), 32, 8)
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(3)
        runtime = TorchRuntime.of(model.train(False), precision)
        assert runtime.workers == 3
        alone = dataclasses.replace(runtime, core_per_batch=False)
        texts = TEXTS * 6
        together = Predictor(runtime, window_tokenizer, SCHEME, batch_tokens=40).predict(texts)
        assert spans(together) == spans(Predictor(alone, window_tokenizer, SCHEME, batch_tokens=40).predict(texts))
        assert torch.get_num_threads() == 3  # as before
    finally:
        torch.set_num_threads(threads)


def test_callers_that_overlap_leave_the_threads_as_they_were(model: PreTrainedModel) -> None:
    runtime, threads = TorchRuntime(model), torch.get_num_threads()
    try:
        torch.set_num_threads(3)
        first, second = runtime.parallel(), runtime.parallel()
        first.__enter__()
        second.__enter__()
        first.__exit__(None, None, None)  # the first to come is the first to go
        assert torch.get_num_threads() == 1
        second.__exit__(None, None, None)
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(threads)


def test_a_forked_process_waits_for_no_thread_of_its_parent(model: PreTrainedModel) -> None:
    runtime, threads = TorchRuntime(model), torch.get_num_threads()
    try:
        torch.set_num_threads(3)
        with runtime.parallel():
            child = os.fork()
            if not child:  # here nobody else computes, whatever the parent's threads were about to do
                signal.alarm(60)
                with runtime.parallel():
                    pass
                os._exit(torch.get_num_threads())
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 3
    finally:
        torch.set_num_threads(threads)


def test_a_gpu_is_refused_after_a_fork(model: PreTrainedModel) -> None:
    ids = np.arange(8, dtype=np.int64)[None]
    meta = model.to("meta")  # type: ignore[arg-type, unused-ignore]
    forked: Any = dataclasses.replace(TorchRuntime(meta), process=os.getppid())
    with pytest.raises(EncoderError, match=r'multiprocessing.get_context\("spawn"\), or call Tagger.load in each'):
        forked.logits(ids, np.ones_like(ids))


def test_a_model_in_training_is_asked_one_batch_after_the_other(model: PreTrainedModel) -> None:
    assert TorchRuntime(model).workers == 1


def test_batches_fit_the_caches_of_as_many_cores_as_compute(model: PreTrainedModel) -> None:
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        alone = TorchRuntime(model).batch_tokens
        torch.set_num_threads(2)
        assert TorchRuntime(model).batch_tokens == 2 * alone
    finally:
        torch.set_num_threads(threads)


def test_dropout_is_off_while_asked_and_the_model_left_as_it_was(model: PreTrainedModel) -> None:
    ids = np.arange(8, dtype=np.int64)[None]
    model.train()
    first, second = (TorchRuntime(model).logits(ids, np.ones_like(ids)) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert model.training
