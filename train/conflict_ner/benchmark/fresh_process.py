"""What a system costs in a process of its own: seconds to its first report, and the most memory it held.

    python -m conflict_ner.benchmark.fresh_process CONTENDER TEXTS REPORTS

CONTENDER is JSON, TEXTS a file with a JSON string a line. The process opens the system, tags the
first text and says so; the seconds from its start to that word are the cold start: Python, imports,
loading, one report. Then it tags REPORTS reports (0: none), the texts in turn, from a generator, and
prints the seconds that took and the peak of its memory.

Each process is new because peaks do not come down again, and because libraries share what another
has loaded already. This module imports as little as `systems` does.
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
_FIRST = "first"


@dataclass(frozen=True, slots=True)
class Fresh:
    """What a fresh process of a system took.

    first: seconds from its start to its first report's mentions. seconds: for the reports after it.
    memory: bytes, its peak. gpu_memory: bytes that PyTorch held on the GPU at most, if there is one.
    """

    first: float
    seconds: float
    memory: int
    gpu_memory: int | None = None


def fresh(system: System, texts: Path, reports: int, *, clock: Callable[[], float] = time.perf_counter) -> Fresh:
    """Start a process for a system and see what it takes.

    Args:
        texts: as `write_texts` wrote them.
        reports: to tag after the first.

    Raises:
        BenchmarkError: if the process fails, with the last it said.
    """
    # -P: modules in the working folder must not stand in for installed ones.
    command = [sys.executable, "-P", "-m", __name__, json.dumps(system.as_arguments()), str(texts), str(reports)]
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as errors:
        start = clock()
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True) as process:  # noqa: S603 - ours
            assert process.stdout is not None
            began = next((line for line in process.stdout if line.strip() == _FIRST), None)
            first = clock() - start
            rest = process.stdout.read().strip().splitlines()
        if process.returncode or not began or not rest:
            errors.seek(0)
            said = errors.read().strip().splitlines()
            reason = said[-1] if said else f"exit code {process.returncode}"
            raise BenchmarkError(f"{system.name} failed in a process of its own: {reason}")
    return Fresh(first=first, **json.loads(rest[-1]))


def write_texts(texts: Iterable[str], file: Path) -> Path:
    """Write texts for a fresh process to read."""
    file.write_text("".join(json.dumps(text) + "\n" for text in texts), encoding="utf-8")
    return file


def peak_memory() -> int:
    """The most bytes of memory that this process has held (its resident set).

    Linux hands `ru_maxrss` down from the process that started this one, which may have been larger;
    the high-water mark in /proc is this process's own.
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


def _tag(system: System, file: Path, reports: int) -> None:
    texts = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    read = system.open()
    next(read(texts[:1]))
    print(_FIRST, flush=True)
    start = time.perf_counter()
    for _ in read(islice(cycle(texts), reports)) if reports else ():
        pass
    seconds = time.perf_counter() - start
    print(json.dumps({"seconds": seconds, "memory": peak_memory(), "gpu_memory": _gpu_memory()}))


if __name__ == "__main__":
    _tag(System(**json.loads(sys.argv[1])), Path(sys.argv[2]), int(sys.argv[3]))
