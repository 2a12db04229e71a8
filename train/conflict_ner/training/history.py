"""Reads the history of a training run from the states that it has saved, and decides by it.

A state is a folder `checkpoint-STEP` that the Trainer writes. When to stop and which epoch is
best depends on the saved history alone, so a run that was killed and resumed decides the same
as one that was not.

>>> log = [{"loss": 0.9}, {"eval_strict_f1": 0.5}, {"loss": 0.8}, {"loss": 0.6}, {"eval_strict_f1": 0.4}]
>>> history = epochs(log)
>>> history[1], best_epoch(history), is_over(history, patience=1)
({'epoch': 2, 'loss': 0.7, 'strict_f1': 0.4}, 1, True)
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

METRIC = "eval_strict_f1"
FIRST_EPOCHS = 2  # a model that has found nothing after them is unlikely to find anything later

Epoch = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class State:
    """A complete saved state.

    ends: the step at which each epoch ended.
    """

    folder: Path
    step: int
    history: tuple[Epoch, ...]
    ends: tuple[int, ...]

    @property
    def best(self) -> Path:
        """The folder of the best epoch's state, which the Trainer keeps besides the last."""
        return self.folder.with_name(f"checkpoint-{self.ends[best_epoch(self.history) - 1]}")


def last_state(folder: Path) -> State | None:
    """Find the last complete state in a training folder.

    The Trainer writes `trainer_state.json` last, so a state that a kill cut off has none, or one
    that cannot be parsed.
    """
    states = []
    for file in folder.glob("checkpoint-*/trainer_state.json"):
        try:
            content = json.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        log = content["log_history"]
        ends = tuple(entry["step"] for entry in log if METRIC in entry)
        states.append(State(file.parent, int(content["global_step"]), tuple(epochs(log)), ends))
    return max(states, key=lambda state: state.step, default=None)


def epochs(log: Sequence[Mapping[str, float]]) -> list[dict[str, float]]:
    """Return one mapping per epoch of the Trainer's log, which has the loss of each step and then a validation.

    The loss of an epoch is the mean over its steps.
    """
    history: list[dict[str, float]] = []
    losses: list[float] = []
    for entry in log:
        if "loss" in entry:
            losses.append(entry["loss"])
        if METRIC in entry:
            figures = {name.removeprefix("eval_"): value for name, value in entry.items() if name.startswith("eval_")}
            loss = fmean(losses) if losses else float("nan")
            history.append({"epoch": len(history) + 1, "loss": loss, **figures})
            losses = []
    return history


def best_epoch(history: Sequence[Epoch]) -> int:
    """Return the number of the epoch with the highest F1, the first of equals, as the Trainer does."""
    return 1 + max(range(len(history)), key=lambda k: (history[k]["strict_f1"], -k))


def is_over(history: Sequence[Epoch], patience: int | None) -> bool:
    """Return whether `patience` epochs have passed since the best one."""
    return patience is not None and bool(history) and len(history) - best_epoch(history) >= patience


def predicts_nothing(history: Sequence[Epoch]) -> bool:
    """Return whether the first epochs have passed without a single predicted mention."""
    return len(history) >= FIRST_EPOCHS and all(not epoch["predicted"] for epoch in history)
