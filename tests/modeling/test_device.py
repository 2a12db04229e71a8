"""The device and precision are chosen for the hardware, which the tests simulate."""

from __future__ import annotations

import pytest
import torch
from conflict_ner.modeling.device import Hardware, choose_device

AMX, AVX = "_is_amx_tile_supported", "_is_avx512_bf16_supported"


def machine(
    monkeypatch: pytest.MonkeyPatch,
    cuda: tuple[int, int] | None = None,
    mps: bool = False,
    amx: bool = False,
    avx: bool = False,
) -> None:
    """Simulate a machine with this hardware."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda is not None)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda: cuda)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)
    monkeypatch.setattr(torch.cpu, AMX, lambda: amx, raising=False)
    monkeypatch.setattr(torch.cpu, AVX, lambda: avx, raising=False)


@pytest.mark.parametrize(
    ("cuda", "mps", "amx", "avx", "expected"),
    [
        (None, False, False, False, Hardware("cpu", "fp32")),
        (None, False, True, False, Hardware("cpu", "bf16")),
        (None, False, False, True, Hardware("cpu", "bf16")),
        (None, True, False, False, Hardware("mps", "fp32")),
        (None, True, True, True, Hardware("mps", "fp32")),
        ((7, 5), False, True, True, Hardware("cuda", "fp16")),
        ((8, 0), False, False, False, Hardware("cuda", "bf16")),
        ((9, 0), True, False, False, Hardware("cuda", "bf16")),
    ],
)
def test_auto_chooses_what_is_fast_on_the_machine(
    monkeypatch: pytest.MonkeyPatch, cuda: tuple[int, int] | None, mps: bool, amx: bool, avx: bool, expected: Hardware
) -> None:
    machine(monkeypatch, cuda, mps, amx, avx)
    assert choose_device() == expected


@pytest.mark.parametrize("precision", ["fp32", "bf16", "fp16"])
@pytest.mark.parametrize("device", ["cpu", "cuda", "cuda:1"])
def test_a_value_other_than_auto_is_kept(monkeypatch: pytest.MonkeyPatch, device: str, precision: str) -> None:
    machine(monkeypatch, cuda=(9, 0))
    assert choose_device(device, precision) == Hardware(device, precision)  # type: ignore[arg-type]


def test_auto_precision_depends_on_the_requested_device(monkeypatch: pytest.MonkeyPatch) -> None:
    machine(monkeypatch, cuda=(9, 0))
    assert choose_device("cpu") == Hardware("cpu", "fp32")
    assert choose_device("auto", "fp16") == Hardware("cuda", "fp16")


def test_a_pytorch_without_the_cpu_probes_means_fp32(monkeypatch: pytest.MonkeyPatch) -> None:
    machine(monkeypatch)
    monkeypatch.delattr(torch.cpu, AMX)
    monkeypatch.delattr(torch.cpu, AVX)
    assert choose_device() == Hardware("cpu", "fp32")
