"""A model in ONNX form is loaded without PyTorch, and what is missing or damaged is said."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from conflict_ner.errors import CheckpointError, EncoderError, MissingExtraError
from conflict_ner.extras import require
from conflict_ner.machine import physical_cores
from conflict_ner.onnxmodel import OnnxModel, _threads

pytest.importorskip("onnxruntime")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "config.json").write_text('{"pad_token_id": 3}')
    (tmp_path / "model.onnx").write_bytes(b"no model")
    return tmp_path


def test_a_damaged_file_is_said(folder: Path) -> None:
    with pytest.raises(CheckpointError, match=r"model\.onnx is damaged: \S"):
        OnnxModel.load(folder)


@pytest.mark.parametrize("content", ["[]", "{broken"])
def test_a_damaged_config_is_said(folder: Path, content: str) -> None:
    (folder / "config.json").write_text(content)
    with pytest.raises(CheckpointError, match=r"is damaged: config\.json"):
        OnnxModel.load(folder)


def test_no_other_device_is_taken_silently(folder: Path) -> None:
    with pytest.raises(EncoderError, match="device 'cuda' cannot be used"):
        OnnxModel.load(folder, "cuda")


def test_a_missing_package_is_said_with_the_command_that_installs_it() -> None:
    with pytest.raises(MissingExtraError, match=r"pip install 'no_such>=1'$"):
        require("ONNX", {"json": "json", "no_such_module": "no_such>=1"})


@pytest.mark.parametrize(
    ("said", "threads"), [("3", 3), ("", physical_cores()), ("many", physical_cores()), ("0", physical_cores())]
)
def test_threads_are_all_cores_or_as_many_as_said(said: str, threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", said)
    assert _threads() == threads


def test_neither_pytorch_nor_transformers_is_imported() -> None:
    code = "import sys, conflict_ner.onnxmodel; print({'torch', 'transformers'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
