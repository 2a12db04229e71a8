"""Choose the device and the number format that are fast on this machine.

>>> choose_device("cpu", "fp32")
Hardware(device='cpu', precision='fp32')
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from conflict_ner.errors import EncoderError

_AMPERE = (8, 0)  # the first NVIDIA compute capability that multiplies bf16
Precision = Literal["fp32", "bf16", "fp16"]


@dataclass(frozen=True, slots=True)
class Hardware:
    """The device to compute on, and the number format of the matrix products of training."""

    device: str
    precision: Precision


def choose_device(device: str = "auto", precision: str = "auto") -> Hardware:
    """Choose the device and the training precision; a value other than `auto` is kept.

    bf16 is chosen where the hardware multiplies it: NVIDIA GPUs from Ampere on (fp16 on older ones), and
    CPUs with AMX tiles or AVX512-BF16. Elsewhere bf16 is emulated and slower than fp32.
    """
    import torch

    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    if precision != "auto":
        return Hardware(device, precision)  # type: ignore[arg-type]
    if device == "cuda":
        return Hardware(device, "bf16" if torch.cuda.get_device_capability() >= _AMPERE else "fp16")
    if device == "cpu" and (_cpu_has("_is_amx_tile_supported") or _cpu_has("_is_avx512_bf16_supported")):
        return Hardware(device, "bf16")
    return Hardware(device, "fp32")


def check_device(device: str) -> None:
    """Raise if PyTorch cannot compute on a device of this machine, before any long work on it.

    Raises:
        EncoderError: with the device and the reason.
    """
    import torch

    try:
        torch.zeros(1, device=device).cpu()  # and copied back, which fails on "meta"
    except Exception as error:  # RuntimeError, AssertionError or ImportError, depending on device and version
        raise EncoderError(f"device {device!r} cannot be used: {_describe_failure(device, error)}") from None


def _describe_failure(device: str, error: Exception) -> str:
    import torch

    try:
        kind = torch.device(device).type
    except (RuntimeError, TypeError):
        return "PyTorch knows no such device; name auto, cpu, cuda, cuda:1, mps ..."
    if kind == "meta":
        return "it holds no numbers, so nothing can be computed on it"
    if kind == "cuda" and torch.cuda.is_available():
        return f"this machine's are cuda:0 to cuda:{torch.cuda.device_count() - 1}: {_first_line(error)}"
    return f"{_first_line(error)}; auto takes the fastest device of this machine"


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0].partition(". ")[0].rstrip(".") if lines else type(error).__name__


def _cpu_has(probe: str) -> bool:
    import torch

    # PyTorch has no public function for these, so a version without the private ones must work too.
    function = getattr(torch.cpu, probe, None)
    return bool(function and function())
