"""What is said of a machine, from what Linux says of it."""

from __future__ import annotations

import os
import sys

import pytest
import torch
from conflict_ner import machine
from conflict_ner.machine import cpu_features, cpu_name, describe, give_threads, one_a_core, physical_cores

# Two cores with two threads each.
CPUINFO = "\n\n".join(
    f"processor\t: {cpu}\nmodel name\t: Some CPU @ 2.00GHz\nphysical id\t: 0\ncore id\t\t: {cpu % 2}\n"
    "flags\t\t: fpu avx2 avx512f avx512_vnni avx512_bf16 amx_tile"
    for cpu in range(4)
)


@pytest.fixture
def four_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "_cpuinfo", lambda: CPUINFO)
    monkeypatch.setattr(machine, "_usable", lambda: {0, 1, 2, 3})


def test_the_cpu_is_named_with_what_speeds_products_up() -> None:
    assert cpu_name(CPUINFO) == "Some CPU @ 2.00GHz"
    assert cpu_features(CPUINFO) == ("avx2", "avx512f", "avx512_vnni", "avx512_bf16")
    assert cpu_features("") == ()
    assert isinstance(cpu_name(""), str)


def test_cores_are_counted_not_their_threads(four_threads: None, monkeypatch: pytest.MonkeyPatch) -> None:
    assert physical_cores() == 2
    monkeypatch.setattr(machine, "_usable", lambda: {0, 2})  # both threads of one core
    assert physical_cores() == 1
    monkeypatch.setattr(machine, "_cpuinfo", lambda: "")  # a system that does not say
    assert physical_cores() == 2


def test_one_processor_a_core_is_kept() -> None:
    placed = {0: (0, 0), 1: (0, 0), 2: (0, 1), 3: (0, 1)}
    assert one_a_core({0, 1, 2, 3}, placed, 1) == {0}
    assert one_a_core({1, 2, 3}, placed, 2) == {1, 2}
    assert one_a_core({0, 1}, {}, 2) == {0, 1}


def test_threads_are_given_to_this_process_and_to_those_it_starts(
    four_threads: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept: list[object] = []
    monkeypatch.setattr(os, "sched_setaffinity", lambda _, cpus: kept.append(cpus), raising=False)
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(torch, "set_num_threads", kept.append)
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "RAYON_NUM_THREADS"):
        monkeypatch.setenv(name, "9")
    give_threads(1)
    assert kept == [1, {0}]
    assert os.environ["OMP_NUM_THREADS"] == os.environ["RAYON_NUM_THREADS"] == "1"
    give_threads(2)  # all that there are: nothing to keep it from
    assert kept == [1, {0}, 2]


def test_a_machine_is_described_without_a_date() -> None:
    found = describe("cpu", 2, 1)
    assert (found.cores, found.threads, found.gpu) == (2, 1, None)
    assert found.versions["torch"] == torch.__version__
    assert "python" in found.versions
