"""Prodigy's JSONL: a task in each line, with `spans` and what the annotator answered.

`{"text": "Rebels left.", "spans": [{"start": 0, "end": 6, "label": "ACTOR"}], "answer": "accept",
"_annotator_id": "ner-anna"}`

The id and the metadata of a report are in `meta`, which Prodigy shows. Only accepted tasks are read. Tasks of several
annotators that are the same input are one report (Prodigy 1.8 to 1.15).
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from conflict_ner.data.document import Document
from conflict_ner.data.formats.annotation_tools.exports import Export, Labeling, reader_of_annotators
from conflict_ner.data.formats.annotation_tools.json_records import Record, read_records, write_lines
from conflict_ner.data.formats.format import NO_OPTIONS, Format, PredictedDocument, ReadOptions, Sample
from conflict_ner.data.formats.offsets import RawMention
from conflict_ner.errors import Problem, excerpt

_ANSWERS = ("accept", "reject", "ignore")
_OF_SPANS, _OF_CLASSES = ("spans", "tokens"), ("label", "options")  # what tasks of ner and of textcat have
_OF_TASKS = {  # what Prodigy itself writes into a task, without what begins with `_`
    *("text", "spans", "tokens", "meta", "answer", "id", "options", "accept", "config", "html", "image", "label"),
    *("priority", "score", "relations", "head", "arcs", "sessions", "versions", "view_id", "default"),
}


def read(file: Path, options: ReadOptions) -> Iterator[Document | Problem]:
    """Yield the reports of an export, and a problem wherever something in it cannot be read."""
    yield from _read(file, Export(file, options, "task"), options)


def list_annotators(file: Path) -> list[str]:
    """Return the names of the sessions in which tasks of an export were answered, those with most first."""
    export = Export(file, NO_OPTIONS, "task")
    deque(_read(file, export, NO_OPTIONS), maxlen=0)
    return export.annotators


def _read(file: Path, export: Export, options: ReadOptions) -> Iterator[Document | Problem]:
    known_ids = Counter[str]()
    for group in _group_by_input(file):
        if isinstance(group, Problem):
            yield export.refuse(group)
        else:
            yield from _read_group(group, export, options, known_ids)
    yield from export.end()


def _group_by_input(file: Path) -> Iterator[list[Record] | Problem]:
    """Yield the tasks of one input together.

    The file is read twice, so that only tasks whose input comes again are held.
    """
    if file.is_file():
        counts = Counter(key for record in read_records(file) if (key := _input_key(record)) is not None)
        records: Iterable[Record | Problem] = read_records(file)
    else:  # a pipe can be read only once
        records = list(read_records(file))
        counts = Counter(key for record in records if (key := _input_key(record)) is not None)
    held: dict[Any, list[Record]] = {}
    for record in records:
        if isinstance(record, Problem):
            yield record
            continue
        key = _input_key(record)
        group = held.setdefault(key, []) if key is not None else []
        group.append(record)
        if key is None or len(group) == counts[key]:
            held.pop(key, None)
            yield group


def _input_key(record: Record | Problem) -> Any:
    """Return the same for tasks of one input; None if it cannot come again, because Prodigy has not made the task."""
    value = None if isinstance(record, Problem) else record.value
    if not isinstance(value, dict) or not any(key in value for key in ("_input_hash", "_annotator_id", "_session_id")):
        return None
    return hash((str(value.get("text")), str(_meta(value).get("id", value.get("id")))))


def _read_group(
    records: list[Record], export: Export, options: ReadOptions, known_ids: Counter[str]
) -> Iterator[Document | Problem]:
    """Yield the report of the tasks of one input."""
    tasks: list[Record] = []
    for record in records:
        value = record.value
        if not isinstance(value, dict) or not isinstance(value.get("text"), str):
            fix = 'export it with `prodigy db-out`, or write {"text": ..., "spans": [...], "answer": "accept"}'
            yield export.refuse(Problem(record.where, "not a task of Prodigy: it has no `text`", fix, kind="no text"))
        elif value.get("_is_binary") is True:
            what = "a yes or no to one span, which does not label the whole text"
            fix = "label the texts with ner.manual, ner.correct or ner.silver-to-gold, and export that"
            yield export.refuse(Problem(record.where, what, fix))
        elif not any(key in value for key in _OF_SPANS) and any(key in value for key in _OF_CLASSES):
            what = "a class of the whole text, and no labels in it"
            yield export.refuse(Problem(record.where, what, "label the texts with ner.manual, and export that"))
        elif _counts(value, export, options):
            tasks.append(record)
    labelings = [_labeling(task) for task in tasks]
    labeling = export.choose(labelings, tasks[0].where) if tasks else None
    if labeling is None:
        return
    task = tasks[labelings.index(labeling)]
    meta = _meta(task.value)
    identity = task.value.get("id", meta.get("id"))
    if isinstance(identity, str | int):  # the sentences of one report have its id
        known_ids[str(identity)] += 1
        repeated = known_ids[str(identity)]
        identity = f"{identity}#{repeated}" if repeated > 1 else identity
    others = {key: value for key, value in task.value.items() if key not in _OF_TASKS and not key.startswith("_")}
    metadata = {**others, **{key: value for key, value in meta.items() if key != "id"}}
    yield from export.report(identity, task.value["text"], labeling, metadata, task.where, task.number)


def _meta(task: Mapping[str, Any]) -> Mapping[str, Any]:
    meta = task.get("meta")
    return meta if isinstance(meta, dict) else {} if meta is None else {"meta": meta}


def _counts(task: Mapping[str, Any], export: Export, options: ReadOptions) -> bool:
    """Return whether a task is to be read; what is left out is noted."""
    answer = task.get("answer")
    spans = task.get("spans")
    is_prediction = (
        answer is None and isinstance(spans, list) and any(isinstance(span, dict) and "score" in span for span in spans)
    )
    is_prediction = is_prediction or (answer is None and "model_version" in task)
    if options.predictions:
        if not is_prediction:
            export.note("left out: not a prediction, but answered by an annotator")
        return is_prediction
    if is_prediction:
        export.note("left out: a model has labeled them and nobody has accepted that; --predictions reads them")
        return False
    if answer not in (None, "accept") and not options.skipped:
        export.note(f"left out: the answer is {answer}; --skipped reads them")
        return False
    return True


def _labeling(record: Record) -> Labeling:
    task = record.value
    spans = task.get("spans")
    found = [_read_span(span, record.where) for span in (spans if isinstance(spans, list) else [])]
    if not isinstance(spans, list | None):
        found.append(Problem(record.where, "`spans` is not a list", "export the file again"))
    return Labeling(
        _annotator_names(task),
        tuple(each for each in found if isinstance(each, RawMention)),
        str(task.get("_timestamp") or ""),
        problems=tuple(each for each in found if isinstance(each, Problem)),
    )


def _annotator_names(task: Mapping[str, Any]) -> tuple[str, ...]:
    """Return what an annotator is called: the name of the session, which is `DATASET-NAME`, and the name alone."""
    session = task.get("_annotator_id") or task.get("_session_id")
    if not session:
        return ()
    parts = str(session).split("-")
    return tuple("-".join(parts[index:]) for index in range(len(parts)))


def _read_span(span: Any, where: str) -> RawMention | Problem:
    if not isinstance(span, dict) or type(span.get("start")) is not int or type(span.get("end")) is not int:
        return Problem(where, f"not a span: {excerpt(str(span), 60)}", "give start, end and label", kind="not a span")
    if not isinstance(span.get("label"), str):
        what = f"the span {span['start']}:{span['end']} has no label"
        return Problem(where, what, "give it one", kind="no label")
    surface = span.get("text")
    return RawMention(span["start"], span["end"], span["label"], surface if isinstance(surface, str) else None)


def write(documents: Iterable[Document], file: Path) -> None:
    """Write reports as accepted tasks, for `prodigy db-in`."""
    write_lines(
        (
            {
                "text": document.text,
                "spans": [{"start": each.start, "end": each.end, "label": each.label} for each in document.mentions],
                "meta": {"id": document.id, **document.metadata},
                "answer": "accept",
            }
            for document in documents
        ),
        file,
    )


def write_predictions(documents: Iterable[PredictedDocument], file: Path, model_version: str) -> None:
    """Write reports as tasks with the spans of a model, for `ner.manual` or `spans.manual` to correct.

    `ner.manual --highlight-chars` takes mentions that begin or end inside a token.
    """
    write_lines(
        (
            {
                "text": document.text,
                "spans": [
                    {
                        "start": each.start,
                        "end": each.end,
                        "label": each.label,
                        "score": round(each.score, 4),
                        "source": model_version,
                    }
                    for each in document.entities
                ],
                "meta": {"id": document.id, **document.metadata},
                "model_version": model_version,  # Prodigy keeps it in what annotators have answered
            }
            for document in documents
        ),
        file,
    )


def is_task(value: Any) -> bool:
    """Return whether a JSON value is a task of Prodigy with spans or an answer."""
    if not isinstance(value, dict) or not isinstance(value.get("text"), str) or "entities" in value:
        return False
    spans = value.get("spans")
    has_spans = isinstance(spans, list) and all(isinstance(span, dict) and "start" in span for span in spans)
    return (has_spans and bool(spans)) or value.get("answer") in _ANSWERS


def _detect(sample: Sample) -> str | None:
    return "tasks with `spans` and `answer`" if any(map(is_task, sample.records)) else None


FORMAT = Format(
    name="prodigy",
    title="Prodigy JSONL",
    suffixes=(".jsonl", ".json"),
    read=read,
    write=write,
    detect=_detect,
    options=frozenset({"annotator", "predictions", "skipped"}),
    write_predictions=write_predictions,
    read_annotators=reader_of_annotators(read, list_annotators),
)
