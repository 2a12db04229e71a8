"""Follows a run in the tools that `training.report_to` names.

A run that is resumed goes on where it was interrupted in the tools too. A tool that fails, for example because its
server is away, is dropped with one note, and training goes on.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from transformers import TrainerCallback

from conflict_ner.checkpoint import Checkpoint
from conflict_ner.config import Config, dump_config
from conflict_ner.config.loading import flat_settings
from conflict_ner.training.tracking.tools import TRACKERS, FollowedRun, Tracker

_RECORD = "tracking.json"  # in the training folder: the names by which a resumed run finds its runs in the tools
_MAX_REASON = 200  # characters of a tool's error that are shown


class RunTracking(TrainerCallback):
    """Passes on what is logged to the tools that follow a run; one that fails is dropped with a note."""

    def __init__(self, config: Config, names: Sequence[str], folder: Path, console: Console) -> None:
        self._config, self._names, self._record_file, self._console = config, names, folder / _RECORD, console
        self._trackers: dict[str, Tracker] | None = None  # None before they are opened

    def on_train_begin(self, args: Any, state: Any, control: Any, **details: Any) -> None:
        self._open(state.global_step)
        self._forward("on_train_begin", args, state, control, **details)

    def on_log(self, args: Any, state: Any, control: Any, **details: Any) -> None:
        self._forward("on_log", args, state, control, **details)

    def on_save(self, args: Any, state: Any, control: Any, **details: Any) -> None:
        self._forward("on_save", args, state, control, **details)

    def record_checkpoint(self, checkpoint: Checkpoint) -> None:
        """Record the final scores and the hash of the weights of the checkpoint that the run has made."""
        scores = {f"final/{split}_f1": report.strict.micro.f1 for split, report in checkpoint.scores.items()}
        figures = {name: f1 for name, f1 in scores.items() if f1 is not None}
        for name, tracker in self._open().items():
            self._attempt(name, tracker.record_checkpoint, checkpoint.manifest.weights_sha256, figures)

    def close(self, *, failed: bool) -> None:
        """End the run in all tools."""
        for name, tracker in list((self._trackers or {}).items()):
            self._attempt(name, tracker.close, failed=failed)

    def _open(self, first_step: int = 0) -> dict[str, Tracker]:
        if self._trackers is not None:
            return dict(self._trackers)
        self._trackers = {}
        record = self._read_record()
        for name in self._names:
            run = FollowedRun(record["name"], self._config.output.parent, first_step, record["ids"].get(name))
            tracker = self._attempt(name, TRACKERS[name], run)
            if tracker is not None:
                self._trackers[name] = tracker
                if name not in record["ids"]:
                    settings = flat_settings(self._config, run.folder)
                    self._attempt(name, tracker.record_config, settings, dump_config(self._config, run.folder))
                record["ids"][name] = tracker.id
        if self._names:
            self._record_file.write_text(json.dumps(record), encoding="utf-8")
        return dict(self._trackers)

    def _read_record(self) -> dict[str, Any]:
        """Return the name of the run, and what the tools call it that have followed it before."""
        try:
            record: dict[str, Any] = json.loads(self._record_file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            name = re.sub(r"[^\w.-]", "-", self._config.output.name)
            record = {"name": f"{name}-{datetime.now():%Y%m%d-%H%M%S}", "ids": {}}
        return record

    def _forward(self, event: str, *arguments: Any, **details: Any) -> None:
        for name, tracker in list((self._trackers or {}).items()):
            self._attempt(name, getattr(tracker.callback, event), *arguments, **details)

    def _attempt(self, name: str, action: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        """Call a function of a tool and return what it returns; drop the tool if it fails."""
        try:
            return action(*arguments, **options)
        except Exception as error:  # each tool raises its own kinds
            tracker = (self._trackers or {}).pop(name, None)
            if tracker is not None and action != tracker.close:
                with suppress(Exception):
                    tracker.close(failed=True)
            reason = " ".join(str(error).split()) or type(error).__name__
            self._console.print(
                f"note: {name} does not follow this run any longer ({reason[:_MAX_REASON]}); training goes on",
                style="yellow",
                highlight=False,
                markup=False,
                soft_wrap=True,
            )
            return None


@contextmanager
def follow_run(config: Config, folder: Path, console: Console, *, is_main: bool = True) -> Iterator[RunTracking]:
    """Follow a run within the block in the tools that its config names.

    Args:
        folder: the run's training folder, which remembers what tools call the run.
        console: where a tool that fails is named.
        is_main: whether this is the main one of several processes; the others follow nothing.
    """
    tracking = RunTracking(config, config.training.report_to if is_main else (), folder, console)
    failed = True
    try:
        yield tracking
        failed = False
    finally:
        tracking.close(failed=failed)
