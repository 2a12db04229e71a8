"""Writes a checkpoint's model as an ONNX file.

PyTorch's own exporter (`torch.onnx.export`, with onnxscript) traces the model. Optimum's exporter is
not used: it pins the versions of transformers that it knows, and an encoder with a head needs no
more than this. Attention is traced in its plain form, which becomes standard operators for every
architecture. ONNX Runtime then optimizes the graph once and saves it. Two of its fusions are
disabled because its CPU kernels for them are slower than the operators that they replace: layer norm
with the sum before it, and GELU with its bias. `attention` adds a fusion that it does not have.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from conflict_ner.checkpoint import ONNX_WEIGHTS
from conflict_ner.errors import CheckpointError
from conflict_ner.export.onnx.attention import add_unmasked_attention
from conflict_ner.export.onnx.quantization import Batch, quantize
from conflict_ner.export.onnx.word_embeddings import factor_embeddings
from conflict_ner.inference import onnx_runtime
from conflict_ner.inference.onnx_runtime import INPUTS
from conflict_ner.modeling.cased_vocabulary import EXACT, ROUNDED
from conflict_ner.modeling.encoder import load_model
from conflict_ner.modeling.telemetry import import_onnxruntime

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from transformers import PreTrainedModel

NEEDED = {**onnx_runtime.NEEDED, "onnx": "onnx>=1.18", "onnxscript": "onnxscript>=0.5"}
_OPSET = 20  # the first with GELU; with later ones some architectures came out wrong
_SLOW_FUSIONS = ["SkipLayerNormFusion", "BiasGeluFusion"]
_EXAMPLE_SHAPE = (2, 16)  # rows and tokens of the input with which the graph is traced


def write_model(
    source: Path, folder: Path, batches: Sequence[Batch] | None, tokenizer: Tokenizer | None = None
) -> Path:
    """Write `model.onnx` into a folder and return the file.

    Args:
        source: a checkpoint with PyTorch weights.
        batches: inputs on which the ranges of 8-bit products are measured; None leaves all products in fp32.
        tokenizer: of the encoder; with it the word embeddings are stored in less space.

    Raises:
        CheckpointError: if the model cannot be exported.
        EncoderError: if the weights cannot be loaded.
    """
    import onnx

    traced, file = folder / "traced.onnx", folder / ONNX_WEIGHTS
    _trace(load_model(str(source), attn_implementation="eager"), traced)
    _optimize(traced, file)
    traced.unlink()
    model = onnx.load(file)
    add_unmasked_attention(model)
    if tokenizer is not None:
        factor_embeddings(model, tokenizer, EXACT if batches is None else ROUNDED)
    if batches is not None:
        quantize(model, batches)
    onnx.save(model, file)
    return file


def _trace(model: PreTrainedModel, file: Path) -> None:
    """Export a model that takes int64 ids and mask, shape (rows, length), of any size and returns logits in fp32."""
    import torch

    class Logits(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
            logits: torch.Tensor = self.model(input_ids=ids, attention_mask=mask).logits
            return logits

    ids, mask = torch.ones(_EXAMPLE_SHAPE, dtype=torch.int64), torch.ones(_EXAMPLE_SHAPE, dtype=torch.int64)
    mask[-1, -1] = 0
    axes = {0: "rows", 1: "length"}
    try:
        with _quiet_exporter():
            torch.onnx.export(
                Logits().eval(),
                (ids, mask),
                file,
                input_names=INPUTS,
                output_names=["logits"],
                dynamic_shapes=(axes, axes),
                dynamo=True,
                external_data=False,
                opset_version=_OPSET,
                verbose=False,
            )
    except Exception as error:  # each architecture fails in its own way
        raise CheckpointError(f"the model cannot be written as ONNX: {str(error).strip().splitlines()[0]}") from error


def _optimize(traced: Path, file: Path) -> None:
    onnxruntime = import_onnxruntime()
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    options.optimized_model_filepath = str(file)
    options.log_severity_level = 3
    onnxruntime.InferenceSession(
        str(traced), options, providers=["CPUExecutionProvider"], disabled_optimizers=_SLOW_FUSIONS
    )


@contextmanager
def _quiet_exporter() -> Iterator[None]:
    """Suppress the exporter's warnings, which are about libraries that it does not need and about itself."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
