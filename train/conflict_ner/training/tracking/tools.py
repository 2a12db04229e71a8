"""The tools that a run can be followed in: TensorBoard, MLflow, Weights & Biases and Trackio.

Each is a class around transformers' own integration for it, which passes on the loss of each step and the validation
of each epoch. The class adds what the integration leaves out: the resolved config, and at the end the final scores
and the SHA-256 of the checkpoint's weights. What TensorBoard, MLflow and Weights & Biases write to disk stands beside
the output (`runs/`, `mlruns/`, `wandb/`), unless their own environment variables name another place.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from transformers import TrainerCallback

from conflict_ner.errors import require_packages

PROJECT = "conflict-ner"  # the project or experiment that runs belong to, unless a tool's own variable names another
SHA256 = "checkpoint_sha256"  # the name under which a tool records the hash of the checkpoint's weights
REQUIREMENTS = {  # by tool: its module, and the requirement that pip installs it by
    "tensorboard": {"tensorboard": "tensorboard>=2.20"},
    "mlflow": {"mlflow": "mlflow-skinny>=3.10"},
    "wandb": {"wandb": "wandb>=0.25"},
    "trackio": {"trackio": "trackio>=0.30"},
}

Figures = Mapping[str, float]


def require_trackers(names: Sequence[str]) -> None:
    """Raise if a tool that a run is to be followed in is not installed.

    Args:
        names: the setting `training.report_to`.

    Raises:
        MissingExtraError: with the command that installs it.
    """
    for name in names:
        require_packages(f"training.report_to: {name}", REQUIREMENTS[name])


@dataclass(frozen=True, slots=True)
class FollowedRun:
    """What a tool is told of the run that it follows.

    name: unlike that of any other run, and the same when the run is resumed.
    folder: where tools write files.
    first_step: the step after which the run begins or goes on.
    id: what the tool called the run before it was interrupted.
    """

    name: str
    folder: Path
    first_step: int
    id: str | None


class Tracker(Protocol):
    """One tool, which follows one run.

    callback: transformers' integration, which passes on what is logged.
    id: what the tool calls the run, if that is not the name it was given.
    """

    callback: TrainerCallback
    id: str | None

    def record_config(self, settings: Mapping[str, str], text: str) -> None:
        """Record the resolved config: its settings by dotted key, and as YAML."""

    def record_checkpoint(self, sha256: str, figures: Figures) -> None:
        """Record the hash of the checkpoint's weights, and its scores."""

    def close(self, *, failed: bool) -> None:
        """End the run and wait until everything is written."""


def _integration(name: str, *arguments: Any) -> Any:
    """Return a callback of transformers' integrations, which have no types."""
    from transformers import integrations

    return getattr(integrations, name)(*arguments)


class _TensorBoard:
    id: str | None = None

    def __init__(self, run: FollowedRun) -> None:
        from torch.utils import tensorboard

        parent = Path(os.environ.get("TENSORBOARD_LOGGING_DIR") or run.folder / "runs").expanduser()
        # Steps that an interrupted run had logged after its last saved epoch are logged again.
        purge_step = run.first_step + 1 if run.first_step else None
        new_writer: Any = tensorboard.SummaryWriter  # has no types
        self.writer = new_writer(str(parent / run.name), purge_step=purge_step)
        self.callback = _integration("TensorBoardCallback", self.writer)

    def record_config(self, settings: Mapping[str, str], text: str) -> None:
        self.writer.add_text("config", re.sub("(?m)^", "    ", text))  # it is shown as Markdown: this is code

    def record_checkpoint(self, sha256: str, figures: Figures) -> None:
        self.writer.add_text(SHA256, sha256)
        for name, figure in figures.items():
            self.writer.add_scalar(name, figure)

    def close(self, *, failed: bool) -> None:
        self.writer.close()


