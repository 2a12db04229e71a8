"""The config decides how training computes; an incomplete launcher environment is a message, not a traceback."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from accelerate import PartialState
from accelerate.state import AcceleratorState
from conflict_ner.config import TrainingConfig, dump_config
from conflict_ner.errors import TrainingError
from conflict_ner.files import sha256
from conflict_ner.modeling.device import Hardware
from conflict_ner.training import run
from conflict_ner.training.environment import config_decides, is_sharded, rounding_variables, start_processes
from helpers.command import conflict_ner
from helpers.runs import make_config
from rich.console import Console

CPU = Hardware("cpu", "fp32")
LAUNCHED = {
    "ACCELERATE_MIXED_PRECISION": "no",
    "ACCELERATE_DYNAMO_BACKEND": "no",
    "ACCELERATE_DYNAMO_MODE": "default",
    "ACCELERATE_DYNAMO_USE_FULLGRAPH": "False",
    "ACCELERATE_USE_CPU": "True",
    "ACCELERATE_CPU_AFFINITY": "1",
}


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As in a new process: accelerate keeps what it has found out."""
    for name in [name for name in os.environ if name.startswith("ACCELERATE_")]:
        monkeypatch.delenv(name)
    AcceleratorState._reset_state(reset_partial_state=True)
    yield
    AcceleratorState._reset_state(reset_partial_state=True)


def test_what_changes_the_computation_is_set_aside_with_a_note(monkeypatch: pytest.MonkeyPatch) -> None:
    changing = {
        "ACCELERATE_MIXED_PRECISION": "bf16",
        "ACCELERATE_GRADIENT_ACCUMULATION_STEPS": "4",
        "ACCELERATE_DYNAMO_BACKEND": "INDUCTOR",
        "ACCELERATE_TORCH_DEVICE": "meta",
        "ACCELERATE_SOMETHING_NEW": "yes",
    }
    for name, value in changing.items():
        monkeypatch.setenv(name, value)
    with config_decides(CPU) as notes:
        left = {name: value for name, value in os.environ.items() if name.startswith("ACCELERATE_")}
        os.environ["ACCELERATE_SET_BY_THE_TRAINER"] = "1"
    assert left == {"ACCELERATE_MIXED_PRECISION": "no"}
    assert {note.partition(" ")[0] for note in notes} == {f"{name}={value}" for name, value in changing.items()}
    assert "ACCELERATE_MIXED_PRECISION=bf16 is not used: the config decides, training.precision is fp32" in notes
    assert changing == {name: value for name, value in os.environ.items() if name.startswith("ACCELERATE_")}


