"""The protocol for the library that computes a token classifier: input ids in, logits out.

`torch_runtime` implements it with PyTorch and `onnx_runtime` with ONNX Runtime. The code around a runtime,
from a text to its entities, is the same for both.
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
    """A token classifier that is ready to compute logits."""

    @property
    def padding(self) -> int | None:
        """The id that pads short rows; None if only rows of one length may share a batch."""

    @property
    def tie_margin(self) -> float:
        """The difference between two logits of a word below which rounding may have chosen between their tags.

        Inputs with a word whose tag is so close to another (`viterbi.near_ties`) are computed again with
        `logits_fp32`. 0.0 if a runtime never rounds that much.
        """

    @property
    def batch_tokens(self) -> int:
        """The number of tokens in a batch, padding included, with which the runtime is fastest."""

    @property
    def workers(self) -> int:
        """The number of threads that should compute batches at the same time."""

    @property
    def device(self) -> str:
        """The device that it computes on, as PyTorch names it."""

    def logits(self, ids: Ids, mask: Ids) -> Logits:
        """Return the logits of each token, shape (rows, length, tags), for ids and mask of shape (rows, length)."""

    def logits_fp32(self, ids: Ids, mask: Ids) -> Logits:
        """Return the same logits computed in full precision."""

    def parallel(self) -> AbstractContextManager[None]:
        """Return a context in which `workers` threads compute batches at the same time, each on one core."""
