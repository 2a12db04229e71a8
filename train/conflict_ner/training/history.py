"""Reads the history of a training run from the states that it has saved, and decides by it.

A state is a folder `checkpoint-STEP` that the Trainer writes. When to stop and which epoch is
best depends on the saved history alone, so a run that was killed and resumed decides the same
as one that was not.

>>> log = [{"loss": 0.9}, {"eval_strict_f1": 0.5}, {"loss": 0.7}, {"eval_strict_f1": 0.4}]
>>> history = epochs(log)
>>> history[1], best_epoch(history), is_over(history, patience=1)
({'epoch': 2, 'loss': 0.7, 'strict_f1': 0.4}, 1, True)
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

METRIC = "eval_strict_f1"
FIRST_EPOCHS = 2  # a model that has found nothing after them is unlikely to find anything later

Epoch = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class State:
    """A complete saved state."""

    folder: Path
    step: int
    history: tuple[Epoch, ...]

    @property
    def best(self) -> Path:
        """The folder of the best epoch's state, which the Trainer keeps besides the last."""
        if len(self.history) == best_epoch(self.history):
            return self.folder
        steps_per_epoch = self.step // len(self.history)
        return self.folder.with_name(f"checkpoint-{steps_per_epoch * best_epoch(self.history)}")


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
        states.append(State(file.parent, int(content["global_step"]), tuple(epochs(content["log_history"]))))
    return max(states, key=lambda state: state.step, default=None)


def epochs(log: Sequence[Mapping[str, float]]) -> list[dict[str, float]]:
    """Return one mapping per epoch of the Trainer's log, which has a loss and then a validation for each."""
    history: list[dict[str, float]] = []
    loss = float("nan")
    for entry in log:
        loss = entry.get("loss", loss)
        if METRIC in entry:
            figures = {name.removeprefix("eval_"): value for name, value in entry.items() if name.startswith("eval_")}
            history.append({"epoch": len(history) + 1, "loss": loss, **figures})
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
