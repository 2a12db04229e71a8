"""How many cores this process may use, and the threads that libraries compute with on them.

Two threads of one core multiply matrices no faster than one, and a container's quota is not seen by
PyTorch or ONNX Runtime, which then start a thread for each core of the host.
"""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path

# Read by the libraries that multiply matrices and by the tokenizers, when they are loaded.
_THREAD_SETTINGS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "RAYON_NUM_THREADS")
_CPUINFO = Path("/proc/cpuinfo")
_OWN_CGROUPS = Path("/proc/self/cgroup")  # which control groups this process is in
_CGROUPS = Path("/sys/fs/cgroup")  # where those groups are folders


def physical_cores() -> int:
    """Count the physical cores that this process may use: two threads of one core multiply no faster than one.

    The process's affinity and the CPU quota of its container count too; part of a core counts as one.
    """
    quota = _quota()
    cores = _reachable_cores()
    return cores if quota is None else max(1, min(cores, math.ceil(quota)))


def limit_threads() -> None:
    """Have PyTorch compute with no more threads than there are physical cores for them.

    By itself it does not see a container's quota and starts a thread for each core of the host. What the
    user chose, by environment variable or with `torch.set_num_threads`, is never raised.
    """
    import torch

    if any(os.environ.get(name) for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS")):
        return
    cores = physical_cores()
    if cores < torch.get_num_threads():
        torch.set_num_threads(cores)


def set_threads(threads: int) -> None:
    """Let this process, and those that it starts, compute on so many physical cores.

    Where the system can (Linux), the process is kept to as many processors, one a core, so that
    it also binds a library that asks nobody how many threads it may have.
    """
    import torch

    for name in _THREAD_SETTINGS:
        os.environ[name] = str(threads)
    torch.set_num_threads(threads)
    if threads < _reachable_cores() and sys.platform == "linux":
        os.sched_setaffinity(0, one_cpu_per_core(_usable(), _cores(read_cpuinfo()), threads))


def one_cpu_per_core(usable: Iterable[int], placed: dict[int, tuple[int, int]], cores: int) -> set[int]:
    """The first processor of each of so many cores; `placed` has a processor's socket and core."""
    first: dict[tuple[int, int], int] = {}
    for cpu in sorted(usable):
        first.setdefault(placed.get(cpu, (cpu, cpu)), cpu)
    return set(list(first.values())[:cores])


@cache
def _usable() -> set[int]:
    """As it was when first asked for: `give_threads` narrows it."""
    if sys.platform == "linux":
        return os.sched_getaffinity(0)
    return set(range(os.cpu_count() or 1))


def _reachable_cores() -> int:
    """The physical cores that this process may run on, though perhaps not on all of them at once."""
    placed = _cores(read_cpuinfo())
    return len({placed.get(cpu, (cpu, cpu)) for cpu in _usable()}) or 1


def _quota() -> float | None:
    """How many CPUs' time this process may take (`docker run --cpus`, Kubernetes limits, systemd); None if any.

    joblib (loky) can tell too, but to import it takes a tenth of the time in which an ONNX export is loaded
    and has tagged its first report, and it reads the topmost group alone.
    """
    quotas = [quota for group in _groups() if (quota := _group_quota(group)) is not None]
    return min(quotas, default=None)


def _groups() -> Iterator[Path]:
    """The folders of the control groups, of either version, that this process is in: each binds those inside it."""
    for line in _text(_OWN_CGROUPS).splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers and "cpu" not in controllers.split(","):
            continue
        root = _CGROUPS / controllers
        if not root.is_dir():
            root = _CGROUPS / "cpu"
        # In a container the path can be one of the host, where nothing is in here: then the root is the group.
        parts = [part for part in path.split("/") if part not in ("", "..")]
        yield from (root.joinpath(*parts[:depth]) for depth in range(len(parts) + 1))


def _group_quota(group: Path) -> float | None:
    """The CPU quota of one control group: `cpu.max` of version 2, two files of version 1."""
    said = _text(group / "cpu.max") or " ".join(
        _text(group / name) for name in ("cpu.cfs_quota_us", "cpu.cfs_period_us")
    )
    try:
        quota, period = map(int, said.split())
    except ValueError:  # "max", or no such group
        return None
    return quota / period if quota > 0 and period > 0 else None


def _cores(cpuinfo: str) -> dict[int, tuple[int, int]]:
    """Each processor's socket and core, where the system says them."""
    placed = {}
    for block in cpuinfo.split("\n\n"):
        fields = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in block.splitlines())}
        with suppress(KeyError, ValueError):
            placed[int(fields["processor"])] = int(fields["physical id"]), int(fields["core id"])
    return placed


def read_cpuinfo() -> str:
    """What Linux says of its processors, empty on other systems."""
    return _text(_CPUINFO)


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError:  # not Linux
        return ""
