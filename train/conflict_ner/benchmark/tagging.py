"""Speed of tagging with a checkpoint, compared with other systems and with the limit of the machine.

All systems have one turn in every round (`timing`): our Tagger, other checkpoints, `transformers.pipeline`
with its default and its best batch size, spaCy, and the encoder's matrix products alone (`roofline`).
Then each is measured in fresh processes: cold start and memory.

Our Taggers have the names of their folders, or their paths where two folders have one name:

>>> name_taggers([Path("models/default"), Path("models/default-onnx")])
['Tagger default', 'Tagger default-onnx']
>>> name_taggers([Path("/a/model"), Path("/b/model")])
['Tagger /a/model', 'Tagger /b/model']
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

from conflict_ner.benchmark.cold_start import BenchmarkOptions, measure_cold_starts, measure_scaling
from conflict_ner.benchmark.fresh_process import write_texts
from conflict_ner.benchmark.inputs import Reports, read_reports
from conflict_ner.benchmark.machine import Machine, describe_machine
from conflict_ner.benchmark.results import ColdStart, LimitResult, ScalingPoint, SystemResult, TaggingBenchmark
from conflict_ner.benchmark.roofline import Layers, Limit, find_limits, linear_layers, operations_per_token
from conflict_ner.benchmark.systems import (
    PIPELINE_BATCHES,
    PIPELINE_WEIGHTS,
    SPACY_LABELS,
    SPACY_PREFIX,
    FoundMention,
    System,
    TagTexts,
    list_spacy,
    pipeline_can_load,
)
from conflict_ner.benchmark.timing import Turn, rates, time_in_rounds, times_as_fast
from conflict_ner.checkpoint import Checkpoint
from conflict_ner.data.document import Mention
from conflict_ner.data.label_levels import resolve_label
from conflict_ner.errors import BenchmarkError
from conflict_ner.evaluation import report
from conflict_ner.files import short_path
from conflict_ner.modeling.device import choose_device
from conflict_ner.modeling.threads import physical_cores, set_threads

_SPECIAL_TOKENS = 2  # that the pipeline adds around a text
_TRIAL_TEXTS = 100  # to find the pipeline's best batch size on
_TRIAL_ROUNDS = 2


@dataclass(frozen=True, slots=True)
class Workload:
    """The work that a checkpoint has with the texts: its linear layers, its labels and the number of tokens."""

    layers: Layers
    labels: tuple[str, ...]
    tokens: int

    @classmethod
    def of(cls, checkpoint: Checkpoint, texts: Sequence[str]) -> Workload:
        """Describe the work of any form of a checkpoint: its weights are not read."""
        return cls(
            linear_layers(checkpoint.folder),
            checkpoint.manifest.labels,
            sum(count_tokens(checkpoint.folder, texts)),
        )


def count_tokens(folder: Path, texts: Sequence[str]) -> list[int]:
    """Count the tokens of each text with the checkpoint's tokenizer.json, without special tokens."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return [len(encoding) for encoding in tokenizer.encode_batch(list(texts), add_special_tokens=False)]