def test_what_a_launcher_sets_by_default_needs_no_note(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in LAUNCHED.items():
        monkeypatch.setenv(name, value)
    with config_decides(CPU) as notes:
        assert os.environ["ACCELERATE_CPU_AFFINITY"] == "1"
    assert notes == []
    with config_decides(Hardware("cuda", "bf16")) as notes:
        assert os.environ["ACCELERATE_MIXED_PRECISION"] == "bf16"
    assert [note.partition("=")[0] for note in notes] == ["ACCELERATE_MIXED_PRECISION", "ACCELERATE_USE_CPU"]


@pytest.mark.parametrize("mode", ["DEEPSPEED", "MEGATRON_LM", "PARALLELISM_CONFIG", "SAGEMAKER"])
@pytest.mark.parametrize("value", ["true", "1", "malformed"])
def test_a_mode_of_training_that_is_not_there_is_refused(
    mode: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"ACCELERATE_USE_{mode}", value)
    with pytest.raises(TrainingError, match=f"ACCELERATE_USE_{mode}={value}: conflict-ner does not train with"):
        config_decides(CPU).__enter__()
    monkeypatch.setenv(f"ACCELERATE_USE_{mode}", "false")
    with config_decides(CPU) as notes:
        assert notes == []


def test_the_config_decides_whether_a_model_is_sharded(monkeypatch: pytest.MonkeyPatch) -> None:
    launched = {"ACCELERATE_USE_FSDP": "true", "FSDP_VERSION": "1", "FSDP_OFFLOAD_PARAMS": "true"}
    for name, value in launched.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(TrainingError, match=r"ACCELERATE_USE_FSDP=true: the config decides .* training\.sharded: true"):
        config_decides(CPU).__enter__()
    with config_decides(CPU, TrainingConfig(sharded=True)) as notes:
        assert not launched.keys() & os.environ.keys()
        processes = start_processes("cpu", sharded=True)
        assert not is_sharded(TrainingConfig(sharded=True), processes)  # one process has all
    assert notes == ["options for FSDP in the environment are not used: training.sharded in the config decides"]
    assert launched.items() <= os.environ.items()


def test_weights_in_bf16_are_computed_in_bf16_without_casts(monkeypatch: pytest.MonkeyPatch) -> None:
    with config_decides(Hardware("cpu", "bf16"), TrainingConfig(torch_dtype="bfloat16", precision="bf16")):
        assert os.environ["ACCELERATE_MIXED_PRECISION"] == "no"


def test_what_rounds_products_below_pytorch_is_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ONEDNN_DEFAULT_FPMATH_MODE", "BF16")
    monkeypatch.setenv("NVIDIA_TF32_OVERRIDE", "1")
    assert rounding_variables(CPU) == ["ONEDNN_DEFAULT_FPMATH_MODE=BF16"]
    assert rounding_variables(Hardware("cuda", "fp32")) == ["NVIDIA_TF32_OVERRIDE=1"]
    with config_decides(CPU) as notes:
        assert notes == ["ONEDNN_DEFAULT_FPMATH_MODE=BF16 may change how products are rounded; the checkpoint says so"]


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"WORLD_SIZE": "2", "RANK": "0", "LOCAL_RANK": "0"}, "but no MASTER_ADDR"),
        ({"WORLD_SIZE": "2"}, "but no RANK"),
        ({"WORLD_SIZE": "two"}, "WORLD_SIZE='two' in the environment is not a number"),
        ({"RANK": ""}, "RANK='' in the environment is not a number"),
        ({"LOCAL_RANK": "0.5"}, "LOCAL_RANK='0.5' in the environment is not a number"),
        ({"WORLD_SIZE": "2", "RANK": "2", "MASTER_ADDR": "localhost"}, "RANK must be less than WORLD_SIZE"),
        ({"LOCAL_RANK": "0"}, "cannot be started: .*MASTER_ADDR"),
        ({"RANK": "1"}, "RANK must be less than WORLD_SIZE"),
        ({"ACCELERATE_DEBUG_MODE": "perhaps"}, "cannot be started: .*perhaps"),
    ],
)
def test_half_a_launch_is_a_message(variables: dict[str, str], message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    before = dict(os.environ)
    with pytest.raises(TrainingError, match=f"{message}.*accelerate launch --multi_gpu -m conflict_ner train CONFIG"):
        start_processes("cpu")
    assert dict(os.environ) == before
    for name in variables:
        monkeypatch.delenv(name)
    assert start_processes("cpu").num_processes == 1


@pytest.mark.parametrize("variables", [{"LOCAL_RANK": "-1"}, {"WORLD_SIZE": "1", "RANK": "0"}])
def test_one_process_may_be_said_to_be_one(variables: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert start_processes("cpu").num_processes == 1


def test_a_run_has_the_weights_that_its_config_gives_whatever_the_environment_says(
    tmp_path: Path,
    encoder_folder: Path,
    reports_file: Path,
    verified_here: None,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    weights = []
    for name in ("plain", "other"):
        (tmp_path / name).mkdir()
        config = make_config(tmp_path / name, encoder_folder, reports_file, epochs=1, precision="fp32")
        checkpoint = run.train(config, console=Console(stderr=True))
        weights.append(sha256(checkpoint.folder / "model.safetensors"))
        AcceleratorState._reset_state(reset_partial_state=True)
        monkeypatch.setenv("ACCELERATE_MIXED_PRECISION", "bf16")
        monkeypatch.setenv("ACCELERATE_GRADIENT_ACCUMULATION_STEPS", "7")
    assert weights[0] == weights[1]
    err = capsys.readouterr().err
    assert "ACCELERATE_MIXED_PRECISION=bf16 is not used" in err
    assert "ACCELERATE_GRADIENT_ACCUMULATION_STEPS=7 is not used" in err
    assert os.environ["ACCELERATE_MIXED_PRECISION"] == "bf16"


def test_the_command_says_it_and_leaves_no_folder(
    tmp_path: Path,
    encoder_folder: Path,
    reports_file: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    config = make_config(tmp_path, encoder_folder, reports_file)
    (tmp_path / "run.yaml").write_text(dump_config(config, tmp_path), encoding="utf-8")
    for name, value in {"WORLD_SIZE": "2", "RANK": "0", "LOCAL_RANK": "0"}.items():
        monkeypatch.setenv(name, value)
    code, out, err = conflict_ner(capsys, "train", tmp_path / "run.yaml")
    assert (code, out) == (3, "")
    assert err.startswith("error: WORLD_SIZE=2, RANK=0, LOCAL_RANK=0 in the environment, but no MASTER_ADDR")
    assert len(err.splitlines()) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run.yaml", "validation.md"]
    assert not PartialState._shared_state
