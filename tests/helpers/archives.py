"""What tests of archives share: files to read, and a tagger that needs no model."""

from __future__ import annotations

import io
import re
import sys
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from types import SimpleNamespace

import pyarrow as pa
import pytest
from conflict_ner.data.document import Entity
from conflict_ner.errors import Problem
from conflict_ner.inference.files.layouts import Layout, Table
from conflict_ner.inference.files.resumable_job import facts_of, job
from conflict_ner.inference.files.sinks import output_form, writer
from conflict_ner.inference.files.sources import read_sources
from conflict_ner.inference.files.tag_files import StreamTagger, tag_into


def write(file: Path, content: str | bytes) -> Path:
    """A file with its folder."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return file


def standard_input(monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    """Let a test read this from standard input."""
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(content)))


def zstd(content: bytes) -> bytes:
    """Packed as `.zst`."""
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(content)
    return bytes(sink.getvalue())


class CapitalTagger:
    """Finds words with a capital. As the real one it reads a chunk ahead and answers chunks.

    Scores are of the whole chunk, so another division into chunks gives other scores.
    """

    def __init__(self, chunk: int = 7, seconds: float = 0.0) -> None:
        self.chunk, self.seconds = chunk, seconds

    def stream(self, texts: Iterable[str]) -> Iterator[list[Entity]]:
        rest = iter(texts)
        chunk = list(islice(rest, self.chunk))
        while chunk:
            following = list(islice(rest, self.chunk))
            score = 1 / (2 + sum(map(len, chunk)) % 997)
            for text in chunk:
                time.sleep(self.seconds)
                words = re.finditer(r"[A-Z]\w*", text)
                yield [Entity("LOCATION", word[0], word.start(), word.end(), score) for word in words]
            chunk = following


def tag_archive(
    tagger: StreamTagger,
    inputs: Sequence[Path],
    output: Path,
    *,
    resume: bool = False,
    stop: int | None = None,
    table: Table | None = None,
) -> list[Problem]:
    """Tag as the command does, mentions into tables; `stop`: be interrupted after as many reports."""
    problems: list[Problem] = []
    form = output_form(output.name)
    assert form
    table = table or ("reports" if form == "jsonl" else "mentions")
    with job(output, facts_of(inputs, rows=table), resume=resume, every=0.0) as made:
        results = tag_into(made, tagger, read_sources(inputs, problems.append), lambda counts, position: None)
        deque(islice(results, stop), 0)
        if stop is not None:
            raise KeyboardInterrupt
        made.finish(writer(form, Layout(table)))
    return problems
