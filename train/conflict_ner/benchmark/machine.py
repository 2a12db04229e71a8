"""The machine that a benchmark ran on: CPU, cores, GPU and versions.

>>> cpu_name("model name : A CPU 9000")
'A CPU 9000'
"""

from __future__ import annotations

import platform
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from importlib import metadata

from conflict_ner.modeling.threads import read_cpuinfo

# The CPU features that speed up matrix products of fewer than 32 bits, as /proc/cpuinfo names them.
_FEATURES = ("avx2", "avx512f", "avx512_vnni", "avx_vnni", "avx512_bf16", "amx_bf16", "amx_int8", "asimddp", "bf16")
_LIBRARIES = ("conflict-ner", "torch", "transformers", "tokenizers", "onnxruntime", "spacy", "en-core-web-sm", "numpy")


@dataclass(frozen=True, slots=True)
class Machine:
    """The machine that one run was measured on.

    cores: physical cores that this process may use. threads: the number that each system may use.
    features: the CPU features that speed up matrix products. gpu: its name, if it was used.
    """

    cpu: str
    cores: int
    threads: int
    features: tuple[str, ...]
    gpu: str | None
    system: str
    versions: dict[str, str]


def describe_machine(device: str, cores: int, threads: int) -> Machine:
    """Describe this machine.

    Args:
        device: as PyTorch names it, such as `cpu` or `cuda:0`.
        cores: physical cores, counted before the number of threads was reduced.
        threads: the number that each system may use.
    """
    return Machine(
        cpu=cpu_name(read_cpuinfo()),
        cores=cores,
        threads=threads,
        features=cpu_features(read_cpuinfo()),
        gpu=_gpu_name(device),
        system=f"{platform.system()} {platform.machine()}",
        versions={"python": platform.python_version(), **dict(_versions(_LIBRARIES))},
    )


def cpu_name(cpuinfo: str) -> str:
    """Return the CPU model's name from the text of /proc/cpuinfo, else from Python's `platform`."""
    names = [line.partition(":")[2].strip() for line in cpuinfo.splitlines() if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def cpu_features(cpuinfo: str) -> tuple[str, ...]:
    """Return the CPU features that speed up matrix products, from the text of /proc/cpuinfo."""
    lines = (line for line in cpuinfo.splitlines() if line.startswith(("flags", "Features")))
    flags = next(lines, "").partition(":")[2].split()
    return tuple(feature for feature in _FEATURES if feature in flags)


def _gpu_name(device: str) -> str | None:
    if not device.startswith("cuda"):
        return None
    import torch

    return torch.cuda.get_device_name(device)


def _versions(libraries: Iterable[str]) -> Iterable[tuple[str, str]]:
    for library in libraries:
        with suppress(metadata.PackageNotFoundError):
            yield library, metadata.version(library)
