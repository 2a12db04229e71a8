"""Results of benchmarks for tests of the tables."""

from __future__ import annotations

from conflict_ner.benchmark.machine import Machine
from conflict_ner.benchmark.results import (
    ColdStart,
    LimitResult,
    ScalingPoint,
    SystemResult,
    TaggingBenchmark,
    TrainingBenchmark,
    TrainingResult,
)
from conflict_ner.benchmark.timing import Spread

MACHINE = Machine("[red]CPU", 4, 2, ("avx2",), "A GPU", "Linux x86_64", {"python": "3.11"})


def spread(median: float) -> Spread:
    return Spread(median=median, low=median * 0.9, high=median * 1.1)


def system(name: str, kind: str, rival: str, *, cold: bool = True) -> SystemResult:
    return SystemResult(
        name=name,
        kind=kind,
        batch=None,
        words_a_second=spread(2000),
        reports_a_second=spread(20),
        times_as_fast={rival: spread(2)},
        share={"fp32": spread(0.5)},
        strict_f1=0.875 if kind == "tagger" else None,
        disk=23_000_000,
        cold=ColdStart(first=spread(1.5), times_as_fast={rival: spread(3)}, memory=500 * 2**20, gpu_memory=None)
        if cold
        else None,
        scaled=(ScalingPoint(reports=1000, words_a_second=1900.0, reports_a_second=19.0, memory=600 * 2**20),)
        if kind == "tagger" and cold
        else (),
    )


LIMIT = LimitResult(
    name="fp32",
    how="by hand",
    tokens_a_second=spread(5000),
    words_a_second=spread(4000),
    operations_a_second=spread(1e11),
)


def benchmark(*systems: SystemResult) -> TaggingBenchmark:
    return TaggingBenchmark(
        machine=MACHINE,
        device="cuda",
        data="[b]data",
        reports=10,
        words=1234,
        tokens=2000,
        reports_a_turn=10,
        rounds=5,
        systems=systems,
        limits=(LIMIT,),
        notes=("spaCy is not measured",),
    )


BOTH = benchmark(system("ours", "tagger", "spaCy"), system("spaCy", "spacy", "ours"))
TRAINING = TrainingBenchmark(
    machine=MACHINE,
    device="cpu",
    config="default.yaml",
    epochs=4,
    reports=100,
    tokens=20_000,
    rounds=1,
    seeds=(7, 8),
    systems=(
        TrainingResult(
            name="ours",
            tokens_a_second=spread(900),
            times_as_fast={"stock": spread(4)},
            share={"fp32": spread(0.7)},
            seconds=(100.0, 120.0),
            strict_f1=(0.86, None),
        ),
    ),
    limits=(LIMIT,),
    notes=(),
)
