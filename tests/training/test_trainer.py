"""Training: batches, rates and loss as promised; a killed run ends as if it had not been."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import datasets
import pytest
import torch
from conflict_ner.config import TrainingConfig, dump_config, load_config
from conflict_ner.data.labels import LabelScheme
from conflict_ner.errors import OverwriteError, TrainingError
from conflict_ner.modeling.device import Hardware
from conflict_ner.modeling.encoder import load_model, new_model
from conflict_ner.training import run, trainer
from conflict_ner.training.history import last_state
from helpers.runs import make_config
from safetensors.torch import load_file
from transformers import TrainerCallback
from transformers.models.bert.modeling_bert import BertAttention

FIGURES = {"precision": 0.5, "recall": 0.5, "predicted": 3.0}
WINDOWS = [
    {"input_ids": [2, *range(5, 5 + n), 3], "labels": [-100, *([1, 0] * n)[:n], -100]} for n in (3, 9, 4, 12, 6, 5)
]


class Recorder(TrainerCallback):
    """Keeps the loss of each step, and stops after a step if asked."""

    def __init__(self, stop_after: int | None = None) -> None:
        self.losses: list[float] = []
        self.stop_after = stop_after

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
        if "loss" in logs:
            self.losses.append(logs["loss"])

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        control.should_training_stop = state.global_step == self.stop_after


def fit(
    folder: Path, encoder: Path, f1: list[float], callbacks: Sequence[TrainerCallback] = (), **settings: Any
) -> trainer.TrainResult:
    """Train on made-up windows; the epochs' validation F1 are given."""
    f1_values = iter(f1)

    def validate(_: Any) -> Mapping[str, float]:
        return {"strict_f1": next(f1_values), **FIGURES}

    scheme = LabelScheme(("ACTOR",))
    torch.manual_seed(1)
    model = new_model(str(encoder), scheme, 0.1, 0.1)
    config = TrainingConfig(**{"batch_tokens": 16, "device": "cpu", **settings})
    rows = datasets.Dataset.from_list(WINDOWS)
    return trainer.fit(model, rows, config, Hardware("cpu", "fp32"), folder, validate, callbacks=callbacks)


def test_training_stops_when_validation_no_longer_improves(tmp_path: Path, encoder_folder: Path) -> None:
    result = fit(tmp_path, encoder_folder, [0.1, 0.5, 0.4, 0.5, 0.9], epochs=5, patience=2)
    assert [epoch["strict_f1"] for epoch in result.history] == [0.1, 0.5, 0.4, 0.5]
    assert result.best_epoch == 2  # the first of equals


def test_the_best_epoch_is_kept_not_the_last(tmp_path: Path, encoder_folder: Path) -> None:
    result = fit(tmp_path, encoder_folder, [0.2, 0.8, 0.3], epochs=3, patience=None)
    best = load_file(result.state / "model.safetensors")
    last = load_file(max(tmp_path.glob("checkpoint-*"), key=lambda f: int(f.name[11:])) / "model.safetensors")
    assert result.best_epoch == 2
    assert any(not torch.equal(best[name], last[name]) for name in best)


def test_each_step_logs_its_loss_and_an_epoch_has_their_mean(tmp_path: Path, encoder_folder: Path) -> None:
    recorder = Recorder()
    result = fit(tmp_path, encoder_folder, [0.2, 0.3], [recorder], epochs=2)
    steps = result.steps // 2
    assert len(recorder.losses) == 2 * steps > 2
    means = [sum(losses) / steps for losses in (recorder.losses[:steps], recorder.losses[steps:])]
    assert [epoch["loss"] for epoch in result.history] == pytest.approx(means)


def test_a_callback_that_stops_within_an_epoch_leaves_the_best_one(tmp_path: Path, encoder_folder: Path) -> None:
    steps = fit(tmp_path / "whole", encoder_folder, [0.2], epochs=1).steps
    result = fit(tmp_path / "cut", encoder_folder, [0.7, 0.3], [Recorder(stop_after=steps + 1)], epochs=3)
    assert (result.best_epoch, result.steps, result.state.name) == (1, steps + 1, f"checkpoint-{steps}")


