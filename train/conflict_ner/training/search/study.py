"""Searches for better settings with Optuna: each trial trains with other values and is judged by validation.

Values are drawn by the Tree-structured Parzen Estimator (Bergstra et al. 2011), at random at first. A trial that
after an epoch is worse than the median of the others at that epoch is stopped there (pruned). Nothing is exported: the
result is a config, which trains the best trial again.

All of it stands in the folder `OUTPUT-search`: `study.db` (Optuna's own SQLite file), `run.yaml` (the config and the
hashes of the data), and what `results` writes. A search that was killed goes on with `resume`: in the trial that
was interrupted, from its last epoch. It then draws what it would have drawn undisturbed, because the sampler of
each trial has a seed of its own.
"""

from __future__ import annotations

import gc
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError
from rich.console import Console
from transformers import TrainerCallback

from conflict_ner.config import Config, load_config
from conflict_ner.config.search import SearchConfig, takes_fractions, with_settings
from conflict_ner.data.corpus import Corpus
from conflict_ner.errors import (
    Alternative,
    CheckpointError,
    ConfigError,
    EncoderError,
    OverwriteError,
    Problem,
    TrainingError,
)
from conflict_ner.export.overwriting import config_differences, keep_both
from conflict_ner.files import lock_output, short_path
from conflict_ner.modeling.device import choose_device
from conflict_ner.reporting.tables import percent
from conflict_ner.training import run
from conflict_ner.training.environment import config_decides, start_processes
from conflict_ner.training.history import METRIC, Epoch, best_epoch
from conflict_ner.training.saved_epochs import (
    RESTART,
    changed_splits,
    is_run_folder,
    reset_training_folder,
    run_record,
    training_folder,
)
from conflict_ner.training.search.results import SearchResult, TrialResult, format_settings, require, write_results

if TYPE_CHECKING:
    from optuna import Study, Trial

_STUDY, _RECORD = "study.db", "run.yaml"
_STATES = {"COMPLETE": "finished", "PRUNED": "pruned", "FAIL": "failed"}
_LAYERS = {"encoder_layers", "training.freeze_layers"}  # of which an encoder may not have as many as a trial asks for


def search_folder(output: Path) -> Path:
    """Return the folder of the search for a config with this output."""
    return output.with_name(f"{output.name}-search")


def search(
    config: Config, trials: int, *, resume: bool = False, restart: bool = False, console: Console | None = None
) -> SearchResult:
    """Train until there are so many trials, write the results to the search's folder and return them.

    Args:
        config: its section `search` names the settings to vary; the others stay as they are.
        trials: how many there are in the end, those of an interrupted search included.
        resume: go on with an interrupted search of the same config and data, or add trials to a finished one.
        restart: delete an earlier search, and start anew.
        console: where progress is shown; nowhere if None.

    Raises:
        MissingExtraError: if Optuna is not installed.
        ConfigError: if the config names no settings to vary, or another process is searching in the folder.
        OverwriteError: if there is an earlier search and neither `resume` nor `restart`.
        TrainingError: if the search was started in several processes, or all trials failed.
        ConflictNerError: of the kind that says which part of the input is at fault.
    """
    require()
    if not config.search.settings:
        example = "search: {settings: {training.learning_rate: {low: 2e-5, high: 3e-4, log: true}}}"
        raise ConfigError("the config", [Problem("search.settings", "names no settings to vary", f"write {example}")])
    hardware = choose_device(config.training.device, config.training.precision)
    with config_decides(hardware):
        if start_processes(hardware.device).num_processes > 1:
            raise TrainingError("--search trains in one process; start it without accelerate launch")
    console = console or Console(quiet=True)
    folder = search_folder(config.output)
    _refuse_lost_search(folder, config, resume=resume, restart=restart)
    data = run.load(config)
    with _open_folder(folder, config, data, restart=restart):
        study = _open_study(folder, config.search)
        while (trial := _next_trial(study, config.search, trials)) is not None:
            console.print(f"trial {trial.number + 1} of {trials}", style="bold", highlight=False)
            _run_trial(study, trial, config, data, console)
            gc.collect()  # the Trainer and its model refer to each other
        result = SearchResult(folder=folder, trials=tuple(map(_result, study.trials)))
        write_results(result, config)
    if result.best is None:
        raise TrainingError(f"no trial of {short_path(folder)} was finished; the first: {result.trials[0].error}")
    return result


