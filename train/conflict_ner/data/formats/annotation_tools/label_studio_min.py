"""Label Studio's JSON-MIN: one object for each annotation, with the task's data and the regions by the tag's name.

`[{"text": "Rebels left.", "id": 1, "label": [{"start": 0, "end": 6, "text": "Rebels", "labels": ["ACTOR"]}],
"annotator": 1, "annotation_id": 1, "created_at": ..., "updated_at": ..., "lead_time": 8.2}]`

It is only read: Label Studio imports such files without their labels. A task's own id has replaced that in its data.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

from conflict_ner.data.document import Document
from conflict_ner.data.formats.annotation_tools.exports import Export, reader_of_annotators
from conflict_ner.data.formats.annotation_tools.json_records import Record, read_records
from conflict_ner.data.formats.annotation_tools.label_studio import read_tasks
from conflict_ner.data.formats.format import NO_OPTIONS, Format, ReadOptions, Sample
from conflict_ner.errors import Problem

_OF_ANNOTATIONS = ("annotator", "annotation_id", "created_at", "updated_at", "lead_time", "agreement")


def read(file: Path, options: ReadOptions) -> Iterator[Document | Problem]:
    """Yield the reports of an export, and a problem wherever something in it cannot be read."""
    yield from read_tasks(_join_tasks(read_records(file)), Export(file, options, "task"), options)


def list_annotators(file: Path) -> list[str]:
    """Return the names of those who labeled tasks of an export, those who labeled most first."""
    export = Export(file, NO_OPTIONS, "task")
    deque(read_tasks(_join_tasks(read_records(file)), export, NO_OPTIONS), maxlen=0)
    return export.annotators


def _join_tasks(records: Iterable[Record | Problem]) -> Iterator[Record | Problem]:
    """Yield a task for the annotations of each, which follow one another, as the full JSON has it."""
    for key, group in groupby(records, _task_key):
        if key is None:
            yield from group
            continue
        annotations = [each for each in group if isinstance(each, Record)]
        first = annotations[0]
        data = {key: value for key, value in first.value.items() if not _is_of_annotation(key, value)}
        task = {
            "id": data.pop("id", None),
            "data": data,
            "annotations": [_annotation(each.value) for each in annotations if _is_labeled(each.value)],
        }
        yield Record(task, first.number, first.where)


def _task_key(record: Record | Problem) -> Any:
    """Return the same for the annotations of one task; None for what is not an annotation."""
    if isinstance(record, Problem) or not isinstance(record.value, dict):
        return None
    identity = record.value.get("id")
    return record.where if identity is None else ("id", str(identity))


def _is_labeled(record: dict[str, Any]) -> bool:
    """Return whether an annotator has labeled it: Label Studio exports tasks without annotations as well."""
    return record.get("annotation_id", 0) is not None


def _annotation(record: dict[str, Any]) -> dict[str, Any]:
    regions = (region for value in record.values() if _is_regions(value) for region in value)
    return {
        "completed_by": record.get("annotator"),
        "updated_at": record.get("updated_at") or record.get("created_at"),
        "result": [{"value": region} for region in regions],
        **({"id": record["annotation_id"]} if "annotation_id" in record else {}),
    }


def _is_of_annotation(key: str, value: Any) -> bool:
    return key in _OF_ANNOTATIONS or _is_regions(value)


def _is_regions(value: Any) -> bool:
    """Return whether a value is a list of labeled regions."""
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(each, dict) and "start" in each and "end" in each for each in value)
        and any("labels" in key for each in value for key in each)
    )


def _detect(sample: Sample) -> str | None:
    records = [each for each in sample.records if isinstance(each, dict) and "entities" not in each]
    regions = any(_is_regions(value) for each in records for value in each.values())
    if regions or any({"annotator", "annotation_id", "lead_time"} <= each.keys() for each in records):
        return "records with regions of `labels` and their `annotator`"
    return None


FORMAT = Format(
    name="label-studio-min",
    title="Label Studio JSON-MIN",
    suffixes=(".json", ".jsonl"),
    read=read,
    detect=_detect,
    options=frozenset({"annotator"}),
    read_annotators=reader_of_annotators(read, list_annotators),
)
