"""What a person sees while a model trains: a bar, the time left, one line an epoch."""

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

# How long training takes is said after so many steps and seconds, so that one odd step counts little.
ESTIMATE_STEPS, ESTIMATE_SECONDS = 3, 5.0
FORWARD_SHARE = 1 / 3  # of a training step, which goes forward and backward; validation only goes forward


class TrainingProgress(TrainerCallback):
    """Draws on a console; on one that is not a terminal only the epochs' lines appear."""

    def __init__(
        self,
        console: Console,
        validation_share: float = 0.0,
        patience: int | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Prepare to draw.

        Args:
            validation_share: how much text validation has, as a share of the training text.
            patience: epochs without a better one before training stops; None: it never stops early.
        """
        self.console = console
        self.validation_share, self.patience, self.clock = validation_share, patience, clock
        self.warm: tuple[float, int] | None = None  # when the first step was done, and which it was
        self.estimated = False
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
        self.began = clock()
        self.first_step = 0
        self.warned = False

    def __enter__(self) -> TrainingProgress:
        """Nothing is drawn before training begins."""
        return self

    def __exit__(self, *_: object) -> None:
        """Give the terminal back, however training ended."""
        self.bar.stop()

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.began, self.first_step = self.clock(), state.global_step
        self.bar.update(self.task, total=state.max_steps, completed=state.global_step)
        self.bar.start()

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.bar.update(self.task, completed=state.global_step)
        if self.warm is None:  # the first step is slower than all others: memory is taken, kernels are chosen
            self.warm = self.clock(), state.global_step
        elif not self.estimated:
            self._estimate(args, state)

    def _estimate(self, args: Any, state: Any) -> None:
        """Say once, as soon as it can be known, how long training will take."""
        assert self.warm is not None
        since, first = self.warm
        steps, seconds = state.global_step - first, self.clock() - since
        if steps < ESTIMATE_STEPS or seconds < ESTIMATE_SECONDS:
            return
        self.estimated = True
        left = seconds / steps * (state.max_steps - state.global_step)
        left *= 1 + FORWARD_SHARE * self.validation_share
        epochs = int(args.num_train_epochs)
        early = self.patience is not None and self.patience < epochs
        self.console.print(
            f"training will take about {_duration(left + self.clock() - self.began)}"
            + (f" for all {epochs} epochs, less if validation stops improving" if early else "")
            + "; then the best epoch is evaluated and exported",
            highlight=False,
            soft_wrap=True,
        )

    def on_evaluate(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        history = epochs(state.log_history)
        epoch = history[-1]
        is_best = epoch["strict_f1"] > max((e["strict_f1"] for e in history[:-1]), default=-1.0)
        left = (self.clock() - self.began) / max(state.global_step - self.first_step, 1)
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


def _duration(seconds: float) -> str:
    """A length of time as a person says it, to two digits or so."""
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
