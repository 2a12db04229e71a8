"""Reports from rows with tokens and tags, as data sets of Hugging Face have them, in whatever file they are.

The tags are strings, or numbers whose names the file has (`ClassLabel`) or a person gives. The tokens are found in the
text of the report if a row has it, else joined by single spaces. Instead of tokens and tags a row may have its text
and a list of mentions with start, end and label.

>>> from conflict_ner.data.formats.format import NO_OPTIONS
>>> rows = [{"id": "a", "tokens": ["Rebels", "left"], "ner_tags": [1, 0]}]
>>> data = TaggedRows("a.jsonl", ["id", "tokens", "ner_tags"], {"ner_tags": ("O", "B-ACTOR")},
...                   lambda columns: (Record(row, 1, "a.jsonl:1") for row in rows))
>>> [document.slice(document.mentions[0]) for document in read_rows(data, NO_OPTIONS)]
['Rebels']
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeGuard, TypeVar

from conflict_ner.data.document import Document, is_encodable
from conflict_ner.data.formats.annotation_tools.json_records import Record
from conflict_ner.data.formats.format import ReadOptions
from conflict_ner.data.formats.offsets import OffsetMender, RawMention
from conflict_ner.data.formats.tagged_words.tag_schemes import IOB2, Scheme, TagStatistics, find_scheme, write_tags
from conflict_ner.data.formats.tagged_words.tagged_documents import to_document, to_words
from conflict_ner.data.text_files.compression import strip_compression_suffix
from conflict_ner.errors import DataError, Problem, format_count

_Item = TypeVar("_Item")
# Of columns with one of these names the first one counts.
_TOKEN_COLUMNS = ("tokens", "words", "token", "word")
_TAG_COLUMNS = ("ner_tags", "ner", "tags", "ner_labels", "labels", "bio_tags", "ner_tag", "tag", "label")
_MENTION_COLUMNS = ("mentions", "entities", "spans")
_RESERVED = {"id", "text", "entities"}  # what the metadata of a report is not called
_SHOWN = 12  # columns in a message


@dataclass(frozen=True, slots=True)
class TaggedRows:
    """The rows of a file or a split.

    name: the file's name, for messages and ids.
    columns: the names of the columns.
    names: by column, the names of the numbers in it.
    read: yields the rows, each time from the first one; it takes the columns that are needed, None for all.
    """

    name: str
    columns: Sequence[str]
    names: Mapping[str, tuple[str, ...]]
    read: Callable[[Sequence[str] | None], Iterator[Record | Problem]]


def has_tagged_tokens(record: Any) -> bool:
    """Return whether a JSON value is a row with tokens and as many tags."""
    if not isinstance(record, dict):
        return False
    tokens, tags = (record.get(_first(record, names) or "") for names in (_TOKEN_COLUMNS, _TAG_COLUMNS))
    return isinstance(tokens, list) and isinstance(tags, list) and len(tokens) == len(tags) and _are(tokens, str)


def read_rows(data: TaggedRows, options: ReadOptions) -> Iterator[Document | Problem]:
    """Yield the reports of a data set, and its problems and notes. The rows are read twice: first for their tags.

    Raises:
        ConfigError: if the options name a scheme that does not exist.
    """
    tokens = _first(data.columns, _TOKEN_COLUMNS)
    tags = _first(data.columns, _TAG_COLUMNS) or next((c for c in data.columns if "O" in data.names.get(c, ())), None)
    if tokens and tags:
        yield from _Reader(data, tokens, tags, options).documents()
        return
    mentions = _first(data.columns, _MENTION_COLUMNS)
    if mentions and "text" in data.columns:
        yield from _read_mentions(data, mentions)
        return
    columns = ", ".join(data.columns[:_SHOWN]) + (" ..." if len(data.columns) > _SHOWN else "")
    what = f"no columns of tokens and tags, such as `tokens` and `ner_tags`: it has {columns or 'none'}"
    yield Problem(data.name, what, "rename those that hold them", unreadable=True)


class _Reader:
    """The reports of a data set with tokens and tags."""

    def __init__(self, data: TaggedRows, tokens: str, tags: str, options: ReadOptions) -> None:
        self._data, self._tokens, self._tags = data, tokens, tags
        self._names = options.tag_names or data.names.get(tags)
        self._scheme = find_scheme(options.scheme) if options.scheme else None
        self._notes: Counter[str] = Counter()
        self._left_out: dict[str, None] = {}
        self._stem = Path(strip_compression_suffix(data.name)).stem

    def documents(self) -> Iterator[Document | Problem]:
        statistics = TagStatistics()
        for item in self._data.read([self._tokens, self._tags]):
            if isinstance(item, Record) and not isinstance(parsed := self._parse(item.value), Problem):
                statistics.add(parsed[1], lambda _, where=item.where: where)  # type: ignore[misc] # a default
        scheme = statistics.decide(self._data.name, self._scheme)
        if isinstance(scheme, Problem):
            yield scheme
            return
        is_empty = True
        for item in self._data.read(None):
            is_empty = False
            if isinstance(item, Problem):
                yield item
            else:
                yield from self._document(item, scheme, statistics.normalize)
        if is_empty:
            yield Problem(self._data.name, "no report in this file", "export it again, or name another file")
            return
        notes = [f"{what} in {format_count(count, 'report')}" for what, count in self._notes.items()]
        notes += [f"columns left out: {', '.join(self._left_out)}"] if self._left_out else []
        notes += [note] if not self._scheme and (note := statistics.note(scheme)) else []
        if notes:
            yield Problem(self._data.name, "; ".join(notes), note=True)

    def _parse(self, record: Any) -> tuple[list[str], list[str]] | Problem:
        """Return the tokens and the tags of a row, or a problem without its place."""
        if not isinstance(record, dict):
            return Problem("", "not an object with columns", "write one object a row")
        tokens, values = record.get(self._tokens), record.get(self._tags)
        if not _are(tokens, str) or not (_are(values, str) or _are(values, int)):
            columns = f"{self._tokens!r} and {self._tags!r}"
            return Problem("", f"{columns} are not lists of strings, and of strings or numbers", "correct them")
        if len(tokens) != len(values):
            what = f"{len(tokens):,} tokens and {len(values):,} tags"
            return Problem("", what, "give each token one", kind="other numbers of tokens and tags")
        tags = values if _are(values, str) else self._name_all([each for each in values if isinstance(each, int)])
        if isinstance(tags, Problem):
            return tags
        kept = [at for at, token in enumerate(tokens) if token.strip() or tags[at] != "O"]
        return [tokens[at] for at in kept], [tags[at] for at in kept]

    def _name_all(self, numbers: Sequence[int]) -> list[str] | Problem:
        """Return the names of tags that are numbers."""
        names = self._names
        if names is None:
            fix = "name them in the order of the numbers: --tag-names O,B-ACTOR,I-ACTOR (in a config, data.tag_names)"
            return Problem("", f"the tags in {self._tags!r} are numbers, and the file has no names for them", fix)
        unknown = next((number for number in numbers if not 0 <= number < len(names)), None)
        if unknown is not None:
            what = f"the tag {unknown} has no name: there are {len(names)}, from 0"
            return Problem("", what, "correct it, or name more with --tag-names")
        return [names[number] for number in numbers]

    def _document(self, row: Record, scheme: Scheme, normalize: Callable[[str], str]) -> Iterator[Document | Problem]:
        record, where = row.value, row.where
        parsed = self._parse(record)
        if isinstance(parsed, Problem):
            yield Problem(where, parsed.what, parsed.fix, kind=parsed.kind)
            return
        tokens, tags = parsed
        text = record.get("text")
        text = text if isinstance(text, str) else None
        faults = [
            (at, "an empty token in a mention", "remove it") for at, token in enumerate(tokens) if not token.strip()
        ]
        self._notes["empty tokens removed"] += text is None and len(tokens) < len(record[self._tokens])
        document, problems = to_document(
            self._identity(record, row.number, has_text=text is not None),
            tokens,
            list(map(normalize, tags)),
            lambda _: where,
            scheme,
            metadata=self._metadata(record),
            text=text,
            faults=faults,
        )
        self._notes["tokens joined by spaces, because they are not those of `text`,"] += document.text != (
            text if text is not None else document.text
        )
        self._notes = +self._notes
        yield document
        yield from problems

    def _identity(self, record: dict[str, Any], number: int, *, has_text: bool) -> str:
        identity = record.get("id")
        if not isinstance(identity, str | int) or identity == "":
            return f"{self._stem}:{number}"
        # In data sets of tokens alone an id is mostly the number of the row, and every split has the same ones.
        is_number = isinstance(identity, int) or identity.isdecimal()
        return f"{self._stem}:{identity}" if is_number and not has_text else str(identity)

    def _metadata(self, record: dict[str, Any]) -> dict[str, Any]:
        used = {"id", "text", self._tokens, self._tags}
        length = len(record[self._tokens])
        found = metadata_of(record, used, self._data.names)
        per_token = [key for key, value in found.items() if isinstance(value, list) and len(value) == length]
        self._left_out |= dict.fromkeys(per_token)
        self._left_out |= dict.fromkeys(
            key for key in record if key not in {*used, *found, "metadata"} and record[key] is not None
        )
        return {key: value for key, value in found.items() if key not in per_token}


def metadata_of(record: Mapping[str, Any], used: set[str], names: Mapping[str, tuple[str, ...]]) -> dict[str, Any]:
    """Return the columns of a row that are metadata: all but those used, without null and what JSON cannot hold.

    A column `metadata` with an object, or its JSON, is taken apart.
    """
    metadata: dict[str, Any] = {}
    for key, value in record.items():
        if key in used or value is None or not _is_json(value):
            continue
        if key == "metadata" and isinstance(inner := _load_object(value), dict):
            metadata |= inner
        elif isinstance(value, int) and not isinstance(value, bool) and 0 <= value < len(names.get(key, ())):
            metadata[key] = names[key][value]
        else:
            metadata[f"data_{key}" if key in _RESERVED else key] = value
    return metadata


def _read_mentions(data: TaggedRows, column: str) -> Iterator[Document | Problem]:
    """Yield the reports of rows with a text and a list of mentions."""
    mender = OffsetMender(data.name)
    for item in data.read(None):
        if isinstance(item, Problem):
            yield item
            continue
        record, number, where = item.value, item.number, item.where
        raw = [_raw_mention(each) for each in record.get(column) or []] if isinstance(record, dict) else [None]
        if None in raw or not isinstance(record.get("text"), str):
            yield Problem(
                where, f"no text, or no list of mentions with start, end and label in {column!r}", "correct it"
            )
            continue
        mentions, problems = mender.mentions(record["text"], [each for each in raw if each], where)
        identity = record.get("id")
        yield Document(
            str(identity) if isinstance(identity, str | int) else f"{Path(data.name).stem}:{number}",
            record["text"],
            mentions,
            metadata_of(record, {"id", "text", column}, data.names),
            origin=where,
            is_valid=not problems,
        )
        yield from problems
    yield from mender.notes()


def _raw_mention(value: Any) -> RawMention | None:
    if not isinstance(value, dict) or not _are([value.get("start"), value.get("end")], int):
        return None
    label, surface = value.get("label"), value.get("text")
    return (
        RawMention(value["start"], value["end"], label, surface if isinstance(surface, str) else None)
        if isinstance(label, str)
        else None
    )


def to_row(document: Document, scheme: Scheme = IOB2) -> dict[str, Any]:
    """Return a report as a row: id, text, tokens, tags as strings, and metadata.

    Raises:
        DataError: if it cannot be written so.
    """
    where = document.origin or document.id
    words, spans = to_words(document)
    problems = []
    if not is_encodable(document.text + document.id):
        problems.append(Problem(where, "half of a surrogate pair in the text", "remove it"))
    labels = sorted({mention.label for mention in document.mentions})
    problems += [
        Problem(where, f"the label {label!r} is empty or has a space", "rename it")
        for label in labels
        if not label or any(map(str.isspace, label))
    ]
    tags = list[str]()
    try:
        tags = write_tags(spans, len(words), scheme)
    except ValueError as error:
        problems.append(Problem(where, str(error), "write another scheme"))
    if problems:
        raise DataError(problems)
    return {
        "id": document.id,
        "text": document.text,
        "tokens": words,
        "ner_tags": tags,
        "metadata": dict(document.metadata),
    }


def to_rows(documents: Iterable[Document], scheme: Scheme = IOB2) -> Iterator[dict[str, Any]]:
    """Yield reports as rows, and at the end raise what is wrong with all of them; see `to_row`."""
    problems: list[Problem] = []
    for document in documents:
        try:
            row = to_row(document, scheme)
        except DataError as error:
            problems += error.problems
        else:
            if not problems:
                yield row
    if problems:
        raise DataError(problems)


def _first(columns: Iterable[str], names: Sequence[str]) -> str | None:
    columns = set(columns)
    return next((name for name in names if name in columns), None)


def _are(values: Any, kind: type[_Item]) -> TypeGuard[list[_Item]]:
    return isinstance(values, list) and all(isinstance(each, kind) and not isinstance(each, bool) for each in values)


def _is_json(value: Any) -> bool:
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError):
        return False
    return True


def _load_object(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value
