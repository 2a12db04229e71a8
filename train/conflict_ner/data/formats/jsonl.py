"""Parser and writer of the JSONL format: one JSON object per line, mentions as character offsets.

`{"id": ..., "text": ..., "entities": [{"start": 0, "end": 6, "label": "ACTOR"}], ...}`;
any further keys are metadata. An entity may also have `text`, which must equal the
characters at its offsets: a simple proof that offsets were counted in code points.

>>> line = '{"id": "a", "text": "Rebels left.", "entities": [{"start": 0, "end": 6, "label": "ACTOR"}]}'
>>> documents, problems = parse(line, "demo.jsonl")
>>> dump(documents) == line + chr(10), problems
(True, [])
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from conflict_ner.data.document import SURROGATE, Document, Mention
from conflict_ner.data.formats import unsupported
from conflict_ner.data.formats.format import Format, ReadOptions, Sample
from conflict_ner.data.text_files import strict_json
from conflict_ner.data.text_files.file_search import printable
from conflict_ner.data.text_files.reading import read_lines, read_text
from conflict_ner.errors import Problem

_ENTITY_KEYS = {"start", "end", "label"}


def parse(source: str, file: str) -> tuple[list[Document], list[Problem]]:
    """Parse a file's text; return the documents that could be read and all problems.

    A file in the format of another annotation tool is reported as one problem.
    """
    items = list(_parse_lines(source.split("\n"), file))
    documents = [item for item in items if isinstance(item, Document)]
    problems = [item for item in items if isinstance(item, Problem)]
    other_format = unsupported.detect_other_format(source, file) if problems else None
    return ([], [other_format]) if other_format else (documents, problems)


def read(file: Path, _: ReadOptions) -> Iterator[Document | Problem]:
    """Yield the documents of a file line by line, and its problems.

    As in `parse`, a file in the format of another tool is one problem; documents may have come before it.
    """
    if not file.is_file():  # a pipe, which can be read only once
        text, problems = read_text(file)
        documents, problems = ([], problems) if text is None else parse(text, printable(file))
        yield from documents
        yield from problems
        return
    is_ours = False
    for item in _parse_lines(read_lines(file), printable(file)):
        if isinstance(item, Problem) and not item.unreadable and not is_ours:
            other_format = unsupported.detect_other_format(read_text(file)[0] or "", printable(file))
            if other_format:
                yield other_format
                return
            is_ours = True
        yield item


def _parse_lines(lines: Iterable[str | Problem], file: str) -> Iterator[Document | Problem]:
    """Yield what the lines of a file hold: documents and problems."""
    is_empty = True
    for number, line in enumerate(lines, start=1):
        if isinstance(line, Problem):
            yield line
        elif line.strip():
            yield from _parse_line(line, f"{file}:{number}")
        else:
            continue
        is_empty = False
    if is_empty:
        yield Problem(file, "no report in this file", "write one object per line")


def _parse_line(line: str, position: str) -> Iterator[Document | Problem]:
    try:
        record = strict_json.loads(line)
    except json.JSONDecodeError as error:
        fault = f"not JSON: {error.msg}"
        yield Problem(f"{position}:{error.colno}", fault, "write one object per line", kind="not JSON")
    except ValueError as error:
        yield Problem(position, str(error), "use only values that JSON allows, and each key once")
    else:
        problems: list[Problem] = []
        document = _parse_record(record, position, problems)
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


def _parse_record(record: Any, position: str, problems: list[Problem]) -> Document | None:
    if not isinstance(record, dict):
        problems.append(Problem(position, "not a JSON object", 'write {"id": ..., "text": ..., "entities": [...]}'))
        return None
    before = len(problems)
    for key, kind in (("id", str), ("text", str), ("entities", list)):
        if not isinstance(record.get(key), kind):
            fault = "is missing" if key not in record else f"is not a {'list' if kind is list else 'string'}"
            problems.append(
                Problem(position, f"{key!r} {fault}", f'add "{key}"' if key not in record else "correct it")
            )
    if len(problems) > before:
        return None
    mentions = [_parse_entity(entity, record["text"], position, problems) for entity in record["entities"]]
    return Document(
        id=record["id"],
        text=record["text"],
        mentions=tuple(sorted(m for m in mentions if m)),
        metadata={key: value for key, value in record.items() if key not in ("id", "text", "entities")},
        origin=position,
        is_valid=len(problems) == before,
    )


def _parse_entity(entity: Any, text: str, position: str, problems: list[Problem]) -> Mention | None:
    if not isinstance(entity, dict) or not entity.keys() >= _ENTITY_KEYS:
        what = f"not an entity: {json.dumps(entity)[:60]}"
        problems.append(Problem(position, what, "give start, end and label", kind="not an entity"))
        return None
    start, end, label = entity["start"], entity["end"], entity["label"]
    if type(start) is not int or type(end) is not int or not isinstance(label, str):
        what, fix = f"entity {json.dumps(entity)[:60]}", "start and end are whole numbers, label is a string"
        problems.append(Problem(position, what, fix, kind="entity of other types"))
        return None
    extra = sorted(entity.keys() - _ENTITY_KEYS - {"text"})
    if extra:
        fix = "review predicted entities by reading, then remove 'score'" if "score" in extra else "remove it"
        problems.append(Problem(position, f"entity at {start}:{end} has unknown key {extra[0]!r}", fix))
    if "text" in entity and entity["text"] != text[start:end]:
        what = f"entity at {start}:{end} has the text {entity['text']!r}, but {text[start:end]!r} is at its offsets"
        problems.append(
            Problem(position, what, "count offsets in characters (code points), not bytes", kind="wrong offsets")
        )
    return Mention(start, end, label)


def _detect(sample: Sample) -> str | None:
    is_ours = sample.is_json_lines and any(
        unsupported.is_labeled_report(record) and isinstance(record.get("id"), str) for record in sample.records
    )
    return "lines with `entities` of start, end and label" if is_ours else None


FORMAT = Format(
    name="jsonl",
    title="JSONL",
    suffixes=(".jsonl",),
    default_for=(".jsonl",),
    detect=_detect,
    read=read,
    write=write,
)
