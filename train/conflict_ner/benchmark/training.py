"""Measures training: a config of ours against the stock way (`run_ner_baseline`) and against the machine's limit.

Speed is that of one epoch over the same random reports, both in turn, round by round: from the first
step to the last, without loading, validation and saving. Tokens are the texts' own, as the encoder's
tokenizer has them: no special ones, no padding, and for the stock way none that it cuts off. Then both
are trained in full with each seed, for what they score on validation and how long it takes in all.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import datasets
from transformers import TrainerCallback

from conflict_ner.benchmark.cold_start import Bench
from conflict_ner.benchmark.machine import describe
from conflict_ner.benchmark.results import Limited, Trained, TrainingBenchmark
from conflict_ner.benchmark.roofline import Limit, limits, linear_layers, operations
from conflict_ner.benchmark.run_ner_baseline import Stock
from conflict_ner.benchmark.timing import Clock, alternate, in_turn, rates, times_as_fast
from conflict_ner.config import Config
from conflict_ner.data.corpus import Corpus
from conflict_ner.data.document import Document
from conflict_ner.data.labels import LabelScheme
from conflict_ner.data.words import split_words
from conflict_ner.evaluation import report
from conflict_ner.modeling.build import build_encoder
from conflict_ner.modeling.device import Hardware, choose_device
from conflict_ner.modeling.encoder import quiet_transformers, resolve_encoder
from conflict_ner.modeling.threads import physical_cores, set_threads
from conflict_ner.modeling.tokenization import training_windows
from conflict_ner.training import run
from conflict_ner.training.environment import config_decides
from conflict_ner.training.trainer import fit

OURS, STOCK = "conflict-ner", "run_ner.py"
TURN_TOKENS = 15_000  # about, of the reports that one turn trains on


@dataclass(frozen=True, slots=True)
class _Task:
    """What both train on, and where."""

    config: Config
    data: Corpus
    scheme: LabelScheme
    source: str
    hardware: Hardware
    bench: Bench

    @property
    def on_cpu(self) -> bool:
        return self.hardware.device == "cpu"


@dataclass(frozen=True, slots=True)
class _Sample:
    """Random reports for a turn. tokens: that each way reads of them; the stock way cuts some off."""

    documents: tuple[Document, ...]
    tokens: Mapping[str, int]
    words: int

    @property
    def tokens_a_word(self) -> float:
        return self.tokens[OURS] / max(self.words, 1)

    @classmethod
    def of(cls, task: _Task) -> _Sample:
        seed, stock = task.config.training.seed, Stock.new(task.source, task.scheme, task.config.training.seed)
        share = min(TURN_TOKENS / max(sum(stock.count(document.text) for document in task.data["train"]), 1), 1.0)
        documents = task.data.sample("train", share, seed)["train"]
        counts = [stock.count(document.text) for document in documents]
        words = sum(len(split_words(document.text)[0]) for document in documents)
        return cls(documents, {OURS: sum(counts), STOCK: sum(min(count, stock.max_tokens) for count in counts)}, words)


class Steps(TrainerCallback):
    """Seconds from the beginning of the first step to the end of the last one, when the device has finished it."""

    def __init__(self, clock: Clock, device: str) -> None:
        self._clock = clock
        self._device = device
        self._start: float | None = None
        self.seconds = 0.0

    def on_step_begin(self, *_: object, **__: object) -> None:
        """Start at the first step."""
        if self._start is None:
            self._start = self._now()

    def on_epoch_end(self, *_: object, **__: object) -> None:
        """The epoch's steps are done; what follows is validation and saving."""
        assert self._start is not None, "an epoch without a step"
        self.seconds = self._now() - self._start

    def _now(self) -> float:
        import torch

        if self._device.startswith("cuda"):
            torch.cuda.synchronize(self._device)
        return self._clock()


def measure_training(config: Config, name: str, seeds: int, threads: int | None, bench: Bench) -> TrainingBenchmark:
    """Measure a config's training.

    Args:
        name: of the config, for the table.
        seeds: full trainings of each kind, the config's seed and those that follow it; 0 for none.
        threads: that this process may compute with; all physical cores if None.

    Raises:
        ConflictNerError: of the kind that says what cannot be trained.
    """
    cores = physical_cores()
    set_threads(threads or cores)
    hardware = choose_device(config.training.device, config.training.precision)
    task = _Task(config, run.load(config), LabelScheme(config.labels), resolve_encoder(config.encoder), hardware, bench)
    sample = _Sample.of(task)
    bench.say("trying how the limit's products are quickest")
    layers = linear_layers(task.source)
    bounds, notes = limits(layers, hardware.device, backward=True, clock=bench.clock)
    taken = _in_rounds(task, sample.documents, bounds)
    named = tuple(range(config.training.seed, config.training.seed + seeds))
    full = _whole(task, named)
    each = operations(layers, backward=True)
    return TrainingBenchmark(
        machine=describe(hardware.device, cores, threads or cores),
        device=f"{hardware.device}, ours in {hardware.precision}",
        config=name,
        epochs=config.training.epochs,
        reports=len(sample.documents),
        tokens=sample.tokens[OURS],
        rounds=bench.rounds,
        seeds=named,
        systems=tuple(_trained(kind, taken, bounds, sample, full[kind]) for kind in (OURS, STOCK)),
        limits=tuple(Limited.of(limit, taken[limit.name], each, sample.tokens_a_word) for limit in bounds),
        notes=tuple(notes),
    )