def list_systems(
    checkpoint: Path, others: Sequence[str | Path], precisions: Sequence[str], device: str, data: Reports
) -> tuple[list[System], list[str]]:
    """Return the systems to measure, and notes on them and on those that cannot be measured.

    The systems are the checkpoint's Tagger in each precision, the Taggers of other checkpoints, the pipeline and
    spaCy. The pipeline has a stride if a text is longer than the window: without one it would truncate the text,
    and be fast because it reads less.

    Args:
        others: folders of other checkpoints, and `spacy:NAME` for a pipeline of spaCy. If none of spaCy's is named,
            its small English one is measured where it is installed.

    Raises:
        BenchmarkError: if a system is named twice, or a pipeline of spaCy cannot be used.
        CheckpointError: if a folder is no complete checkpoint.
        MissingExtraError: if a pipeline is named and spaCy is not installed.
    """
    names = [str(other).removeprefix(SPACY_PREFIX) for other in others if str(other).startswith(SPACY_PREFIX)]
    exports = [Path(other) for other in others if not str(other).startswith(SPACY_PREFIX)]
    folders = [folder.resolve() for folder in (checkpoint, *exports)]
    if repeated := next((folder for folder in folders if folders.count(folder) > 1), None):
        raise BenchmarkError(f"{short_path(repeated)} is named twice; a system has one turn in a round")
    checkpoints = [_load_with_manifest(folder) for folder in (checkpoint, *exports)]
    taggers = [
        System(
            "tagger",
            name if precision == "auto" else f"{name}, {precision}",
            str(form.folder),
            # ONNX Runtime computes on the CPU, even if there is a GPU.
            device if pipeline_can_load(form.folder) else "auto",
            precision,
        )
        for form, name in zip(checkpoints, name_taggers([form.folder for form in checkpoints]), strict=True)
        for precision in (dict.fromkeys(precisions) if form is checkpoints[0] else ("auto",))
    ]
    layers = linear_layers(checkpoint) if exports else {}
    notes = [
        f"{short_path(folder)} has other layers than {short_path(checkpoint)}, whose limit is the one that is shown"
        for folder in exports
        if linear_layers(folder) != layers
    ]
    pipelines, pipeline_notes = _list_pipelines(checkpoints[0], device, data)
    spacy, spacy_notes = list_spacy(names)
    return [*taggers, *pipelines, *spacy], [*notes, *pipeline_notes, *spacy_notes]


def _load_with_manifest(folder: Path) -> Checkpoint:
    """Read a checkpoint's manifest; refuse a plain model, whose tokenizer may be where other systems do not look."""
    if (checkpoint := Checkpoint.load(folder)).is_plain:
        raise BenchmarkError(
            f"{checkpoint.name} has no manifest; make a checkpoint of it, `conflict-ner export {short_path(folder)} "
            "FOLDER` (with --map for other names of labels), and measure that"
        )
    return checkpoint