class _SendingErrors(logging.Filter):
    """Collects the errors of the thread by which MLflow sends figures, which would be shown for each step."""

    def __init__(self) -> None:
        super().__init__()
        self.first = ""
        logger = logging.getLogger("mlflow.utils.async_logging.async_logging_queue")
        for earlier in [one for one in logger.filters if isinstance(one, _SendingErrors)]:
            logger.removeFilter(earlier)
        logger.addFilter(self)

    def filter(self, record: logging.LogRecord) -> bool:
        if record.levelno >= logging.ERROR:
            self.first = self.first or record.getMessage()
        return record.levelno < logging.ERROR


class _MLflow:
    def __init__(self, run: FollowedRun) -> None:
        # A server that is away is given up within seconds; MLflow itself would try for minutes.
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")
        import mlflow

        logging.getLogger("mlflow").setLevel(logging.WARNING)  # not that an experiment is new
        self.mlflow: Any = mlflow
        self.is_default_place = not mlflow.is_tracking_uri_set()
        if self.is_default_place:
            os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")  # other local stores need a database library
            mlflow.set_tracking_uri((run.folder / "mlruns").absolute().as_uri())
        self.is_own_run = mlflow.active_run() is None
        if self.is_own_run:
            if not os.environ.get("MLFLOW_EXPERIMENT_ID"):
                mlflow.set_experiment(os.environ.get("MLFLOW_EXPERIMENT_NAME") or PROJECT)
            mlflow.start_run(run_id=run.id, run_name=run.name)
        self.id: str | None = mlflow.active_run().info.run_id
        errors = self.errors = _SendingErrors()

        self.callback = _integration("MLflowCallback")
        log = self.callback.on_log

        def on_log(*arguments: Any, **details: Any) -> None:
            if errors.first:
                raise ConnectionError(errors.first)
            log(*arguments, **details)

        self.callback.on_log = on_log

    def record_config(self, settings: Mapping[str, str], text: str) -> None:
        self.mlflow.log_params(settings)
        self.mlflow.log_text(text, "run.yaml")

    def record_checkpoint(self, sha256: str, figures: Figures) -> None:
        self.mlflow.set_tag(SHA256, sha256)
        self.mlflow.log_metrics(figures)

    def close(self, *, failed: bool) -> None:
        try:
            if not self.errors.first:
                self.mlflow.flush_async_logging()
            if self.is_own_run:
                self.mlflow.end_run("FAILED" if failed else "FINISHED")
        finally:
            if self.is_default_place:
                self.mlflow.set_tracking_uri(None)  # the next run may have another folder


class _WeightsAndBiases:
    id: str | None = None

    def __init__(self, run: FollowedRun) -> None:
        import wandb

        self.wandb: Any = wandb
        self.is_own_run = wandb.run is None
        if self.is_own_run:
            project, folder = os.environ.get("WANDB_PROJECT") or PROJECT, os.environ.get("WANDB_DIR") or run.folder
            wandb.init(project=project, name=run.name, id=run.name, resume="allow", dir=str(folder))
        self.callback = _integration("WandbCallback")

    def record_config(self, settings: Mapping[str, str], text: str) -> None:
        self.wandb.config.update(dict(settings), allow_val_change=True)

    def record_checkpoint(self, sha256: str, figures: Figures) -> None:
        self.wandb.run.summary.update({SHA256: sha256, **figures})

    def close(self, *, failed: bool) -> None:
        if self.is_own_run:
            self.wandb.finish(exit_code=int(failed))


class _Trackio:
    id: str | None = None

    def __init__(self, run: FollowedRun) -> None:
        import trackio

        self.trackio: Any = trackio
        trackio.init(project=PROJECT, name=run.name, resume="allow")
        self.callback = _integration("TrackioCallback")
        self.callback._initialized = True  # or it would begin a run of its own

    def record_config(self, settings: Mapping[str, str], text: str) -> None:
        self.trackio.config.update(dict(settings))

    def record_checkpoint(self, sha256: str, figures: Figures) -> None:
        self.trackio.log({SHA256: sha256, **figures})

    def close(self, *, failed: bool) -> None:
        self.trackio.finish()


TRACKERS: dict[str, Callable[[FollowedRun], Tracker]] = {
    "tensorboard": _TensorBoard,
    "mlflow": _MLflow,
    "wandb": _WeightsAndBiases,
    "trackio": _Trackio,
}
