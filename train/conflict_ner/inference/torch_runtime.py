"""Runs a PyTorch model as a runtime: in fp32, or in bf16 on hardware that is fast at it.

Rounding to bf16 moves a logit by some hundredths, which can change a word's tag only if another tag, or
another sequence of tags, is that close. Inputs with such a near tie (`Runtime.tie_margin`) are computed
again in fp32, so the spans are those of fp32 and most of the work is done at the speed of bf16. The classification head
is always computed in fp32: it costs nothing, and bf16 would round a logit of 8 to steps of 0.03.

Weights are rounded once, when the model is loaded: an autocast rounds them at every batch, which took a sixteenth
of the time with 22 million parameters and a seventh with 109 million. The results are the same.
"""

from __future__ import annotations

import copy
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING

from conflict_ner.errors import EncoderError
from conflict_ner.inference.runtime import Ids, Logits, TaggingPrecision
from conflict_ner.modeling.device import choose_device
from conflict_ner.modeling.encoder import classification_head
from conflict_ner.modeling.threads import limit_threads

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

# On 37,000 words of the shipped reports five got another tag in bf16, all of them with less than
# 0.032 between their best two logits; half of all roundings move such a difference by under 0.003.
BF16_TIE_MARGIN = 0.05
# Padded tokens in a batch. On a CPU a layer's output for a batch should fit the caches of its cores
# (4,096 took half as long again as 1,024 on two cores); a GPU needs thousands to be busy.
_TOKENS_PER_CORE = 512
_TOKENS_PER_GPU = 16384


class _SingleThread:
    """Keeps PyTorch to one thread while at least one caller is inside `limit`."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._callers = 0
        self._previous_threads = 1

    @contextmanager
    def limit(self) -> Iterator[None]:
        """Limit PyTorch to one thread; the last caller to leave restores the number that the first one found.

        Several threads may be inside at the same time, and leave in any order.
        """
        import torch

        with self._lock:
            if not self._callers:
                self._previous_threads = torch.get_num_threads()
                torch.set_num_threads(1)
            self._callers += 1
        try:
            yield
        finally:
            with self._lock:
                self._callers -= 1
                if not self._callers:
                    torch.set_num_threads(self._previous_threads)

    def reset(self) -> None:
        """Forget the callers of the process that this one was forked from: their threads do not exist here."""
        self._lock = Lock()
        if self._callers:
            import torch

            self._callers = 0
            torch.set_num_threads(self._previous_threads)


_single_thread = _SingleThread()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_single_thread.reset)


@dataclass(frozen=True, slots=True)
class TorchRuntime:
    """A token classifier of transformers, on the device that the model is on.

    in_bf16: compute in bf16, and inputs with a near tie again in fp32. The model's weights must not change afterwards.
    keep_ties: do not compute them again.
    core_per_batch: on a CPU, compute several batches at the same time, each on its own core. Threads that
        share a batch wait for the slowest of them after every operator: with other programs running on
        the machine that took 2.5 to 4 times as long. The model must be in evaluation mode.
    process: the id of the process that put the model on its device.
    """

    model: PreTrainedModel
    in_bf16: bool = False
    keep_ties: bool = False
    core_per_batch: bool = False
    process: int = field(default_factory=os.getpid)
    _rounded: PreTrainedModel | None = field(init=False, repr=False, default=None)

    def __post_init__(self) -> None:
        if self.in_bf16:
            object.__setattr__(self, "_rounded", _rounded(self.model))

    @classmethod
    def of(cls, model: PreTrainedModel, precision: TaggingPrecision = "auto") -> TorchRuntime:
        """Wrap a model; `auto` chooses bf16 if the model's device multiplies it in hardware.

        On a CPU, PyTorch is limited to the cores that this process may use (see `threads.limit_threads`).
        """
        if model.device.type == "cpu":
            limit_threads()
        fast = precision == "auto" and choose_device(model.device.type, "auto").precision == "bf16"
        in_bf16 = fast or precision == "bf16"
        return cls(model, in_bf16, keep_ties=precision == "bf16", core_per_batch=model.device.type == "cpu")

    @property
    def padding(self) -> int:
        """See `Runtime.padding`."""
        return self.model.config.pad_token_id or 0

    @property
    def tie_margin(self) -> float:
        """See `Runtime.tie_margin`."""
        return BF16_TIE_MARGIN if self.in_bf16 and not self.keep_ties else 0.0

    @property
    def device(self) -> str:
        """See `Runtime.device`."""
        return str(self.model.device)

    @property
    def batch_tokens(self) -> int:
        """See `Runtime.batch_tokens`."""
        import torch

        if self.model.device.type != "cpu":
            return _TOKENS_PER_GPU
        return _TOKENS_PER_CORE * (1 if self.core_per_batch else torch.get_num_threads())

    @property
    def workers(self) -> int:
        """See `Runtime.workers`."""
        import torch

        return torch.get_num_threads() if self.core_per_batch else 1

    def parallel(self) -> AbstractContextManager[None]:
        """See `Runtime.parallel`: PyTorch has one number of threads for the whole process."""
        return _single_thread.limit()

    def logits(self, ids: Ids, mask: Ids) -> Logits:
        """See `Runtime.logits`."""
        import torch

        if self._rounded is None:
            return self.logits_fp32(ids, mask)
        with torch.autocast(self.model.device.type, torch.bfloat16):
            return self._logits(self._rounded, ids, mask)

    def logits_fp32(self, ids: Ids, mask: Ids) -> Logits:
        """See `Runtime.logits_fp32`."""
        return self._logits(self.model, ids, mask)

    def _logits(self, model: PreTrainedModel, ids: Ids, mask: Ids) -> Logits:
        import torch

        device = model.device
        if device.type != "cpu" and self.process != os.getpid():
            raise EncoderError(
                f"the model is on {device} in the process that this one was forked from, and a GPU cannot be used "
                'after a fork: start processes with multiprocessing.get_context("spawn"), or call Tagger.load in each'
            )
        input_ids, attention_mask = torch.from_numpy(ids).to(device), torch.from_numpy(mask).to(device)
        with torch.inference_mode(), _without_dropout(model):
            output = model(input_ids=input_ids, attention_mask=attention_mask)
        logits: Logits = output.logits.float().cpu().numpy()
        return logits


def _rounded(model: PreTrainedModel) -> PreTrainedModel:
    """Return a model for an autocast: linear layers rounded to bf16, the head in fp32, all other weights shared."""
    import torch

    def recompute(layer: torch.nn.Linear, inputs: tuple[torch.Tensor, ...], output: torch.Tensor) -> torch.Tensor:
        with torch.autocast(inputs[0].device.type, enabled=False):
            return torch.nn.functional.linear(inputs[0].float(), layer.weight, layer.bias)

    rounded = copy.deepcopy(model, {id(weight): weight for weight in (*model.parameters(), *model.buffers())})
    _, head = classification_head(rounded) or ("", None)
    if head is not None:  # the logits of an unusual head are rounded too
        head.register_forward_hook(recompute)
    for layer in rounded.modules():
        if isinstance(layer, torch.nn.Linear) and layer is not head and layer.weight.dtype == torch.float32:
            for name, weight in layer.named_parameters(recurse=False):
                setattr(layer, name, torch.nn.Parameter(weight.detach().to(torch.bfloat16), requires_grad=False))
    return rounded


@contextmanager
def _without_dropout(model: PreTrainedModel) -> Iterator[None]:
    """Put the model in evaluation mode and back into the mode it was in: training validates between its epochs."""
    if not model.training:
        yield
        return
    model.train(False)
    try:
        yield
    finally:
        model.train()
