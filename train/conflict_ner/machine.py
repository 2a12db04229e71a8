"""What a benchmark ran on: the machine, its cores, the versions; and how many threads all contestants get.

>>> cpu_name("model name : A CPU 9000")
'A CPU 9000'
"""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path

# What makes matrix products of fewer than 32 bits fast, as Linux and the vendors name it.
_FEATURES = ("avx2", "avx512f", "avx512_vnni", "avx_vnni", "avx512_bf16", "amx_bf16", "amx_int8", "asimddp", "bf16")
_LIBRARIES = ("conflict-ner", "torch", "transformers", "tokenizers", "onnxruntime", "spacy", "en-core-web-sm", "numpy")
# Read by the libraries that multiply matrices and by the tokenizers, when they are loaded.
_THREAD_SETTINGS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "RAYON_NUM_THREADS")
_CPUINFO = Path("/proc/cpuinfo")


@dataclass(frozen=True, slots=True)
class Machine:
    """What the figures of one run are of.

    cores: physical ones that this process may use. threads: what each contestant was given.
    features: of the CPU, those that speed up products. gpu: its name, where it computed.
    """

    cpu: str
    cores: int
    threads: int
    features: tuple[str, ...]
    gpu: str | None
    system: str
    versions: dict[str, str]


def describe(device: str, cores: int, threads: int) -> Machine:
    """What PyTorch calls `device` names the GPU, if it is one; `cores` as counted before any were given up."""
    return Machine(
        cpu=cpu_name(_cpuinfo()),
        cores=cores,
        threads=threads,
        features=cpu_features(_cpuinfo()),
        gpu=_gpu(device),
        system=f"{platform.system()} {platform.machine()}",
        versions={"python": platform.python_version(), **dict(_versions(_LIBRARIES))},
    )


def physical_cores() -> int:
    """The physical cores that this process may use: two threads of one core multiply no faster than one."""
    usable = _usable()
    placed = _cores(_cpuinfo())
    return len({placed.get(cpu, (cpu, cpu)) for cpu in usable}) or 1


def give_threads(threads: int) -> None:
    """Let this process, and those that it starts, compute on so many physical cores.

    Where the system can (Linux), the process is kept to as many processors, one a core, so that
    it also binds a library that asks nobody how many threads it may have.
    """
    import torch

    for name in _THREAD_SETTINGS:
        os.environ[name] = str(threads)
    torch.set_num_threads(threads)
    if threads < physical_cores() and sys.platform == "linux":
        os.sched_setaffinity(0, one_a_core(_usable(), _cores(_cpuinfo()), threads))


def one_a_core(usable: Iterable[int], placed: dict[int, tuple[int, int]], cores: int) -> set[int]:
    """The first processor of each of so many cores; `placed` has a processor's socket and core."""
    first: dict[tuple[int, int], int] = {}
    for cpu in sorted(usable):
        first.setdefault(placed.get(cpu, (cpu, cpu)), cpu)
    return set(list(first.values())[:cores])


def cpu_name(cpuinfo: str) -> str:
    """The model's name from what Linux says in /proc/cpuinfo, or what Python knows."""
    names = [line.partition(":")[2].strip() for line in cpuinfo.splitlines() if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def cpu_features(cpuinfo: str) -> tuple[str, ...]:
    """Those of the CPU's features that matter here, from /proc/cpuinfo."""
    lines = (line for line in cpuinfo.splitlines() if line.startswith(("flags", "Features")))
    flags = next(lines, "").partition(":")[2].split()
    return tuple(feature for feature in _FEATURES if feature in flags)


@cache
def _usable() -> set[int]:
    """As it was when first asked for: `give_threads` narrows it."""
    if sys.platform == "linux":
        return os.sched_getaffinity(0)
    return set(range(os.cpu_count() or 1))


def _cores(cpuinfo: str) -> dict[int, tuple[int, int]]:
    """Each processor's socket and core, where the system says them."""
    placed = {}
    for block in cpuinfo.split("\n\n"):
        fields = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in block.splitlines())}
        with suppress(KeyError, ValueError):
            placed[int(fields["processor"])] = int(fields["physical id"]), int(fields["core id"])
    return placed


def _cpuinfo() -> str:
    try:
        return _CPUINFO.read_text(encoding="utf-8", errors="replace")
    except OSError:  # not Linux
        return ""


def _gpu(device: str) -> str | None:
    if not device.startswith("cuda"):
        return None
    import torch

    return torch.cuda.get_device_name(device)


def _versions(libraries: Iterable[str]) -> Iterable[tuple[str, str]]:
    for library in libraries:
        with suppress(metadata.PackageNotFoundError):
            yield library, metadata.version(library)
