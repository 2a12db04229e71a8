"""What a person sees while a model trains: a bar, the time left, one line an epoch."""

from __future__ import annotations

import time
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from transformers import TrainerCallback

from conflict_ner.history import epochs, predicts_nothing

LIKELY_CAUSES = (
    "the learning rate is too low or so high that the model broke, there are few mentions, "
    "or an epoch has few steps (lower training.batch_tokens)"
)


class TrainingProgress(TrainerCallback):
    """Draws on a console; on one that is not a terminal only the epochs' lines appear."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.bar = Progress(
            TextColumn("training"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("steps"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(elapsed_when_finished=False),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self.task = self.bar.add_task("training", total=None)
        self.began = time.monotonic()
        self.first_step = 0
        self.warned = False

    def __enter__(self) -> TrainingProgress:
        """Nothing is drawn before training begins."""
        return self

    def __exit__(self, *_: object) -> None:
        """Give the terminal back, however training ended."""
        self.bar.stop()

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.began, self.first_step = time.monotonic(), state.global_step
        self.bar.update(self.task, total=state.max_steps, completed=state.global_step)
        self.bar.start()

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.bar.update(self.task, completed=state.global_step)

    def on_evaluate(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        history = epochs(state.log_history)
        epoch = history[-1]
        is_best = epoch["strict_f1"] > max((e["strict_f1"] for e in history[:-1]), default=-1.0)
        left = (time.monotonic() - self.began) / max(state.global_step - self.first_step, 1)
        left *= state.max_steps - state.global_step
        self.console.print(
            f"epoch {len(history):>3}/{int(args.num_train_epochs)}  loss {epoch['loss']:.4f}  validation "
            f"P {100 * epoch['precision']:5.1f}  R {100 * epoch['recall']:5.1f}  F1 {100 * epoch['strict_f1']:5.1f}  "
            f"{'best' if is_best else '    '}  at most {_clock(left)} left",
            highlight=False,
            soft_wrap=True,
        )
        if predicts_nothing(history) and not self.warned:
            self.warned = True
            self.console.print(
                f"warning: no mention was predicted in {len(history)} epochs; likely {LIKELY_CAUSES}",
                style="yellow",
                soft_wrap=True,
            )


def _clock(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    return f"{minutes}:{seconds:02}"
