"""What a training run has behind it, read from the states that it saved.

A state is a folder `checkpoint-STEP` of the Trainer. All decisions on when to stop and
which epoch is best are functions of the saved history alone, so a run that was killed and
resumed decides as one that was not.

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
FIRST_EPOCHS = 2  # a model that has found nothing by then is likely to stay that way

Epoch = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class State:
    """A saved state that was written whole."""

    folder: Path
    step: int
    history: tuple[Epoch, ...]

    @property
    def best(self) -> Path:
        """The folder of the best epoch's weights, which the Trainer keeps beside the last."""
        if len(self.history) == best_epoch(self.history):
            return self.folder
        steps_an_epoch = self.step // len(self.history)
        return self.folder.with_name(f"checkpoint-{steps_an_epoch * best_epoch(self.history)}")


def last_state(folder: Path) -> State | None:
    """The last state in a training folder that was written whole.

    The Trainer writes `trainer_state.json` after everything else of a state, so a state cut
    off by a kill has none, or one that does not parse.
    """
    whole = []
    for file in folder.glob("checkpoint-*/trainer_state.json"):
        try:
            content = json.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        whole.append(State(file.parent, int(content["global_step"]), tuple(epochs(content["log_history"]))))
    return max(whole, key=lambda state: state.step, default=None)


def epochs(log: Sequence[Mapping[str, float]]) -> list[dict[str, float]]:
    """The Trainer's log as a mapping an epoch; it logs a loss and then a validation."""
    history: list[dict[str, float]] = []
    loss = float("nan")
    for entry in log:
        loss = entry.get("loss", loss)
        if METRIC in entry:
            figures = {name.removeprefix("eval_"): value for name, value in entry.items() if name.startswith("eval_")}
            history.append({"epoch": len(history) + 1, "loss": loss, **figures})
    return history


def best_epoch(history: Sequence[Epoch]) -> int:
    """The first epoch with the highest F1 (the Trainer, too, keeps the first of equals)."""
    return 1 + max(range(len(history)), key=lambda k: (history[k]["strict_f1"], -k))


def is_over(history: Sequence[Epoch], patience: int | None) -> bool:
    """Whether as many epochs as `patience` have passed since the best one."""
    return patience is not None and bool(history) and len(history) - best_epoch(history) >= patience


def predicts_nothing(history: Sequence[Epoch]) -> bool:
    """Whether the first epochs have passed and no mention has ever been predicted."""
    return len(history) >= FIRST_EPOCHS and all(not epoch["predicted"] for epoch in history)
