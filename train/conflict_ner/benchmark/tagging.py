"""Measures how fast a checkpoint tags on this machine, against others and against what the machine could do.

One run, in which all systems have their turns in every round (`timing`): our Tagger, its
exported forms, `transformers.pipeline` as it comes and with its best batch size, spaCy, and the
encoder's matrix products alone (`roofline`). Then each in fresh processes: cold start and memory.

Our Taggers are called by their folders' names, or by their paths where two have one name:

>>> names([Path("models/default"), Path("models/default-onnx")])
['Tagger default', 'Tagger default-onnx']
>>> names([Path("/a/model"), Path("/b/model")])
['Tagger /a/model', 'Tagger /b/model']
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

from conflict_ner.benchmark import inputs
from conflict_ner.benchmark.cold_start import Bench, cold_starts, scaled_up
from conflict_ner.benchmark.fresh_process import write_texts
from conflict_ner.benchmark.inputs import Reports
from conflict_ner.benchmark.machine import Machine, describe
from conflict_ner.benchmark.results import Benchmark, Cold, Limited, Scaled, SystemResult
from conflict_ner.benchmark.roofline import Layers, Limit, limits, linear_layers, operations
from conflict_ner.benchmark.systems import (
    PIPELINE_BATCHES,
    PIPELINE_WEIGHTS,
    SPACY_MISSING,
    SPACY_MODEL,
    Found,
    Reader,
    System,
    pipeline_can_load,
    spacy_is_there,
)
from conflict_ner.benchmark.timing import Turn, alternate, rates, times_as_fast
from conflict_ner.checkpoint import Checkpoint
from conflict_ner.data.document import Mention
from conflict_ner.errors import BenchmarkError
from conflict_ner.evaluation import report
from conflict_ner.files import short_path
from conflict_ner.modeling.device import choose_device
from conflict_ner.modeling.threads import physical_cores, set_threads

_SPECIAL = 2  # tokens that the pipeline puts around a text


@dataclass(frozen=True, slots=True)
class Workload:
    """What of a checkpoint the limits are of: its linear layers, its labels and the tokens of the data."""

    layers: Layers
    labels: tuple[str, ...]
    tokens: int

    @classmethod
    def of(cls, checkpoint: Checkpoint, texts: Sequence[str]) -> Workload:
        """Of any form of a checkpoint: its weights are not read."""
        return cls(
            linear_layers(checkpoint.folder),
            checkpoint.manifest.labels,
            sum(count_tokens(checkpoint.folder, texts)),
        )


def count_tokens(folder: Path, texts: Sequence[str]) -> list[int]:
    """The tokens of each text, without special ones, as the checkpoint's tokenizer.json has them."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return [len(each) for each in tokenizer.encode_batch(list(texts), add_special_tokens=False)]


def list_systems(
    checkpoint: Path, exports: Sequence[Path], precisions: Sequence[str], device: str, data: Reports
) -> tuple[list[System], list[str]]:
    """Who takes part: the checkpoint's Tagger in each precision, its exported forms, and who else is there.

    Also gives, in words, who is not and why. A pipeline gets a stride where a text is longer than the
    window: without one it would cut the text off, and be quick by reading less.

    Raises:
        BenchmarkError: if a folder is named twice.
        CheckpointError: if one is no whole checkpoint.
    """
    folders = [folder.resolve() for folder in (checkpoint, *exports)]
    if twice := next((folder for folder in folders if folders.count(folder) > 1), None):
        raise BenchmarkError(f"{short_path(twice)} is named twice; a system has one turn in a round")
    found = [Checkpoint.load(folder) for folder in (checkpoint, *exports)]
    ours = [
        System(
            "tagger",
            name if precision == "auto" else f"{name}, {precision}",
            str(one.folder),
            # A form for ONNX Runtime computes on the CPU, also where there is a GPU.
            device if pipeline_can_load(one.folder) else "auto",
            precision,
        )
        for one, name in zip(found, names([each.folder for each in found]), strict=True)
        for precision in (dict.fromkeys(precisions) if one is found[0] else ("auto",))
    ]
    pipelines, said = _pipelines(found[0], device, data)
    if not spacy_is_there():
        return [*ours, *pipelines], [*said, SPACY_MISSING]
    spacy = System("spacy", f"spaCy {SPACY_MODEL}")
    return [*ours, *pipelines, spacy], [*said, "spaCy has one process and its own labels: it shows speed only"]


