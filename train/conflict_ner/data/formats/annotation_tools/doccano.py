"""doccano's JSONL: a text and its labels in each line, in all shapes that doccano has exported.

`{"id": 1, "text": "Rebels left.", "label": [[0, 6, "ACTOR"]]}`, in older versions with `labels`; in projects with
relations `"entities": [{"id": 0, "label": "ACTOR", "start_offset": 0, "end_offset": 6}], "relations": []`; up to 1.0
also `"annotations": [{"label": ..., "start_offset": ..., "end_offset": ..., "user": 1}]`. All other keys are metadata,
which doccano keeps (1.8: also `id`). Fields that are null are those that other reports have, and are left out.

There are no texts of mentions. Offsets are code points; in projects that count grapheme clusters, and in versions
before 1.0, they are not, which shows where mentions would cut words.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from conflict_ner.data.document import Document, Span
from conflict_ner.data.formats.annotation_tools.exports import Export, Labeling, reader_of_annotators
from conflict_ner.data.formats.annotation_tools.json_records import Record, read_records, write_lines
from conflict_ner.data.formats.annotation_tools.label_colors import color_labels
from conflict_ner.data.formats.format import NO_OPTIONS, Format, PredictedDocument, ReadOptions, Sample
from conflict_ner.data.formats.offsets import RawMention
from conflict_ner.errors import DataError, Problem, excerpt

_LABEL_KEYS = ("label", "labels", "entities", "annotations")
_NOT_METADATA = {*_LABEL_KEYS, "id", "text", "data", "meta", "relations", "scores", "Comments"}
_TRIPLE = 3  # start, end, label
_SHORTCUTS = "123456789abcdefghijklmnopqrstuvwxyz"


def read(file: Path, options: ReadOptions) -> Iterator[Document | Problem]:
    """Yield the reports of an export, and a problem wherever something in it cannot be read."""
    yield from _read(file, Export(file, options, "report"))


def list_annotators(file: Path) -> list[str]:
    """Return the ids of the users who labeled reports, if the export has them (doccano up to 1.0)."""
    export = Export(file, NO_OPTIONS, "report")
    deque(_read(file, export), maxlen=0)
    return export.annotators


def _read(file: Path, export: Export) -> Iterator[Document | Problem]:
    for record in read_records(file):
        if isinstance(record, Problem):
            yield export.refuse(record)
        else:
            yield from _read_record(record, export)
    yield from export.end()


def _read_record(record: Record, export: Export) -> Iterator[Document | Problem]:
    value = record.value
    text = value.get("text", value.get("data")) if isinstance(value, dict) else None
    if not isinstance(value, dict) or not isinstance(text, str):
        fix = 'export it as JSONL, or write {"text": ..., "label": [[0, 6, "ACTOR"]]}'
        yield export.refuse(Problem(record.where, "not a report of doccano: it has no `text`", fix, kind="no text"))
        return
    labels = next((value[key] for key in _LABEL_KEYS if isinstance(value.get(key), list)), None)
    if labels is None:
        what, fix = "a report without `label`: nobody has labeled it", 'add "label": [] if nothing is to be labeled'
        yield export.refuse(Problem(record.where, what, fix))
        return
    labeling = export.choose(_read_labelings(labels, record.where), record.where)
    if labeling is None:
        return
    metadata = {key: each for key, each in value.items() if key not in _NOT_METADATA}
    metadata |= value["meta"] if isinstance(value.get("meta"), dict) else {}
    comments = value.get("Comments") or []
    kept = {key: each for key, each in metadata.items() if each is not None}
    if isinstance(value.get("relations"), list) and value["relations"]:
        export.note("left out: only labels are read", "relation", len(value["relations"]))
    if "model_version" in kept:
        export.note(f"were labeled by {kept['model_version']} before: only those that people corrected are gold")
    kept |= {"Comments": comments} if comments else {}
    yield from export.report(value.get("id"), text, labeling, kept, record.where, record.number)


def _read_labelings(labels: Sequence[Any], where: str) -> list[Labeling]:
    """Return the labels by annotator, if the file says who made them (doccano up to 1.0)."""
    users = list(dict.fromkeys(_user(label) for label in labels)) or [None]
    labelings = []
    for user in users:
        read_labels = [_read_label(label, where) for label in labels if _user(label) == user]
        mentions = tuple(each for each in read_labels if isinstance(each, RawMention))
        problems = tuple(each for each in read_labels if isinstance(each, Problem))
        labelings.append(Labeling(() if user is None else (str(user),), mentions, problems=problems))
    return labelings


def _user(label: Any) -> Any:
    user = label.get("user") if isinstance(label, dict) else None
    return user if isinstance(user, int | str) else None


def _read_label(label: Any, where: str) -> RawMention | Problem:
    if isinstance(label, dict):
        label = [label.get("start_offset"), label.get("end_offset"), label.get("label")]
    if isinstance(label, str):
        what = f"the label {excerpt(label)} is of the whole text"
        return Problem(where, what, "export a project of sequence labeling", kind="label of a text")
    if not isinstance(label, list) or len(label) < _TRIPLE or type(label[0]) is not int or type(label[1]) is not int:
        what = f"not a label: {excerpt(json.dumps(label), 60)}"
        return Problem(where, what, "a label is [start, end, label]", kind="not a label")
    start, end, name = label[:3]
    if isinstance(name, int):
        what = f"the label of {start}:{end} is the number {name}, which doccano gave to its name"
        return Problem(where, what, "export it with text labels", kind="label is a number")
    if not isinstance(name, str):
        return Problem(where, f"the label of {start}:{end} is not a string", "correct it", kind="label is no string")
    return RawMention(start, end, name)


def write(documents: Iterable[Document], file: Path) -> None:
    """Write reports with `label`; a project needs `Allow overlapping spans` for mentions in mentions.

    Raises:
        DataError: if a report's metadata has a key that means something else to doccano.
    """
    write_lines(_checked(documents), file)


def write_predictions(documents: Iterable[PredictedDocument], file: Path, model_version: str) -> None:
    """Write reports with the labels of a model, to be imported and corrected.

    doccano takes them as labels; the scores and the model's name become metadata of the report. Metadata with a name
    that means something else to doccano, such as a column `label` of a table, get the prefix `data_`.
    """
    write_lines((_to_predicted_record(each, model_version) for each in documents), file)


def _to_record(document: Document | PredictedDocument, spans: Sequence[Span]) -> dict[str, Any]:
    labels = [[span.start, span.end, span.label] for span in spans]
    return {"id": document.id, "text": document.text, "label": labels, **document.metadata}


def _to_predicted_record(document: PredictedDocument, model_version: str) -> dict[str, Any]:
    scores = [round(entity.score, 4) for entity in document.entities]
    metadata = {f"data_{key}" if key in _NOT_METADATA else key: value for key, value in document.metadata.items()}
    record = _to_record(replace(document, metadata=metadata), document.entities)
    return {**record, "scores": scores, "model_version": model_version}


def _checked(documents: Iterable[Document]) -> Iterator[dict[str, Any]]:
    """Yield the records of reports whose metadata has no key of doccano's; raise for all others at the end."""
    problems: list[Problem] = []
    for document in documents:
        taken = sorted(document.metadata.keys() & _NOT_METADATA)
        if taken:
            what = f"the metadata {taken[0]!r} has a name that means something else to doccano"
            problems.append(Problem(document.origin or document.id, what, "rename it", kind=f"metadata {taken[0]}"))
        if not problems:
            yield _to_record(document, document.mentions)
    if problems:
        raise DataError(problems)


