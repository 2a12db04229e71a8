"""Several processes, started by `accelerate launch`, train the model that one process trains.

Those marked `cluster` start many processes, which takes minutes on a busy machine:

    .venv/bin/python -m pytest -m cluster tests/training
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import pytest
from conflict_ner.checkpoint import Checkpoint
from conflict_ner.config import dump_config, load_config
from conflict_ner.files import sha256
from conflict_ner.modeling.encoder import load_model
from conflict_ner.training import run
from helpers.runs import make_config

TESTS = Path(__file__).parents[1]
COMMAND = ["-m", "conflict_ner"]
FSDP = [str(TESTS / "helpers" / "fsdp_on_cpu.py")]
SHARDED = ["--set", "training.sharded=true"]
ONE_MACHINE = ["--num_machines", "1", "--main_process_port", "0"]


@pytest.fixture
def config_file(tmp_path: Path, encoder_folder: Path, reports_file: Path, verified_here: None) -> Path:
    """The config of a run with two batches an epoch, one for each process.

    Without dropout: what is dropped depends on the process.
    """
    settings = {"epochs": 4, "patience": None, "dropout": 0.0, "attention_dropout": 0.0, "precision": "fp32"}
    config = make_config(tmp_path, encoder_folder, reports_file, batch_tokens=40, **settings)
    (tmp_path / "run.yaml").write_text(dump_config(config, tmp_path), encoding="utf-8")
    return tmp_path / "run.yaml"


def launch(program: Sequence[str], config: Path, *options: str, machines: Sequence[str] = ONE_MACHINE) -> list[str]:
    """The command that trains in two processes. On CPUs too it is `--multi_gpu`: with `--cpu` there is one process."""
    launcher = [sys.executable, "-m", "accelerate.commands.launch", "--multi_gpu", "--num_processes", "2", *machines]
    launcher += ["--mixed_precision", "no", "--dynamo_backend", "no"]
    return [*launcher, *program, "train", str(config), "--json", *options]


def train_alone(config: Path) -> Checkpoint:
    """Train in one process, in which a step has the two batches that the processes have in one."""
    return run.train(load_config(config, ["training.gradient_accumulation=2", f"output={config.parent / 'alone'}"]))


def train_together(command: Sequence[str], output: Path) -> tuple[Checkpoint, str]:
    """Train in two processes; return the checkpoint, which one of them has exported, and what they print."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=1200, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert set(json.loads(done.stdout)["scores"]) == {"validation"}  # printed once, by the main process
    assert not output.with_name(f"{output.name}.training").exists()
    return Checkpoint.load(output), done.stderr


def descendants(pid: int) -> list[int]:
    """The processes that a process has started, and those that they have."""
    children = []
    for file in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            if int(file.read_text().rpartition(")")[2].split()[1]) == pid:
                children.append(int(file.parent.name))
    return [*children, *(other for child in children for other in descendants(child))]


def refuse_other_curves(checkpoint: Checkpoint, expected: Checkpoint) -> None:
    """Compare the losses and the validation of all epochs, and the weights at the end."""
    for epoch, other in zip(checkpoint.manifest.history, expected.manifest.history, strict=True):
        assert epoch == pytest.approx(other, rel=1e-3), (checkpoint.manifest.history, expected.manifest.history)
    weights = load_model(str(expected.folder)).state_dict()
    for name, weight in load_model(str(checkpoint.folder)).state_dict().items():
        assert weight.numpy() == pytest.approx(weights[name].numpy(), abs=1e-3), name


# As `-m conflict_ner`, without a process that verifies the export.
VERIFIED_HERE = """
from conflict_ner.__main__ import main
from conflict_ner.export import checkpoint_writer, verify
checkpoint_writer._verify_in_fresh_process = verify.verify
main()
"""


def test_two_processes_train_the_model_of_one(config_file: Path) -> None:
    program = config_file.with_name("launched.py")
    program.write_text(VERIFIED_HERE, encoding="utf-8")
    checkpoint, err = train_together(launch([str(program)], config_file), config_file.parent / "model")
    assert "2 x cpu" in err
    refuse_other_curves(checkpoint, train_alone(config_file))


@pytest.mark.cluster
def test_two_shards_train_the_model_of_one(config_file: Path) -> None:
    options = [*SHARDED, "--set", "training.gradient_checkpointing=true"]
    checkpoint, err = train_together(launch(FSDP, config_file, *options), config_file.parent / "model")
    assert "2 x cpu (sharded)" in err
    refuse_other_curves(checkpoint, train_alone(config_file))


@pytest.mark.cluster
@pytest.mark.parametrize(("program", "options"), [(COMMAND, []), (FSDP, SHARDED)], ids=["ddp", "fsdp"])
def test_killed_processes_go_on_where_they_were(config_file: Path, program: list[str], options: list[str]) -> None:
    folder = config_file.parent
    # Here values are dropped: the random states are resumed too.
    options = [*options, "--set", "training.epochs=8", "--set", "training.dropout=0.2"]
    uninterrupted, _ = train_together(
        launch(program, config_file, *options, "--set", f"output={folder / 'uninterrupted'}"), folder / "uninterrupted"
    )
    process = subprocess.Popen(
        launch(program, config_file, *options), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    states = folder / "model.training"
    while len(list(states.glob("checkpoint-*/trainer_state.json"))) < 2:
        assert process.poll() is None, "the run ended before it could be killed"
        time.sleep(0.01)
    for pid in [*descendants(process.pid), process.pid]:  # listed first: the launcher gives each a session of its own
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    process.wait()
    assert not (folder / "model").exists()
    resumed, _ = train_together(launch(program, config_file, *options, "--resume"), folder / "model")
    assert sha256(resumed.folder / "model.safetensors") == sha256(uninterrupted.folder / "model.safetensors")
    assert resumed.manifest.history == uninterrupted.manifest.history


@pytest.mark.cluster
def test_two_machines(config_file: Path) -> None:
    """The commands of docs/training.md for two machines, both here."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = str(unused.getsockname()[1])
    machines = ["--num_machines", "2", "--main_process_ip", "127.0.0.1", "--main_process_port", port]
    first, second = (
        launch(COMMAND, config_file, machines=[*machines, "--machine_rank", str(rank)]) for rank in range(2)
    )
    other = subprocess.Popen(second, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    checkpoint, err = train_together(first, config_file.parent / "model")
    out, other_err = other.communicate(timeout=600)
    assert (other.returncode, out) == (0, ""), other_err[-3000:]
    assert "2 x cpu" in err
    refuse_other_curves(checkpoint, train_alone(config_file))
