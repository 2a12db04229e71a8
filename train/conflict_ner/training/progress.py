"""Shows the progress of training: a bar, the time left and one line per epoch."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from transformers import TrainerCallback

from conflict_ner.training.history import epochs, predicts_nothing

LIKELY_CAUSES = (
    "the learning rate is too low or so high that the model broke, there are few mentions, "
    "or an epoch has few steps (lower training.batch_tokens)"
)

# Training time is estimated from so many steps and seconds at least, so that one slow step changes little.
ESTIMATE_STEPS, ESTIMATE_SECONDS = 3, 5.0
FORWARD_SHARE = 1 / 3  # of a training step is its forward pass; validation has no other


class TrainingProgress(TrainerCallback):
    """Trainer callback that prints to a console; the bar appears only on a terminal."""

    def __init__(
        self,
        console: Console,
        validation_share: float = 0.0,
        patience: int | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Prepare the bar, without showing it.

        Args:
            validation_share: length of the validation text as a share of the training text.
            patience: epochs without a better one before training stops; None if it never stops early.
            clock: returns the time in seconds.
        """
        self.console = console
        self.validation_share, self.patience, self.clock = validation_share, patience, clock
        self.first_step_end: tuple[float, int] | None = None  # time and number of the first step
        self.has_estimated = False
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
        self.start_time = clock()
        self.start_step = 0
        self.has_warned = False

    def __enter__(self) -> TrainingProgress:
        """Return the callback; the bar appears when training begins."""
        return self

    def __exit__(self, *_: object) -> None:
        """Stop the bar, whether training ended well or not."""
        self.bar.stop()

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.start_time, self.start_step = self.clock(), state.global_step
        self.bar.update(self.task, total=state.max_steps, completed=state.global_step)
        self.bar.start()

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.bar.update(self.task, completed=state.global_step)
        if self.first_step_end is None:  # it is slower than all others: memory is allocated, kernels are chosen
            self.first_step_end = self.clock(), state.global_step
        elif not self.has_estimated:
            self._estimate(args, state)

    def _estimate(self, args: Any, state: Any) -> None:
        """Print once, as soon as enough steps are done, how long training will take."""
        assert self.first_step_end is not None
        first_time, first_step = self.first_step_end
        steps, seconds = state.global_step - first_step, self.clock() - first_time
        if steps < ESTIMATE_STEPS or seconds < ESTIMATE_SECONDS:
            return
        self.has_estimated = True
        left = seconds / steps * (state.max_steps - state.global_step)
        left *= 1 + FORWARD_SHARE * self.validation_share
        epochs = int(args.num_train_epochs)
        may_stop_early = self.patience is not None and self.patience < epochs
        self.console.print(
            f"training will take about {_duration(left + self.clock() - self.start_time)}"
            + (f" for all {epochs} epochs, less if validation stops improving" if may_stop_early else "")
            + "; then the best epoch is evaluated and exported",
            highlight=False,
            soft_wrap=True,
        )

    def on_evaluate(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        history = epochs(state.log_history)
        epoch = history[-1]
        is_best = epoch["strict_f1"] > max((e["strict_f1"] for e in history[:-1]), default=-1.0)
        left = (self.clock() - self.start_time) / max(state.global_step - self.start_step, 1)
        left *= state.max_steps - state.global_step
        self.console.print(
            f"epoch {len(history):>3}/{int(args.num_train_epochs)}  loss {epoch['loss']:.4f}  validation "
            f"P {100 * epoch['precision']:5.1f}  R {100 * epoch['recall']:5.1f}  F1 {100 * epoch['strict_f1']:5.1f}  "
            f"{'best' if is_best else '    '}  at most {_clock(left)} left",
            highlight=False,
            soft_wrap=True,
        )
        if predicts_nothing(history) and not self.has_warned:
            self.has_warned = True
            self.console.print(
                f"warning: no mention was predicted in {len(history)} epochs; likely {LIKELY_CAUSES}",
                style="yellow",
                soft_wrap=True,
            )


def _duration(seconds: float) -> str:
    """Format a duration for people, rounded to about two digits."""
    if seconds < 90:  # noqa: PLR2004
        return f"{max(round(seconds), 1)} seconds"
    minutes = round(seconds / 60)
    if minutes < 90:  # noqa: PLR2004
        return f"{minutes} minutes"
    hours, minutes = divmod(round(minutes / 5) * 5, 60)
    return f"{hours} h {minutes:02} min"


def _clock(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    return f"{minutes}:{seconds:02}"
