"""Measures how fast `tag --ray` is, with one and with two workers of one core, against the plain command.

    python tests/inference/cluster/measure_ray.py models/small-int8 data/test --characters 280 --runs 1

That takes about three minutes on two cores of which nothing else has one; more runs give medians.

Each job runs with a few and with many reports; the difference of their times is that of the reports between them, so
that the start of Python, of Ray and of the model does not count as tagging. It is shown apart. With one worker the
whole job, with Ray's own processes, has one CPU, as the plain command has.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from itertools import cycle, islice
from pathlib import Path
from tempfile import TemporaryDirectory

from conflict_ner import load_corpus

FEW = 1024  # reports: one part


def job_seconds(checkpoint: str, file: Path, cpus: set[int], options: list[str]) -> float:
    """Return the seconds of one command on some CPUs."""
    out = file.with_suffix(".csv")
    command = [sys.executable, "-m", "conflict_ner", "tag", checkpoint, str(file), "-o", str(out), *options]
    threads = {"OMP_NUM_THREADS": str(len(cpus)), "RAY_worker_register_timeout_seconds": "900"}
    start = time.monotonic()
    done = subprocess.run(
        command,
        env={**os.environ, **threads},
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: os.sched_setaffinity(0, cpus),  # no threads here
    )
    seconds = time.monotonic() - start
    if done.returncode:
        sys.exit(done.stderr)
    return seconds


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("checkpoint")
    parser.add_argument("data", help="labeled reports, which are repeated as often as needed")
    parser.add_argument("--reports", type=int, default=8192)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument(
        "--characters", type=int, help="cut reports to this length, so that more of them take no longer"
    )
    arguments = parser.parse_args()
    texts = [
        document.text[: arguments.characters]
        for document in load_corpus(arguments.data, strict=False, guidelines=False).documents
    ]
    first, *others = sorted(os.sched_getaffinity(0))
    jobs = {
        "plain, one core": ({first}, []),
        "--ray, one worker, one core": ({first}, ["--ray", "local", "--workers", "1"]),
        "plain, two cores": ({first, *others[:1]}, []),
        "--ray, two workers, two cores": ({first, *others[:1]}, ["--ray", "local", "--workers", "2"]),
    }
    rates: dict[str, list[float]] = {name: [] for name in jobs}
    starts: dict[str, list[float]] = {name: [] for name in jobs}
    with TemporaryDirectory() as folder:
        files = {}
        for count in (FEW, FEW + arguments.reports):
            files[count] = Path(folder) / f"{count}.jsonl"
            rows = ({"id": n, "text": f"{text} {n}."} for n, text in enumerate(islice(cycle(texts), count)))
            files[count].write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        for _ in range(arguments.runs):
            for name, (cpus, options) in jobs.items():
                few, many = (job_seconds(arguments.checkpoint, file, cpus, options) for file in files.values())
                rates[name].append(arguments.reports / (many - few))
                starts[name].append(few - FEW / rates[name][-1])
                print(f"{name}: {rates[name][-1]:.1f} reports/s, start {starts[name][-1]:.1f} s", file=sys.stderr)
    print("| job | reports a second | against the plain command | start, s |\n|---|---|---|---|")
    for number, name in enumerate(jobs):
        rate, plain = (statistics.median(rates[key]) for key in (name, list(jobs)[number - number % 2]))
        start = statistics.median(starts[name])
        print(f"| {name} | {rate:.1f} | {100 * (rate / plain - 1):+.1f} % | {start:.1f} |")


if __name__ == "__main__":
    main()
