"""A system measured in a process of its own: seconds to its first report, and its peak memory.

    python -m conflict_ner.benchmark.fresh_process SYSTEM TEXTS REPORTS

SYSTEM is JSON, TEXTS a file with a JSON string on each line. The process opens the system, tags the
first text and prints a line; the seconds from its start to that line are the cold start: Python, imports,
loading, one report. Then it tags REPORTS reports (0: none), the texts in order and repeated, from a
generator, and prints the seconds that took and its peak memory.

Each process is new because a peak never falls again, and because systems share libraries that another
one has already loaded. This module imports as little as `systems` does.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path

from conflict_ner.benchmark.systems import System
from conflict_ner.errors import BenchmarkError

_STATUS = Path("/proc/self/status")
_KIB = 1024
_FIRST = "first"  # printed after the first report


@dataclass(frozen=True, slots=True)
class ProcessCost:
    """The time and memory of a system's fresh process.

    first: seconds from its start to the mentions of its first report.
    seconds: for the reports after the first.
    memory: peak, in bytes.
    gpu_memory: peak that PyTorch reserved on the GPU, in bytes; None without a GPU.
    """

    first: float
    seconds: float
    memory: int
    gpu_memory: int | None = None


def run_fresh_process(
    system: System, texts: Path, reports: int, *, clock: Callable[[], float] = time.perf_counter
) -> ProcessCost:
    """Run a system in a fresh process and return its time and memory.

    Args:
        texts: a file from `write_texts`.
        reports: how many to tag after the first one.

    Raises:
        BenchmarkError: if the process fails, with the last line of its standard error.
    """
    # -P: modules in the working folder must not stand in for installed ones.
    command = [sys.executable, "-P", "-m", __name__, json.dumps(system.as_arguments()), str(texts), str(reports)]
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as errors:
        start = clock()
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True) as process:  # noqa: S603 - ours
            assert process.stdout is not None
            first_line = next((line for line in process.stdout if line.strip() == _FIRST), None)
            first = clock() - start
            remaining_lines = process.stdout.read().strip().splitlines()
        if process.returncode or not first_line or not remaining_lines:
            errors.seek(0)
            error_lines = errors.read().strip().splitlines()
            reason = error_lines[-1] if error_lines else f"exit code {process.returncode}"
            raise BenchmarkError(f"{system.name} failed in a process of its own: {reason}")
    return ProcessCost(first=first, **json.loads(remaining_lines[-1]))


def write_texts(texts: Iterable[str], file: Path) -> Path:
    """Write texts for a fresh process, a JSON string on each line, and return the file."""
    file.write_text("".join(json.dumps(text) + "\n" for text in texts), encoding="utf-8")
    return file


def peak_memory() -> int:
    """Return the peak memory of this process in bytes (its resident set).

    On Linux, `ru_maxrss` is inherited from the parent process, which may have been larger; the
    high-water mark in /proc belongs to this process alone.
    """
    try:
        status = _STATUS.read_text(encoding="utf-8")
    except OSError:
        import resource

        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else peak * _KIB
    return next(int(line.split()[1]) * _KIB for line in status.splitlines() if line.startswith("VmHWM:"))


def _gpu_memory() -> int | None:
    torch = sys.modules.get("torch")
    return torch.cuda.max_memory_reserved() if torch and torch.cuda.is_initialized() else None


def _measure(system: System, file: Path, reports: int) -> None:
    texts = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    tag = system.open()
    next(tag(texts[:1]))
    print(_FIRST, flush=True)
    start = time.perf_counter()
    for _ in tag(islice(cycle(texts), reports)) if reports else ():
        pass
    seconds = time.perf_counter() - start
    print(json.dumps({"seconds": seconds, "memory": peak_memory(), "gpu_memory": _gpu_memory()}))


if __name__ == "__main__":
    _measure(System(**json.loads(sys.argv[1])), Path(sys.argv[2]), int(sys.argv[3]))
