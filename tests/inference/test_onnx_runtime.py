"""A model in ONNX form is loaded without PyTorch; missing and damaged files are reported."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from conflict_ner.errors import CheckpointError, EncoderError, MissingExtraError, require_packages
from conflict_ner.inference import onnx_runtime
from conflict_ner.inference.onnx_runtime import SAFE_PRODUCTS, OnnxRuntime, _thread_count, multiplies_bytes_exactly
from conflict_ner.modeling.threads import physical_cores

if TYPE_CHECKING:
    import onnx
else:
    onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "model.onnx").write_bytes(b"no model")
    return tmp_path


def test_a_damaged_file_is_said(folder: Path) -> None:
    with pytest.raises(CheckpointError, match=r"model\.onnx is damaged: \S"):
        OnnxRuntime.load(folder)


def test_no_other_device_is_taken_silently(folder: Path) -> None:
    with pytest.raises(EncoderError, match="device 'cuda' cannot be used"):
        OnnxRuntime.load(folder, "cuda")


def test_a_missing_package_is_said_with_the_command_that_installs_it() -> None:
    with pytest.raises(MissingExtraError, match=r"pip install 'no_such>=1'$"):
        require_packages("ONNX", {"json": "json", "no_such_module": "no_such>=1"})


def product(in_8_bits: bool, has_metadata: bool) -> onnx.ModelProto:
    """A graph of one product, in 8 bits or in fp32."""
    constants = {"w": np.full((4, 4), 127), "xs": np.array(1), "ws": np.array(1)}
    kinds = {"w": np.int8 if in_8_bits else np.float32, "xs": np.float32, "ws": np.float32}
    node = onnx.helper.make_node("MatMul", ["x", "w"], ["y"])
    if in_8_bits:
        node = onnx.helper.make_node("MatMulIntegerToFloat", ["x", "w", "xs", "ws"], ["y"], domain="com.microsoft")
    value = onnx.helper.make_tensor_value_info
    graph = onnx.helper.make_graph(
        [node],
        "product",
        [value("x", onnx.TensorProto.UINT8 if in_8_bits else onnx.TensorProto.FLOAT, ["rows", 4])],
        [value("y", onnx.TensorProto.FLOAT, None)],
        [onnx.numpy_helper.from_array(constants[name].astype(kind), name) for name, kind in kinds.items()],
    )
    opsets = [onnx.helper.make_opsetid("", 20), onnx.helper.make_opsetid("com.microsoft", 1)]
    model = onnx.helper.make_model(graph, opset_imports=opsets, ir_version=10)
    if has_metadata:
        model.metadata_props.add(key=SAFE_PRODUCTS[0], value=SAFE_PRODUCTS[1])
    return model


@pytest.mark.parametrize(
    ("in_8_bits", "has_metadata", "cpu_is_exact", "refused"),
    [
        (True, False, False, True),
        (True, False, True, False),
        (True, True, False, False),
        (False, False, False, False),
    ],
)
def test_an_8_bit_graph_of_an_earlier_version_is_refused_where_it_would_be_computed_wrong(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    in_8_bits: bool,
    has_metadata: bool,
    cpu_is_exact: bool,
    refused: bool,
) -> None:
    monkeypatch.setattr(onnx_runtime, "multiplies_bytes_exactly", lambda: cpu_is_exact)
    onnx.save(product(in_8_bits, has_metadata), folder / "model.onnx")
    if not refused:
        assert OnnxRuntime.load(folder).session
        return
    with pytest.raises(CheckpointError, match="this CPU would compute it wrong") as caught:
        OnnxRuntime.load(folder)
    assert str(caught.value).endswith(f": conflict-ner export CHECKPOINT {folder} --format onnx --precision int8")


def test_a_cpu_is_asked_for_a_product_that_it_may_get_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    graph = onnx.load_from_string(onnx_runtime._PROBE).graph
    assert [node.op_type for node in graph.node] == ["MatMulInteger"]
    assert onnx.numpy_helper.to_array(graph.initializer[0]).tolist() == [[127] * 4] * 4
    assert isinstance(multiplies_bytes_exactly(), bool)  # it runs, whatever this CPU is

    class Saturating:
        def __init__(self, *_: Any, **__: Any) -> None: ...

        def run(self, _: None, feeds: dict[str, Any]) -> list[Any]:
            pairs = feeds["x"].astype(int).reshape(-1, 2) @ np.full((2, 4), 127)
            return [np.minimum(pairs, 2**15 - 1).sum(0, keepdims=True)]

    monkeypatch.setattr(onnxruntime, "InferenceSession", Saturating)
    assert not multiplies_bytes_exactly()


@pytest.mark.parametrize(
    ("setting", "threads"), [("3", 3), ("", physical_cores()), ("many", physical_cores()), ("0", physical_cores())]
)
def test_threads_are_all_cores_or_as_many_as_said(setting: str, threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", setting)
    assert _thread_count() == threads


def test_neither_pytorch_nor_transformers_is_imported() -> None:
    code = "import sys, conflict_ner.inference.onnx_runtime; print({'torch', 'transformers'} & set(sys.modules))"
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert process.stdout.strip() == "set()"