def label_config(labels: Sequence[str]) -> dict[str, str]:
    """Return the file of labels that a project imports under Labels > Actions > Import Labels."""
    config = [
        {
            "text": label,
            "prefix_key": None,
            "suffix_key": _SHORTCUTS[number] if number < len(_SHORTCUTS) else None,
            "background_color": color,
            "text_color": "#ffffff",
        }
        for number, (label, color) in enumerate(color_labels(labels).items())
    ]
    return {"doccano-labels.json": json.dumps(config, ensure_ascii=False, indent=2) + "\n"}


def is_report(value: Any) -> bool:
    """Return whether a JSON value is a report with labels in one of doccano's shapes."""
    if not isinstance(value, dict) or not isinstance(value.get("text", value.get("data")), str):
        return False
    if isinstance(value.get("entities"), list):
        # Without labels only the keys that doccano adds tell a report from one in our own JSONL.
        is_exported = any(isinstance(value.get(key), list) for key in ("relations", "Comments"))
        return all(map(_is_label, value["entities"])) and (bool(value["entities"]) or is_exported)
    lists = [value[key] for key in ("label", "labels", "annotations") if isinstance(value.get(key), list)]
    return bool(lists) and all(map(_is_label, lists[0]))


def _is_label(value: Any) -> bool:
    if isinstance(value, dict):
        return "start_offset" in value
    return isinstance(value, list) and len(value) == _TRIPLE and [type(each) for each in value[:2]] == [int, int]


def _detect(sample: Sample) -> str | None:
    is_ours = any(map(is_report, sample.records))
    return "reports with `label` lists of [start, end, label]" if is_ours else None


FORMAT = Format(
    name="doccano",
    title="doccano JSONL",
    suffixes=(".jsonl", ".json"),
    read=read,
    write=write,
    detect=_detect,
    options=frozenset({"annotator"}),
    write_predictions=write_predictions,
    project_files=label_config,
    read_annotators=reader_of_annotators(read, list_annotators),
)