def test_the_head_has_its_own_rate_and_norms_do_not_decay(tmp_path: Path, encoder_folder: Path) -> None:
    seen: list[dict[str, Any]] = []
    original = trainer._Trainer.create_optimizer

    def spy(self: Any, model: Any = None) -> torch.optim.Optimizer:
        optimizer = original(self, model)
        if not seen:
            seen.extend({**group, "count": len(group["params"])} for group in optimizer.param_groups)
        return optimizer

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trainer._Trainer, "create_optimizer", spy)
        fit(tmp_path, encoder_folder, [0.1], epochs=1, learning_rate=1e-5, head_learning_rate=1e-2, weight_decay=0.3)
    kinds = {(group["initial_lr"] if "initial_lr" in group else group["lr"], group["weight_decay"]) for group in seen}
    assert kinds == {(1e-5, 0.3), (1e-5, 0.0), (1e-2, 0.3), (1e-2, 0.0)}


def test_validation_sees_the_model_in_full_precision(tmp_path: Path, encoder_folder: Path) -> None:
    seen = []

    def validate(model: Any) -> Mapping[str, float]:
        with torch.inference_mode():
            seen.append(model(input_ids=torch.tensor([[2, 7, 3]])).logits.clone())
        return {"strict_f1": 0.1, **FIGURES}

    torch.manual_seed(1)
    model = new_model(str(encoder_folder), LabelScheme(("ACTOR",)), 0.0, 0.0)
    config = TrainingConfig(epochs=1, batch_tokens=16, device="cpu")
    rows = datasets.Dataset.from_list(WINDOWS)
    result = trainer.fit(model, rows, config, Hardware("cpu", "bf16"), tmp_path, validate)
    exported = load_model(str(result.state))
    exported.train(False)
    with torch.inference_mode():
        again = exported(input_ids=torch.tensor([[2, 7, 3]])).logits
    assert torch.allclose(seen[0], again, atol=1e-5)  # bf16 would be off by more than 1e-3


def test_weights_in_bf16_are_validated_as_they_are_exported(tmp_path: Path, encoder_folder: Path) -> None:
    seen = []

    def validate(model: Any) -> Mapping[str, float]:
        seen.append({name: weight.clone() for name, weight in model.state_dict().items()})
        return {"strict_f1": 0.1, **FIGURES}

    torch.manual_seed(1)
    model = new_model(str(encoder_folder), LabelScheme(("ACTOR",)), 0.0, 0.0)
    torch.nn.Module.to(model, torch.bfloat16)  # the model's own has no types
    config = TrainingConfig(epochs=1, batch_tokens=16, device="cpu", torch_dtype="bfloat16", precision="bf16")
    rows = datasets.Dataset.from_list(WINDOWS)
    result = trainer.fit(model, rows, config, Hardware("cpu", "bf16"), tmp_path, validate)
    exported = load_model(str(result.state)).state_dict()
    assert {weight.dtype for weight in exported.values() if weight.is_floating_point()} == {torch.float32}
    assert all(torch.equal(weight, exported[name]) for name, weight in seen[0].items())
    saved = load_file(result.state / "model.safetensors")
    assert {weight.dtype for weight in saved.values()} == {torch.bfloat16}


