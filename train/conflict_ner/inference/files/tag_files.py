"""Tags files: each text of `sources` with what was found in it, in order.

>>> from types import SimpleNamespace
>>> finds_goma = SimpleNamespace(stream=lambda texts: ([Entity("LOCATION", "Goma", 0, 4, 0.9)] for _ in texts))
>>> [tagged] = tag_sources(finds_goma, [Source("r1", "Goma fell.", {"year": 2012})])
>>> tagged.to_record()["year"], tagged.to_record()["entities"][0]["label"]
(2012, 'LOCATION')
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TextIO

from conflict_ner.data.document import Entity
from conflict_ner.errors import ConfigError, Problem
from conflict_ner.inference.files.resumable_job import Job, JobCounts
from conflict_ner.inference.files.sinks import Table, line, rows_of
from conflict_ner.inference.files.sources import TEXT_COLUMNS, Form, Source, read_sources
from conflict_ner.inference.files.table_readers import Columns


class StreamTagger(Protocol):
    """What this module asks of a `Tagger`."""

    def stream(self, texts: Iterable[str]) -> Iterator[list[Entity]]:
        """The entities of each text, in order."""
        ...


@dataclass(frozen=True, slots=True)
class Tagged:
    """A text and what was found in it.

    starts_chunk: whether the tagger read on just before it answered this one. What it answers from here on
        was computed apart from what it answered before, so an interrupted job can begin again here
        and have the same batches, and so the same scores, as an undisturbed one.
    """

    source: Source
    entities: Sequence[Entity]
    starts_chunk: bool = field(default=False, compare=False)

    def to_record(self) -> dict[str, Any]:
        """The row of JSONL output: id, metadata, text and entities."""
        entities = [
            {"label": e.label, "text": e.text, "start": e.start, "end": e.end, "score": round(e.score, 4)}
            for e in self.entities
        ]
        return {"id": self.source.id, **self.source.metadata, "text": self.source.text, "entities": entities}


def tag_files(
    tagger: StreamTagger,
    paths: Iterable[Path],
    complain: Callable[[Problem], None],
    stdin_form: Form = "txt",
    columns: Columns = TEXT_COLUMNS,
) -> Iterator[Tagged]:
    """Tag all texts of files, folders and standard input (`-`), in order, as they are read.

    Args:
        complain: called with each thing that cannot be read; reading goes on after it.
        stdin_form: what standard input holds; nothing is guessed from its content.
        columns: where text and id stand in JSONL, CSV and Parquet.
    """
    return tag_sources(tagger, read_sources(paths, complain, stdin_form, columns))


def tag_into(
    job: Job, tagger: StreamTagger, sources: Iterator[Source], watch: Callable[[JobCounts, int], None]
) -> Iterator[Tagged]:
    """Tag what a job has not done yet, each report in its output before it is given.

    Args:
        sources: all of the job's, from the first one.
        watch: told of each report what is done in all, and its position in the inputs.

    Raises:
        ConfigError: if there are fewer texts than the job has done.
        JobError: if the disk is full or fails.
    """
    for done in range(job.counts.reports):
        if next(sources, None) is None:
            said = f"hold {done} reports, and {job.counts.reports} of them had been tagged"
            raise ConfigError("--resume", [Problem("the inputs", said, "give those of the interrupted job")])
    for tagged in tag_sources(tagger, sources):
        if tagged.starts_chunk:
            job.save_if_due()
        job.add(line(tagged.to_record()), len(tagged.entities), len(tagged.source.text.split()))
        watch(job.counts, tagged.source.position)
        yield tagged


def count_results(
    results: Iterable[Tagged], counts: JobCounts, watch: Callable[[JobCounts, int], None]
) -> Iterator[Tagged]:
    """The same results; `counts` grows with each, and `watch` is told, as in `tag_into`."""
    for tagged in results:
        counts.add(len(tagged.entities), len(tagged.source.text.split()))
        watch(counts, tagged.source.position)
        yield tagged


def write_results(results: Iterable[Tagged], table: Table, stream: TextIO) -> Iterator[Tagged]:
    """The same results, each written as JSONL when it is asked for."""
    for tagged in results:
        stream.writelines(map(line, rows_of(tagged.to_record(), table)))
        yield tagged


def tag_sources(tagger: StreamTagger, sources: Iterable[Source]) -> Iterator[Tagged]:
    """Tag texts, in order; kept in memory are those that the tagger has read and not answered."""
    waiting: deque[Source] = deque()
    read = 0

    def texts() -> Iterator[str]:
        nonlocal read
        for source in sources:
            waiting.append(source)
            read += 1
            yield source.text

    before = 0
    for entities in tagger.stream(texts()):
        source = waiting.popleft()
        # A result beside another row's text would be worse than none.
        if any(source.text[e.start : e.end] != e.text for e in entities):
            raise AssertionError(f"{source.id}: entities of another text")
        yield Tagged(source, entities, starts_chunk=read > before)
        before = read
    if waiting:
        raise AssertionError("texts without an answer")
