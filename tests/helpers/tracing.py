"""Exports to ONNX that trace each model once: tracing is most of an export's time."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from conflict_ner.export.onnx import trace
from filelock import FileLock
from transformers import PreTrainedModel


@contextmanager
def traced_once(folder: Path) -> Iterator[None]:
    """Keep the trace of each model in a folder while the block runs, and use it again for the same weights."""
    trace_model = trace._trace

    def cached(model: PreTrainedModel, file: Path) -> None:
        if not isinstance(model, PreTrainedModel):  # a stand-in that cannot be traced
            return trace_model(model, file)
        digest = hashlib.sha256(model.config.to_json_string().encode())
        for parameter in model.state_dict().values():
            digest.update(parameter.numpy().tobytes())
        kept = folder / digest.hexdigest()
        with FileLock(kept.with_suffix(".lock")):  # workers of one test run share the folder
            if not kept.exists():
                trace_model(model, file)
                shutil.copyfile(file, kept)
                return None
        shutil.copyfile(kept, file)
        return None

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trace, "_trace", cached)
        yield
