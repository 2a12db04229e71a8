"""The description of a machine, from /proc/cpuinfo."""

from __future__ import annotations

import torch
from conflict_ner.benchmark.machine import cpu_features, cpu_name, describe_machine

# Two cores with two threads each.
CPUINFO = "\n\n".join(
    f"processor\t: {cpu}\nmodel name\t: Some CPU @ 2.00GHz\nphysical id\t: 0\ncore id\t\t: {cpu % 2}\n"
    "flags\t\t: fpu avx2 avx512f avx512_vnni avx512_bf16 amx_tile"
    for cpu in range(4)
)


def test_the_cpu_is_named_with_what_speeds_products_up() -> None:
    assert cpu_name(CPUINFO) == "Some CPU @ 2.00GHz"
    assert cpu_features(CPUINFO) == ("avx2", "avx512f", "avx512_vnni", "avx512_bf16")
    assert cpu_features("") == ()
    assert isinstance(cpu_name(""), str)


def test_a_machine_is_described_without_a_date() -> None:
    machine = describe_machine("cpu", 2, 1)
    assert (machine.cores, machine.threads, machine.gpu) == (2, 1, None)
    assert torch.__version__.startswith(machine.versions["torch"])  # PyPI leaves out "+cu130"
    assert "python" in machine.versions
