"""Count the cores that this process may use, and limit the threads of the libraries to them.

Two threads of one core multiply matrices no faster than one. PyTorch and ONNX Runtime ignore a
container's CPU quota and start a thread for each core of the host.
"""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path

# Read by the libraries that multiply matrices and by tokenizers, when they are loaded.
_THREAD_SETTINGS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "RAYON_NUM_THREADS")
_CPUINFO = Path("/proc/cpuinfo")
_OWN_CGROUPS = Path("/proc/self/cgroup")  # lists the control groups that this process is in
_CGROUPS = Path("/sys/fs/cgroup")  # has a folder for each control group


def physical_cores() -> int:
    """Return the number of physical cores that this process may use.

    It is limited by the process's affinity and the CPU quota of its container, rounded up to a full core.
    """
    quota = _cpu_quota()
    cores = _count_reachable_cores()
    return cores if quota is None else max(1, min(cores, math.ceil(quota)))


def limit_threads() -> None:
    """Limit PyTorch's threads to the number of physical cores that this process may use.

    PyTorch ignores a container's quota and starts a thread for each core of the host. A number that the user has
    set, by environment variable or with `torch.set_num_threads`, is never increased.
    """
    import torch

    if any(os.environ.get(name) for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS")):
        return
    cores = physical_cores()
    if cores < torch.get_num_threads():
        torch.set_num_threads(cores)


def set_threads(threads: int) -> None:
    """Let this process, and those that it starts, compute on this number of physical cores.

    On Linux the affinity of the process is also limited to as many CPUs, one for each core, so that the
    limit also holds for a library that ignores the settings.
    """
    import torch

    for name in _THREAD_SETTINGS:
        os.environ[name] = str(threads)
    torch.set_num_threads(threads)
    if threads < _count_reachable_cores() and sys.platform == "linux":
        os.sched_setaffinity(0, one_cpu_per_core(_usable_cpus(), _core_of_cpu(read_cpuinfo()), threads))


def one_cpu_per_core(cpus: Iterable[int], core_of_cpu: dict[int, tuple[int, int]], cores: int) -> set[int]:
    """Return the first CPU of each of the first `cores` cores.

    Args:
        cpus: the CPUs (hardware threads) to choose from.
        core_of_cpu: the socket and core of each CPU; a CPU that is not in it counts as a core.
        cores: how many cores to use.
    """
    first_cpus: dict[tuple[int, int], int] = {}
    for cpu in sorted(cpus):
        first_cpus.setdefault(core_of_cpu.get(cpu, (cpu, cpu)), cpu)
    return set(list(first_cpus.values())[:cores])


@cache
def _usable_cpus() -> set[int]:
    """Return the CPUs of this process's affinity at the first call, before `set_threads` narrows it."""
    if sys.platform == "linux":
        return os.sched_getaffinity(0)
    return set(range(os.cpu_count() or 1))


def _count_reachable_cores() -> int:
    """Return the number of physical cores that this process may run on, though a quota may not allow all at once."""
    core_of_cpu = _core_of_cpu(read_cpuinfo())
    return len({core_of_cpu.get(cpu, (cpu, cpu)) for cpu in _usable_cpus()}) or 1


def _cpu_quota() -> float | None:
    """Return the quota of this process in CPUs (`docker run --cpus`, Kubernetes limits, systemd); None if unlimited.

    joblib (loky) reads it too, but importing it takes a tenth of the time in which an ONNX export is loaded
    and has tagged its first report, and it reads the topmost group alone.
    """
    quotas = [quota for group in _cgroup_folders() if (quota := _read_quota(group)) is not None]
    return min(quotas, default=None)


def _cgroup_folders() -> Iterator[Path]:
    """Yield the folders of the control groups, of version 1 or 2, that this process is in, with their parents.

    The quota of a group also limits the groups inside it.
    """
    for line in _read_text(_OWN_CGROUPS).splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers and "cpu" not in controllers.split(","):
            continue
        root = _CGROUPS / controllers
        if not root.is_dir():
            root = _CGROUPS / "cpu"
        # In a container the path can be that of the host, which does not exist here: then the root is the group.
        parts = [part for part in path.split("/") if part not in ("", "..")]
        yield from (root.joinpath(*parts[:depth]) for depth in range(len(parts) + 1))


def _read_quota(group: Path) -> float | None:
    """Read the CPU quota of one control group: `cpu.max` in version 2, two files in version 1."""
    text = _read_text(group / "cpu.max") or " ".join(
        _read_text(group / name) for name in ("cpu.cfs_quota_us", "cpu.cfs_period_us")
    )
    try:
        quota, period = map(int, text.split())
    except ValueError:  # "max", or no such group
        return None
    return quota / period if quota > 0 and period > 0 else None


def _core_of_cpu(cpuinfo: str) -> dict[int, tuple[int, int]]:
    """Return the socket and core of each CPU for which `/proc/cpuinfo` lists them."""
    core_of_cpu = {}
    for block in cpuinfo.split("\n\n"):
        fields = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in block.splitlines())}
        with suppress(KeyError, ValueError):
            core_of_cpu[int(fields["processor"])] = int(fields["physical id"]), int(fields["core id"])
    return core_of_cpu


def read_cpuinfo() -> str:
    """Return the content of `/proc/cpuinfo`; empty on systems other than Linux."""
    return _read_text(_CPUINFO)


def _read_text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError:  # not Linux
        return ""
