"""An evaluation as a file: what was found in each report beside its gold, one JSON object a line.

The first line says what was evaluated and holds its scores; each further line is a report:
`{"id", "text", "metadata", "gold": [{"start", "end", "label"}], "predicted": [{"label", "text",
"start", "end", "score"}]}`. `load` gives back exactly what `dump` wrote, or says what is wrong.

>>> from conflict_ner.evaluation.report import score
>>> report = Document("r1", "Rebels left.", (Mention(0, 6, "ACTOR"),))
>>> found = (Entity("ACTOR", "Rebels", 0, 6, 0.98),)
>>> done = Evaluation("base", "demo.md", ("ACTOR",), (report,), (found,), score([report], [found], ["ACTOR"]))
>>> parse("".join(dump(done)), "saved.jsonl") == (done, [])
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
from conflict_ner.data.formats import strict_json
from conflict_ner.data.validation import check_document
from conflict_ner.errors import DataError, Problem
from conflict_ner.evaluation.matching import align
from conflict_ner.evaluation.report import Evaluation, Report, label_counts
from conflict_ner.files import atomic_write

FORMAT = 1
AGAIN = "write it anew: conflict-ner evaluate CHECKPOINT DATA --predictions FILE"


class _Form(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Head(_Form):
    format: int
    name: str
    data: str
    labels: tuple[str, ...]
    history: tuple[Mapping[str, float], ...]
    report: Report


class _Line(_Form):
    id: str
    text: str
    metadata: dict[str, Any]
    gold: tuple[Mention, ...]
    predicted: tuple[Entity, ...]


_Model = TypeVar("_Model", bound=_Form)


def save(evaluation: Evaluation, file: Path) -> None:
    """Write an evaluation; a file of that name is replaced once all is written.

    Raises:
        OSError: if it cannot be written.
    """
    with atomic_write(file) as stream:
        stream.writelines(dump(evaluation))


def load(file: Path) -> Evaluation:
    """Read what `save` wrote.

    Raises:
        DataError: if the file cannot be read or is not what `save` writes, with every fault.
    """
    try:
        evaluation, problems = parse(file.read_bytes().decode("utf-8"), str(file))
    except OSError as error:
        raise DataError([Problem(str(file), f"cannot be read: {error.strerror}", "check its path")]) from None
    except UnicodeDecodeError as error:
        raise DataError([Problem(str(file), f"not UTF-8 (byte 0x{error.object[error.start]:02x})", AGAIN)]) from None
    if evaluation is None:
        raise DataError(problems)
    return evaluation


def dump(evaluation: Evaluation) -> Iterator[str]:
    """The lines of the file."""
    head = {
        "format": FORMAT,
        "name": evaluation.name,
        "data": evaluation.data,
        "labels": evaluation.labels,
        "history": [dict(epoch) for epoch in evaluation.history],
        "report": evaluation.report.model_dump(mode="json"),
    }
    yield _written(head)
    for document, found in zip(evaluation.documents, evaluation.predicted, strict=True):
        yield _written(
            {
                "id": document.id,
                "text": document.text,
                "metadata": dict(document.metadata),
                "gold": [asdict(mention) for mention in document.mentions],
                "predicted": [asdict(entity) for entity in found],
            }
        )


def _written(record: Mapping[str, Any]) -> str:
    return json.dumps(record, ensure_ascii=False, allow_nan=False) + "\n"


def parse(source: str, file: str) -> tuple[Evaluation | None, list[Problem]]:
    """Read a whole file's text; nothing but problems if there is one."""
    problems: list[Problem] = []
    first, *rest = source.split("\n")
    head = _head(first, f"{file}:1", problems)
    if head is None:
        return None, problems
    documents: list[Document] = []
    found: list[tuple[Entity, ...]] = []
    for number, line in enumerate(rest, start=2):
        where = f"{file}:{number}"
        record = _read(_Line, line, where, problems) if line.strip() else None
        if record is not None:
            metadata = strict_json.loads(line)["metadata"]
            documents.append(Document(record.id, record.text, record.gold, metadata, origin=where))
            found.append(record.predicted)
            problems += _faults(documents[-1], record.predicted, head.labels)
    problems = problems or _contradictions(head, documents, found, file)
    if problems:
        return None, problems
    return Evaluation(head.name, head.data, head.labels, tuple(documents), tuple(found), head.report, head.history), []


