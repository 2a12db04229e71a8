"""A search tries what the config names, learns nothing from test reports, and loses no trial when it is killed."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from conflict_ner.config import Config, load_config
from conflict_ner.errors import ConfigError, DataError, EncoderError, OverwriteError, TrainingError
from conflict_ner.training import run
from helpers.command import conflict_ner
from helpers.runs import make_config
from rich.console import Console

pytest.importorskip("optuna")
from conflict_ner.training.saved_epochs import training_folder
from conflict_ner.training.search import study
from conflict_ner.training.search.results import SearchResult

SETTINGS = {
    "training.learning_rate": {"low": 1e-5, "high": 1e-2, "log": True},
    "training.schedule": ["linear", "cosine"],
}
Objective = Callable[[Config], Sequence[float]]


def with_search(config: Config, **search: Any) -> Config:
    section = {"settings": SETTINGS, "random_trials": 2, "prune_after": 2, **search}
    return Config.model_validate({**config.model_dump(), "search": section})


@pytest.fixture
def config(tmp_path: Path, encoder_folder: Path, reports_file: Path) -> Config:
    return with_search(make_config(tmp_path, encoder_folder, reports_file, epochs=4))


@pytest.fixture
def objective(monkeypatch: pytest.MonkeyPatch) -> list[Objective]:
    """In the place of training: the last function of the list gives the F1 of each epoch for a config."""
    functions: list[Objective] = [lambda config: [0.5 + 10 * config.training.learning_rate] * 4]

    def train_epochs(config: Config, data: Any, *, callbacks: Any, **_: Any) -> tuple[dict[str, float], ...]:
        control, log = SimpleNamespace(should_training_stop=False), []
        for f1 in functions[-1](config):
            log.append({"eval_strict_f1": f1})
            for callback in callbacks:
                callback.on_evaluate(None, SimpleNamespace(log_history=log), control)
            if control.should_training_stop:
                break
        return tuple({"strict_f1": entry["eval_strict_f1"]} for entry in log)

    monkeypatch.setattr(run, "train_epochs", train_epochs)
    return functions


@pytest.fixture
def no_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    """One is drawn after each trial: half a second, where a test looks at something else."""
    monkeypatch.setattr("conflict_ner.training.search.results.search_chart", lambda _: "")


def drawn(result: SearchResult) -> list[dict[str, Any]]:
    return [dict(trial.settings) for trial in result.trials]


@pytest.mark.usefixtures("verified_here")
def test_the_best_config_trains_the_best_trial_again(config: Config, tmp_path: Path) -> None:
    config = with_search(config, settings={"training.epochs": [1, 2]})
    result = study.search(config, 2)
    assert {trial.state for trial in result.trials} == {"finished"}
    assert sorted(path.name for path in result.folder.iterdir()) == [
        "best.yaml",
        "results.json",
        "results.md",
        "results.svg",
        "run.yaml",
        "study.db",
    ]
    best = load_config(result.folder / "best.yaml")
    assert best.output == config.output
    assert not best.search.settings
    checkpoint = run.train(best)
    assert result.best is not None
    assert max(epoch["strict_f1"] for epoch in checkpoint.manifest.history) == result.best.f1


@pytest.mark.usefixtures("no_picture")
def test_a_search_that_was_killed_draws_what_it_would_have_drawn(config: Config, objective: list[Objective]) -> None:
    whole = study.search(config, 4)
    calls: list[Config] = []

    def killed_in_the_third(config: Config) -> Sequence[float]:
        calls.append(config)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return objective[0](config)

    objective.append(killed_in_the_third)
    with pytest.raises(KeyboardInterrupt):
        study.search(config, 4, restart=True)
    objective.pop()
    with pytest.raises(OverwriteError, match="holds a search already"):
        study.search(config, 4)
    resumed = study.search(config, 4, resume=True)
    assert drawn(resumed) == drawn(whole)
    assert calls[2].training.learning_rate == resumed.trials[2].settings["training.learning_rate"]
    assert calls[2].output == resumed.folder / "trial-3"
    assert resumed == whole
    more = study.search(config, 5, resume=True)
    assert drawn(more)[:4] == drawn(whole)
    assert len(more.trials) == 5


def test_trials_that_are_worse_than_the_others_are_stopped_and_failures_noted(
    config: Config, objective: list[Objective]
) -> None:
    curves = iter([[0.5, 0.6, 0.7, 0.8], [0.5, 0.6, 0.7, 0.9], [0.1, 0.2, 0.3, 0.4], None, [0.6, 0.7, 0.8, 0.88]])

    def objective_of(config: Config) -> Sequence[float]:
        curve = next(curves)
        if curve is None:
            raise TrainingError("the loss is no longer a number")
        return curve

    objective.append(objective_of)
    console = Console(file=io.StringIO(), width=200)
    result = study.search(config, 5, console=console)
    assert [trial.state for trial in result.trials] == ["finished", "finished", "pruned", "failed", "finished"]
    assert [trial.f1 for trial in result.trials] == [0.8, 0.9, 0.2, None, 0.88]
    assert result.trials[2].epochs == 2
    assert result.best == result.trials[1]
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    assert "failed: the loss is no longer a number" in shown
    assert "stopped after epoch 2" in shown
    page = (result.folder / "results.md").read_text(encoding="utf-8")
    assert "| 2 | 90.0 | 4 | 4 |" in page
    assert page.index("| 2 | 90.0") < page.index("| 5 | 88.0") < page.index("| 3 | 20.0")
    picture = (result.folder / "results.svg").read_text(encoding="utf-8")
    assert "training.learning_rate" in picture
    assert "pruned" in picture
    assert "mathdefault" not in picture  # TeX, which nobody sets


@pytest.mark.usefixtures("no_picture")
def test_layers_that_the_encoder_has_not_fail_a_trial_and_not_the_search(
    config: Config, objective: list[Objective]
) -> None:
    def objective_of(config: Config) -> Sequence[float]:
        if config.encoder_layers == 12:
            (training_folder(config.output) / "checkpoint-1").mkdir(parents=True)
            raise EncoderError("encoder_layers: 12 cannot be kept")
        return [0.5]

    objective.append(objective_of)
    result = study.search(with_search(config, settings={"encoder_layers": [1, 12]}), 4)
    assert {trial.state for trial in result.trials} == {"finished", "failed"}
    assert not list(result.folder.glob("trial-*"))


@pytest.mark.usefixtures("no_picture")
def test_trials_of_other_settings_or_data_are_not_gone_on_with(
    config: Config, reports_file: Path, tmp_path: Path, objective: list[Objective]
) -> None:
    copy = tmp_path / "train.md"
    copy.write_text(reports_file.read_text(encoding="utf-8"), encoding="utf-8")
    data = {**config.data.model_dump(), "train": [copy]}
    config = Config.model_validate({**config.model_dump(), "data": data})
    study.search(config, 1)
    with pytest.raises(OverwriteError, match="the section search has changed"):
        study.search(with_search(config, settings={"training.dropout": [0.0, 0.1]}), 1, resume=True)
    longer = Config.model_validate({**config.model_dump(), "training": {**config.training.model_dump(), "epochs": 9}})
    with pytest.raises(OverwriteError, match=r"training\.epochs: 4 there, 9 now"):
        study.search(longer, 1, resume=True)
    copy.write_text(copy.read_text(encoding="utf-8") + "\n=== more\n\nNothing.\n", encoding="utf-8")
    with pytest.raises(OverwriteError, match=r"search on other data \(train changed since\)"):
        study.search(config, 1, resume=True)
    assert len(study.search(config, 2, restart=True).trials) == 2


def test_what_cannot_work_is_refused_before_a_trial(config: Config, tmp_path: Path, objective: list[Objective]) -> None:
    with pytest.raises(ConfigError, match=r"search\.settings: names no settings to vary"):
        study.search(with_search(config, settings={}), 1)
    missing = {**config.data.model_dump(), "train": [tmp_path / "missing.md"]}
    with pytest.raises(DataError, match=r"missing\.md"):
        study.search(Config.model_validate({**config.model_dump(), "data": missing}), 1)
    assert not study.search_folder(config.output).exists()

    def fail(config: Config) -> Sequence[float]:
        raise TrainingError("no")

    objective.append(fail)
    with pytest.raises(TrainingError, match=r"no trial of .* was finished; the first: no"):
        study.search(config, 2)


def test_the_command_prints_the_table_and_how_to_train_the_best(
    config: Config, tmp_path: Path, objective: list[Objective], capsys: pytest.CaptureFixture[str]
) -> None:
    from conflict_ner.config import dump_config

    (tmp_path / "run.yaml").write_text(dump_config(config, tmp_path), encoding="utf-8")
    code, out, err = conflict_ner(capsys, "train", tmp_path / "run.yaml", "--search", "2", "--markdown")
    assert code == 0, err
    assert out.startswith(
        "| trial | validation F1 | best epoch | epochs | training.learning_rate | training.schedule |"
    )
    assert "conflict-ner train" in err
    assert "best.yaml" in err
    code, _, err = conflict_ner(capsys, "train", tmp_path / "run.yaml", "--search", "2")
    assert code == 2
    assert "--resume" in err
    code, _, err = conflict_ner(capsys, "train", tmp_path / "run.yaml", "--search", "2", "--seeds", "2")
    assert (code, "exclude each other" in err) == (2, True)
