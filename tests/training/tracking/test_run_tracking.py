"""What tools that follow a run get, and that a tool which fails costs the run nothing."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from conflict_ner.config import Config
from conflict_ner.errors import MissingExtraError
from conflict_ner.training import run
from conflict_ner.training.tracking import run_tracking, tools
from helpers.runs import LABELS, changed, make_config
from rich.console import Console
from transformers import TrainerCallback


@pytest.fixture
def config(tmp_path: Path, encoder_folder: Path, reports_file: Path, verified_here: None) -> Config:
    """A run of two epochs."""
    return make_config(tmp_path, encoder_folder, reports_file, epochs=2)


@pytest.fixture
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Undo what tools set in the environment."""
    with monkeypatch.context() as patch:
        for name in ("MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_NAME", "MLFLOW_RUN_ID", "TENSORBOARD_LOGGING_DIR"):
            patch.delenv(name, raising=False)
        patch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
        patch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "5")
        yield


class Tool(TrainerCallback):
    """A tool that keeps what it gets, or fails where it is told to."""

    seen: list[Any] = []  # noqa: RUF012 - of all tools of a test
    fails_at = ""

    def __init__(self, followed: tools.FollowedRun) -> None:
        self.callback = self
        self.id: str | None = followed.id or "first"
        self.note("open", followed.name, followed.id)

    def note(self, event: str, *details: Any) -> None:
        if event == self.fails_at:
            raise ConnectionError("server is\n  away")
        self.seen.append((event, *details))

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
        self.note("log", state.global_step, dict(logs))

    def record_config(self, settings: Mapping[str, str], text: str) -> None:
        self.note("config", dict(settings), text)

    def record_checkpoint(self, sha256: str, figures: Mapping[str, float]) -> None:
        self.note("checkpoint", sha256, dict(figures))

    def close(self, *, failed: bool) -> None:
        self.note("close", failed)


@pytest.fixture
def tool(monkeypatch: pytest.MonkeyPatch) -> type[Tool]:
    """In the place of MLflow."""
    monkeypatch.setitem(tools.TRACKERS, "mlflow", Tool)
    monkeypatch.setitem(tools.REQUIREMENTS, "mlflow", {})
    monkeypatch.setattr(Tool, "seen", [])
    return Tool


def names(tool: type[Tool]) -> list[str]:
    """The events, each once where it follows itself."""
    events = [event for event, *_ in tool.seen]
    return [event for event, before in zip(events, [None, *events], strict=False) if event != before]


def test_a_tool_gets_config_steps_epochs_and_hash_and_is_found_again_by_a_resumed_run(
    config: Config, tool: type[Tool], monkeypatch: pytest.MonkeyPatch
) -> None:
    config = changed(config, report_to=("mlflow",))

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run, "_export_best_epoch", killed)
        with pytest.raises(KeyboardInterrupt):
            run.train(config)
    assert names(tool) == ["open", "config", "log", "close"]
    assert tool.seen[-1] == ("close", True)
    (_, name, _), (_, settings, text) = tool.seen[:2]
    assert name.startswith("model-2")
    assert settings["training.epochs"] == 2
    assert settings["output"] == "model"  # no path of this machine
    assert "\n  epochs: 2\n" in text
    logs = [entry[1:] for entry in tool.seen if entry[0] == "log"]
    steps = [step for step, log in logs if "loss" in log]
    assert steps == list(range(1, steps[-1] + 1))
    assert [
        set(LABELS) <= {key.removeprefix("eval_f1_") for key in log} for _, log in logs if "eval_strict_f1" in log
    ] == [
        True,
        True,
    ]

    tool.seen.clear()
    checkpoint = run.train(config, resume=True)
    assert names(tool) == ["open", "checkpoint", "close"]  # only the export was left to do
    assert tool.seen[0] == ("open", name, "first")
    f1 = checkpoint.scores["validation"].strict.micro.f1
    assert tool.seen[1] == ("checkpoint", checkpoint.manifest.weights_sha256, {"final/validation_f1": f1})
    assert tool.seen[2] == ("close", False)


