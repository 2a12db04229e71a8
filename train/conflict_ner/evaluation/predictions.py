"""Saved evaluations: JSONL files with the predictions for each report beside its gold mentions.

The first line describes the evaluation and holds its scores; each further line is a report:
`{"id", "text", "metadata", "gold": [{"start", "end", "label"}], "predicted": [{"label", "text",
"start", "end", "score"}]}`. `load` returns exactly what `save` wrote, or raises with every fault.

>>> from conflict_ner.evaluation.report import score
>>> report = Document("r1", "Rebels left.", (Mention(0, 6, "ACTOR"),))
>>> predicted = (Entity("ACTOR", "Rebels", 0, 6, 0.98),)
>>> scores = score([report], [predicted], ["ACTOR"])
>>> evaluation = Evaluation("base", "demo.md", ("ACTOR",), (report,), (predicted,), scores)
>>> parse("".join(dump(evaluation)), "saved.jsonl") == (evaluation, [])
True
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from itertools import chain
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from conflict_ner.data.document import Document, Entity, Mention
from conflict_ner.data.text_files import strict_json
from conflict_ner.data.validation import check_document
from conflict_ner.errors import DataError, Problem
from conflict_ner.evaluation.matching import align
from conflict_ner.evaluation.report import Evaluation, Report, label_counts
from conflict_ner.files import atomic_write

FORMAT = 1
_PREDICTED = ("label", "text", "start", "end", "score")
_WRITE_AGAIN = "write it again: conflict-ner evaluate CHECKPOINT DATA --predictions FILE"


class _StrictModel(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Header(_StrictModel):
    format: int
    name: str
    data: str
    labels: tuple[str, ...]
    history: tuple[Mapping[str, float], ...]
    report: Report


class _ReportLine(_StrictModel):
    id: str
    text: str
    metadata: dict[str, Any]
    gold: tuple[Mention, ...]
    predicted: tuple[Entity, ...]


_Model = TypeVar("_Model", bound=_StrictModel)


def save(evaluation: Evaluation, file: Path) -> None:
    """Write an evaluation; an existing file is replaced only after everything is written.

    Raises:
        OSError: if it cannot be written.
    """
    with atomic_write(file) as stream:
        stream.writelines(dump(evaluation))


def dump(evaluation: Evaluation) -> Iterator[str]:
    """Yield the lines of the file."""
    yield _json_line(
        {
            "format": FORMAT,
            "name": evaluation.name,
            "data": evaluation.data,
            "labels": evaluation.labels,
            "history": [dict(epoch) for epoch in evaluation.history],
            "report": evaluation.report.model_dump(mode="json"),
        }
    )
    for document, predicted in zip(evaluation.documents, evaluation.predicted, strict=True):
        yield _json_line(
            {
                "id": document.id,
                "text": document.text,
                "metadata": dict(document.metadata),
                "gold": [asdict(mention) for mention in document.mentions],
                "predicted": [{name: getattr(entity, name) for name in _PREDICTED} for entity in predicted],
            }
        )


def _json_line(record: Mapping[str, Any]) -> str:
    return json.dumps(record, ensure_ascii=False, allow_nan=False) + "\n"


def load(file: Path) -> Evaluation:
    """Read an evaluation that `save` wrote.

    Raises:
        DataError: if the file cannot be read or is not what `save` writes, with every fault.
    """
    try:
        evaluation, problems = parse(file.read_bytes().decode("utf-8"), str(file))
    except OSError as error:
        raise DataError([Problem(str(file), f"cannot be read: {error.strerror}", "check its path")]) from None
    except UnicodeDecodeError as error:
        fault = f"not UTF-8 (byte 0x{error.object[error.start]:02x})"
        raise DataError([Problem(str(file), fault, _WRITE_AGAIN)]) from None
    if evaluation is None:
        raise DataError(problems)
    return evaluation


def parse(source: str, file: str) -> tuple[Evaluation | None, list[Problem]]:
    """Read the text of a whole file; return no evaluation if it has any problem.

    Args:
        file: its name, for the problems.
    """
    problems: list[Problem] = []
    first_line, *lines = source.split("\n")
    header = _read_header(first_line, f"{file}:1", problems)
    if header is None:
        return None, problems
    documents: list[Document] = []
    predicted: list[tuple[Entity, ...]] = []
    for number, line in enumerate(lines, start=2):
        place = f"{file}:{number}"
        record = _read_line(_ReportLine, line, place, problems) if line.strip() else None
        if record is not None:
            metadata = strict_json.loads(line)["metadata"]
            documents.append(Document(record.id, record.text, record.gold, metadata, origin=place))
            predicted.append(record.predicted)
            problems += _report_problems(documents[-1], record.predicted, header.labels)
    problems = problems or _header_problems(header, documents, predicted, file)
    if problems:
        return None, problems
    evaluation = Evaluation(
        header.name, header.data, header.labels, tuple(documents), tuple(predicted), header.report, header.history
    )
    return evaluation, []


def _read_header(line: str, place: str, problems: list[Problem]) -> _Header | None:
    try:
        record = strict_json.loads(line)
    except ValueError:
        record = None
    if not isinstance(record, dict) or "format" not in record:
        problems.append(Problem(place, "not a saved evaluation: its first line has no 'format'", _WRITE_AGAIN))
        return None
    if record["format"] != FORMAT:
        fault = f"format {record['format']!r}, this version reads {FORMAT}"
        problems.append(Problem(place, fault, f"upgrade conflict-ner, or {_WRITE_AGAIN}"))
        return None
    return _read_line(_Header, line, place, problems)


def _read_line(model: type[_Model], line: str, place: str, problems: list[Problem]) -> _Model | None:
    try:
        strict_json.loads(line)  # pydantic would accept a repeated key, and NaN
        return model.model_validate_json(line, strict=True)
    except ValidationError as error:
        for detail in error.errors():
            key = ".".join(map(str, detail["loc"]))
            problems.append(Problem(place, f"{key}: {detail['msg'][0].lower()}{detail['msg'][1:]}", _WRITE_AGAIN))
    except json.JSONDecodeError as error:
        problems.append(Problem(f"{place}:{error.colno}", f"not JSON: {error.msg}", _WRITE_AGAIN))
    except ValueError as error:
        problems.append(Problem(place, str(error), _WRITE_AGAIN))
    return None


def _report_problems(document: Document, predicted: tuple[Entity, ...], labels: tuple[str, ...]) -> list[Problem]:
    """Find the faults of a report's gold mentions and predictions; a fault of both is listed once."""
    spans = tuple(sorted(Mention(entity.start, entity.end, entity.label) for entity in predicted))
    guess = Document(document.id, document.text, spans, document.metadata, origin=document.origin)
    # Edges are not checked here: `evaluate` checked them, by the guidelines that the reports were labeled by.
    faults = [check_document(side, labels, edges=False) for side in (document, guess)]
    problems = list(dict.fromkeys(chain.from_iterable(faults)))
    for entity in predicted:
        name = f"entity at {entity.start}:{entity.end}"
        if entity.text != document.slice(entity):
            fault = f"{name} has the text {entity.text!r}, but its offsets give {document.slice(entity)!r}"
            problems.append(Problem(document.origin, fault, _WRITE_AGAIN))
        if not 0 <= entity.score <= 1:
            fault = f"{name} has the score {entity.score:g}"
            problems.append(Problem(document.origin, fault, "scores are from 0 to 1"))
    if list(document.mentions) != sorted(document.mentions):
        problems.append(Problem(document.origin, "gold mentions are not in the order of the text", _WRITE_AGAIN))
    return problems


def _header_problems(
    header: _Header, documents: list[Document], predicted: list[tuple[Entity, ...]], file: str
) -> list[Problem]:
    """Find the first contradiction between the header and the reports: the file was cut off or edited."""
    if not documents:
        return [Problem(file, "no report in this file", _WRITE_AGAIN)]
    if len(documents) != header.report.documents:
        fault = f"reports in it: {len(documents):,}; its first line says {header.report.documents:,}"
        return [Problem(file, fault, _WRITE_AGAIN)]
    by_id: dict[str, Document] = {}
    for document in documents:
        if document.id in by_id:
            fault = f"the id {document.id!r} is already used at {by_id[document.id].origin}"
            return [Problem(document.origin, fault, _WRITE_AGAIN)]
        by_id[document.id] = document
    pairs = [align(document.mentions, spans) for document, spans in zip(documents, predicted, strict=True)]
    counts = label_counts(pairs, header.labels).sum(axis=0).tolist()
    saved = header.report.strict.labels
    saved_counts = [
        [m.correct, m.predicted, m.gold] for m in (saved[label] for label in header.labels if label in saved)
    ]
    if saved_counts != counts:
        return [Problem(f"{file}:1", "its scores do not match the reports below", _WRITE_AGAIN)]
    return []
