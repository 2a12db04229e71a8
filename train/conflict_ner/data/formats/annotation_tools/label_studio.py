"""Label Studio's JSON: tasks with their data, the annotations of people and the predictions of models.

`[{"id": 1, "data": {"text": "Rebels left."}, "annotations": [{"completed_by": 1, "result": [{"from_name": "label",
"to_name": "text", "type": "labels", "value": {"start": 0, "end": 6, "text": "Rebels", "labels": ["ACTOR"]}}]}]}]`

The fields of `data` other than the text are the report's metadata, and its `id` is the report's, because Label Studio
gives tasks ids of its own when it imports them. Offsets are code points in newer versions and UTF-16 units in older
ones; the texts of the mentions show which. Files of Label Studio 0.5 (`completions`) to 1.23 are read.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

from conflict_ner.data.document import Document, Span
from conflict_ner.data.formats.annotation_tools.exports import Export, Labeling, reader_of_annotators
from conflict_ner.data.formats.annotation_tools.json_records import Record, read_records, write_array
from conflict_ner.data.formats.annotation_tools.label_colors import color_labels
from conflict_ner.data.formats.annotation_tools.label_studio_results import find_text_field, read_results
from conflict_ner.data.formats.format import NO_OPTIONS, Format, PredictedDocument, ReadOptions, Sample
from conflict_ner.errors import Problem

_LABELS, _TEXT = "label", "text"  # the names of the tags in the labeling config
_LABELED = ("annotations", "completions", "predictions")  # the keys of tasks' labels
_MOST_HELD = 1000  # tasks without a mention that are held until one shows which field has the text
_ADDRESS = re.compile(r"(?:[a-z][a-z0-9+-]*://|/data/(?:upload|local-files)/)\S*")


@dataclass(frozen=True, slots=True)
class _Task:
    """A task with the labels that it has, by annotator or model.

    texts: the names of the tags that show the labeled texts.
    """

    where: str
    number: int
    id: Any
    data: Mapping[str, Any]
    labelings: tuple[Labeling, ...]
    texts: tuple[str, ...]


def read(file: Path, options: ReadOptions) -> Iterator[Document | Problem]:
    """Yield the reports of an export, and a problem wherever something in it cannot be read."""
    yield from read_tasks(read_records(file), Export(file, options, "task"), options)


def list_annotators(file: Path) -> list[str]:
    """Return the names of those who labeled tasks of an export, those who labeled most first."""
    export = Export(file, NO_OPTIONS, "task")
    deque(read_tasks(read_records(file), export, NO_OPTIONS), maxlen=0)
    return export.annotators


def read_tasks(
    records: Iterable[Record | Problem], export: Export, options: ReadOptions
) -> Iterator[Document | Problem]:
    """Yield the reports of tasks, and problems.

    Args:
        records: tasks as Label Studio's JSON has them.
        export: their file.
        options: annotator, predictions and skipped are followed.
    """
    field: str | None = None
    held = list[_Task]()
    for item in (each for record in records for each in _parse_task(record, export, options)):
        if isinstance(item, Problem):
            yield export.refuse(item)
            continue
        if field is None and any(each.mentions for each in item.labelings):
            mentions = next(each.mentions for each in item.labelings if each.mentions)
            field = find_text_field(item.data, item.texts, mentions)
        held.append(item)
        if field is not None or len(held) > _MOST_HELD:
            for task in held:
                yield from _read_task(task, field, export)
            held.clear()
    for task in held:
        yield from _read_task(task, field, export)
    yield from export.end()


def _read_task(task: _Task, field: str | None, export: Export) -> Iterator[Document | Problem]:
    labeling = export.choose(task.labelings, task.where)
    if labeling is None:
        return
    if field is None or not isinstance(task.data.get(field), str):
        field = find_text_field(task.data, task.texts, labeling.mentions)
    if field is None and labeling.problems:  # dialogues and pictures are no text, and what they are is said
        yield from map(export.refuse, labeling.problems)
    elif field is None:
        fields = ", ".join(key for key, value in task.data.items() if isinstance(value, str))
        what = f"which field of `data` has the text is not clear: {fields}" if fields else "no text in `data`"
        yield export.refuse(Problem(task.where, what, "name the field with the text `text`", kind="no text"))
    elif _ADDRESS.fullmatch(task.data[field]):
        what = f"the text is not in the export, only its address, {task.data[field]}"
        fix = 'import the text itself, not a file with valueType="url"'
        yield export.refuse(Problem(task.where, what, fix, kind="address"))
    else:
        identity = task.data.get("id")
        own = isinstance(identity, str | int) and not isinstance(identity, bool)
        metadata = {key: value for key, value in task.data.items() if key != field and not (own and key == "id")}
        yield from export.report(
            identity if own else task.id, task.data[field], labeling, metadata, task.where, task.number
        )


def _parse_task(record: Record | Problem, export: Export, options: ReadOptions) -> Iterator[_Task | Problem]:
    """Yield the task of a record if it is labeled, and problems."""
    if isinstance(record, Problem):
        yield record
        return
    value = record.value
    if isinstance(value, dict) and isinstance(value.get("task"), dict) and "result" in value:
        value = {**value["task"], "annotations": [value]}  # a file of a cloud storage has one annotation
    if not isinstance(value, dict) or not isinstance(value.get("data"), dict):
        fix = 'export it as JSON, or write {"data": {"text": ...}, "annotations": [...]}'
        yield Problem(record.where, "not a task of Label Studio: it has no `data`", fix, kind="not a task")
        return
    where = f"{export.name}, task {value['id']}" if isinstance(value.get("id"), int | str) else record.where
    annotations = _annotations(value, export, options)
    labelings, texts = [], list[str]()
    for index, annotation in enumerate(annotations, start=1):
        results = read_results(annotation.get("result"), where, export)
        names = _names(annotation, options) or ((f"annotation {annotation.get('id', index)}",) * (len(annotations) > 1))
        time = annotation.get("updated_at") or annotation.get("created_at") or ""
        is_reference = annotation.get("ground_truth") is True
        labelings.append(Labeling(names, results.mentions, str(time), is_reference, results.problems))
        texts += results.texts
    if len(set(texts)) > 1:
        what = f"labels in several texts of one task: {', '.join(dict.fromkeys(texts))}"
        yield Problem(where, what, "make one task of each text", kind="several texts")
    elif labelings:
        yield _Task(where, record.number, value.get("id"), value["data"], tuple(labelings), tuple(dict.fromkeys(texts)))


def _annotations(task: Mapping[str, Any], export: Export, options: ReadOptions) -> list[dict[str, Any]]:
    """Return the annotations of a task that count, or the predictions; what is left out is noted."""
    predictions = _objects(task.get("predictions"))
    if options.predictions:
        if not predictions:
            export.note("left out: without predictions of a model")
        return predictions
    annotations = _objects(task.get("annotations")) or _objects(task.get("completions"))
    kept = [each for each in annotations if options.skipped or not (each.get("was_cancelled") or each.get("skipped"))]
    if len(kept) < len(annotations):
        note = "left out: skipped or cancelled by the annotator; --skipped reads them"
        export.note(note, "annotation", len(annotations) - len(kept))
    elif not annotations and predictions:
        export.note("left out: only a model has labeled them; --predictions reads that")
    elif not annotations:
        export.note("left out: nobody has labeled them")
    return kept


def _objects(value: Any) -> list[dict[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _names(annotation: Mapping[str, Any], options: ReadOptions) -> tuple[str, ...]:
    """Return what the annotator of an annotation, or the model of a prediction, is called."""
    if options.predictions:
        return (str(annotation.get("model_version") or "unknown model"),)
    annotator = annotation.get("completed_by", annotation.get("created_username"))
    if isinstance(annotator, dict):
        full_name = f"{annotator.get('first_name') or ''} {annotator.get('last_name') or ''}".strip()
        names: list[Any] = [annotator.get("email"), annotator.get("id"), annotator.get("username"), full_name]
    else:
        names = [annotator]
    return tuple(dict.fromkeys(str(name) for name in names if name not in (None, "")))


def write(documents: Iterable[Document], file: Path) -> None:
    """Write reports as annotated tasks."""
    write_array(
        (
            {
                "id": number,
                "data": {"text": document.text, "id": document.id, **document.metadata},
                "annotations": [{"id": number, "result": _results(document.text, document.mentions, number)}],
            }
            for number, document in enumerate(documents, start=1)
        ),
        file,
    )


def write_predictions(documents: Iterable[PredictedDocument], file: Path, model_version: str) -> None:
    """Write reports as tasks with predictions, to be imported and corrected.

    A task's score is that of its least certain mention, because Label Studio can show tasks with low scores first.
    """
    write_array((_predicted_task(each, number, model_version) for number, each in enumerate(documents, start=1)), file)


def _predicted_task(document: PredictedDocument, number: int, model_version: str) -> dict[str, Any]:
    results = _results(document.text, document.entities, number)
    for result, entity in zip(results, document.entities, strict=True):
        result["score"] = round(entity.score, 4)
    prediction: dict[str, Any] = {"model_version": model_version, "result": results}
    if results:
        prediction["score"] = min(result["score"] for result in results)
    return {"data": {"text": document.text, "id": document.id, **document.metadata}, "predictions": [prediction]}


def _results(text: str, spans: Sequence[Span], number: int) -> list[dict[str, Any]]:
    return [
        {
            "id": f"{number}-{index}",
            "from_name": _LABELS,
            "to_name": _TEXT,
            "type": "labels",
            "value": {
                "start": each.start,
                "end": each.end,
                "text": text[each.start : each.end],
                "labels": [each.label],
            },
        }
        for index, each in enumerate(spans, start=1)
    ]


def labeling_config(labels: Sequence[str]) -> dict[str, str]:
    """Return the file with the labeling config of a project: paste it in Settings > Labeling Interface > Code."""
    tags = "".join(
        f"    <Label value={quoteattr(label)} background={quoteattr(color)}/>\n"
        for label, color in color_labels(labels).items()
    )
    config = (
        f'<View>\n  <Labels name="{_LABELS}" toName="{_TEXT}">\n{tags}  </Labels>\n'
        f'  <Text name="{_TEXT}" value="${_TEXT}"/>\n</View>\n'
    )
    return {"label-studio-config.xml": config}


def is_task(value: Any) -> bool:
    """Return whether a JSON value is a task with labels."""
    if not isinstance(value, dict):
        return False
    if isinstance(value.get("task"), dict):
        return isinstance(value.get("result"), list) and isinstance(value["task"].get("data"), dict)
    if any("result" in each for key in _LABELED for each in _objects(value.get(key))):
        return True  # `data` comes behind long annotations, where a sample may be cut off
    return isinstance(value.get("data"), dict) and any(isinstance(value.get(key), list) for key in _LABELED)


def _detect(sample: Sample) -> str | None:
    return "tasks with `data` and `annotations`" if any(map(is_task, sample.records)) else None


FORMAT = Format(
    name="label-studio",
    title="Label Studio JSON",
    suffixes=(".json", ".jsonl"),
    read=read,
    write=write,
    detect=_detect,
    options=frozenset({"annotator", "predictions", "skipped"}),
    write_predictions=write_predictions,
    project_files=labeling_config,
    read_annotators=reader_of_annotators(read, list_annotators),
)
