"""Reports and configs of runs that take seconds."""

from __future__ import annotations

import shutil
from pathlib import Path

from conflict_ner.config import Config, dump_config, load_config

LABELS = ("ACTOR", "WEAPON", "LOCATION", "NUMBER")
REPORTS = """\
=== t-1
theatre: Nowhere
genre: wire story

[At least 19](NUMBER) [fighters](ACTOR) died in a [drone strike](WEAPON) near [El Fasher](LOCATION).

=== t-2
theatre: Nowhere

[Houthi](ACTOR)-held [Sanaa](LOCATION) was hit by [two](NUMBER) [missiles](WEAPON), [60](NUMBER)km from the coast.

=== t-3
theatre: Elsewhere

[KABUL](LOCATION): [police](ACTOR) found [30 kg](NUMBER) of [explosives](WEAPON). Nobody was hurt \\[sic\\].
"""


def validation_copy(folder: Path) -> Path:
    """The same three reports in other words enough to pass as another split."""
    file = folder / "validation.md"
    text = REPORTS.replace("=== t-", "=== v-").replace("At least 19", "Some 200").replace("died in", "fell to")
    text = (
        text.replace("was hit by", "saw").replace("coast", "old harbour wall").replace("Nobody was hurt", "All is well")
    )
    file.write_text(text.replace("near [El", "outside [El").replace("found", "had"), encoding="utf-8")
    return file


def make_config(folder: Path, encoder: Path, reports: Path, **training: object) -> Config:
    """A run that takes seconds: a few epochs on three reports."""
    settings = {"epochs": 3, "batch_tokens": 64, "learning_rate": 3e-3, "head_learning_rate": 1e-2, "device": "cpu"}
    return Config.model_validate(
        {
            "labels": LABELS,
            "encoder": str(encoder),
            "data": {"train": [reports], "validation": [validation_copy(folder)]},
            "encoding": {"overlap": 8},
            "training": {**settings, **training},
            "output": folder / "model",
        }
    )


def copy_to_output(checkpoint: Path, output: Path) -> Config:
    """Copy a checkpoint to another output; return the config that has it there."""
    shutil.copytree(checkpoint, output)
    config = load_config(checkpoint / "run.yaml").model_copy(update={"output": output})
    (output / "run.yaml").write_text(dump_config(config, output), encoding="utf-8")
    return config


def changed(config: Config, **training: object) -> Config:
    """Return a config with other settings of training."""
    return config.model_copy(update={"training": config.training.model_copy(update=training)})
