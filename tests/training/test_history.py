"""What saved states say of a run."""

from __future__ import annotations

import json
from pathlib import Path

from conflict_ner.training.history import last_state, predicts_nothing


def save(folder: Path, ends: list[int], f1: list[float]) -> None:
    """Save a state of epochs that end after these steps; each step logs its number as its loss."""
    step = ends[-1]
    (folder / f"checkpoint-{step}").mkdir()
    log: list[dict[str, float]] = []
    for first, end, value in zip([0, *ends], ends, f1, strict=False):
        log += [{"loss": number, "step": number} for number in range(first + 1, end + 1)]
        log.append({"eval_strict_f1": value, "step": end})
    content = json.dumps({"global_step": step, "log_history": log})
    (folder / f"checkpoint-{step}" / "trainer_state.json").write_text(content)


def test_a_state_cut_off_while_it_was_written_does_not_count(tmp_path: Path) -> None:
    save(tmp_path, [2], [0.1])
    save(tmp_path, [2, 4, 6, 8, 10], [0.1] * 5)
    save(tmp_path, [2, 4, 6, 8, 10, 12], [0.1] * 6)
    cut = tmp_path / "checkpoint-12" / "trainer_state.json"
    cut.write_text(cut.read_text()[:40])
    (tmp_path / "checkpoint-14").mkdir()
    state = last_state(tmp_path)
    assert state is not None
    assert state.folder == tmp_path / "checkpoint-10"
    assert last_state(tmp_path / "nowhere") is None


def test_the_best_epochs_folder_is_found_by_its_step(tmp_path: Path) -> None:
    save(tmp_path, [5, 10, 15, 17], [0.1, 0.7, 0.7, 0.2])  # a callback has ended the last epoch early
    state = last_state(tmp_path)
    assert state is not None
    assert state.best == tmp_path / "checkpoint-10"


def test_the_loss_of_an_epoch_is_the_mean_of_its_steps(tmp_path: Path) -> None:
    save(tmp_path, [4, 6], [0.1, 0.2])
    state = last_state(tmp_path)
    assert state is not None
    assert [epoch["loss"] for epoch in state.history] == [2.5, 5.5]


def test_a_run_that_finds_nothing_is_told_from_one_that_does() -> None:
    assert predicts_nothing([{"predicted": 0.0}, {"predicted": 0.0}])
    assert not predicts_nothing([{"predicted": 0.0}])
    assert not predicts_nothing([{"predicted": 0.0}, {"predicted": 2.0}])
