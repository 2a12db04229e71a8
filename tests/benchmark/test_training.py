"""Training in rounds: what is timed, and the figures computed from it."""

from __future__ import annotations

from itertools import count
from pathlib import Path
from typing import Any

import pytest
from conflict_ner.benchmark import roofline, training
from conflict_ner.benchmark.cold_start import BenchmarkOptions
from conflict_ner.benchmark.roofline import Limit
from conflict_ner.benchmark.training import BASELINE, OURS, StepTimer, measure_training
from helpers.runs import make_config


@pytest.fixture(autouse=True)
def small_and_quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the threads of this process, and the products small."""
    monkeypatch.setattr(training, "set_threads", lambda _: None)
    monkeypatch.setattr(roofline, "TOKENS", (8,))
    monkeypatch.setattr(roofline, "TURN_SECONDS", 0.0)
    monkeypatch.setattr(roofline, "_PROBE_TRIES", 1)


def test_steps_are_timed_from_the_first_to_the_end_of_the_epoch() -> None:
    ticks = iter([10.0, 25.0])
    timer = StepTimer(lambda: next(ticks), "cpu")
    for _ in range(3):
        timer.on_step_begin()
    timer.on_epoch_end()
    assert timer.seconds == 15.0
    with pytest.raises(AssertionError, match="without a step"):
        StepTimer(lambda: 0.0, "cpu").on_epoch_end()


def test_ratios_and_shares_follow_from_the_seconds(
    tmp_path: Path, encoder_folder: Path, reports_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = make_config(tmp_path, encoder_folder, reports_file)
    log: list[str] = []

    def epoch(name: str, seconds: float) -> Any:
        def train(_task: object, sample: Any) -> float:
            log.append(name)
            assert len(sample) == 3
            return seconds * len(log)  # the machine slows down

        return train

    now = count(0.0, 0.5)
    monkeypatch.setattr(training, "_our_epoch", epoch(OURS, 1.0))
    monkeypatch.setattr(training, "_baseline_epoch", epoch(BASELINE, 1.0))
    monkeypatch.setattr(
        training, "find_limits", lambda *_, **__: ([Limit("fp32", "by hand", 100, lambda: None)], ["n"])
    )
    options = BenchmarkOptions(rounds=2, clock=lambda: next(now), pause=lambda: None)
    found = measure_training(config, "run.yaml", 0, 1, options)
    assert log == [OURS, BASELINE, BASELINE, OURS, OURS, BASELINE]  # a warm-up, then two rounds
    ours, stock = found.systems
    # The rounds that count: ours took 4 and 5, stock took 3 and 6 seconds.
    assert ours.times_as_fast[BASELINE].median == pytest.approx((3 / 4 + 6 / 5) / 2)
    assert ours.tokens_a_second.median == pytest.approx((found.tokens / 4 + found.tokens / 5) / 2)
    # 100 tokens in the half second that the clock always takes.
    assert found.limits[0].tokens_a_second.median == 200.0
    assert stock.share["fp32"].median == pytest.approx((found.tokens / 3 + found.tokens / 6) / 2 / 200)
    assert (ours.seconds, ours.strict_f1, found.seeds, found.notes) == ((), (), (), ("n",))
    assert (found.reports, found.epochs, found.config) == (3, 3, "run.yaml")


def test_both_are_trained_and_scored(
    tmp_path: Path, encoder_folder: Path, reports_file: Path, verified_here: None
) -> None:
    config = make_config(tmp_path, encoder_folder, reports_file, epochs=2)
    messages: list[str] = []
    found = measure_training(
        config, "run.yaml", 1, 1, BenchmarkOptions(rounds=1, pause=lambda: None, log=messages.append)
    )
    for trained in found.systems:
        assert trained.tokens_a_second.median > 0
        assert len(trained.seconds) == len(trained.strict_f1) == 1
        assert trained.strict_f1[0] is not None
        assert "fp32" in trained.share
    assert found.seeds == (config.training.seed,)
    assert not config.output.exists()  # the benchmark keeps no checkpoint
    assert messages[-1] == f"training in full with seed 7: {BASELINE}"


def test_a_turn_is_a_random_part_of_the_reports(
    tmp_path: Path, encoder_folder: Path, reports_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = make_config(tmp_path, encoder_folder, reports_file)
    monkeypatch.setattr(training, "TURN_TOKENS", 20)
    monkeypatch.setattr(training, "_time_epochs", lambda *_: {OURS: [1.0], BASELINE: [1.0], "fp32": [1.0]})
    monkeypatch.setattr(training, "find_limits", lambda *_, **__: ([], []))
    found = measure_training(config, "run.yaml", 0, 1, BenchmarkOptions(rounds=1))
    assert found.reports == 1
    assert 0 < found.tokens < 60
