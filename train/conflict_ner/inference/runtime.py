"""What a model is to the code that tags with it: input ids in, logits out, whatever computes them.

PyTorch is one such runtime (`torch_runtime`), ONNX Runtime another (`onnx_runtime`); the code around
them, from a text to a span, is the same and knows of neither.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt

Ids = npt.NDArray[np.int64]
Logits = npt.NDArray[np.float32]
TaggingPrecision = Literal["auto", "fp32", "bf16"]  # that a user may ask for


class Runtime(Protocol):
    """A token classifier that is ready to be asked.

    padding: the id that fills up short rows; None if only rows of one length may share a batch.
    doubt: where a word's best two logits are nearer than this, rounding may have chosen between
        them: `logits_fp32` is to be asked again. 0.0 for a runtime that is never in doubt.
    batch_tokens: how many tokens, padding included, it is quickest with.
    workers: from how many threads it wants to be asked at once.
    """

    @property
    def padding(self) -> int | None:
        """See above."""

    @property
    def tie_margin(self) -> float:
        """See above."""

    @property
    def batch_tokens(self) -> int:
        """See above."""

    @property
    def workers(self) -> int:
        """See above."""

    @property
    def device(self) -> str:
        """Where it computes, as PyTorch calls it."""

    def logits(self, ids: Ids, mask: Ids) -> Logits:
        """The logits of each token, shape (rows, length, tags), for ids and mask of shape (rows, length)."""

    def logits_fp32(self, ids: Ids, mask: Ids) -> Logits:
        """The same in full precision."""

    def parallel(self) -> AbstractContextManager[None]:
        """Entered while as many threads as `workers` says run batches at once, so that each takes one core."""
