"""Training prints once how long it will take."""

from __future__ import annotations

import io
from types import SimpleNamespace
from typing import Any

import pytest
from conflict_ner.training.progress import TrainingProgress
from rich.console import Console


def printed(durations: list[float], *, begun: int = 0, most: int = 100, epochs: int = 10, **options: Any) -> str:
    """Return what is printed during steps of these durations, by a simulated clock."""
    now = [1000.0]
    shown = io.StringIO()
    progress = TrainingProgress(Console(file=shown, width=40), clock=lambda: now[0], **options)
    arguments, state = SimpleNamespace(num_train_epochs=epochs), SimpleNamespace(global_step=begun, max_steps=most)
    with progress:
        progress.on_train_begin(arguments, state, None)
        for seconds in durations:
            now[0] += seconds
            state.global_step += 1
            progress.on_step_end(arguments, state, None)
    return shown.getvalue()


def test_a_slow_first_step_does_not_count_and_the_time_is_said_once() -> None:
    out = printed([60.0] + [6.0] * 50)
    assert out == "training will take about 11 minutes; then the best epoch is evaluated and exported\n"


@pytest.mark.parametrize("durations", [[60.0], [60.0, 6.0], [60.0, 6.0, 6.0], [0.1] * 49])
def test_nothing_is_said_before_it_can_be_known(durations: list[float]) -> None:
    assert printed(durations) == ""


def test_validation_counts_too() -> None:
    assert "about 13 minutes" in printed([6.0] * 10, validation_share=1.0)


@pytest.mark.parametrize(("patience", "early"), [(8, True), (10, False), (None, False)])
def test_that_it_may_end_sooner_is_said_where_it_may(patience: int | None, early: bool) -> None:
    assert ("for all 10 epochs, less if validation stops improving" in printed([6.0] * 10, patience=patience)) == early


def test_a_resumed_run_counts_what_is_left() -> None:
    assert "about 5 minutes" in printed([6.0] * 10, begun=50)


@pytest.mark.parametrize(
    ("step", "time"), [(2.0, "3 minutes"), (0.6, "60 seconds"), (36.0, "60 minutes"), (200.0, "5 h 35 min")]
)
def test_times_are_said_as_people_say_them(step: float, time: str) -> None:
    assert f"about {time};" in printed([step] * 20)