def _trained(
    kind: str,
    taken: Mapping[str, Sequence[float]],
    bounds: Sequence[Limit],
    sample: _Sample,
    full: Sequence[tuple[float, float | None]],
) -> Trained:
    other = STOCK if kind == OURS else OURS
    ours, work = taken[kind], sample.tokens
    return Trained(
        name=kind,
        tokens_a_second=rates(work[kind], ours),
        times_as_fast={other: times_as_fast(ours, taken[other], work[kind], work[other])},
        share={bound.name: times_as_fast(ours, taken[bound.name], work[kind], bound.tokens) for bound in bounds},
        seconds=tuple(seconds for seconds, _ in full),
        strict_f1=tuple(f1 for _, f1 in full),
    )


def _in_rounds(task: _Task, sample: Sequence[Document], bounds: Sequence[Limit]) -> dict[str, list[float]]:
    bench = task.bench

    def begun(number: int, name: str) -> None:
        bench.say(f"training, round {number - 1} of {bench.rounds}: {name}" if number > 1 else f"warming up: {name}")

    def limit(bound: Limit) -> Callable[[], float]:
        return lambda: alternate({"": bound.turn}, 1, clock=bench.clock)[""][0]

    turns = {OURS: lambda: _our_epoch(task, sample), STOCK: lambda: _stock_epoch(task, sample)}
    turns |= {bound.name: limit(bound) for bound in bounds}
    with config_decides(task.hardware):
        taken = in_turn(turns, bench.rounds + 1, rest=bench.rest, begun=begun)
    return {name: seconds[1:] for name, seconds in taken.items()}  # a first round is slower than all others


def _our_epoch(task: _Task, sample: Sequence[Document]) -> float:
    settings = task.config.training.model_copy(update={"epochs": 1})
    config = task.config.model_copy(update={"training": settings})
    _, window_tokenizer, model = build_encoder(config, task.source, task.scheme, task.hardware)
    windows, _ = training_windows(sample, window_tokenizer, task.scheme)
    steps = Steps(task.bench.clock, task.hardware.device)
    nothing = {"strict_f1": 0.0, "precision": 0.0, "recall": 0.0, "predicted": 0.0}
    with tempfile.TemporaryDirectory() as folder, quiet_transformers():
        rows = datasets.Dataset.from_list(windows)
        fit(model, rows, settings, task.hardware, Path(folder), lambda _: nothing, callbacks=[steps])
    return steps.seconds


def _stock_epoch(task: _Task, sample: Sequence[Document]) -> float:
    seed = task.config.training.seed
    stock = Stock.new(task.source, task.scheme, seed)
    steps = Steps(task.bench.clock, task.hardware.device)
    with tempfile.TemporaryDirectory() as folder:
        stock.train(stock.rows(sample, task.scheme), 1, seed, Path(folder), [steps], on_cpu=task.on_cpu)
    return steps.seconds


def _whole(task: _Task, seeds: Sequence[int]) -> dict[str, list[tuple[float, float | None]]]:
    """Both trained in full with each seed: seconds in all and strict F1 on validation."""
    found: dict[str, list[tuple[float, float | None]]] = {OURS: [], STOCK: []}
    for seed in seeds:
        for kind, train in ((OURS, _our_training), (STOCK, _stock_training)):
            task.bench.say(f"training in full with seed {seed}: {kind}")
            start = task.bench.clock()
            with tempfile.TemporaryDirectory() as folder, config_decides(task.hardware):
                f1 = train(task, seed, Path(folder))
            found[kind].append((task.bench.clock() - start, f1))
    return found


def _our_training(task: _Task, seed: int, folder: Path) -> float | None:
    settings = task.config.training.model_copy(update={"seed": seed})
    config = task.config.model_copy(update={"training": settings, "output": folder / "model"})
    return run.train(config, data=task.data).scores["validation"].strict.micro.f1


def _stock_training(task: _Task, seed: int, folder: Path) -> float | None:
    """Scored as ours is, on whole reports."""
    stock = Stock.new(task.source, task.scheme, seed)
    rows = stock.rows(task.data["train"], task.scheme)
    stock.train(rows, task.config.training.epochs, seed, folder, on_cpu=task.on_cpu)
    documents = task.data["validation"]
    found = [stock.tag(document.text, task.scheme, task.config.encoding.overlap) for document in documents]
    return report.strict_micro(documents, found, task.scheme.labels).f1
