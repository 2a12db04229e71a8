"""JSON with `tokens` and `ner_tags`, as data sets of Hugging Face have them: a row in each line, or an array of rows.

Tags are strings, or numbers whose names a person gives (`--tag-names`). Written are lines, with strings.

>>> from tempfile import TemporaryDirectory
>>> file = Path(TemporaryDirectory().name).with_suffix(".jsonl")
>>> _ = file.write_text('{"id": "a", "tokens": ["Rebels", "left"], "ner_tags": ["B-ACTOR", "O"]}')
>>> [(document.id, document.text) for document in read(file, ReadOptions())]
[('a', 'Rebels left')]
>>> file.unlink()
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path

from conflict_ner.data.document import Document
from conflict_ner.data.formats.annotation_tools.json_records import Record, write_lines
from conflict_ner.data.formats.format import EVERYTHING, Feature, Format, ReadOptions, Sample
from conflict_ner.data.formats.tagged_words.json_rows import read_values, unwrap
from conflict_ner.data.formats.tagged_words.tag_schemes import IOB2, Scheme, find_scheme
from conflict_ner.data.formats.tagged_words.tagged_rows import (
    TaggedRows,
    has_tagged_tokens,
    read_rows,
    to_rows,
)
from conflict_ner.data.text_files.file_search import printable
from conflict_ner.errors import Problem

_MIN_SHARE = 0.5  # of the records at the beginning of a file


def read(file: Path, options: ReadOptions) -> Iterator[Document | Problem]:
    """Yield the reports of a file line by line, or of its array."""
    stored = None if file.is_file() else list(read_values(file))  # a pipe is read only once

    def rows(_: Sequence[str] | None) -> Iterator[Record | Problem]:
        yield from read_values(file) if stored is None else stored

    first = next((item.value for item in rows(None) if isinstance(item, Record) and isinstance(item.value, dict)), {})
    yield from read_rows(TaggedRows(printable(file), list(first), {}, rows), options)


def write(documents: Iterable[Document], file: Path, scheme: Scheme = IOB2) -> None:
    """Write reports as lines of JSON with id, text, tokens, ner_tags and, if there are any, metadata.

    Raises:
        DataError: with all reports that cannot be written so.
    """
    rows = ({key: value for key, value in row.items() if value != {}} for row in to_rows(documents, scheme))
    write_lines(rows, file)


def writer(scheme: str) -> Callable[[Iterable[Document], Path], None]:
    """Return `write` for a scheme other than IOB2.

    Raises:
        ConfigError: if there is no such scheme.
    """
    return partial(write, scheme=find_scheme(scheme, "--to-scheme"))


def _detect(sample: Sample) -> str | None:
    records = unwrap(sample.records)
    rows = sum(map(has_tagged_tokens, records))
    return "records with `tokens` and `ner_tags`" if rows and rows >= _MIN_SHARE * len(records) else None


FORMAT = Format(
    name="tagged-json",
    title="JSON with tokens and tags",
    suffixes=(".jsonl", ".json"),
    detect=_detect,
    read=read,
    write=write,
    write_scheme=writer,
    carries=EVERYTHING - {Feature.NESTED},
    options=frozenset({"scheme", "tag_names"}),
)
