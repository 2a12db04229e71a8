"""Results of a search: as JSON, as a table, as a picture, and the best trial as a config that trains it again."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from conflict_ner.config import Config, dump_config
from conflict_ner.config.search import SearchConfig, with_settings
from conflict_ner.errors import require_packages
from conflict_ner.files import atomic_write
from conflict_ner.reporting.charts import SearchPanel, search_chart
from conflict_ner.reporting.tables import markdown_rows, percent

RESULTS, TABLE, PICTURE, BEST = "results.json", "results.md", "results.svg", "best.yaml"
CAVEAT = (
    "The best F1 of many trials is too good: it was chosen for being high, by one seed. Before you believe it, train "
    f"`{BEST}` and the config that you began with, each with five seeds (`train --seeds 5`), and `compare` the results."
)


def require() -> None:
    """Raise if what a search needs is not installed.

    Raises:
        MissingExtraError: with the command that installs it.
    """
    require_packages("train --search", {"optuna": "optuna>=4.5"})


class TrialResult(BaseModel):
    """One trial.

    f1: strict F1 on validation of its best epoch; None if it failed. epochs: how many it has trained.
    settings: the value of each setting that was varied, as it is written in a config. error: why it failed.
    """

    model_config = ConfigDict(frozen=True)

    number: int
    state: Literal["finished", "pruned", "failed"]
    f1: float | None
    best_epoch: int | None
    epochs: int
    settings: Mapping[str, Any]
    error: str = ""


class SearchResult(BaseModel):
    """All trials of a search, in the order in which they were trained, and the search's folder."""

    model_config = ConfigDict(frozen=True)

    folder: Path
    trials: tuple[TrialResult, ...]

    @property
    def best(self) -> TrialResult | None:
        """The finished trial with the highest F1, the earliest if there are several; None if none is finished."""
        finished = [trial for trial in self.trials if trial.state == "finished"]
        return max(finished, key=lambda trial: trial.f1 or 0.0, default=None)


def format_settings(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return values as JSON has them: tuples as lists."""
    return {key: list(value) if isinstance(value, tuple) else value for key, value in values.items()}


def best_config(result: SearchResult, config: Config) -> Config | None:
    """Return the config that trains the best trial again, to the output of the config that was searched."""
    if result.best is None:
        return None
    tree = with_settings(config.model_dump(), result.best.settings)
    return Config.model_validate({**tree, "search": SearchConfig()})


def table(result: SearchResult) -> tuple[list[str], list[list[str]]]:
    """Return headings and rows, the best trial first; F1 in per cent."""
    keys = list(dict.fromkeys(key for trial in result.trials for key in trial.settings))
    headings = ["trial", "validation F1", "best epoch", "epochs", *keys, ""]
    ranked = sorted(result.trials, key=lambda trial: (trial.state != "finished", -(trial.f1 or 0.0), trial.number))
    return headings, [
        [
            str(trial.number),
            percent(trial.f1),
            str(trial.best_epoch or ""),
            str(trial.epochs),
            *(_format_value(trial.settings.get(key)) for key in keys),
            "" if trial.state == "finished" else trial.state,
        ]
        for trial in ranked
    ]


def _format_value(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def write_results(result: SearchResult, config: Config) -> None:
    """Write the results to the search's folder; the picture only where matplotlib is installed."""
    files = {RESULTS: result.model_dump_json(indent=2, exclude={"folder"}) + "\n"}
    files[TABLE] = _page(result, config)
    if find_spec("matplotlib"):
        files[PICTURE] = search_chart(_panels(result, config)) or ""
    if (best := best_config(result, config)) is not None and result.best is not None:
        head = (
            f"# Trains trial {result.best.number} of a search again (validation F1 {percent(result.best.f1)}):\n"
            f"#   conflict-ner train {BEST}\n# Paths are relative to this file's folder.\n"
        )
        files[BEST] = dump_config(best, result.folder, head)
    for name, content in files.items():
        if content:
            with atomic_write(result.folder / name) as stream:
                stream.write(content)


def _page(result: SearchResult, config: Config) -> str:
    headings, rows = table(result)
    parts = [
        f"# Search for {config.output.name}",
        markdown_rows(headings, rows),
        f"![F1 by setting]({PICTURE})",
        CAVEAT,
    ]
    return "\n\n".join(part for part in parts if PICTURE not in part or find_spec("matplotlib")) + "\n"


def _panels(result: SearchResult, config: Config) -> list[SearchPanel]:
    best = result.best.number if result.best else 0
    panels = []
    for key, setting in config.search.settings.items():
        trials = [
            (
                trial.settings[key] if setting.values is None else str(trial.settings[key]),
                trial.f1,
                "best" if trial.number == best else trial.state,
            )
            for trial in result.trials
            if trial.f1 is not None and key in trial.settings
        ]
        panels.append(SearchPanel(key, setting.log, trials))
    return panels
