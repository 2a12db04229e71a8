"""A PyTorch model as a runtime: in fp32, or in bf16 where the hardware is fast at that.

Rounding to bf16 moves a logit by some hundredths, which can change a word's tag only where two
tags are that near. Such inputs (`Runtime.tie_margin`) are computed again in fp32, so the spans are
those of fp32 and most of the work is done at bf16's speed. The head is taken in fp32 always: it
costs nothing, and a logit of 8 would be rounded to steps of 0.03.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING

from conflict_ner.inference.runtime import Ids, Logits, TaggingPrecision
from conflict_ner.modeling.device import choose_device
from conflict_ner.modeling.encoder import head
from conflict_ner.modeling.threads import limit_threads

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

# On 37,000 words of the shipped reports five got another tag in bf16, all of them with less than
# 0.032 between their best two logits; half of all roundings move such a difference by under 0.003.
DOUBT = 0.05
# Padded tokens a batch. On a CPU what a layer makes of a batch should stay in the caches of its
# cores (4,096 took half as long again as 1,024 on two); a GPU is idle without thousands.
_TOKENS_A_CORE = 512
_TOKENS_A_GPU = 16384


class _OneThread:
    """Keeps PyTorch to one thread while any caller holds it; the last to leave gives back what the first found."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._holders = 0
        self._before = 1

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold it; several threads may at once, and leave in any order."""
        import torch

        with self._lock:
            if not self._holders:
                self._before = torch.get_num_threads()
                torch.set_num_threads(1)
            self._holders += 1
        try:
            yield
        finally:
            with self._lock:
                self._holders -= 1
                if not self._holders:
                    torch.set_num_threads(self._before)


_one_thread = _OneThread()


@dataclass(frozen=True, slots=True)
class TorchRuntime:
    """A token classifier of transformers on the device that it is on.

    in_bf16: compute in bf16, and again in fp32 where that leaves doubt.
    keep_ties: leave it at bf16.
    core_per_batch: on a CPU, compute several batches at once, each on a core of its own. Threads that
        share a batch wait for the slowest of them after every operator: beside other work on the
        machine that took 2.5 to 4 times as long. The model must be in evaluation mode.
    """

    model: PreTrainedModel
    in_bf16: bool = False
    keep_ties: bool = False
    core_per_batch: bool = False

    def __post_init__(self) -> None:
        if self.in_bf16:
            _keep_head_in_fp32(self.model)

    @classmethod
    def of(cls, model: PreTrainedModel, precision: TaggingPrecision = "auto") -> TorchRuntime:
        """Wrap a model; `auto` takes bf16 where the model's device multiplies it in hardware.

        On a CPU, PyTorch is kept to the cores that this process may use (see `threads.limit_threads`).
        """
        if model.device.type == "cpu":
            limit_threads()
        fast = precision == "auto" and choose_device(model.device.type, "auto").precision == "bf16"
        in_bf16 = fast or precision == "bf16"
        return cls(model, in_bf16, keep_ties=precision == "bf16", core_per_batch=model.device.type == "cpu")

    @property
    def padding(self) -> int:
        """The id that fills up short rows."""
        return self.model.config.pad_token_id or 0

    @property
    def tie_margin(self) -> float:
        """See `Runtime.tie_margin`."""
        return DOUBT if self.in_bf16 and not self.keep_ties else 0.0

    @property
    def device(self) -> str:
        """What PyTorch calls the device."""
        return str(self.model.device)

    @property
    def batch_tokens(self) -> int:
        """See `Runtime.batch_tokens`."""
        import torch

        if self.model.device.type != "cpu":
            return _TOKENS_A_GPU
        return _TOKENS_A_CORE * (1 if self.core_per_batch else torch.get_num_threads())

    @property
    def workers(self) -> int:
        """See `Runtime.workers`."""
        import torch

        return torch.get_num_threads() if self.core_per_batch else 1

    def parallel(self) -> AbstractContextManager[None]:
        """See `Runtime.parallel`: PyTorch has one number of threads for the whole process."""
        return _one_thread.held()

    def logits(self, ids: Ids, mask: Ids) -> Logits:
        """See `Runtime.logits`."""
        import torch

        if not self.in_bf16:
            return self.logits_fp32(ids, mask)
        with torch.autocast(self.model.device.type, torch.bfloat16):
            return self.logits_fp32(ids, mask)

    def logits_fp32(self, ids: Ids, mask: Ids) -> Logits:
        """See `Runtime.exactly`."""
        import torch

        device = self.model.device
        inputs, attended = torch.from_numpy(ids).to(device), torch.from_numpy(mask).to(device)
        with torch.inference_mode(), _without_dropout(self.model):
            said = self.model(input_ids=inputs, attention_mask=attended).logits.float()
        logits: Logits = said.cpu().numpy()
        return logits


def _keep_head_in_fp32(model: PreTrainedModel) -> None:
    """Take the logits in fp32 from what the encoder returns, whenever the model runs within an autocast.

    One hook for good: batches may run in several threads at once, and a hook that came and went with
    each of them would change under the others.
    """
    import torch

    def recompute(layer: torch.nn.Linear, inputs: tuple[torch.Tensor, ...], output: torch.Tensor) -> torch.Tensor:
        kind = inputs[0].device.type
        if not torch.is_autocast_enabled(kind):
            return output
        with torch.autocast(kind, enabled=False):
            return torch.nn.functional.linear(inputs[0].float(), layer.weight, layer.bias)

    _, layer = head(model) or ("", None)
    if layer is not None and not getattr(layer, "keeps_fp32", False):  # an unusual head: its logits are rounded too
        layer.register_forward_hook(recompute)
        layer.keeps_fp32 = True  # type: ignore[assignment] # a model may be wrapped twice


@contextmanager
def _without_dropout(model: PreTrainedModel) -> Iterator[None]:
    """Validation comes in the middle of training: the model is left as it was."""
    if not model.training:
        yield
        return
    model.train(False)
    try:
        yield
    finally:
        model.train()