def trial_config(config: Config, number: int, values: dict[str, Any]) -> Config:
    """Return the config that a trial trains.

    Raises:
        ValidationError: if the values do not fit together.
    """
    tree = with_settings(config.model_dump(), values)
    return Config.model_validate({**tree, "output": _trial_output(config, number), "search": SearchConfig()})


def _trial_output(config: Config, number: int) -> Path:
    return search_folder(config.output) / f"trial-{number}"


class _Judge(TrainerCallback):
    """Reports each epoch of a trial to Optuna, and stops the trial if it is worse than the others."""

    def __init__(self, trial: Trial, prune: bool) -> None:
        self._trial, self._prune = trial, prune
        self.is_pruned = False

    def on_evaluate(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        f1 = [entry[METRIC] for entry in state.log_history if METRIC in entry]
        known = self._trial.study.trials[self._trial.number].intermediate_values
        for epoch in range(1, len(f1) + 1):
            if epoch not in known:  # a trial that goes on after a kill has reported some
                self._trial.report(f1[epoch - 1], epoch)
        if self._prune and self._trial.should_prune():
            self.is_pruned = True
            control.should_training_stop = True


def _run_trial(study: Study, trial: Trial, config: Config, data: Corpus, console: Console) -> None:
    """Train a trial and record how it ended; one that an exception ends is still open, and goes on with `resume`."""
    from optuna.trial import TrialState

    values = _draw(trial, config.search)
    trial.set_user_attr("settings", format_settings(values))
    console.print(", ".join(f"{key}: {value}" for key, value in format_settings(values).items()), highlight=False)
    judge = _Judge(trial, config.search.prune)
    try:
        settings = trial_config(config, trial.number + 1, values)
        history = run.train_epochs(settings, data, resume=True, console=console, callbacks=[judge])
    except (TrainingError, ValidationError, EncoderError) as error:
        if isinstance(error, EncoderError) and not _LAYERS & values.keys():
            raise  # no trial could have the encoder
        reason = error.errors()[0]["msg"] if isinstance(error, ValidationError) else str(error)
        shutil.rmtree(training_folder(_trial_output(config, trial.number + 1)), ignore_errors=True)
        trial.set_user_attr("error", reason)
        study.tell(trial, state=TrialState.FAIL)
        console.print(f"failed: {reason}", style="yellow", highlight=False, markup=False, soft_wrap=True)
        return
    best = _record_history(trial, history)
    study.tell(trial, state=TrialState.PRUNED) if judge.is_pruned else study.tell(trial, best)
    ending = f"stopped after epoch {len(history)}, with a best F1 of" if judge.is_pruned else "validation F1"
    console.print(f"{ending} {percent(best)}", highlight=False)


def _record_history(trial: Trial, history: tuple[Epoch, ...]) -> float:
    """Record what is shown of a trial, and return its best F1."""
    best = best_epoch(history)
    trial.set_user_attr("epochs", len(history))
    trial.set_user_attr("best_epoch", best)
    trial.set_user_attr("f1", history[best - 1]["strict_f1"])
    return float(history[best - 1]["strict_f1"])


def _draw(trial: Trial, search: SearchConfig) -> dict[str, Any]:
    """Draw a value for each setting; a trial that goes on after a kill keeps those that it has."""
    values: dict[str, Any] = {}
    for key, setting in search.settings.items():
        if setting.values is not None:
            # Optuna keeps only plain values: a list is kept as it is written.
            by_text = {str(value): value for value in setting.values}
            values[key] = by_text[str(trial.suggest_categorical(key, list(by_text)))]
        elif takes_fractions(Config, key):
            low, high, step = (None if one is None else float(one) for one in (setting.low, setting.high, setting.step))
            values[key] = trial.suggest_float(key, low or 0.0, high or 0.0, step=step, log=setting.log)
        else:
            low, high, step = (None if one is None else int(one) for one in (setting.low, setting.high, setting.step))
            values[key] = trial.suggest_int(key, low or 0, high or 0, step=step or 1, log=setting.log)
    return values


def _next_trial(study: Study, search: SearchConfig, trials: int) -> Trial | None:
    """Return the trial that was interrupted, or else a new one; None if there are enough."""
    from optuna.samplers import TPESampler
    from optuna.trial import Trial, TrialState

    # One that is still open was interrupted: the folder is locked, so nobody else is training it.
    interrupted = study.get_trials(states=(TrialState.RUNNING,))
    number = interrupted[0].number if interrupted else len(study.trials)
    study.sampler = TPESampler(n_startup_trials=search.random_trials, seed=(search.seed + 7919 * number) % 2**32)
    if interrupted:
        return Trial(study, interrupted[0]._trial_id)
    return study.ask() if number < trials else None


def _open_study(folder: Path, search: SearchConfig) -> Study:
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    pruner = optuna.pruners.MedianPruner(n_startup_trials=search.random_trials, n_warmup_steps=search.prune_after)
    storage = optuna.storages.RDBStorage(f"sqlite:///{(folder / _STUDY).absolute()}")
    return optuna.create_study(
        storage=storage, study_name="search", direction="maximize", pruner=pruner, load_if_exists=True
    )


def _result(trial: Any) -> TrialResult:
    """Return what is shown of one of Optuna's trials."""
    facts = trial.user_attrs
    return TrialResult(
        number=trial.number + 1,
        state=_STATES[trial.state.name],
        f1=facts.get("f1"),
        best_epoch=facts.get("best_epoch"),
        epochs=facts.get("epochs", 0),
        settings=facts.get("settings", {}),
        error=facts.get("error", ""),
    )


def _refuse_lost_search(folder: Path, config: Config, *, resume: bool, restart: bool) -> None:
    """Raise if an earlier search would be lost, or what is to go on is of another config.

    Raises:
        CheckpointError: if something else is in the folder.
        OverwriteError: naming the options with which the search can start.
    """
    record = folder / _RECORD
    if folder.exists() and not is_run_folder(folder):
        raise CheckpointError(f"{folder}: a search saves its trials there, and something else is in it; move it")
    if restart or not (folder / _STUDY).is_file():
        return
    changed = config_differences(record, config) or _search_difference(record, config)
    if changed:
        fault = f"{short_path(folder)} holds a search of another config ({changed}); nothing was changed"
        raise OverwriteError(fault, [RESTART, keep_both(config.output)])
    if not resume:
        fault = f"{short_path(folder)} holds a search already; nothing was changed"
        raise OverwriteError(fault, [Alternative("to go on with it", ("--resume",)), RESTART])


def _search_difference(record: Path, config: Config) -> str:
    return "" if load_config(record).search == config.search else "the section search has changed"


@contextmanager
def _open_folder(folder: Path, config: Config, data: Corpus, *, restart: bool) -> Iterator[None]:
    """Prepare the folder of a search, and lock it within the block.

    Raises:
        CheckpointError: if it cannot be written.
        OverwriteError: if its trials were trained on other data.
    """
    record_file = folder / _RECORD
    try:
        folder.mkdir(parents=True, exist_ok=True)
        record = record_file.open("a+b")
    except OSError as error:
        raise CheckpointError(f"{folder} cannot be written: {error.strerror}") from None
    with record:
        lock_output(record, folder)
        if restart or not (folder / _STUDY).is_file():
            reset_training_folder(folder, record, run_record(config, data))
        elif changed := changed_splits(record_file, data):
            fault = f"{short_path(folder)} holds a search on other data ({', '.join(changed)} changed since)"
            raise OverwriteError(f"{fault}; nothing was changed", [RESTART, keep_both(config.output)])
        yield
