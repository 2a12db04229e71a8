"""Runs a model in ONNX form as a runtime, with ONNX Runtime on the CPU.

Neither PyTorch nor transformers is imported. The graph was optimized when it was exported (see
`export.onnx.trace`) and is loaded as it is, so a process can tag as soon as it has loaded the file.

A text gets the same scores, to the last bit, whatever other texts are in its batch. Padding would change
that: the sums of attention would have more terms and be rounded differently, and a value that crosses the
border between two 8-bit steps that way makes a large difference in later layers. Therefore only inputs of
one length share a batch.
"""

from __future__ import annotations

import base64
import mmap
import os
import shlex
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from conflict_ner.checkpoint import ONNX_WEIGHTS
from conflict_ner.errors import CheckpointError, EncoderError, require_packages
from conflict_ner.inference.runtime import Ids, Logits
from conflict_ner.modeling.telemetry import import_onnxruntime
from conflict_ner.modeling.threads import physical_cores

NEEDED = {"onnxruntime": "onnxruntime>=1.22"}
INPUTS = ("input_ids", "attention_mask")
# The key and value in the metadata of an 8-bit graph that every CPU computes right (see `export.onnx.quantization`).
SAFE_PRODUCTS = ("conflict_ner.weights", "7 bits")
_PRODUCT = b"MatMulIntegerToFloat"  # the operator of an 8-bit product
# A graph with one product of bytes, y = x w: x unsigned, 1 x 4; w signed, 4 x 4, all 127.
_PROBE = base64.b64decode(
    "CAgSADpkChgKAXgKAXcSAXkiDU1hdE11bEludGVnZXISAXAqGwgECAQQA0IBd0oQf39/f39/f39/f39/f39/f1oTCgF4Eg4KDAgC"
    "EggKAggBCgIIBGITCgF5Eg4KDAgGEggKAggBCgIIBEIECgAQDQ=="
)
_PROVIDERS = ["CPUExecutionProvider"]
_CPU = ("auto", "cpu")
# One core computes a batch, so that it waits for no other core, and a layer's output for so few tokens
# fits the core's cache (1,024 took a seventh longer).
_BATCH_TOKENS = 256


@dataclass(frozen=True, slots=True)
class OnnxRuntime:
    """An exported token classifier. The logits of a text do not depend on the other texts of a batch.

    session: an onnxruntime.InferenceSession, which several threads may run at the same time.
    """

    session: Any
    workers: int = 1
    tie_margin: float = 0.0
    batch_tokens: int = _BATCH_TOKENS
    device: str = "cpu"

    @classmethod
    def load(cls, folder: Path, device: str = "auto") -> OnnxRuntime:
        """Load a checkpoint folder's `model.onnx`.

        It computes on all physical cores that this process may use, or on as many as the environment
        variable `OMP_NUM_THREADS` says.

        Raises:
            CheckpointError: if the file cannot be read, or this CPU would compute it wrong.
            EncoderError: if another device than the CPU is requested.
            MissingExtraError: if ONNX Runtime is not installed; it names the command that installs it.
        """
        require_packages("ONNX", NEEDED)
        if device not in _CPU:
            raise EncoderError(f"device {device!r} cannot be used: a model in ONNX form computes on the CPU here")
        session = _session(folder / ONNX_WEIGHTS)
        _refuse_overflow(session, folder)
        return cls(session, workers=_thread_count())

    @property
    def padding(self) -> None:
        """See `Runtime.padding`; the module's docstring says why batches are not padded."""
        return None

    def logits(self, ids: Ids, mask: Ids) -> Logits:
        """See `Runtime.logits`."""
        logits: Logits = self.session.run(None, dict(zip(INPUTS, (ids, mask), strict=True)))[0]
        return logits

    def parallel(self) -> AbstractContextManager[None]:
        """See `Runtime.parallel`: a session already computes each batch on one thread."""
        return nullcontext()

    def logits_fp32(self, ids: Ids, mask: Ids) -> Logits:
        """See `Runtime.logits_fp32`; the file holds no more precise form."""
        return self.logits(ids, mask)


def _session(file: Path) -> Any:
    onnxruntime = import_onnxruntime()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # the callers' threads compute
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL  # done at export
    options.enable_mem_pattern = False  # it would keep a plan for every shape of a batch
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(str(file), options, providers=_PROVIDERS)
    except Exception as error:  # the library raises nothing narrower
        raise CheckpointError(f"{file} is damaged: {str(error).strip().splitlines()[0]}") from None


def _refuse_overflow(session: Any, folder: Path) -> None:
    """Refuse an 8-bit graph whose products overflow on this CPU: earlier versions exported weights of 8 bits."""
    key, value = SAFE_PRODUCTS
    if session.get_modelmeta().custom_metadata_map.get(key) == value or multiplies_bytes_exactly():
        return
    with (folder / ONNX_WEIGHTS).open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        if content.find(_PRODUCT) < 0:
            return
    raise CheckpointError(
        f"{folder} was exported in int8 by an earlier version, and this CPU would compute it wrong: without VNNI "
        "instructions, sums of two products overflow 16 bits. Export it anew, from the checkpoint that it was made of: "
        f"conflict-ner export CHECKPOINT {shlex.quote(str(folder))} --format onnx --precision int8"
    )


def multiplies_bytes_exactly() -> bool:
    """Return whether ONNX Runtime multiplies the largest bytes right on this CPU.

    x86 CPUs without VNNI get it wrong (see `export.onnx.quantization`). A computed product also gives the right
    answer on systems that do not list the CPU's instructions, and in a virtual machine that hides some of them.
    """
    onnxruntime = import_onnxruntime()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # starting more would take longer than the product
    session = onnxruntime.InferenceSession(_PROBE, options, providers=_PROVIDERS)
    (product,) = session.run(None, {"x": np.full((1, 4), 255, dtype=np.uint8)})
    return bool((product == 4 * 255 * 127).all())


def _thread_count() -> int:
    setting = os.environ.get("OMP_NUM_THREADS", "")
    return int(setting) if setting.isdecimal() and int(setting) else physical_cores()
