"""Cores are counted as affinity and quota allow, and libraries get as many threads."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
import torch
from conflict_ner.modeling import threads
from conflict_ner.modeling.threads import limit_threads, one_cpu_per_core, physical_cores, set_threads

# Two cores with two threads each.
CPUINFO = "\n\n".join(
    f"processor\t: {cpu}\nmodel name\t: Some CPU @ 2.00GHz\nphysical id\t: 0\ncore id\t\t: {cpu % 2}\n"
    "flags\t\t: fpu avx2 avx512f avx512_vnni avx512_bf16 amx_tile"
    for cpu in range(4)
)


@pytest.fixture
def four_threads(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Two cores with two threads each, and no quota."""
    monkeypatch.setattr(threads, "read_cpuinfo", lambda: CPUINFO)
    monkeypatch.setattr(threads, "_usable_cpus", lambda: {0, 1, 2, 3})
    control_groups(monkeypatch, tmp_path, "", {})


@pytest.fixture
def large_host(monkeypatch: pytest.MonkeyPatch) -> None:
    """64 cores that this process may run on."""
    monkeypatch.setattr(threads, "read_cpuinfo", lambda: "")
    monkeypatch.setattr(threads, "_usable_cpus", lambda: set(range(64)))


def control_groups(patch: pytest.MonkeyPatch, folder: Path, cgroup: str, files: dict[str, str]) -> None:
    """Pretend that /proc/self/cgroup has the content `cgroup`, and that the groups have these files."""
    for name, content in {**files, "self": cgroup}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content)
    patch.setattr(threads, "_OWN_CGROUPS", folder / "self")
    patch.setattr(threads, "_CGROUPS", folder)


def test_cores_are_counted_not_their_threads(four_threads: None, monkeypatch: pytest.MonkeyPatch) -> None:
    assert physical_cores() == 2
    monkeypatch.setattr(threads, "_usable_cpus", lambda: {0, 2})  # both threads of one core
    assert physical_cores() == 1
    monkeypatch.setattr(threads, "read_cpuinfo", lambda: "")  # a system that does not say
    assert physical_cores() == 2


@pytest.mark.parametrize(
    ("cgroup", "files", "cores"),
    [
        ("0::/", {"cpu.max": "100000 100000"}, 1),  # docker run --cpus 1
        ("0::/", {"cpu.max": "250000 100000"}, 3),  # part of a core is one more thread
        ("0::/", {"cpu.max": "5000 100000"}, 1),
        ("0::/", {"cpu.max": "max 100000"}, 64),
        ("0::/", {"cpu.max": "9900000 100000"}, 64),  # more than there are
        ("0::/", {}, 64),
        ("", {"cpu.max": "100000 100000"}, 64),  # not Linux
        ("0::/user/job", {"user/cpu.max": "400000 100000", "user/job/cpu.max": "max 100000"}, 4),
        ("0::/user/job", {"user/cpu.max": "400000 100000", "user/job/cpu.max": "200000 100000"}, 2),
        ("0::/../other", {"cpu.max": "100000 100000"}, 1),
        ("4:memory:/\n3:cpu,cpuacct:/", {"cpu/cpu.cfs_quota_us": "200000", "cpu/cpu.cfs_period_us": "100000"}, 2),
        ("3:cpu:/docker/ab", {"cpu/cpu.cfs_quota_us": "50000", "cpu/cpu.cfs_period_us": "50000"}, 1),
        ("3:cpu:/", {"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, 64),
        ("3:cpuset:/", {"cpuset/cpu.max": "100000 100000"}, 64),
    ],
)
def test_a_containers_quota_counts(
    large_host: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, cgroup: str, files: dict[str, str], cores: int
) -> None:
    control_groups(monkeypatch, tmp_path, cgroup, files)
    assert physical_cores() == cores


@pytest.mark.parametrize(
    ("variables", "before", "after"),
    [({}, 64, 2), ({}, 1, 1), ({"OMP_NUM_THREADS": "64"}, 64, 64), ({"MKL_NUM_THREADS": "8"}, 8, 8)],
)
def test_pytorch_starts_no_more_threads_than_the_quota_allows(
    large_host: None,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    variables: dict[str, str],
    before: int,
    after: int,
) -> None:
    control_groups(monkeypatch, tmp_path, "0::/", {"cpu.max": "200000 100000"})
    thread_counts = [before]
    monkeypatch.setattr(torch, "get_num_threads", lambda: thread_counts[-1])
    monkeypatch.setattr(torch, "set_num_threads", thread_counts.append)
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    limit_threads()
    assert thread_counts[-1] == after


def test_threads_within_a_quota_use_as_many_cpus(
    large_host: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    control_groups(monkeypatch, tmp_path, "0::/", {"cpu.max": "200000 100000"})
    settings: list[object] = []
    monkeypatch.setattr(os, "sched_setaffinity", lambda _, cpus: settings.append(cpus), raising=False)
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(torch, "set_num_threads", settings.append)
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "RAYON_NUM_THREADS"):
        monkeypatch.setenv(name, "9")
    set_threads(physical_cores())
    assert settings == [2, {0, 1}]  # else a library that ignores the settings would start 64


def test_one_cpu_of_each_core_is_used() -> None:
    core_of_cpu = {0: (0, 0), 1: (0, 0), 2: (0, 1), 3: (0, 1)}
    assert one_cpu_per_core({0, 1, 2, 3}, core_of_cpu, 1) == {0}
    assert one_cpu_per_core({1, 2, 3}, core_of_cpu, 2) == {1, 2}
    assert one_cpu_per_core({0, 1}, {}, 2) == {0, 1}


def test_threads_are_given_to_this_process_and_to_those_it_starts(
    four_threads: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings: list[object] = []
    monkeypatch.setattr(os, "sched_setaffinity", lambda _, cpus: settings.append(cpus), raising=False)
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(torch, "set_num_threads", settings.append)
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "RAYON_NUM_THREADS"):
        monkeypatch.setenv(name, "9")
    set_threads(1)
    assert settings == [1, {0}]
    assert os.environ["OMP_NUM_THREADS"] == os.environ["RAYON_NUM_THREADS"] == "1"
    set_threads(2)  # all cores: the affinity is not narrowed
    assert settings == [1, {0}, 2]
