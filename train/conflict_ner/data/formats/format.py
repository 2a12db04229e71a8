"""The protocol of a file format of labeled reports: how it is recognized, read and written, and what it can carry.

A format is one module with one `Format`, which `registry` lists. Readers yield documents as they come, and a `Problem`
wherever something cannot be read, so that memory does not grow with the file and all problems are known at the end.
Writers get any iterable of documents.

>>> sample = Sample("export.json", b'[{"id": 1, "data": {"text": "Rebels left."}, "annota')
>>> sample.records[0]["data"]
{'text': 'Rebels left.'}
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from enum import Enum
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from conflict_ner.data.document import Document, Entity
from conflict_ner.data.text_files.encodings import detect_encoding
from conflict_ner.data.text_files.file_search import printable
from conflict_ner.data.text_files.reading import read_text
from conflict_ner.errors import Problem

if TYPE_CHECKING:
    from conflict_ner.config import ColumnsConfig, DataConfig

NOT_IN_XML = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")  # control characters
_MAX_RECORDS = 50  # of a sample that are parsed
_JSON_ENDS = ("", '"', "null", ":null", '":null')  # what may be missing where a JSON text is cut off
_BRACKETS = {"{": "}", "[": "]"}


class Feature(Enum):
    """What a report may have and a format may not be able to carry; the value names it in a message."""

    IDS = "the ids of the reports"
    METADATA = "the metadata of reports"
    NESTED = "mentions inside or across other mentions"
    INSIDE_TOKENS = "mentions that begin or end inside a word"
    WHITESPACE = "the exact white space between words"
    CARRIAGE_RETURNS = "carriage returns"
    CONTROL_CHARACTERS = "control characters"


EVERYTHING = frozenset(Feature)


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """The choices that a reader needs where a file leaves one open. Each format's `options` names those it has.

    columns: the columns of words and tags in CoNLL files; None: they are detected.
    annotator: whose annotations to read where several people labeled a report; None: an error where they differ.
    predictions: read the predictions of a model instead of the annotations.
    skipped: also read reports that annotators skipped, cancelled or rejected.
    hull: read a mention of several parts as one from the first to the last; otherwise it is an error.
    layer: the layer whose annotations are the mentions, or `LAYER.FEATURE`, in a project that has several.
    keep_scores: keep the scores of predictions as metadata of their report; otherwise they are left out.
    trim: leave white space and punctuation at the edges of mentions outside. Every format follows it.
    scheme: the scheme of the tags of words, such as BIOES; None: the tags decide it.
    tag_names: the names of tags that are numbers, from 0; None: the file has them.
    """

    columns: ColumnsConfig | None = None
    annotator: str | None = None
    predictions: bool = False
    skipped: bool = False
    hull: bool = False
    layer: str | None = None
    keep_scores: bool = False
    trim: bool = False
    scheme: str | None = None
    tag_names: tuple[str, ...] | None = None

    @classmethod
    def of(cls, settings: DataConfig) -> ReadOptions:
        """Return the options that the section `data` of a config has."""
        return cls(**{each.name: getattr(settings, each.name) for each in fields(cls) if hasattr(settings, each.name)})

    def updated(self, others: ReadOptions) -> ReadOptions:
        """Return these options with those that others choose."""
        return replace(self, **{name: getattr(others, name) for name in others.chosen()})

    def chosen(self) -> frozenset[str]:
        """Return the names of the options that are not as by default."""
        return frozenset(each.name for each in fields(self) if getattr(self, each.name) != each.default)


NO_OPTIONS = ReadOptions()


@dataclass(frozen=True, slots=True)
class MendedOffsets(Problem):
    """The note of a reader on the mentions whose offsets it has mended by their texts; `count` is their number."""

    count: int = field(default=0, kw_only=True)


@dataclass(frozen=True, slots=True)
class TrimmedEdges(Problem):
    """The note that edges of mentions were trimmed; `count` is the number of mentions."""

    count: int = field(default=0, kw_only=True)


@dataclass(frozen=True, slots=True)
class PredictedDocument:
    """A report as a model has labeled it, to be imported by an annotation tool."""

    id: str
    text: str
    entities: tuple[Entity, ...] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Sample:
    """The beginning of a file, by which its format is recognized.

    name: the file's name without the suffix of a compression, or the folder's name.
    raw: the first bytes, decompressed; empty for a folder.
    entries: the names in a folder or a `.zip`.
    beside: for a file with an ending of mostly other files, the endings of labeled files of the same name beside it.
    """

    name: str
    raw: bytes = b""
    entries: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()

    @cached_property
    def suffix(self) -> str:
        """The ending of the name in lower case, with its dot."""
        return Path(self.name).suffix.lower()

    @cached_property
    def text(self) -> str:
        """The first bytes as text, however they are encoded; empty if they are not text."""
        encoding = detect_encoding(self.raw[:4], None)
        if encoding == "utf-8" and b"\0" in self.raw:
            return ""
        return self.raw.decode(encoding, "replace").removeprefix("\ufeff")

    @cached_property
    def lines(self) -> list[str]:
        """The lines of the text that are not blank; the last one may be cut off."""
        return [line for line in self.text.splitlines() if line.strip()]

    @cached_property
    def is_json_lines(self) -> bool:
        """Whether the file has one JSON value in each line, as far as can be seen."""
        return bool(self.lines) and (len(self.lines) > 1 or self.lines[0][0] == "{") and bool(_load(self.lines[0]))

    @cached_property
    def records(self) -> list[Any]:
        """The first JSON values of a file: of its lines, or in its array; empty if it is not JSON.

        An object that is not followed by another is the only record. Where the first one is cut off, as much as there
        is of it is the record.
        """
        text = self.text.strip()
        if text[:1] not in _BRACKETS:
            return []
        if self.is_json_lines:
            loaded = [_load(line) for line in self.lines[:_MAX_RECORDS]]
            return [value for value in loaded if value is not None]
        if text.startswith("["):
            return list(_array_items(text))
        value = _load(text) or _load_truncated(text)
        return [] if value is None else [value]


def _load(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _array_items(text: str) -> Iterator[Any]:
    """Yield the first values of an array whose end may be missing."""
    decoder, at = json.JSONDecoder(), 1
    for number in range(_MAX_RECORDS):
        while at < len(text) and text[at] in " \t\r\n,":
            at += 1
        if at >= len(text) or text[at] == "]":
            return
        try:
            value, at = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            value = _load_truncated(text[at:])
            if number == 0 and value is not None:
                yield value
            return
        yield value


def _load_truncated(text: str) -> Any:
    """Parse the beginning of a JSON value, closing what is open where it is cut off; None if it is not JSON."""
    closing, in_string, escaped = list[str](), False, False
    for char in text:
        if escaped:
            escaped = False
        elif in_string:
            escaped, in_string = char == "\\", char != '"'
        elif char == '"':
            in_string = True
        elif char in _BRACKETS:
            closing.append(_BRACKETS[char])
        elif char in "}]" and closing:
            closing.pop()
    body = text.rstrip("\\") if escaped else text
    body = body if in_string else body.rstrip(" \t\r\n,")
    ends = (body + end + "".join(reversed(closing)) for end in _JSON_ENDS)
    return next((value for each in ends if (value := _load(each)) is not None), None)


Read = Callable[[Path, ReadOptions], Iterator[Document | Problem]]
ReadAnnotators = Callable[[Path, ReadOptions], Iterator[tuple[str, Document] | Problem]]


@dataclass(frozen=True, slots=True)
class Format:
    """One file format of labeled reports.

    name: what `--from` and `--to` take, such as `label-studio`.
    title: what people call it, such as `Label Studio JSON`.
    suffixes: the endings of its files, in lower case with their dot; an ending may belong to several formats.
    read: yields the documents of a file, and a `Problem` for all that cannot be read; it raises for no content.
    write: writes documents to a new file (or folder) that the caller puts in its place once it is complete. It raises
        `DataError` with all problems for documents that the format cannot hold at all.
    detect: returns why a sample is in this format, as a phrase such as "lines with `label` lists of [start, end,
        label]"; None if it is not. Only by its content: the ending has been looked at.
    default_for: the endings that mean this format unless another one recognizes the content.
    carries: what survives writing and reading again. Mentions that it cannot carry are removed before `write`; that
        texts, ids or metadata are lost is the writer's doing.
    options: the names of the `ReadOptions` that its reader follows.
    write_predictions: writes predictions in the form that the tool imports, with scores and this model's name.
    write_scheme: returns `write` for another scheme of tags than it has by itself.
    project_files: returns the configuration of a project by file name, from its labels.
    read_annotators: yields the documents as each annotator labeled them, with her name, and problems.
    is_folder: it is written as a folder.
    """

    name: str
    title: str
    suffixes: tuple[str, ...]
    read: Read
    write: Callable[[Iterable[Document], Path], None] | None = None
    detect: Callable[[Sample], str | None] = lambda _: None
    default_for: tuple[str, ...] = ()
    carries: frozenset[Feature] = EVERYTHING
    options: frozenset[str] = frozenset()
    write_predictions: Callable[[Iterable[PredictedDocument], Path, str], None] | None = None
    write_scheme: Callable[[str], Callable[[Iterable[Document], Path], None]] | None = None
    project_files: Callable[[Sequence[str]], dict[str, str]] | None = None
    read_annotators: ReadAnnotators | None = None
    is_folder: bool = False


def reader_of_text(parse: Callable[[str, str, ReadOptions], tuple[list[Document], list[Problem]]]) -> Read:
    """Return a format's reader that parses the text of a whole file.

    Args:
        parse: takes the text, the file's name for messages, and the options.
    """

    def read(file: Path, options: ReadOptions) -> Iterator[Document | Problem]:
        text, problems = read_text(file)
        if text is None:
            yield from problems
            return
        documents, problems = parse(text, printable(file), options)
        yield from documents
        yield from problems

    return read
