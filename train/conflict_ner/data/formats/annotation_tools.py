r"""JSON of other annotation tools: recognised, so that a whole file of it is one message that says what to do.

Nothing is read from these formats: what their offsets count and which of several annotations is meant differs
between tools and versions, and data must not be read wrong without a word.

>>> print(recognize('{"id": 7, "text": "Rebels left.", "label": [[0, 6, "ACTOR"]]}\n', "a.jsonl").what)
in the format of doccano (1 of 1 lines), which is not read here
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, TypeGuard, TypeVar

from conflict_ner.data.formats import strict_json
from conflict_ner.errors import Problem

_Item = TypeVar("_Item")
_NEARLY_ALL = 0.9  # of the lines are in one format: then it is the file's
_READ = (
    '{"id": "a", "text": "Rebels left.", "entities": [{"start": 0, "end": 6, "label": "ACTOR"}]}, a report on each '
    "line, its id in quotes and offsets in characters"
)
_OURS, _EMPTY = "the one read here", "the one read here, without entities"
_ENTITY_LISTS = "JSON with mentions as [start, end, label]"
_TAGGED, _TAGGED_MENTIONS, _EVALUATION = "`tag`", "`tag --rows mentions`", "`evaluate --predictions`"
_CONLL = (
    "write each token and the name of its tag (O, B-ACTOR, I-ACTOR) on a line, a blank line after each report, in a "
)
_STEPS: Mapping[str, str] = {
    "doccano": "write each [start, end, label] as an object in 'entities'",
    "Label Studio": "export it as CONLL2003 to a .conll file, or write each result's value as an object in 'entities'",
    "Prodigy": "rename 'spans' to 'entities' and keep only start, end and label of each",
    "spaCy": "write each [text, {'entities': ...}] as an object, each mention as an object in 'entities'",
    "Hugging Face token classification": f"{_CONLL}.conll file, or find the tokens in the text and write 'entities'",
    "GLiNER": f"{_CONLL}.conll file, or find the tokens in the text and write 'entities'",
    _ENTITY_LISTS: "write each mention as an object in 'entities'",
    _TAGGED_MENTIONS: "write it with --rows reports, review the predicted entities, then remove 'score' from each",
    _EVALUATION: "name the labeled reports that were evaluated",
}


def recognize(source: str, file: str) -> Problem | None:
    """One problem that names the format of nearly all of a file's lines; None if it is the one that is read here."""
    lines = [(number, line) for number, line in enumerate(source.split("\n"), start=1) if line.strip()]
    values = [value for _, line in lines if (value := _value(line)) is not None]
    if not lines:
        return None
    where, unit = f"{file}:{lines[0][0]}", "lines"
    whole = values[0] if len(lines) == len(values) == 1 else None
    if len(values) < _NEARLY_ALL * len(lines):
        whole = _value(source)
    inner = list(_elements(whole))
    total = len(lines)
    if inner:
        values, unit, total = inner, "reports", len(inner)
    formats = Counter(format_of(value) for value in values)
    name, count = _most_common(formats)
    if name is None or count < _NEARLY_ALL * total:
        return None
    if name == _TAGGED:
        what = "its entities have the key 'score': predictions, as `tag` writes them, are no labels"
        return Problem(where, what, "review predicted entities by reading, then remove 'score'", unreadable=True)
    if name != _OURS:
        form = f"in the format of {name} ({count:,} of {total:,} {unit}), which is not read here"
        return Problem(where, form, f"{_STEPS[name]}; what is read is {_READ}", unreadable=True)
    if inner:
        what = f"one JSON array of {total:,} reports; what is read is a report on each line"
        return Problem(
            where, what, "write each object of the array on one line, without commas between", unreadable=True
        )
    return None


def _most_common(formats: Counter[str | None]) -> tuple[str | None, int]:
    """The format of most reports. `tag` writes reports in which it finds nothing as labeled ones are written."""
    empty = formats.pop(_EMPTY, 0)
    formats[_TAGGED if formats[_TAGGED] and not formats[_OURS] else _OURS] += empty
    return formats.most_common(1)[0] if formats else (None, 0)


def _value(source: str) -> Any:
    try:
        return strict_json.loads(source)
    except ValueError:
        return None


def _elements(value: Any) -> Iterator[Any]:
    """The reports in one JSON value for a whole file; none if it is itself one report."""
    if isinstance(value, dict) and format_of(value) is None:
        keys = ("data", "annotations", "examples")
        value = next((value[key] for key in keys if isinstance(value.get(key), list)), None)
    if isinstance(value, list) and format_of(value) is None:
        yield from value


def format_of(report: Any) -> str | None:
    """The format of one report; None if it is unknown.

    >>> format_of(["Rebels left.", {"entities": [[0, 6, "ACTOR"]]}]), format_of({"text": "Rebels left."})
    ('spaCy', None)
    """
    if _is_list_of(report, object) and len(report) == 2:  # noqa: PLR2004 # a text and its annotations
        text, annotations = report
        return (
            "spaCy" if isinstance(text, str) and isinstance(annotations, dict) and "entities" in annotations else None
        )
    if not isinstance(report, dict):
        return None
    if isinstance(report.get("entities"), list):
        return _format_of_entities(report["entities"])
    return _format_without_entities(report)


def _format_of_entities(entities: list[Any]) -> str | None:
    if entities and all(_is_triple(entity) for entity in entities):
        return _ENTITY_LISTS
    if not _is_list_of(entities, dict):
        return None
    if any("start_offset" in entity for entity in entities):
        return "doccano"
    if not entities:
        return _EMPTY
    return _TAGGED if all("score" in entity for entity in entities) else _OURS


def _format_without_entities(report: dict[str, Any]) -> str | None:
    labels = report.get("label", report.get("labels"))
    annotations = next((report[key] for key in ("annotations", "completions", "predictions") if key in report), None)
    tokens, tags = report.get("tokens"), next((report[k] for k in ("ner_tags", "tags", "labels") if k in report), None)
    found = {
        _EVALUATION: "gold" in report and "predicted" in report,
        _TAGGED_MENTIONS: report.keys() >= {"label", "text", "start", "end", "score"},
        "Label Studio": (isinstance(report.get("data"), dict) and isinstance(annotations, list))
        or (_is_list_of(labels, dict) and bool(labels) and all("labels" in label for label in labels)),
        "Prodigy": isinstance(report.get("text"), str) and _is_list_of(report.get("spans"), dict),
        "GLiNER": _is_list_of(report.get("tokenized_text"), str) and "ner" in report,
        "Hugging Face token classification": _is_list_of(tokens, str)
        and isinstance(tags, list)
        and len(tags) == len(tokens),
        "doccano": isinstance(report.get("text", report.get("data")), str)
        and (
            (isinstance(labels, list) and all(_is_triple(label) for label in labels))
            or (_is_list_of(annotations, dict) and any("start_offset" in one for one in annotations))
        ),
    }
    return next((name for name, fits in found.items() if fits), None)


def _is_list_of(value: Any, kind: type[_Item]) -> TypeGuard[list[_Item]]:
    return isinstance(value, list) and all(isinstance(item, kind) for item in value)


def _is_triple(value: Any) -> bool:
    """Whether it is [start, end, label]."""
    return isinstance(value, list) and [type(item) for item in value[:2]] == [int, int] and isinstance(value[-1], str)
