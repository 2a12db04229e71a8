"""What a benchmark found: one object that the table, Markdown and JSON are all made from.

Words are those of `words.split_words`; tokens are the texts' own, without special ones and padding.
No date and no path of the machine is in it but the names that the user gave.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pydantic import BaseModel, ConfigDict

from conflict_ner.benchmark.machine import Machine
from conflict_ner.benchmark.roofline import Limit
from conflict_ner.benchmark.timing import Spread, rates


class _Result(BaseModel):
    model_config = ConfigDict(frozen=True)


class Limited(_Result):
    """What the encoder's products alone reach. how: by which function, in which batches."""

    name: str
    how: str
    tokens_a_second: Spread
    words_a_second: Spread
    operations_a_second: Spread

    @classmethod
    def of(cls, limit: Limit, seconds: Sequence[float], operations: int, tokens_a_word: float) -> Limited:
        """From the seconds of its turns; `operations` a token."""
        return cls(
            name=limit.name,
            how=limit.how,
            tokens_a_second=rates(limit.tokens, seconds),
            words_a_second=rates(limit.tokens / tokens_a_word, seconds),
            operations_a_second=rates(limit.tokens * operations, seconds),
        )


class Scaled(_Result):
    """One fresh process over so many reports from a generator. memory: its peak, in bytes."""

    reports: int
    words_a_second: float
    reports_a_second: float
    memory: int


class Cold(_Result):
    """Fresh processes. first: seconds from the start of one to its first report's mentions.

    times_as_fast: to that report, against others by name.
    memory: bytes, the peak of one that tagged all reports; gpu_memory: what PyTorch held on the GPU.
    """

    first: Spread
    times_as_fast: Mapping[str, Spread]
    memory: int
    gpu_memory: int | None


class SystemResult(_Result):
    """How one of them did.

    times_as_fast: against others by name. share: of each limit's words a second, by its name.
    strict_f1: on the reports, each once; None where they have no labels, or the system has its own.
    """

    name: str
    kind: str
    batch: int | None
    words_a_second: Spread
    reports_a_second: Spread
    times_as_fast: Mapping[str, Spread]
    share: Mapping[str, Spread]
    strict_f1: float | None
    cold: Cold | None = None
    scaled: tuple[Scaled, ...] = ()


class Benchmark(_Result):
    """One run's figures for tagging."""

    machine: Machine
    device: str
    data: str
    reports: int
    words: int
    tokens: int
    reports_a_turn: int
    rounds: int
    systems: tuple[SystemResult, ...]
    limits: tuple[Limited, ...]
    notes: tuple[str, ...]


class Trained(_Result):
    """One way to train. strict_f1: on validation, by seed; share: of each training limit, by its name."""

    name: str
    tokens_a_second: Spread
    times_as_fast: Mapping[str, Spread]
    share: Mapping[str, Spread]
    seconds: tuple[float, ...]  # of whole trainings, by seed
    strict_f1: tuple[float | None, ...]


class TrainingBenchmark(_Result):
    """One run's figures for training."""

    machine: Machine
    device: str
    config: str
    epochs: int
    reports: int
    tokens: int
    rounds: int
    seeds: tuple[int, ...]
    systems: tuple[Trained, ...]
    limits: tuple[Limited, ...]
    notes: tuple[str, ...]
