"""Results of a benchmark, from which tables, Markdown and JSON are made; field names are the keys in JSON.

Words are those of `split_words`; tokens are those of the texts, without special tokens and padding.
Results hold no date, and no paths but those that the user typed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pydantic import BaseModel, ConfigDict

from conflict_ner.benchmark.machine import Machine
from conflict_ner.benchmark.roofline import Limit
from conflict_ner.benchmark.timing import Spread, rates


class _Result(BaseModel):
    model_config = ConfigDict(frozen=True)


class LimitResult(_Result):
    """The speed of the encoder's matrix products alone. how: the function that computes them, and its batches."""

    name: str
    how: str
    tokens_a_second: Spread
    words_a_second: Spread
    operations_a_second: Spread

    @classmethod
    def of(cls, limit: Limit, seconds: Sequence[float], operations: int, tokens_a_word: float) -> LimitResult:
        """Compute the rates from the seconds of the limit's turns; `operations` is the number per token."""
        return cls(
            name=limit.name,
            how=limit.method,
            tokens_a_second=rates(limit.tokens, seconds),
            words_a_second=rates(limit.tokens / tokens_a_word, seconds),
            operations_a_second=rates(limit.tokens * operations, seconds),
        )


class ScalingPoint(_Result):
    """A fresh process that tagged a number of reports from a generator. memory: its peak, in bytes."""

    reports: int
    words_a_second: float
    reports_a_second: float
    memory: int


class ColdStart(_Result):
    """A system in fresh processes.

    first: seconds from the start of a process to the mentions of its first report.
    times_as_fast: the ratio of those seconds to each other system, by name.
    memory: peak of a process that tagged all reports, in bytes.
    gpu_memory: peak that PyTorch reserved on the GPU, in bytes; None without a GPU.
    """

    first: Spread
    times_as_fast: Mapping[str, Spread]
    memory: int
    gpu_memory: int | None


class SystemResult(_Result):
    """The measurements of one system.

    times_as_fast: the ratio of its speed to each other system, by name.
    share: its words per second divided by those of each limit, by the limit's name.
    strict_f1: on the reports; None if they have no labels, or the system has other labels. spaCy's are mapped to ours.
    disk: size of the folder that is loaded, in bytes; libraries do not count.
    """

    name: str
    kind: str
    batch: int | None
    words_a_second: Spread
    reports_a_second: Spread
    times_as_fast: Mapping[str, Spread]
    share: Mapping[str, Spread]
    strict_f1: float | None
    disk: int | None = None
    cold: ColdStart | None = None
    scaled: tuple[ScalingPoint, ...] = ()


class TaggingBenchmark(_Result):
    """The results of one run for tagging."""

    machine: Machine
    device: str
    data: str
    reports: int
    words: int
    tokens: int
    reports_a_turn: int
    rounds: int
    systems: tuple[SystemResult, ...]
    limits: tuple[LimitResult, ...]
    notes: tuple[str, ...]


class TrainingResult(_Result):
    """The measurements of one way to train.

    share: its tokens per second divided by those of each training limit, by the limit's name.
    seconds: of the full trainings, by seed. strict_f1: on the validation reports, by seed.
    """

    name: str
    tokens_a_second: Spread
    times_as_fast: Mapping[str, Spread]
    share: Mapping[str, Spread]
    seconds: tuple[float, ...]
    strict_f1: tuple[float | None, ...]


class TrainingBenchmark(_Result):
    """The results of one run for training."""

    machine: Machine
    device: str
    config: str
    epochs: int
    reports: int
    tokens: int
    rounds: int
    seeds: tuple[int, ...]
    systems: tuple[TrainingResult, ...]
    limits: tuple[LimitResult, ...]
    notes: tuple[str, ...]
