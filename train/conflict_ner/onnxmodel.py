"""A model in ONNX form as a runtime: ONNX Runtime computes it on the CPU.

Neither PyTorch nor transformers is imported to tag with it. The graph in the file is optimised
already (see `onnxexport`): it is taken as it is, and a process that loads it can answer at once.

>>> NEEDED["onnxruntime"].startswith("onnxruntime")
True
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from conflict_ner.checkpoint import ONNX_WEIGHTS
from conflict_ner.errors import CheckpointError, EncoderError
from conflict_ner.extras import require
from conflict_ner.machine import physical_cores
from conflict_ner.runtime import Ids, Logits

NEEDED = {"onnxruntime": "onnxruntime>=1.22"}
INPUTS = ("input_ids", "attention_mask")
_CPU = ("auto", "cpu")
# A core computes each batch by itself, so nothing waits for another core, and what a layer makes of
# so few tokens stays in the core's own cache (1,024 took a seventh longer).
_BATCH_TOKENS = 256


@dataclass(frozen=True, slots=True)
class OnnxModel:
    """An exported token classifier. Its answer to a text does not depend on the other texts of a batch.

    session: an onnxruntime.InferenceSession, which may be asked from several threads at once.
    """

    session: Any
    padding: int
    workers: int = 1
    doubt: float = 0.0
    batch_tokens: int = _BATCH_TOKENS
    device: str = "cpu"

    @classmethod
    def load(cls, folder: Path, device: str = "auto") -> OnnxModel:
        """Load a checkpoint folder's `model.onnx`.

        It computes on all physical cores that this process may use, or on as many as the
        variable `OMP_NUM_THREADS` says.

        Raises:
            CheckpointError: if the file cannot be read.
            EncoderError: if a device other than the CPU is asked for.
            MissingExtraError: if ONNX Runtime is not installed; it says what to type.
        """
        require("ONNX", NEEDED)
        if device not in _CPU:
            raise EncoderError(f"device {device!r} cannot be used: a model in ONNX form computes on the CPU here")
        try:
            padding = json.loads((folder / "config.json").read_bytes()).get("pad_token_id") or 0
        except (ValueError, AttributeError, OSError) as error:
            raise CheckpointError(f"{folder} is damaged: config.json: {error}") from None
        return cls(_session(folder / ONNX_WEIGHTS), int(padding), _threads())

    def logits(self, ids: Ids, mask: Ids) -> Logits:
        """See `Runtime.logits`."""
        logits: Logits = self.session.run(None, dict(zip(INPUTS, (ids, mask), strict=True)))[0]
        return logits

    def exactly(self, ids: Ids, mask: Ids) -> Logits:
        """See `Runtime.exactly`; there is nothing more exact in the file."""
        return self.logits(ids, mask)


def _session(file: Path) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # the threads are those that ask
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL  # done at export
    options.enable_mem_pattern = False  # it would keep a plan for every shape of batch that ever comes
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # the library raises nothing narrower
        raise CheckpointError(f"{file} is damaged: {str(error).strip().splitlines()[0]}") from None


def _threads() -> int:
    said = os.environ.get("OMP_NUM_THREADS", "")
    return int(said) if said.isdecimal() and int(said) else physical_cores()
