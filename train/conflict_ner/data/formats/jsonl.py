"""The form programs write: one JSON object a line, mentions as character offsets.

`{"id": ..., "text": ..., "entities": [{"start": 0, "end": 6, "label": "ACTOR"}], ...}`
with any further keys as free metadata. An entity may also carry `text`, which must then
be what its offsets slice: the cheapest proof that offsets were counted in code points.

>>> line = '{"id": "a", "text": "Rebels left.", "entities": [{"start": 0, "end": 6, "label": "ACTOR"}]}'
>>> documents, problems = parse(line, "demo.jsonl")
>>> dump(documents) == line + chr(10), problems
(True, [])
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from conflict_ner.data.document import SURROGATE, Document, Mention
from conflict_ner.data.formats import annotation_tools, strict_json
from conflict_ner.errors import Problem

_ENTITY_KEYS = {"start", "end", "label"}


def parse(source: str, file: str) -> tuple[list[Document], list[Problem]]:
    """Read a whole file's text; what is wrong comes back beside what could be read.

    A file in the format of another annotation tool is one problem.
    """
    documents: list[Document] = []
    problems: list[Problem] = []
    for number, line in enumerate(source.split("\n"), start=1):
        if not line.strip():
            continue
        where = f"{file}:{number}"
        try:
            record = strict_json.loads(line)
        except json.JSONDecodeError as error:
            problems.append(
                Problem(f"{where}:{error.colno}", f"not JSON: {error.msg}", "write one object a line", kind="not JSON")
            )
        except ValueError as error:
            problems.append(Problem(where, str(error), "keep values that JSON knows, each key once"))
        else:
            document = _document(record, where, problems)
            documents += [document] if document else []
    if not documents and not problems:
        problems.append(Problem(file, "no report in this file", "write one object a line"))
    other = annotation_tools.recognize(source, file) if problems else None
    return ([], [other]) if other else (documents, problems)


def dump(documents: Iterable[Document]) -> str:
    """Write documents in this form, a line each; `parse` gives them back unchanged."""
    lines = (json.dumps(to_record(d), ensure_ascii=False, allow_nan=False) + "\n" for d in documents)
    return "".join(SURROGATE.sub(lambda half: f"\\u{ord(half[0]):04x}", line) for line in lines)


def to_record(document: Document) -> dict[str, Any]:
    """A document as the JSON object of this form."""
    entities = [{"start": m.start, "end": m.end, "label": m.label} for m in document.mentions]
    return {"id": document.id, "text": document.text, "entities": entities, **document.metadata}


def _document(record: Any, where: str, problems: list[Problem]) -> Document | None:
    if not isinstance(record, dict):
        problems.append(Problem(where, "not a JSON object", 'write {"id": ..., "text": ..., "entities": [...]}'))
        return None
    before = len(problems)
    for key, kind in (("id", str), ("text", str), ("entities", list)):
        if not isinstance(record.get(key), kind):
            fault = "is missing" if key not in record else f"is not a {'list' if kind is list else 'string'}"
            problems.append(Problem(where, f"{key!r} {fault}", f'add "{key}"' if key not in record else "mend it"))
    if len(problems) > before:
        return None
    mentions = [_mention(entity, record["text"], where, problems) for entity in record["entities"]]
    return Document(
        id=record["id"],
        text=record["text"],
        mentions=tuple(sorted(m for m in mentions if m)),
        metadata={key: value for key, value in record.items() if key not in ("id", "text", "entities")},
        origin=where,
        is_valid=len(problems) == before,
    )


def _mention(entity: Any, text: str, where: str, problems: list[Problem]) -> Mention | None:
    if not isinstance(entity, dict) or not entity.keys() >= _ENTITY_KEYS:
        what = f"not an entity: {json.dumps(entity)[:60]}"
        problems.append(Problem(where, what, "give start, end and label", kind="not an entity"))
        return None
    start, end, label = entity["start"], entity["end"], entity["label"]
    if type(start) is not int or type(end) is not int or not isinstance(label, str):
        what, fix = f"entity {json.dumps(entity)[:60]}", "start and end are whole numbers, label is a string"
        problems.append(Problem(where, what, fix, kind="entity of other types"))
        return None
    extra = sorted(entity.keys() - _ENTITY_KEYS - {"text"})
    if extra:
        fix = "review predicted entities by reading, then remove 'score'" if "score" in extra else "remove it"
        problems.append(Problem(where, f"entity at {start}:{end} has unknown key {extra[0]!r}", fix))
    if "text" in entity and entity["text"] != text[start:end]:
        what = f"entity at {start}:{end} says {entity['text']!r}, its offsets slice {text[start:end]!r}"
        problems.append(
            Problem(where, what, "count offsets in characters (code points), not bytes", kind="wrong offsets")
        )
    return Mention(start, end, label)
