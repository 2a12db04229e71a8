"""The section `search`: what may be searched, and between which values, is checked before anything is trained."""

from __future__ import annotations

from pathlib import Path

import pytest
from conflict_ner.config import dump_config, load_config
from conflict_ner.errors import ConfigError

BASE = "labels: [A]\ndata: {train: [x], validation: [y]}\noutput: m\nsearch:\n  settings:\n"


def write(folder: Path, *settings: str) -> Path:
    file = folder / "run.yaml"
    file.write_text(BASE + "".join(f"    {setting}\n" for setting in settings), encoding="utf-8")
    return file


def test_ranges_and_lists_are_read_and_written(tmp_path: Path) -> None:
    lines = (
        "training.learning_rate: {low: 2e-5, high: 3e-4, log: true}",
        "training.batch_tokens: {low: 512, high: 2048, step: 512}",
        "training.warmup: {low: 0, high: 0.3}",
        "training.patience: [null, 3]",
        "encoder_layers: [2, [1, 3]]",
    )
    config = load_config(write(tmp_path, *lines))
    assert config.search.settings["encoder_layers"].ends == (2, (1, 3))
    assert config.search.settings["training.warmup"].ends == (0, 0.3)
    text = dump_config(config, tmp_path)
    assert "    training.patience:\n    - null\n    - 3\n" in text
    assert "      low: 512\n      high: 2048\n      step: 512\n" in text
    (tmp_path / "again.yaml").write_text(text, encoding="utf-8")
    assert load_config(tmp_path / "again.yaml") == config


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("training.learning_rat: [1.0, 2.0]", "did you mean training.learning_rate?"),
        ("training.seed: [1, 2]", "it cannot be searched"),
        ("data.train_share: [0.5, 1.0]", "it cannot be searched"),
        ("training.epochs: {low: 0, high: 5}", "greater than or equal to 1"),
        ("training.epochs: {low: 1, high: 5.5}", "it is a whole number"),
        ("training.schedule: [linear, cosin]", "'linear', 'cosine' or 'constant'"),
        ("training.schedule: {low: 1, high: 2}", "it is not a number; write a list"),
        ("training.dropout: [0.1, 0.1]", "a value appears twice"),
        ("training.dropout: [0.1]", "write {low: ..., high: ...}, or a list"),
        ("training.dropout: 0.1", "write {low: ..., high: ...}, or a list"),
        ("training.dropout: {low: 0.1}", "write {low: ..., high: ...}, or a list"),
        ("training.dropout: {low: 0.2, high: 0.1}", "low 0.2 is not below high 0.1"),
        ("training.dropout: {low: 0.0, high: 0.1, log: true}", "log: true needs a low above 0"),
        ("training.dropout: {low: 0.01, high: 0.1, log: true, step: 0.01}", "log and step exclude each other"),
        ("training.dropout: {low: 0.1, high: 0.2, steps: 2}", "unknown key"),
    ],
)
def test_what_cannot_be_searched_is_named_with_its_place(line: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as refused:
        load_config(write(tmp_path, line))
    assert message in str(refused.value)
    assert f"search.settings.{line.partition(':')[0]}" in str(refused.value)
    assert "run.yaml:6" in str(refused.value)