def _pipelines(checkpoint: Checkpoint, device: str, data: Reports) -> tuple[list[System], list[str]]:
    """The pipeline, if it can load the checkpoint, and what is to be said of it."""
    folder, manifest = checkpoint.folder, checkpoint.manifest
    if not pipeline_can_load(folder):
        return [], [f"transformers.pipeline is not measured: {short_path(folder)} has no {PIPELINE_WEIGHTS}"]
    if max(count_tokens(folder, data.texts)) + _SPECIAL <= manifest.window:
        return [System("pipeline", "pipeline", str(folder), device)], []
    stride = min(manifest.overlap, manifest.window // 4)
    said = f"some reports are longer than the window: the pipeline reads them with stride={stride}"
    return [System("pipeline", "pipeline", str(folder), device, stride=stride)], [said]


def names(folders: Sequence[Path]) -> list[str]:
    """What ours are called: each folder's own name, or as much of its path as tells it from the others."""
    own = [folder.resolve().name for folder in folders]
    shown = own if len(set(own)) == len(own) else [short_path(folder) for folder in folders]
    return [f"Tagger {name}" for name in shown]


_TRIAL_TEXTS = 100  # on which the pipeline's best batch size is found
_TRIAL_ROUNDS = 2


@dataclass(frozen=True, slots=True)
class _Opened:
    system: System
    read: Reader
    strict_f1: float | None


@dataclass(frozen=True, slots=True)
class _Work:
    """What everybody does in a turn, and what a limit's tokens are worth in words."""

    reports: int
    words: int
    tokens_a_word: float


def benchmark(
    checkpoint: Path,
    entries: Sequence[Path] = (),
    exports: Sequence[Path] = (),
    precisions: Sequence[str] = ("auto",),
    threads: int | None = None,
    device: str = "auto",
    bench: Bench | None = None,
) -> Benchmark:
    """Measure a checkpoint, its other forms and everybody else who is installed.

    Args:
        entries: files and folders of reports; the checkpoint's test split if there are none.
        exports: folders of other forms of the checkpoint.
        precisions: of the checkpoint's own Tagger, a system each.
        threads: that this process and those it starts may compute with; all physical cores if None.

    Raises:
        BenchmarkError: if there are no reports, or a system fails.
        CheckpointError, EncoderError: if a checkpoint or the device cannot be used.
        DataError: if the reports have problems.
    """
    cores = physical_cores()
    set_threads(threads or cores)
    device = choose_device(device, "fp32").device
    one = Checkpoint.load(checkpoint)
    data = inputs.read(entries, checkpoint, one.manifest.labels)
    systems, notes = list_systems(checkpoint, exports, precisions, device, data)
    machine = describe(device, cores, threads or cores)
    found = measure(systems, data, Workload.of(one, data.texts), machine, device, bench or Bench())
    return found.model_copy(update={"notes": (*found.notes, *notes)})


def measure(
    systems: Sequence[System], data: Reports, encoder: Workload, machine: Machine, device: str, bench: Bench
) -> Benchmark:
    """Measure systems, the first of them ours; a pipeline is measured as it is and with its best batch size.

    Raises:
        BenchmarkError: if a system fails in a process of its own.
        CheckpointError: if one of ours cannot be loaded.
    """
    entered = [each for system in systems for each in _with_best_batch(system, data, bench)]
    opened = [_open(system, data, encoder.labels, bench) for system in entered]
    bench.say("trying how the limit's products are quickest")
    bounds, notes = limits(encoder.layers, device, clock=bench.clock)
    reports = bench.reports or len(data.texts)
    work = _Work(reports, data.words_of(reports), encoder.tokens / data.words)
    taken = _in_rounds(opened, bounds, data, work, bench)
    with tempfile.TemporaryDirectory() as folder:
        file = write_texts(data.texts, Path(folder) / "texts")
        cold = cold_starts(entered, file, len(data.texts), bench) if bench.cold else {}
        growth = {each.name: scaled_up(each, data, file, bench) for each in entered if each.kind == "tagger"}
    return Benchmark(
        machine=machine,
        device=device,
        data=data.name,
        reports=len(data.texts),
        words=data.words,
        tokens=encoder.tokens,
        reports_a_turn=reports,
        rounds=bench.rounds,
        systems=tuple(
            _system(each, taken, bounds, work, cold.get(name), growth.get(name, ()))
            for each in opened
            for name in [each.system.name]
        ),
        limits=tuple(
            Limited.of(limit, taken[_limit_name(limit)], operations(encoder.layers), work.tokens_a_word)
            for limit in bounds
        ),
        notes=tuple(notes),
    )


def _in_rounds(
    opened: Sequence[_Opened], bounds: Sequence[Limit], data: Reports, work: _Work, bench: Bench
) -> dict[str, list[float]]:
    turns = {each.system.name: _turn(each.read, data, work.reports) for each in opened}
    turns |= {_limit_name(limit): limit.turn for limit in bounds}

    def begun(number: int, name: str) -> None:
        bench.say(f"round {number} of {bench.rounds}: {name}")

    return alternate(turns, bench.rounds, clock=bench.clock, rest=bench.rest, begun=begun)


def _with_best_batch(system: System, data: Reports, bench: Bench) -> list[System]:
    """The system itself; of a pipeline also the one with the best batch size, where that is another."""
    if system.kind != "pipeline":
        return [system]
    bench.say("trying the pipeline's batch sizes")
    texts = data.texts[:_TRIAL_TEXTS]
    tried = {batch: replace(system, batch=batch, name=f"pipeline, batch {batch}") for batch in PIPELINE_BATCHES}
    turns = {str(batch): _reading(each.open(), texts) for batch, each in tried.items()}
    for turn in turns.values():
        turn()  # the first batches are slower than all others
    taken = alternate(turns, _TRIAL_ROUNDS, clock=bench.clock, rest=bench.rest)
    best = min(PIPELINE_BATCHES, key=lambda batch: median(taken[str(batch)]))
    default = tried[PIPELINE_BATCHES[0]]
    return [replace(default, name=f"{default.name} (default)"), *([tried[best]] if best != default.batch else [])]


def _reading(read: Reader, texts: Sequence[str]) -> Turn:
    return lambda: sum(1 for _ in read(texts))


def _turn(read: Reader, data: Reports, reports: int) -> Turn:
    def turn() -> None:
        read_to_the_end = sum(1 for _ in read(data.repeated(reports)))
        if read_to_the_end != reports:
            raise AssertionError(f"{read_to_the_end} of {reports} reports were answered")

    return turn


def _open(system: System, data: Reports, labels: Sequence[str], bench: Bench) -> _Opened:
    """Open a system and let it tag every report once, untimed: it is warm then, and its score is known."""
    bench.say(f"loading and scoring {system.name}")
    read = system.open()
    found = list(read(data.texts))
    scored = data.labeled and system.kind != "spacy"
    return _Opened(system, read, _strict_f1(data, found, labels) if scored else None)


def _strict_f1(data: Reports, found: Sequence[Sequence[Found]], labels: Sequence[str]) -> float | None:
    if not {label for each in found for label, _, _ in each} <= set(labels):
        return None  # a checkpoint with labels of its own
    spans = [sorted({Mention(start, end, label) for label, start, end in each}) for each in found]
    return report.strict_micro(data.documents, spans, labels).f1


def _limit_name(limit: Limit) -> str:
    return f"products in {limit.name}"


def _system(
    one: _Opened,
    taken: Mapping[str, Sequence[float]],
    bounds: Sequence[Limit],
    work: _Work,
    cold: Cold | None,
    scaled: tuple[Scaled, ...],
) -> SystemResult:
    """What a system's times mean, round by round, beside everybody else's."""
    name = one.system.name
    ours, others = taken[name], taken.keys() - {name, *map(_limit_name, bounds)}
    return SystemResult(
        name=name,
        kind=one.system.kind,
        batch=one.system.batch if one.system.kind == "pipeline" else None,
        words_a_second=rates(work.words, ours),
        reports_a_second=rates(work.reports, ours),
        times_as_fast={other: times_as_fast(ours, taken[other]) for other in taken if other in others},
        share={
            limit.name: times_as_fast(ours, taken[_limit_name(limit)], work.words, limit.tokens / work.tokens_a_word)
            for limit in bounds
        },
        strict_f1=one.strict_f1,
        cold=cold,
        scaled=scaled,
    )
