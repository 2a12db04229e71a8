"""What a benchmark ran on: the machine, its cores, the versions.

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

# What makes matrix products of fewer than 32 bits fast, as Linux and the vendors name it.
_FEATURES = ("avx2", "avx512f", "avx512_vnni", "avx_vnni", "avx512_bf16", "amx_bf16", "amx_int8", "asimddp", "bf16")
_LIBRARIES = ("conflict-ner", "torch", "transformers", "tokenizers", "onnxruntime", "spacy", "en-core-web-sm", "numpy")


@dataclass(frozen=True, slots=True)
class Machine:
    """What the figures of one run are of.

    cores: physical ones that this process may use. threads: what each system was given.
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
        cpu=cpu_name(read_cpuinfo()),
        cores=cores,
        threads=threads,
        features=cpu_features(read_cpuinfo()),
        gpu=_gpu(device),
        system=f"{platform.system()} {platform.machine()}",
        versions={"python": platform.python_version(), **dict(_versions(_LIBRARIES))},
    )


def cpu_name(cpuinfo: str) -> str:
    """The model's name from what Linux says in /proc/cpuinfo, or what Python knows."""
    names = [line.partition(":")[2].strip() for line in cpuinfo.splitlines() if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def cpu_features(cpuinfo: str) -> tuple[str, ...]:
    """Those of the CPU's features that matter here, from /proc/cpuinfo."""
    lines = (line for line in cpuinfo.splitlines() if line.startswith(("flags", "Features")))
    flags = next(lines, "").partition(":")[2].split()
    return tuple(feature for feature in _FEATURES if feature in flags)


def _gpu(device: str) -> str | None:
    if not device.startswith("cuda"):
        return None
    import torch

    return torch.cuda.get_device_name(device)


def _versions(libraries: Iterable[str]) -> Iterable[tuple[str, str]]:
    for library in libraries:
        with suppress(metadata.PackageNotFoundError):
            yield library, metadata.version(library)