def _list_pipelines(checkpoint: Checkpoint, device: str, data: Reports) -> tuple[list[System], list[str]]:
    """Return the pipeline, if it can load the checkpoint, and notes on it."""
    folder, manifest = checkpoint.folder, checkpoint.manifest
    if not pipeline_can_load(folder):
        return [], [f"transformers.pipeline is not measured: {short_path(folder)} has no {PIPELINE_WEIGHTS}"]
    if max(count_tokens(folder, data.texts)) + _SPECIAL_TOKENS <= manifest.window:
        return [System("pipeline", "pipeline", str(folder), device)], []
    stride = min(manifest.overlap, manifest.window // 4)
    note = f"some reports are longer than the window: the pipeline reads them with stride={stride}"
    return [System("pipeline", "pipeline", str(folder), device, stride=stride)], [note]


def name_taggers(folders: Sequence[Path]) -> list[str]:
    """Return a name for the Tagger of each folder: the folder's name, or its path if two folders have one name."""
    names = [folder.resolve().name for folder in folders]
    distinct = names if len(set(names)) == len(names) else [short_path(folder) for folder in folders]
    return [f"Tagger {name}" for name in distinct]


@dataclass(frozen=True, slots=True)
class _OpenSystem:
    """A system whose model is loaded, and its score on the reports."""

    system: System
    tag: TagTexts
    strict_f1: float | None


@dataclass(frozen=True, slots=True)
class _TurnWork:
    """What each system does in a turn; tokens_a_word converts a limit's tokens to words."""

    reports: int
    words: int
    tokens_a_word: float


def measure_tagging(
    checkpoint: Path,
    entries: Sequence[Path] = (),
    others: Sequence[str | Path] = (),
    precisions: Sequence[str] = ("auto",),
    threads: int | None = None,
    device: str = "auto",
    options: BenchmarkOptions | None = None,
) -> TaggingBenchmark:
    """Measure how fast a checkpoint, other systems, the pipeline and spaCy tag reports.

    Args:
        entries: files and folders of reports; the checkpoint's test split if there are none.
        others: folders of other checkpoints or forms of this one, and `spacy:NAME` for a pipeline of spaCy.
        precisions: of the checkpoint's Tagger; each is a system.
        threads: number of threads that each system may use; all physical cores if None.
        device: auto, or as PyTorch names it.
        options: how to measure; the defaults if None.

    Raises:
        BenchmarkError: if there are no reports, or a system fails.
        CheckpointError, EncoderError: if a checkpoint or the device cannot be used.
        DataError: if the reports have problems.
        MissingExtraError: if a pipeline of spaCy is named and spaCy is not installed.
    """
    cores = physical_cores()
    set_threads(threads or cores)
    device = choose_device(device, "fp32").device
    loaded = _load_with_manifest(checkpoint)
    data = read_reports(entries, checkpoint, loaded.manifest.labels)
    systems, notes = list_systems(checkpoint, others, precisions, device, data)
    machine = describe_machine(device, cores, threads or cores)
    workload = Workload.of(loaded, data.texts)
    result = measure_systems(systems, data, workload, machine, device, options or BenchmarkOptions())
    return result.model_copy(update={"notes": (*result.notes, *notes)})


def measure_systems(
    systems: Sequence[System],
    data: Reports,
    workload: Workload,
    machine: Machine,
    device: str,
    options: BenchmarkOptions,
) -> TaggingBenchmark:
    """Measure systems, the first of them ours; a pipeline with its default and with its best batch size.

    Raises:
        BenchmarkError: if a system fails in a fresh process.
        CheckpointError: if a checkpoint cannot be loaded.
    """
    systems = [variant for system in systems for variant in _with_best_batch(system, data, options)]
    open_systems = [_load_and_score(system, data, options) for system in systems]
    options.log("finding the fastest way to compute the limit's products")
    limits, notes = find_limits(workload.layers, device, clock=options.clock)
    reports = options.reports or len(data.texts)
    work = _TurnWork(reports, data.count_words(reports), workload.tokens / data.words)
    seconds = _time_systems(open_systems, limits, data, work, options)
    with tempfile.TemporaryDirectory() as folder:
        texts = write_texts(data.texts, Path(folder) / "texts")
        cold = measure_cold_starts(systems, texts, len(data.texts), options) if options.cold else {}
        scaled = {
            system.name: measure_scaling(system, data, texts, options) for system in systems if system.kind == "tagger"
        }
    operations = operations_per_token(workload.layers)
    return TaggingBenchmark(
        machine=machine,
        device=device,
        data=data.name,
        reports=len(data.texts),
        words=data.words,
        tokens=workload.tokens,
        reports_a_turn=reports,
        rounds=options.rounds,
        systems=tuple(
            _system_result(opened, seconds, limits, work, cold.get(name), scaled.get(name, ()))
            for opened in open_systems
            for name in [opened.system.name]
        ),
        limits=tuple(
            LimitResult.of(limit, seconds[_limit_name(limit)], operations, work.tokens_a_word) for limit in limits
        ),
        notes=tuple(notes),
    )


def _time_systems(
    open_systems: Sequence[_OpenSystem],
    limits: Sequence[Limit],
    data: Reports,
    work: _TurnWork,
    options: BenchmarkOptions,
) -> dict[str, list[float]]:
    """Return the seconds of each system's and each limit's turn, by round."""
    turns = {opened.system.name: _tagging_turn(opened.tag, data, work.reports) for opened in open_systems}
    turns |= {_limit_name(limit): limit.turn for limit in limits}

    def log_turn(number: int, name: str) -> None:
        options.log(f"round {number} of {options.rounds}: {name}")

    return time_in_rounds(turns, options.rounds, clock=options.clock, pause=options.pause, on_turn=log_turn)


def _with_best_batch(system: System, data: Reports, options: BenchmarkOptions) -> list[System]:
    """Return the system; for a pipeline also one with the best batch size, if that is not the default."""
    if system.kind != "pipeline":
        return [system]
    options.log("trying the pipeline's batch sizes")
    trial = replace(data, documents=data.documents[:_TRIAL_TEXTS])
    variants = {batch: replace(system, batch=batch, name=f"pipeline, batch {batch}") for batch in PIPELINE_BATCHES}
    turns = {
        str(batch): _tagging_turn(variant.open(), trial, len(trial.documents)) for batch, variant in variants.items()
    }
    for turn in turns.values():
        turn()  # the first batches are slower than all others
    seconds = time_in_rounds(turns, _TRIAL_ROUNDS, clock=options.clock, pause=options.pause)
    best = min(PIPELINE_BATCHES, key=lambda batch: median(seconds[str(batch)]))
    default = variants[PIPELINE_BATCHES[0]]
    return [replace(default, name=f"{default.name} (default)"), *([variants[best]] if best != default.batch else [])]


def _tagging_turn(tag: TagTexts, data: Reports, reports: int) -> Turn:
    def turn() -> None:
        tagged = sum(1 for _ in tag(data.repeated(reports)))
        if tagged != reports:
            raise AssertionError(f"{tagged} of {reports} reports were tagged")

    return turn


def _load_and_score(system: System, data: Reports, options: BenchmarkOptions) -> _OpenSystem:
    """Open a system and let it tag every report once, untimed: this warms it up and gives its score."""
    options.log(f"loading and scoring {system.name}")
    tag = system.open()
    found = list(tag(data.texts))
    if system.kind == "spacy":
        found = [_with_our_labels(mentions, data.labels) for mentions in found]
        is_scored = data.labeled and any(found)
    else:
        is_scored = data.labeled
    return _OpenSystem(system, tag, _strict_f1(data, found) if is_scored else None)


def _with_our_labels(mentions: Sequence[FoundMention], labels: Sequence[str]) -> list[FoundMention]:
    """Return spaCy's mentions with the labels of the data; those that have no counterpart there (DATE) are left out."""
    names = [
        label if resolve_label(label, labels) else resolve_label(SPACY_LABELS.get(label, ""), labels)
        for label, _, _ in mentions
    ]
    return [(name, start, end) for name, (_, start, end) in zip(names, mentions, strict=True) if name]


def _strict_f1(data: Reports, found: Sequence[Sequence[FoundMention]]) -> float | None:
    """Return the micro-averaged strict F1; None if the system has other labels.

    A system may know kinds of a label where the reports have only the label itself: then that is scored.
    """
    names = {label: resolve_label(label, data.labels) for mentions in found for label, _, _ in mentions}
    if None in names.values():
        return None
    spans = [sorted({Mention(start, end, names[label] or "") for label, start, end in mentions}) for mentions in found]
    return report.strict_micro(data.documents, spans, data.labels).f1


def _limit_name(limit: Limit) -> str:
    return f"products in {limit.name}"


def _system_result(
    opened: _OpenSystem,
    seconds: Mapping[str, Sequence[float]],
    limits: Sequence[Limit],
    work: _TurnWork,
    cold: ColdStart | None,
    scaled: tuple[ScalingPoint, ...],
) -> SystemResult:
    """Compute a system's rates, and its ratios to the other systems and the limits, from the seconds by round."""
    system = opened.system
    name = system.name
    limit_names = {_limit_name(limit) for limit in limits}
    return SystemResult(
        name=name,
        kind=system.kind,
        batch=system.batch if system.kind == "pipeline" else None,
        words_a_second=rates(work.words, seconds[name]),
        reports_a_second=rates(work.reports, seconds[name]),
        times_as_fast={
            other: times_as_fast(seconds[name], seconds[other])
            for other in seconds
            if other not in {name, *limit_names}
        },
        share={
            limit.name: times_as_fast(
                seconds[name], seconds[_limit_name(limit)], work.words, limit.tokens / work.tokens_a_word
            )
            for limit in limits
        },
        strict_f1=opened.strict_f1,
        disk=system.bytes_on_disk(),
        cold=cold,
        scaled=scaled,
    )