def _head(line: str, where: str, problems: list[Problem]) -> _Head | None:
    try:
        written = strict_json.loads(line)
    except ValueError:
        written = None
    if not isinstance(written, dict) or "format" not in written:
        problems.append(Problem(where, "not a saved evaluation: its first line has no 'format'", AGAIN))
        return None
    if written["format"] != FORMAT:
        what = f"format {written['format']!r}, this version reads {FORMAT}"
        problems.append(Problem(where, what, "upgrade conflict-ner, or " + AGAIN))
        return None
    return _read(_Head, line, where, problems)


def _read(form: type[_Model], line: str, where: str, problems: list[Problem]) -> _Model | None:
    try:
        strict_json.loads(line)  # pydantic would take a key twice, and NaN
        return form.model_validate_json(line, strict=True)
    except ValidationError as error:
        for detail in error.errors():
            key = ".".join(map(str, detail["loc"]))
            problems.append(Problem(where, f"{key}: {detail['msg'][0].lower()}{detail['msg'][1:]}", AGAIN))
    except json.JSONDecodeError as error:
        problems.append(Problem(f"{where}:{error.colno}", f"not JSON: {error.msg}", AGAIN))
    except ValueError as error:
        problems.append(Problem(where, str(error), AGAIN))
    return None


def _faults(document: Document, predicted: tuple[Entity, ...], labels: tuple[str, ...]) -> list[Problem]:
    """What is wrong with a report's two sides, each as a labeling; a fault of both is said once."""
    spans = tuple(sorted(Mention(entity.start, entity.end, entity.label) for entity in predicted))
    guess = Document(document.id, document.text, spans, document.metadata, origin=document.origin)
    # Not their edges: what was evaluated has been checked, by the guidelines that it was labeled by.
    faults = [check_document(side, labels, edges=False) for side in (document, guess)]
    problems = list(dict.fromkeys(chain.from_iterable(faults)))
    for entity in predicted:
        if entity.text != document.slice(entity):
            what = f"entity at {entity.start}:{entity.end} says {entity.text!r}, its offsets slice "
            problems.append(Problem(document.origin, f"{what}{document.slice(entity)!r}", AGAIN))
        if not 0 <= entity.score <= 1:
            what = f"entity at {entity.start}:{entity.end} has the score {entity.score:g}"
            problems.append(Problem(document.origin, what, "scores are from 0 to 1"))
    if list(document.mentions) != sorted(document.mentions):
        problems.append(Problem(document.origin, "gold mentions are not in the order of the text", AGAIN))
    return problems


def _contradictions(
    head: _Head, documents: list[Document], found: list[tuple[Entity, ...]], file: str
) -> list[Problem]:
    """What the head says that its reports do not bear out: a cut-off or an edited file."""
    if not documents:
        return [Problem(file, "no report in this file", AGAIN)]
    if len(documents) != head.report.documents:
        what = f"reports in it: {len(documents):,}; its first line says {head.report.documents:,}"
        return [Problem(file, what, AGAIN)]
    ids: dict[str, Document] = {}
    for document in documents:
        if document.id in ids:
            what = f"the id {document.id!r} is already used at {ids[document.id].origin}"
            return [Problem(document.origin, what, AGAIN)]
        ids[document.id] = document
    pairs = [align(document.mentions, spans) for document, spans in zip(documents, found, strict=True)]
    counted = label_counts(pairs, head.labels).sum(axis=0).tolist()
    strict = head.report.strict.labels
    said = [[f.correct, f.predicted, f.gold] for f in (strict[label] for label in head.labels if label in strict)]
    if said != counted:
        return [Problem(f"{file}:1", "its scores are not those of the reports below", AGAIN)]
    return []
