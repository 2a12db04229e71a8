"""Speed of training a config, compared with transformers' run_ner.py (`run_ner_baseline`) and the machine's limit.

Speed is measured over one epoch on the same random reports, both in alternating rounds: from the first
step to the last, without loading, validation and saving. Tokens are those of the encoder's tokenizer,
without special tokens and padding, and for run_ner.py without those that it truncates. Then both are
trained in full with each seed, for their score on the validation reports and their total time.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import datasets
from transformers import TrainerCallback

from conflict_ner.benchmark.cold_start import BenchmarkOptions
from conflict_ner.benchmark.machine import describe_machine
from conflict_ner.benchmark.results import LimitResult, TrainingBenchmark, TrainingResult
from conflict_ner.benchmark.roofline import Limit, find_limits, linear_layers, operations_per_token
from conflict_ner.benchmark.run_ner_baseline import RunNerModel
from conflict_ner.benchmark.timing import Clock, measure_in_rounds, rates, time_in_rounds, times_as_fast
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

OURS, BASELINE = "conflict-ner", "run_ner.py"
TURN_TOKENS = 15_000  # approximate size of the reports that one turn trains on


@dataclass(frozen=True, slots=True)
class _Task:
    """The config, data and hardware that both systems train with."""

    config: Config
    data: Corpus
    scheme: LabelScheme
    source: str
    hardware: Hardware
    options: BenchmarkOptions

    @property
    def on_cpu(self) -> bool:
        return self.hardware.device == "cpu"


@dataclass(frozen=True, slots=True)
class _Sample:
    """Random reports for a turn. tokens: by system, the tokens that it trains on; run_ner.py truncates some reports."""

    documents: tuple[Document, ...]
    tokens: Mapping[str, int]
    words: int

    @property
    def tokens_a_word(self) -> float:
        return self.tokens[OURS] / max(self.words, 1)

    @classmethod
    def of(cls, task: _Task) -> _Sample:
        seed = task.config.training.seed
        baseline = RunNerModel.new(task.source, task.scheme, seed)
        total = sum(baseline.count_tokens(document.text) for document in task.data["train"])
        documents = task.data.sample("train", min(TURN_TOKENS / max(total, 1), 1.0), seed)["train"]
        counts = [baseline.count_tokens(document.text) for document in documents]
        truncated = sum(min(count, baseline.max_tokens) for count in counts)
        words = sum(len(split_words(document.text)[0]) for document in documents)
        return cls(documents, {OURS: sum(counts), BASELINE: truncated}, words)


class StepTimer(TrainerCallback):
    """Measure the seconds from the start of the first step until the device has finished the last one."""

    def __init__(self, clock: Clock, device: str) -> None:
        self._clock = clock
        self._device = device
        self._start: float | None = None
        self.seconds = 0.0

    def on_step_begin(self, *_: object, **__: object) -> None:
        """Start the timer at the first step."""
        if self._start is None:
            self._start = self._read_clock()

    def on_epoch_end(self, *_: object, **__: object) -> None:
        """Stop the timer: only validation and saving follow."""
        assert self._start is not None, "an epoch without a step"
        self.seconds = self._read_clock() - self._start

    def _read_clock(self) -> float:
        import torch

        if self._device.startswith("cuda"):
            torch.cuda.synchronize(self._device)
        return self._clock()


def measure_training(
    config: Config, name: str, seeds: int, threads: int | None, options: BenchmarkOptions
) -> TrainingBenchmark:
    """Measure the training of a config against run_ner.py.

    Args:
        name: of the config, for the table.
        seeds: number of full trainings of each system, with the config's seed and the following ones; 0 for none.
        threads: number of threads that this process may use; all physical cores if None.

    Raises:
        ConflictNerError: if the data, the encoder or the device cannot be used.
    """
    cores = physical_cores()
    set_threads(threads or cores)
    hardware = choose_device(config.training.device, config.training.precision)
    task = _Task(
        config, run.load(config), LabelScheme(config.labels), resolve_encoder(config.encoder), hardware, options
    )
    sample = _Sample.of(task)
    options.log("finding the fastest way to compute the limit's products")
    layers = linear_layers(task.source)
    limits, notes = find_limits(layers, hardware.device, backward=True, clock=options.clock)
    seconds = _time_epochs(task, sample.documents, limits)
    trained_seeds = tuple(range(config.training.seed, config.training.seed + seeds))
    full = _train_in_full(task, trained_seeds)
    operations = operations_per_token(layers, backward=True)
    return TrainingBenchmark(
        machine=describe_machine(hardware.device, cores, threads or cores),
        device=f"{hardware.device}, ours in {hardware.precision}",
        config=name,
        epochs=config.training.epochs,
        reports=len(sample.documents),
        tokens=sample.tokens[OURS],
        rounds=options.rounds,
        seeds=trained_seeds,
        systems=tuple(_training_result(name, seconds, limits, sample, full[name]) for name in (OURS, BASELINE)),
        limits=tuple(LimitResult.of(limit, seconds[limit.name], operations, sample.tokens_a_word) for limit in limits),
        notes=tuple(notes),
    )


def _training_result(
    name: str,
    seconds: Mapping[str, Sequence[float]],
    limits: Sequence[Limit],
    sample: _Sample,
    full: Sequence[tuple[float, float | None]],
) -> TrainingResult:
    """Combine a system's epochs, `seconds` by name and round, with its full trainings: seconds and F1 by seed."""
    other = BASELINE if name == OURS else OURS
    epochs, tokens = seconds[name], sample.tokens
    return TrainingResult(
        name=name,
        tokens_a_second=rates(tokens[name], epochs),
        times_as_fast={other: times_as_fast(epochs, seconds[other], tokens[name], tokens[other])},
        share={limit.name: times_as_fast(epochs, seconds[limit.name], tokens[name], limit.tokens) for limit in limits},
        seconds=tuple(total for total, _ in full),
        strict_f1=tuple(f1 for _, f1 in full),
    )


