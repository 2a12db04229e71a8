"""Tags the reports of files, in order, and writes each with its entities.

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
from conflict_ner.inference.files.layouts import REPORTS, Layout
from conflict_ner.inference.files.resumable_job import Job, JobCounts
from conflict_ner.inference.files.sinks import line
from conflict_ner.inference.files.sources import TEXT_COLUMNS, Form, Source, read_sources
from conflict_ner.inference.files.table_readers import Columns


class StreamTagger(Protocol):
    """The part of a `Tagger` that this module uses."""

    def stream(self, texts: Iterable[str]) -> Iterator[list[Entity]]:
        """Yield the entities of each text, in order."""
        ...


@dataclass(frozen=True, slots=True)
class Tagged:
    """A report and its entities.

    starts_chunk: whether the tagger read further texts just before it tagged this one. It computed this text and
        those after it in other batches than those before, so an interrupted job that resumes here has
        the same batches, and therefore the same scores, as an undisturbed one.
    """

    source: Source
    entities: Sequence[Entity]
    starts_chunk: bool = field(default=False, compare=False)

    def to_record(self, layout: Layout = REPORTS) -> dict[str, Any]:
        """Return the row of JSONL output: id, metadata, text and entities, with the columns of the layout."""
        entities = [layout.entity_row(entity) for entity in self.entities]
        return {"id": self.source.id, **self.source.metadata, "text": self.source.text, "entities": entities}


def tag_files(
    tagger: StreamTagger,
    paths: Iterable[Path],
    complain: Callable[[Problem], None],
    stdin_form: Form = "txt",
    columns: Columns = TEXT_COLUMNS,
) -> Iterator[Tagged]:
    """Tag all reports of files, folders and standard input (`-`), in order, as they are read.

    Args:
        complain: called with a problem for each file or row that cannot be read; the others are tagged.
        stdin_form: the form of standard input; it is never guessed.
        columns: the columns of text and id in JSONL, CSV and Parquet.
    """
    return tag_sources(tagger, read_sources(paths, complain, stdin_form, columns))


def tag_into(
    job: Job,
    tagger: StreamTagger,
    sources: Iterator[Source],
    watch: Callable[[JobCounts, int], None],
    layout: Layout = REPORTS,
) -> Iterator[Tagged]:
    """Tag the reports that a job has not tagged yet; each is written to the job's output before it is yielded.

    Args:
        sources: all reports of the job, from the first one.
        watch: called after each report with the counts of the whole job and the report's position in the inputs.
        layout: says what is written of an entity.

    Raises:
        ConfigError: if there are fewer reports than the job has tagged.
        JobError: if the disk is full or fails.
    """
    for count in range(job.counts.reports):
        if next(sources, None) is None:
            what = f"hold {count} reports, and {job.counts.reports} of them had been tagged"
            raise ConfigError("--resume", [Problem("the inputs", what, "give those of the interrupted job")])
    for tagged in tag_sources(tagger, sources):
        if tagged.starts_chunk:
            job.save_if_due()
        job.add(line(tagged.to_record(layout)), len(tagged.entities), len(tagged.source.text.split()))
        watch(job.counts, tagged.source.position)
        yield tagged


def count_results(
    results: Iterable[Tagged], counts: JobCounts, watch: Callable[[JobCounts, int], None]
) -> Iterator[Tagged]:
    """Yield the same results; each is added to `counts`, and `watch` is called as in `tag_into`."""
    for tagged in results:
        counts.add(len(tagged.entities), len(tagged.source.text.split()))
        watch(counts, tagged.source.position)
        yield tagged


def write_results(results: Iterable[Tagged], layout: Layout, stream: TextIO) -> Iterator[Tagged]:
    """Yield the same results; the rows of each are written as JSONL before it is yielded."""
    for tagged in results:
        stream.writelines(map(line, layout.rows(tagged.to_record(layout))))
        yield tagged


def tag_sources(tagger: StreamTagger, sources: Iterable[Source]) -> Iterator[Tagged]:
    """Tag reports, in order; only those that the tagger has read and not tagged yet are in memory."""
    waiting: deque[Source] = deque()
    read_count = 0

    def texts() -> Iterator[str]:
        nonlocal read_count
        for source in sources:
            waiting.append(source)
            read_count += 1
            yield source.text

    previous_count = 0
    for entities in tagger.stream(texts()):
        source = waiting.popleft()
        # The entities of another report's text would be worse than none.
        if any(source.text[e.start : e.end] != e.text for e in entities):
            raise AssertionError(f"{source.id}: entities of another text")
        yield Tagged(source, entities, starts_chunk=read_count > previous_count)
        previous_count = read_count
    if waiting:
        raise AssertionError("texts without an answer")
