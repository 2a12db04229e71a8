"""Runs the workers of a job with Ray Data: one operator reads files into parts, another tags them.

Ray streams the parts from one to the other, keeps what waits for a worker within its memory, and gives the part of a
worker that was killed to a new one. `connect` starts Ray on this machine, or joins a cluster.
"""

from __future__ import annotations

import logging
import os
import secrets
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from conflict_ner.errors import ConfigError, JobError, Problem, require_packages
from conflict_ner.inference.cluster.parts import Message, ReadParts, TagParts, TagSettings, group_row
from conflict_ner.inference.cluster.storage import InputFile

if TYPE_CHECKING:
    import ray.data

HERE, RUNNING = "local", "auto"  # addresses: a Ray of this job's own on this machine, and the cluster of this machine
_NEEDED = {"ray": "ray[data]>=2.52"}
_WORKERS_PER_READER = 8
_CONNECT_SECONDS = 5
_HOW = "give local, auto (a cluster that this machine belongs to), or the HOST:PORT that `ray start --head` prints"


@dataclass(frozen=True, slots=True)
class Workers:
    """How many workers tag, and what each of them gets.

    count: None: as many as the cluster has room for when the job starts.
    cores: of each worker, which loads the model once.
    gpu: whether each has a GPU of its own; None: if the cluster has any.
    """

    count: int | None = None
    cores: int = 1
    gpu: bool | None = None


def require_ray() -> None:
    """Raise if Ray is not installed.

    Raises:
        MissingExtraError: with the command that installs it.
    """
    require_packages("--ray", _NEEDED)


@contextmanager
def connect(address: str) -> Iterator[None]:
    """Connect to a Ray cluster within the block, or start one on this machine; one that this process has is kept.

    Args:
        address: `local`, `auto`, HOST:PORT, or what else `ray.init` takes.

    Raises:
        ConfigError: if there is no cluster at the address.
        MissingExtraError: if Ray is not installed.
    """
    require_ray()
    if address == HERE:
        _set_environment()
    import ray

    if ray.is_initialized():
        yield
        return
    _refuse_silent_host(address)
    options: dict[str, Any] = {"include_dashboard": False} if address == HERE else {}
    try:
        ray.init(address, log_to_driver=False, logging_level=logging.ERROR, **options)
    except Exception as error:  # of many kinds, and of none where its own processes are too slow to start
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
        raise ConfigError("--ray", [Problem(address, reason, _HOW)]) from error
    try:
        yield
    finally:
        ray.shutdown()


def _set_environment() -> None:
    """Keep a Ray that this process starts to itself; what the user has set stays."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # it would report to its makers
    # It listens to the whole network, and does what anybody tells it who knows the token.
    if "RAY_AUTH_MODE" not in os.environ:
        os.environ.update(RAY_AUTH_MODE="token", RAY_AUTH_TOKEN=secrets.token_hex(32))


def _refuse_silent_host(address: str) -> None:
    """Refuse an address where nothing listens: Ray would try for minutes."""
    try:
        parts = urlsplit(address if "://" in address else f"//{address}")
        place = (parts.hostname, parts.port)
    except ValueError:  # the port is no number; Ray says so
        return
    if place[0] is None or place[1] is None:
        return
    try:
        socket.create_connection((place[0], place[1]), _CONNECT_SECONDS).close()
    except OSError as error:
        reason = f"no Ray cluster answers there: {error.strerror or error}"
        raise ConfigError("--ray", [Problem(address, reason, _HOW)]) from error


def run(
    groups: Sequence[tuple[int, Sequence[InputFile]]], read: ReadParts, settings: TagSettings, workers: Workers
) -> Iterator[Message]:
    """Read and tag groups of files on the cluster to which this process is connected.

    Yields:
        What the workers say of each part and each group, in any order.

    Raises:
        ConfigError: if the cluster has no room for a worker.
        JobError: if the cluster is lost.
    """
    import ray.exceptions

    if not groups:
        return
    count, needs = _plan(workers, ray.cluster_resources())
    try:
        for row in _dataset(groups, read, settings, count, needs).iter_rows():
            yield Message.load(row["message"])
    except ray.exceptions.RayError as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise JobError(f"Ray has given up: {reason}") from error


def _plan(workers: Workers, resources: dict[str, float]) -> tuple[int, dict[str, float]]:
    """Return how many workers there are, and what each needs in Ray's terms."""
    cpus, gpus = int(resources.get("CPU", 0)), int(resources.get("GPU", 0))
    uses_gpu = gpus > 0 if workers.gpu is None else workers.gpu
    room = min(cpus // workers.cores, gpus) if uses_gpu else cpus // workers.cores
    if room < 1:
        what = f"the cluster has {cpus} cores and {gpus} GPUs, and a worker needs {workers.cores} and {int(uses_gpu)}"
        raise ConfigError("--ray", [Problem("--cores", what, "give fewer, or start a larger cluster")])
    needs: dict[str, float] = {"num_cpus": workers.cores, **({"num_gpus": 1} if uses_gpu else {})}
    return workers.count or room, needs


def _dataset(
    groups: Sequence[tuple[int, Sequence[InputFile]]],
    read: ReadParts,
    settings: TagSettings,
    count: int,
    needs: dict[str, Any],
) -> ray.data.Dataset:
    import ray.data

    for handler in logging.getLogger("ray.data").handlers:
        if isinstance(handler, logging.StreamHandler):  # the others write the log of the session
            handler.setLevel(logging.CRITICAL)
    rows = [group_row(group, files) for group, files in groups]
    reading = ray.data.from_items(rows, override_num_blocks=len(rows))
    context = reading.context  # of this data alone, and of what is made of it
    context.enable_progress_bars = False
    context.target_max_block_size = 1  # a part is a block of its own, so that every worker gets some
    context.issue_detectors_config.detectors = []  # advice for those who write pipelines
    readers = ray.data.TaskPoolStrategy(1 + count // _WORKERS_PER_READER)
    taggers = ray.data.ActorPoolStrategy(size=count, max_tasks_in_flight_per_actor=2)
    parts = reading.map_batches(read, batch_size=1, num_cpus=0, compute=readers)
    return parts.map_batches(_Worker, fn_constructor_args=(settings,), batch_size=1, compute=taggers, **needs)


class _Worker(TagParts):
    """An actor of Ray, which starts it again, and gives it the same part, as often as it dies."""

    def __init__(self, settings: TagSettings) -> None:
        import ray

        super().__init__(settings, is_replacement=ray.get_runtime_context().was_current_actor_reconstructed)