def test_activations_that_are_computed_again_change_no_weight(
    tmp_path: Path, encoder_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = 0
    attention = BertAttention.forward

    def forward(*arguments: Any, **options: Any) -> Any:
        nonlocal calls
        calls += 1
        return attention(*arguments, **options)

    monkeypatch.setattr(BertAttention, "forward", forward)
    kept = fit(tmp_path / "kept", encoder_folder, [0.1], epochs=1)
    few, calls = calls, 0
    again = fit(tmp_path / "again", encoder_folder, [0.1], epochs=1, gradient_checkpointing=True)
    assert calls == 2 * few
    weights = load_file(again.state / "model.safetensors")
    assert all(
        torch.equal(weights[name], weight) for name, weight in load_file(kept.state / "model.safetensors").items()
    )


def test_a_loss_that_is_no_number_ends_the_run(tmp_path: Path, encoder_folder: Path) -> None:
    with pytest.raises(TrainingError, match="no longer a number"):
        fit(tmp_path, encoder_folder, [0.1], epochs=1, learning_rate=1e38, warmup=0.0)


def test_the_loss_is_a_mean_over_labeled_words_however_they_are_batched() -> None:
    logits = torch.randn(4, 7, 3)
    labels = torch.randint(0, 3, (4, 7))
    labels[0, :5] = -100
    count = (labels != -100).sum()
    whole_batch = trainer._loss({"logits": logits}, labels, count)
    parts = sum(trainer._loss({"logits": logits[k : k + 1]}, labels[k : k + 1], count) for k in range(4))
    assert torch.allclose(whole_batch, torch.as_tensor(parts))
    assert torch.allclose(whole_batch, trainer._loss({"logits": logits}, labels))


@pytest.fixture
def killable(tmp_path: Path, encoder_folder: Path, reports_file: Path, verified_here: None) -> Path:
    """A folder with a run's config, whose training takes long enough to be killed."""
    config = make_config(tmp_path, encoder_folder, reports_file, epochs=4, patience=None, dropout=0.2)
    killed = config.model_copy(update={"output": tmp_path / "killed"})
    (tmp_path / "run.yaml").write_text(dump_config(killed, tmp_path), encoding="utf-8")
    return tmp_path


def weights(folder: Path) -> bytes:
    return (folder / "model.safetensors").read_bytes()


# As `-m conflict_ner`, but at the end of the third epoch, before it is saved, there is time to kill it.
WAITS_IN_THE_THIRD_EPOCH = """
import time
from conflict_ner.__main__ import main
from conflict_ner.training import run
validate, epochs = run._validate, []

def wait_and_validate(*arguments, **options):
    epochs.append(1)
    if len(epochs) == 3:
        print("waiting", flush=True)
        time.sleep(600)
    return validate(*arguments, **options)

run._validate = wait_and_validate
main()
"""


def test_a_killed_run_resumed_ends_with_the_same_weights(killable: Path) -> None:
    command = [sys.executable, "-c", WAITS_IN_THE_THIRD_EPOCH, "train", str(killable / "run.yaml")]
    states = killable / "killed.training"
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "waiting\n"
        process.send_signal(signal.SIGKILL)
    assert len(list(states.glob("checkpoint-*/trainer_state.json"))) == 2
    assert not (killable / "killed").exists()

    config = load_config(killable / "run.yaml")
    uninterrupted = run.train(config.model_copy(update={"output": killable / "uninterrupted"}))
    last = last_state(states)
    assert last is not None
    resumed = run.train(config, resume=True)
    assert 0 < last.step < resumed.manifest.steps
    assert weights(resumed.folder) == weights(uninterrupted.folder)
    assert not states.exists()


def test_a_run_killed_after_training_is_only_exported(killable: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = load_config(killable / "run.yaml", ["training.patience=1"])
    patient = config.model_copy(update={"output": killable / "patient"})
    uninterrupted = run.train(patient)

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:  # undone by itself, unlike what the test has set
        patch.setattr(run, "_export_best_epoch", killed)
        with pytest.raises(KeyboardInterrupt):
            run.train(config, overwrite=True)
    with pytest.raises(OverwriteError, match="interrupted run with"):
        run.train(config, overwrite=True)
    monkeypatch.setattr(trainer._Trainer, "train", lambda *_, **__: pytest.fail("trained once more"))
    resumed = run.train(config, resume=True, overwrite=True)
    assert resumed.manifest.history == uninterrupted.manifest.history
    assert weights(resumed.folder) == weights(uninterrupted.folder)


@pytest.mark.parametrize("change", ["config", "data"])
def test_resuming_another_config_or_other_data_is_refused(
    killable: Path, tmp_path: Path, reports_file: Path, change: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "own.md").write_text(reports_file.read_text(encoding="utf-8"), encoding="utf-8")
    config = load_config(killable / "run.yaml", [f"data.train=[{tmp_path / 'own.md'}]"])

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run, "_export_best_epoch", killed)
        with pytest.raises(KeyboardInterrupt):
            run.train(config, overwrite=True)
    if change == "config":
        config = config.model_copy(update={"training": config.training.model_copy(update={"seed": 8})})
    else:
        (tmp_path / "own.md").write_text(reports_file.read_text(encoding="utf-8").replace("Nobody", "Many"))
    expected = (
        r"another config \(training.seed: 7 there, 8 now\)" if change == "config" else r"other data \(train changed"
    )
    with pytest.raises(OverwriteError, match=expected) as refused:
        run.train(config, resume=True, overwrite=True)
    assert {alternative.options[0] for alternative in refused.value.alternatives} == {"--restart", "--set"} | (
        {"--resume"} if change == "config" else set()
    )
