"""Parser and writer of JSONL: one JSON object per line, mentions as character offsets; also as `tag` writes it.

`{"id": ..., "text": ..., "entities": [{"start": 0, "end": 6, "label": "ACTOR"}], ...}`;
any further keys are metadata. An entity may also have `text`, which must equal the
characters at its offsets: a simple proof that offsets were counted in code points.

Where entities have scores, `tag` has written the file, and a person may have corrected it. It is read as labels, and
a note says that a model has made them. The scores are left out, or become metadata on request.

>>> line = '{"id": "a", "text": "Rebels left.", "entities": [{"start": 0, "end": 6, "label": "ACTOR"}]}'
>>> documents, problems = parse(line, "demo.jsonl")
>>> dump(documents) == line + chr(10), problems
(True, [])
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from conflict_ner.data.document import SURROGATE, Document, Mention
from conflict_ner.data.formats import unsupported
from conflict_ner.data.formats.format import NO_OPTIONS, Format, ReadOptions, Sample
from conflict_ner.data.text_files import strict_json
from conflict_ner.data.text_files.file_search import printable
from conflict_ner.data.text_files.reading import read_lines, read_text
from conflict_ner.errors import Problem, format_count

_ENTITY_KEYS = {"start", "end", "label"}
_OF_TAG = {"score", "source", "value", "low", "high", "approximate", "unit", "kind"}  # of entities, not of labels
_SCORES = "scores"  # the metadata that holds them on request


@dataclass(slots=True)
class _Tagged:
    """What is known of a file that `tag` has written: whether scores are wanted, and how many there are."""

    keep_scores: bool = False
    mentions: int = 0
    reports: int = 0

    def note(self, file: str) -> Iterator[Problem]:
        """Yield a note that a model has labeled the file."""
        if self.mentions:
            where = f"{format_count(self.mentions, 'mention')} in {format_count(self.reports, 'report')}"
            kept = f"kept as the metadata {_SCORES!r}" if self.keep_scores else "left out"
            what = f"the scores of {where} are {kept}: a model has found these mentions"
            yield Problem(file, what, "they count as gold only if you have corrected them by reading", note=True)


def parse(source: str, file: str, options: ReadOptions = NO_OPTIONS) -> tuple[list[Document], list[Problem]]:
    """Parse a file's text; return the documents that could be read and all problems and notes.

    A file in the format of another annotation tool is reported as one problem.
    """
    items = list(_parse_lines(source.split("\n"), file, None))
    if any(isinstance(item, Problem) for item in items):
        if unsupported.is_tag_output(source):
            items = list(_parse_lines(source.split("\n"), file, _Tagged(options.keep_scores)))
        elif other_format := unsupported.detect_other_format(source, file):
            items = [other_format]
    documents = [item for item in items if isinstance(item, Document)]
    return documents, [item for item in items if isinstance(item, Problem)]


def read(file: Path, options: ReadOptions) -> Iterator[Document | Problem]:
    """Yield the documents of a file line by line, and its problems.

    As in `parse`, a file in the format of another tool is one problem; documents may have come before it.
    """
    if not file.is_file():  # a pipe, which can be read only once
        text, problems = read_text(file)
        documents, problems = ([], problems) if text is None else parse(text, printable(file), options)
        yield from documents
        yield from problems
        return
    is_ours, count = False, 0
    for item in _parse_lines(read_lines(file), printable(file), None):
        if isinstance(item, Problem) and not item.unreadable and not is_ours:
            text = read_text(file)[0] or ""
            if unsupported.is_tag_output(text):  # reports without entities came first
                yield from islice(read_tagged(file, options), count, None)
                return
            if other_format := unsupported.detect_other_format(text, printable(file)):
                yield other_format
                return
            is_ours = True
        count += isinstance(item, Document)
        yield item


def read_tagged(file: Path, options: ReadOptions) -> Iterator[Document | Problem]:
    """Yield the documents of a file that `tag` has written, its problems, and a note on its scores."""
    yield from _parse_lines(read_lines(file), printable(file), _Tagged(options.keep_scores))


def _parse_lines(lines: Iterable[str | Problem], file: str, tagged: _Tagged | None) -> Iterator[Document | Problem]:
    """Yield what the lines of a file hold: documents, problems, and at the end a note on scores."""
    is_empty = True
    for number, line in enumerate(lines, start=1):
        if isinstance(line, Problem):
            yield line
        elif line.strip():
            yield from _parse_line(line, f"{file}:{number}", tagged)
        else:
            continue
        is_empty = False
    if is_empty:
        yield Problem(file, "no report in this file", "write one object per line")
    yield from tagged.note(file) if tagged else ()


def _parse_line(line: str, position: str, tagged: _Tagged | None) -> Iterator[Document | Problem]:
    try:
        record = strict_json.loads(line)
    except json.JSONDecodeError as error:
        fault = f"not JSON: {error.msg}"
        yield Problem(f"{position}:{error.colno}", fault, "write one object per line", kind="not JSON")
    except ValueError as error:
        yield Problem(position, str(error), "use only values that JSON allows, and each key once")
    else:
        problems: list[Problem] = []
        document = _parse_record(record, position, problems, tagged)
        if document:
            yield document
        yield from problems


def dump(documents: Iterable[Document]) -> str:
    """Return documents in this format, one per line; `parse` returns them unchanged.

    Raises:
        ValueError: if metadata has NaN or infinity.
    """
    return "".join(map(_dump_line, documents))


def write(documents: Iterable[Document], file: Path) -> None:
    """Write documents to a file, one per line; raises as `dump`."""
    with file.open("w", encoding="utf-8", newline="\n") as stream:
        stream.writelines(map(_dump_line, documents))


def _dump_line(document: Document) -> str:
    line = json.dumps(to_record(document), ensure_ascii=False, allow_nan=False) + "\n"
    return SURROGATE.sub(lambda match: f"\\u{ord(match[0]):04x}", line)


def to_record(document: Document) -> dict[str, Any]:
    """Return a document as the JSON object of this format."""
    entities = [{"start": m.start, "end": m.end, "label": m.label} for m in document.mentions]
    return {"id": document.id, "text": document.text, "entities": entities, **document.metadata}


def _parse_record(record: Any, position: str, problems: list[Problem], tagged: _Tagged | None) -> Document | None:
    if not isinstance(record, dict):
        problems.append(Problem(position, "not a JSON object", 'write {"id": ..., "text": ..., "entities": [...]}'))
        return None
    before = len(problems)
    if tagged and type(record.get("id")) in (int, float):  # as in the table that was tagged
        record["id"] = json.dumps(record["id"])
    for key, kind in (("id", str), ("text", str), ("entities", list)):
        if not isinstance(record.get(key), kind):
            fault = "is missing" if key not in record else f"is not a {'list' if kind is list else 'string'}"
            problems.append(
                Problem(position, f"{key!r} {fault}", f'add "{key}"' if key not in record else "correct it")
            )
    if len(problems) > before:
        return None
    allowed = _ENTITY_KEYS | {"text"} | (_OF_TAG if tagged else set())
    parsed = [
        (_parse_entity(entity, record["text"], position, problems, allowed), entity) for entity in record["entities"]
    ]
    found = sorted((mention, entity) for mention, entity in parsed if mention)
    metadata = {key: value for key, value in record.items() if key not in ("id", "text", "entities")}
    if tagged:
        _count_scores(tagged, [entity.get("score") for _, entity in found], metadata)
    return Document(
        id=record["id"],
        text=record["text"],
        mentions=tuple(mention for mention, _ in found),
        metadata=metadata,
        origin=position,
        is_valid=len(problems) == before,
    )


def _count_scores(tagged: _Tagged, scores: list[Any], metadata: dict[str, Any]) -> None:
    """Count the scores of a report, and add them to its metadata if they are wanted; None where a mention has none."""
    count = sum(score is not None for score in scores)
    tagged.mentions += count
    tagged.reports += bool(count)
    if count and tagged.keep_scores:
        name = _SCORES
        while name in metadata:
            name += "_"
        metadata[name] = scores


def _parse_entity(entity: Any, text: str, position: str, problems: list[Problem], allowed: set[str]) -> Mention | None:
    if not isinstance(entity, dict) or not entity.keys() >= _ENTITY_KEYS:
        what = f"not an entity: {json.dumps(entity)[:60]}"
        problems.append(Problem(position, what, "give start, end and label", kind="not an entity"))
        return None
    start, end, label = entity["start"], entity["end"], entity["label"]
    if type(start) is not int or type(end) is not int or not isinstance(label, str):
        what, fix = f"entity {json.dumps(entity)[:60]}", "start and end are whole numbers, label is a string"
        problems.append(Problem(position, what, fix, kind="entity of other types"))
        return None
    extra = sorted(entity.keys() - allowed)
    if extra:
        problems.append(Problem(position, f"entity at {start}:{end} has unknown key {extra[0]!r}", "remove it"))
    if "text" in entity and entity["text"] != text[start:end]:
        what = f"entity at {start}:{end} has the text {entity['text']!r}, but {text[start:end]!r} is at its offsets"
        fix = "count offsets in characters (code points), not bytes"
        if allowed >= _OF_TAG:  # one of them has been corrected, and nobody knows which
            fix = "correct the offsets, and then its text or remove that"
        problems.append(Problem(position, what, fix, kind="wrong offsets"))
    return Mention(start, end, label)


def _detect(sample: Sample) -> str | None:
    is_ours = sample.is_json_lines and any(
        unsupported.is_labeled_report(record) and isinstance(record.get("id"), str) for record in sample.records
    )
    return "lines with `entities` of start, end and label" if is_ours else None


def _detect_tagged(sample: Sample) -> str | None:
    is_tagged = sample.is_json_lines and any(map(unsupported.is_tagged_report, sample.records))
    return "lines with `entities` that have scores" if is_tagged else None


TAGGED = Format(
    name="tagged",
    title="JSONL that `tag` has written",
    suffixes=(".jsonl", ".ndjson"),
    default_for=(".ndjson",),
    detect=_detect_tagged,
    read=read_tagged,
    options=frozenset({"keep_scores"}),
)
FORMAT = Format(
    name="jsonl",
    title="JSONL",
    suffixes=(".jsonl",),
    default_for=(".jsonl",),
    detect=_detect,
    read=read,
    write=write,
    options=frozenset({"keep_scores"}),
)
