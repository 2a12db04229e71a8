"""A PyTorch model as a runtime: in fp32, or in bf16 where the hardware is fast at that.

Rounding to bf16 moves a logit by some hundredths, which can change a word's tag only where two
tags are that near. Such inputs (`Runtime.doubt`) are computed again in fp32, so the spans are
those of fp32 and most of the work is done at bf16's speed.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from conflict_ner.hardware import choose
from conflict_ner.runtime import Ids, Logits, Precision

if TYPE_CHECKING:
    from transformers import PreTrainedModel

# On 34,000 words of the shipped reports four got another tag in bf16, all of them with less than
# 0.032 between their best two logits; half of all roundings move such a difference by under 0.01.
DOUBT = 0.05


@dataclass(frozen=True, slots=True)
class TorchModel:
    """A token classifier of transformers on the device that it is on."""

    model: PreTrainedModel
    in_bf16: bool = False

    @classmethod
    def of(cls, model: PreTrainedModel, precision: Precision = "auto") -> TorchModel:
        """Wrap a model; `auto` takes bf16 where the model's device multiplies it in hardware."""
        fast = precision == "auto" and choose(model.device.type, "auto").precision == "bf16"
        return cls(model, fast or precision == "bf16")

    @property
    def padding(self) -> int:
        """The id that fills up short rows."""
        return self.model.config.pad_token_id or 0

    @property
    def doubt(self) -> float:
        """See `Runtime.doubt`."""
        return DOUBT if self.in_bf16 else 0.0

    @property
    def device(self) -> str:
        """What PyTorch calls the device."""
        return str(self.model.device)

    def logits(self, ids: Ids, mask: Ids) -> Logits:
        """See `Runtime.logits`."""
        import torch

        with torch.autocast(self.model.device.type, torch.bfloat16, enabled=self.in_bf16):
            return self.exactly(ids, mask)

    def exactly(self, ids: Ids, mask: Ids) -> Logits:
        """See `Runtime.exactly`."""
        import torch

        device = self.model.device
        inputs, attended = torch.from_numpy(ids).to(device), torch.from_numpy(mask).to(device)
        with torch.inference_mode(), _without_dropout(self.model):
            said = self.model(input_ids=inputs, attention_mask=attended).logits.float()
        logits: Logits = said.cpu().numpy()
        return logits


@contextmanager
def _without_dropout(model: PreTrainedModel) -> Iterator[None]:
    """Validation comes in the middle of training: the model is left as it was."""
    training = model.training
    model.train(False)
    try:
        yield
    finally:
        model.train(training)