@pytest.mark.parametrize("event", ["open", "config", "log", "checkpoint", "close"])
def test_a_tool_that_fails_is_named_once_and_training_goes_on(
    event: str, tmp_path: Path, tool: type[Tool], monkeypatch: pytest.MonkeyPatch, config: Config
) -> None:
    monkeypatch.setattr(Tool, "fails_at", event)
    stream = io.StringIO()
    config = changed(config, report_to=("mlflow",))
    arguments: Any = (None, SimpleNamespace(global_step=0), None)
    checkpoint: Any = SimpleNamespace(scores={}, manifest=SimpleNamespace(weights_sha256="ab"))
    with run_tracking.follow_run(config, tmp_path, Console(file=stream, width=200)) as followed:
        followed.on_train_begin(*arguments)
        followed.on_log(*arguments, logs={"loss": 1.0})
        followed.on_log(*arguments, logs={"loss": 0.5})
        followed.record_checkpoint(checkpoint)
    assert stream.getvalue() == "note: mlflow does not follow this run any longer (server is away); training goes on\n"


def test_other_processes_than_the_main_one_follow_nothing(tmp_path: Path, tool: type[Tool], config: Config) -> None:
    config = changed(config, report_to=("mlflow",))
    with run_tracking.follow_run(config, tmp_path, Console(quiet=True), is_main=False) as followed:
        followed.on_train_begin(None, SimpleNamespace(global_step=0), None)
    assert tool.seen == []


def test_a_tool_that_is_not_installed_is_an_error_before_anything_is_read(
    tmp_path: Path, encoder_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(tools.REQUIREMENTS, "wandb", {"no_such_module": "wandb>=1"})
    config = make_config(tmp_path, encoder_folder, tmp_path / "missing.md", report_to=("wandb",))
    with pytest.raises(MissingExtraError, match=r"training\.report_to: wandb needs .*\n.* install 'wandb>=1'"):
        run.train(config)


@pytest.mark.usefixtures("clean_environment")
def test_tensorboard_and_mlflow_show_the_run(config: Config, tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    mlflow: Any = pytest.importorskip("mlflow")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    console = Console(file=io.StringIO(), width=200)
    checkpoint = run.train(changed(config, report_to=("tensorboard", "mlflow")), console=console)
    assert "note: " not in console.file.getvalue()  # type: ignore[attr-defined]
    steps, f1 = checkpoint.manifest.steps, checkpoint.manifest.history[-1]["f1_ACTOR"]

    (folder,) = (tmp_path / "runs").iterdir()
    board = EventAccumulator(str(folder)).Reload()
    assert [event.step for event in board.Scalars("train/loss")] == list(range(1, steps + 1))
    assert board.Scalars("eval/f1_ACTOR")[-1].value == pytest.approx(f1)
    assert len(board.Scalars("eval/strict_f1")) == 2
    assert b"epochs: 2" in board.Tensors("config/text_summary")[0].tensor_proto.string_val[0]
    (sha256,) = board.Tensors("checkpoint_sha256/text_summary")[0].tensor_proto.string_val
    assert sha256.decode() == checkpoint.manifest.weights_sha256

    client = mlflow.MlflowClient((tmp_path / "mlruns").as_uri())
    (experiment,) = client.search_experiments(filter_string="name = 'conflict-ner'")
    (found,) = client.search_runs([experiment.experiment_id])
    assert found.info.status == "FINISHED"
    assert found.data.tags["checkpoint_sha256"] == checkpoint.manifest.weights_sha256
    assert found.data.params["training.epochs"] == "2"
    assert [metric.step for metric in client.get_metric_history(found.info.run_id, "loss")] == list(range(1, steps + 1))
    assert found.data.metrics["eval_f1_ACTOR"] == pytest.approx(f1)
    assert found.data.metrics["final/validation_f1"] == checkpoint.scores["validation"].strict.micro.f1
    assert mlflow.active_run() is None
    assert not mlflow.is_tracking_uri_set()


@pytest.mark.usefixtures("clean_environment")
def test_a_tracking_server_that_is_away_is_named_and_the_run_ends_well(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("mlflow")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")  # nobody listens there
    console = Console(file=io.StringIO(), width=400)
    checkpoint = run.train(changed(config, report_to=("mlflow",), epochs=1), console=console)
    assert len(checkpoint.manifest.history) == 1
    notes = [line for line in console.file.getvalue().splitlines() if "note: " in line]  # type: ignore[attr-defined]
    assert len(notes) == 1
    assert notes[0].startswith("note: mlflow does not follow this run any longer (")