def _time_epochs(task: _Task, sample: Sequence[Document], limits: Sequence[Limit]) -> dict[str, list[float]]:
    """Return the seconds of an epoch of both systems and of each limit's turn, by round."""
    options = task.options

    def log_turn(number: int, name: str) -> None:
        # The first round warms up.
        step = f"training, round {number - 1} of {options.rounds}" if number > 1 else "warming up"
        options.log(f"{step}: {name}")

    def time_limit(limit: Limit) -> Callable[[], float]:
        return lambda: time_in_rounds({"": limit.turn}, 1, clock=options.clock)[""][0]

    turns = {OURS: lambda: _our_epoch(task, sample), BASELINE: lambda: _baseline_epoch(task, sample)}
    turns |= {limit.name: time_limit(limit) for limit in limits}
    with config_decides(task.hardware, task.config.training):
        seconds = measure_in_rounds(turns, options.rounds + 1, pause=options.pause, on_turn=log_turn)
    return {name: rounds[1:] for name, rounds in seconds.items()}  # a first round is slower than all others


def _our_epoch(task: _Task, sample: Sequence[Document]) -> float:
    settings = task.config.training.model_copy(update={"epochs": 1})
    config = task.config.model_copy(update={"training": settings})
    _, window_tokenizer, model = build_encoder(config, task.source, task.scheme, task.hardware)
    windows, _ = training_windows(sample, window_tokenizer, task.scheme)
    timer = StepTimer(task.options.clock, task.hardware.device)
    no_scores = {"strict_f1": 0.0, "precision": 0.0, "recall": 0.0, "predicted": 0.0}
    with tempfile.TemporaryDirectory() as folder, quiet_transformers():
        rows = datasets.Dataset.from_list(windows)
        fit(model, rows, settings, task.hardware, Path(folder), lambda _: no_scores, callbacks=[timer])
    return timer.seconds


def _baseline_epoch(task: _Task, sample: Sequence[Document]) -> float:
    seed = task.config.training.seed
    baseline = RunNerModel.new(task.source, task.scheme, seed)
    timer = StepTimer(task.options.clock, task.hardware.device)
    with tempfile.TemporaryDirectory() as folder:
        baseline.train(baseline.training_rows(sample, task.scheme), 1, seed, Path(folder), [timer], on_cpu=task.on_cpu)
    return timer.seconds


def _train_in_full(task: _Task, seeds: Sequence[int]) -> dict[str, list[tuple[float, float | None]]]:
    """Train both in full with each seed; return their total seconds and strict F1 on the validation reports."""
    results: dict[str, list[tuple[float, float | None]]] = {OURS: [], BASELINE: []}
    for seed in seeds:
        for name, train in ((OURS, _our_training), (BASELINE, _baseline_training)):
            task.options.log(f"training in full with seed {seed}: {name}")
            start = task.options.clock()
            with tempfile.TemporaryDirectory() as folder, config_decides(task.hardware, task.config.training):
                f1 = train(task, seed, Path(folder))
            results[name].append((task.options.clock() - start, f1))
    return results


def _our_training(task: _Task, seed: int, folder: Path) -> float | None:
    settings = task.config.training.model_copy(update={"seed": seed})
    config = task.config.model_copy(update={"training": settings, "output": folder / "model"})
    return run.train(config, data=task.data).scores["validation"].strict.micro.f1


def _baseline_training(task: _Task, seed: int, folder: Path) -> float | None:
    """Train run_ner.py in full and return its strict F1, computed on whole reports as for ours."""
    baseline = RunNerModel.new(task.source, task.scheme, seed)
    rows = baseline.training_rows(task.data["train"], task.scheme)
    baseline.train(rows, task.config.training.epochs, seed, folder, on_cpu=task.on_cpu)
    documents = task.data["validation"]
    found = [baseline.tag(document.text, task.scheme, task.config.encoding.overlap) for document in documents]
    return report.strict_micro(documents, found, task.scheme.labels).f1
